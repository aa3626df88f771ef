"""The first schema: projects, jobs, their entries, log streams, ids that were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "about",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        comment="The store's identity: its epoch.",
    )
    op.create_table(
        "projects",
        sa.Column("pk", _KEY, primary_key=True),
        sa.Column("project_id", sa.String(128), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("newest_job_pk", sa.BigInteger),
        sa.Column("running", sa.BigInteger, nullable=False),
        sa.Column("completed", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("cancelled", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project_id", name="uq_projects_project_id"),
        comment="Written under a row lock by every transaction that writes one of the project's jobs.",
    )
    op.create_table(
        "jobs",
        sa.Column("pk", _KEY, primary_key=True),
        sa.Column("job_id", sa.String(128), nullable=False),
        sa.Column("project_pk", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("state_seq", sa.BigInteger, nullable=False),
        sa.Column("state_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column(
            "details", sa.LargeBinary, nullable=False, comment="phases, artifacts, meta, error (store.rows)"
        ),
        sa.UniqueConstraint("job_id", name="uq_jobs_job_id"),
        comment="One row a build, as it stands after its newest update.",
    )
    op.create_index("ix_jobs_project_pk_pk", "jobs", ["project_pk", "pk"])
    op.create_index("ix_jobs_status_pk", "jobs", ["status", "pk"])
    op.create_index("ix_jobs_project_pk_status_pk", "jobs", ["project_pk", "status", "pk"])
    op.create_table(
        "streams",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("stream", sa.String(128), primary_key=True),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("tail", sa.String(8), nullable=False),
        sa.Column("pending", sa.LargeBinary, nullable=False),
        comment="How far each log stream of a job is (StreamState).",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, comment="the last seq of the entry"),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("first_line", sa.BigInteger, comment="log entries: the range of line numbers they cover"),
        sa.Column("last_line", sa.BigInteger),
        sa.Column("project_pk", sa.BigInteger, comment="state entries: their place in the project's order"),
        sa.Column("project_seq", sa.BigInteger),
        sa.Column("data", sa.LargeBinary, nullable=False),
        comment="Each job's append-only log of stored updates.",
    )
    is_log = sa.text("last_line IS NOT NULL")
    op.create_index(
        "ix_entries_lines",
        "entries",
        ["job_pk", "last_line", "seq"],
        sqlite_where=is_log,
        postgresql_where=is_log,
    )
    is_state = sa.text("project_seq IS NOT NULL")
    op.create_index(
        "ix_entries_project",
        "entries",
        ["project_pk", "project_seq"],
        sqlite_where=is_state,
        postgresql_where=is_state,
    )
    op.create_table(
        "sent",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        comment="The updates that had an id, so that one sent again changes nothing.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("pid", sa.String(64), primary_key=True),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        comment="Viewers that asked for connection state recovery.",
    )
    op.create_index("ix_sessions_ended_at", "sessions", ["ended_at"])
