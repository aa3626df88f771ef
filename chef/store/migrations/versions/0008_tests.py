"""The tests of a job's test reports: those that failed one by one, the others some hundred a row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "test_cases",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("status", sa.String(8), primary_key=True, comment="or slowest: a report's slowest tests"),
        sa.Column("seq", sa.BigInteger, primary_key=True, comment="of the update that reported them"),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False, comment="some tests, packed (store.testrows)"),
        comment="The tests of a job that never failed, in the order of its reports.",
        sqlite_with_rowid=False,
    )
    place = "of the update that reported it last, and its place"
    op.create_table(
        "test_failures",
        sa.Column("job_pk", sa.BigInteger, primary_key=True),
        sa.Column("test_key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, comment=place),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False, comment="the test, packed (store.testrows)"),
        comment="The tests of a job that failed at least once.",
        sqlite_with_rowid=False,
    )
