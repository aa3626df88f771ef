"""Jobs whose stop request or questions have changed a moment ago, for the viewers of all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "controls",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("job_pk", sa.BigInteger, comment="null: it was removed meanwhile"),
        sa.Column("is_stop", sa.Boolean, nullable=False),
        comment="Jobs whose stop request or questions have changed a moment ago (store.controls).",
    )
