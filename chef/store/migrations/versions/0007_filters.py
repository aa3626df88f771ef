"""What lists filter by stands in columns of its own: kind, run, branch and author of a job's meta."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LENGTH = 128
_ROWS = 5000
_NAMES = ("kind", "run", "branch", "author")
_JOBS = sa.table(
    "jobs",
    sa.column("pk", sa.BigInteger),
    sa.column("details", sa.LargeBinary),
    *(sa.column(name, sa.String) for name in _NAMES),
)


def upgrade() -> None:
    comment = "this and the next three: what lists filter by, of meta"
    for name in _NAMES:
        text = comment if name == "kind" else None
        op.add_column("jobs", sa.Column(name, sa.String(_LENGTH), comment=text))
    _fill(op.get_bind())
    op.create_index("ix_jobs_project_pk_kind_status_pk", "jobs", ["project_pk", "kind", "status", "pk"])
    for name in ("run", "branch", "author"):
        given = sa.text(f"{name} IS NOT NULL")
        columns = ["project_pk", name, "pk"]
        index = f"ix_jobs_project_pk_{name}_pk"
        op.create_index(index, "jobs", columns, sqlite_where=given, postgresql_where=given)
    op.drop_index("ix_jobs_project_pk_pk", "jobs")
    op.create_index("ix_jobs_lists", "jobs", ["project_pk", "pk", "status", *_NAMES])


def _fill(connection: sa.Connection) -> None:
    """Take the values out of the jobs that are there."""
    place = 0
    query = sa.select(_JOBS.c.pk, _JOBS.c.details).order_by(_JOBS.c.pk).limit(_ROWS)
    while found := connection.execute(query.where(_JOBS.c.pk > place)).all():
        values = [(row.pk, *_values(bytes(row.details))) for row in found]
        _write(connection, [row for row in values if any(row[1:])])
        place = found[-1].pk


def _values(details: bytes) -> list[str | None]:
    meta = msgspec.json.decode(details).get("meta", {}) if b'"meta"' in details else {}
    return [_text(meta.get(name)) for name in _NAMES]


def _text(value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= _LENGTH:
        return value
    return value[: _LENGTH - 64] + sha256(value.encode()).hexdigest()


def _write(connection: sa.Connection, values: list[tuple[Any, ...]]) -> None:
    if not values:
        return
    if connection.dialect.name == "sqlite":
        change = sa.update(_JOBS).where(_JOBS.c.pk == sa.bindparam("row_pk"))
        names = ("row_pk", *_NAMES)
        connection.execute(change, [dict(zip(names, row, strict=True)) for row in values])
        return
    # A statement for each row would take ten times as long there.
    columns = [sa.literal(list(column), ARRAY(sa.String)) for column in zip(*values, strict=True)]
    pks, *texts = columns
    given = sa.func.unnest(sa.cast(pks, ARRAY(sa.BigInteger)), *texts).table_valued("row_pk", *_NAMES)
    given = given.render_derived()
    change = sa.update(_JOBS).where(_JOBS.c.pk == given.c.row_pk)
    connection.execute(change.values({name: given.c[name] for name in _NAMES}))
