"""Share links, and the key that signs them."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.String(22), primary_key=True),
        sa.Column("project_id", sa.String(128), nullable=False),
        sa.Column("job_id", sa.String(128), comment="null: the whole project"),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        comment="Share links that hold; one that was ended has no row (store.shares).",
    )
    op.create_index("ix_shares_project_id_job_id", "shares", ["project_id", "job_id"])
    op.create_index("ix_shares_job_id", "shares", ["job_id"])
    about = sa.table("about", sa.column("name", sa.String), sa.column("value", sa.Text))
    op.execute(sa.insert(about).values(name="share_key", value=secrets.token_hex(32)))
