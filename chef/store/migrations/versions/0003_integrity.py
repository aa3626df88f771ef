"""What each log stream adds up to, to be compared with what its sender says at the end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STREAMS = sa.table(
    "streams", sa.column("offset", sa.BigInteger), sa.column("lines"), sa.column("crc", sa.BigInteger)
)


def upgrade() -> None:
    op.add_column(
        "streams",
        sa.Column("lines", sa.BigInteger, comment="with crc: Tally; null where it was not kept"),
    )
    op.add_column("streams", sa.Column("crc", sa.BigInteger))
    op.add_column("streams", sa.Column("unfinished", sa.Boolean, nullable=False, server_default=sa.false()))
    # Of what came before nothing is known, but where nothing came that is nothing.
    op.execute(sa.update(_STREAMS).where(_STREAMS.c.offset == 0).values(lines=0, crc=0))
