"""The texts that jobs are searched in. They are written after the start, newest first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_FTS5 = (
    "CREATE VIRTUAL TABLE job_text_index USING fts5(text, content='job_texts', content_rowid='job_pk',"
    " columnsize=0, tokenize='trigram case_sensitive 1')"
)
_TRGM = "CREATE INDEX job_text_index ON job_texts USING gin (text gin_trgm_ops) WITH (fastupdate = off)"
_INDEX = {"sqlite": [_FTS5], "postgresql": ["CREATE EXTENSION IF NOT EXISTS pg_trgm", _TRGM]}


def upgrade() -> None:
    op.create_table(
        "job_texts",
        sa.Column("job_pk", _KEY, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        comment="What jobs that have ended are searched in (store.textindex).",
    )
    comment = "its text in job_texts is as the job is (store.textindex)"
    op.add_column(
        "jobs",
        sa.Column("searchable", sa.Boolean, nullable=False, server_default=sa.false(), comment=comment),
    )
    op.create_index(
        "ix_jobs_unsearchable",
        "jobs",
        ["pk"],
        sqlite_where=sa.text("searchable = 0"),
        postgresql_where=sa.text("searchable = false"),
    )
    _make_index(op.get_bind())


def _make_index(connection: sa.Connection) -> None:
    try:
        with connection.begin_nested():
            for statement in _INDEX[connection.dialect.name]:
                connection.execute(sa.text(statement))
    except sa.exc.DBAPIError:
        pass  # No FTS5 with trigrams, or no right to an extension: searches read the texts.
