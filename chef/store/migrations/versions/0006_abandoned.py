"""Jobs of which nothing was heard for long end as abandoned, and projects count them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("abandoned", sa.BigInteger, nullable=False, server_default="0"))
