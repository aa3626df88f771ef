"""When a job's reporter was last heard of, and how often it promised to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "written beside the job's updates (store.heartbeats)"
    op.add_column("jobs", sa.Column("heartbeat_at", sa.BigInteger, comment=comment))
    op.add_column("jobs", sa.Column("heartbeat_every", sa.Integer, comment="seconds"))
