"""What green runs printed by kind, and the lines of failed jobs that are new against it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    # Jobs that have ended before are compared with nothing.
    op.add_column(
        "jobs",
        sa.Column(
            "uncompared",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="its log waits to be compared with those of green runs (store.novelty)",
        ),
    )
    waits = sa.text("uncompared")
    op.create_index("ix_jobs_uncompared", "jobs", ["pk"], sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "green_kinds",
        sa.Column("project_pk", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.String(128), primary_key=True, comment="of runs; empty for those without"),
        sa.Column("data", sa.LargeBinary, nullable=False),
        comment="The kinds of lines that the newest green runs of a kind printed.",
    )
    op.create_table(
        "new_kinds",
        sa.Column("job_pk", key, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        comment="The kinds of lines of a failed job that no green run before printed.",
    )
