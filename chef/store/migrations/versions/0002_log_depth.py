"""Logs that are limited, put together and removed by age: sizes, several log entries a row, two indexes."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_END_SIZES = (0, 1, 2, 1)
_ROWS = 500
_ENTRIES = sa.table(
    "entries",
    sa.column("job_pk", sa.BigInteger),
    sa.column("seq", sa.BigInteger),
    sa.column("last_line", sa.BigInteger),
    sa.column("size", sa.BigInteger),
    sa.column("data", sa.LargeBinary),
)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("log_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column(
        "jobs",
        sa.Column(
            "packed_seq",
            sa.BigInteger,
            nullable=False,
            server_default="0",
            comment="up to here small log rows were put together (store.packing)",
        ),
    )
    op.add_column(
        "entries",
        sa.Column(
            "size", sa.BigInteger, nullable=False, server_default="0", comment="bytes of output, 0: a marker"
        ),
    )
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "jobs",
            "details",
            comment="phases, artifacts, meta, error, gap (store.rows)",
            existing_comment="phases, artifacts, meta, error (store.rows)",
            existing_type=sa.LargeBinary(),
            existing_nullable=False,
        )
    is_finished = sa.text("finished_at IS NOT NULL")
    op.create_index(
        "ix_jobs_finished_at",
        "jobs",
        ["finished_at"],
        sqlite_where=is_finished,
        postgresql_where=is_finished,
    )
    op.create_index("ix_projects_newest_job_pk", "projects", ["newest_job_pk"])
    _convert_logs(op.get_bind())
    op.execute(
        "UPDATE jobs SET log_bytes ="
        " (SELECT coalesce(sum(size), 0) FROM entries WHERE entries.job_pk = jobs.pk)"
    )


def _convert_logs(connection: sa.Connection) -> None:
    """Write each log row in the form that holds several entries, with its size."""
    place = (-1, -1)
    key = sa.tuple_(_ENTRIES.c.job_pk, _ENTRIES.c.seq)
    query = (
        sa.select(_ENTRIES.c.job_pk, _ENTRIES.c.seq, _ENTRIES.c.data)
        .where(_ENTRIES.c.last_line.is_not(None))
        .order_by(_ENTRIES.c.job_pk, _ENTRIES.c.seq)
        .limit(_ROWS)
    )
    change = sa.update(_ENTRIES).where(
        _ENTRIES.c.job_pk == sa.bindparam("row_pk"), _ENTRIES.c.seq == sa.bindparam("row_seq")
    )
    while found := connection.execute(query.where(key > place)).all():
        values = [{"row_pk": row.job_pk, "row_seq": row.seq} | _converted(bytes(row.data)) for row in found]
        connection.execute(change, values)
        place = (found[-1].job_pk, found[-1].seq)


def _converted(data: bytes) -> dict[str, Any]:
    packed = zlib.decompress(data[1:]) if data[:1] == b"L" else data[1:]
    at, stream, level, line, texts, ends, replaces, pre = msgspec.msgpack.decode(packed, strict=False)
    size = sum(map(len, texts)) + sum(_END_SIZES[end] for end in ends) + sum(map(len, pre.values()))
    row = (at, line, [(stream, level)], [(len(texts), 0, 0, 0)], b"\n".join(texts), ends, replaces, pre)
    new = msgspec.msgpack.encode(row)
    return {"size": size, "data": b"l" + new if len(new) < 256 else b"L" + zlib.compress(new, 1)}
