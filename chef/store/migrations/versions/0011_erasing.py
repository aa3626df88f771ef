"""What was erased: what viewers are told of it, and jobs that take no more updates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "removals",
        sa.Column("number", key, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("project_id", sa.String(128), comment="null: it is told to nobody any more"),
        sa.Column("job_id", sa.String(128), comment="null: the whole project"),
        sa.Column("gap", sa.Text, comment="of a job's log alone: what stands in its place, as JSON"),
        comment="What was erased a moment ago, for the viewers of all processes (store.erasing).",
    )
    op.create_table(
        "erased",
        sa.Column(
            "digest",
            sa.LargeBinary,
            primary_key=True,
            comment="of the id of a job that was erased while it ran",
        ),
        sa.Column("until", sa.BigInteger, nullable=False),
        comment="Jobs that take no more updates: their senders would send again what was erased.",
    )
