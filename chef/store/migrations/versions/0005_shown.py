"""What a stream's terminal shows, and how much room the texts take that were drawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    shown = "an open line, or what the stream's terminal shows (store.rows)"
    op.add_column("streams", sa.Column("shown", sa.LargeBinary, comment=shown))
    drawn = "bytes of texts beside the output"
    op.add_column(
        "entries", sa.Column("drawn", sa.BigInteger, nullable=False, server_default="0", comment=drawn)
    )
