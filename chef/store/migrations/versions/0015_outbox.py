"""What targets are told of jobs: how far each was, and which process tells them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox_leases",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        comment="The process that tells targets (store.outbox).",
    )
    op.create_table(
        "outbox_targets",
        sa.Column("pk", key, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, comment="of what it is: that may be a secret"),
        sa.Column("since", sa.BigInteger, nullable=False, comment="it is told of what happens from then on"),
        sa.Column(
            "seen_at", sa.BigInteger, nullable=False, comment="when a process last had it in its settings"
        ),
        sa.UniqueConstraint("digest", name="uq_outbox_targets_digest"),
        comment="The targets of CHEF_NOTIFY and the like.",
    )
    op.create_table(
        "outbox_projects",
        sa.Column("project_pk", key, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        comment="Up to which of its entries each project was looked at for the targets.",
    )
    _create_tellings()


def _create_tellings() -> None:
    op.create_table(
        "outbox_tellings",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("target_pk", sa.BigInteger, primary_key=True),
        sa.Column("is_open", sa.Boolean, nullable=False, comment="something is to be told"),
        sa.Column("seq", sa.BigInteger, nullable=False, comment="the state of the job that was told last"),
        sa.Column("words", sa.Integer, nullable=False, comment="those that were told, a bit each"),
        sa.Column("requests", sa.Integer, nullable=False, comment="how often it was told"),
        sa.Column("handle", sa.String(255), comment="of the message, where that is edited"),
        sa.Column("begun", sa.Boolean, nullable=False, comment="it may have been told for the first time"),
        comment="What each target was told of each job.",
        sqlite_with_rowid=False,
    )
    is_open = sa.text("is_open")
    op.create_index(
        "ix_outbox_tellings_open",
        "outbox_tellings",
        ["target_pk", "job_pk"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
