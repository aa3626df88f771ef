"""How many jobs of a project have begun in the present hour, which may be limited."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    hour = sa.Column(
        "hour", sa.BigInteger, nullable=False, server_default="0", comment="of the clock, since 1970"
    )
    begun = sa.Column(
        "hour_jobs", sa.BigInteger, nullable=False, server_default="0", comment="jobs that have begun in it"
    )
    op.add_column("projects", hour)
    op.add_column("projects", begun)
