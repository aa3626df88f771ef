"""The tables, the same on SQLite and PostgreSQL. Times are milliseconds since 1970 UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

from chef.domain.filtering import FILTER_LENGTH

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite counts up by itself only in a column that is declared INTEGER.
_Key = BigInteger().with_variant(Integer, "sqlite")
# The condition of a partial index. A keyword such as `postgresql_where` would load the whole dialect.
_WHERE = "where"

NOWHERE = 0
"""The project of jobs that are being removed (store.removing): no project has this key."""

about = Table(
    "about",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    comment="The store's identity: its epoch.",
)

projects = Table(
    "projects",
    metadata,
    Column("pk", _Key, primary_key=True),
    Column("project_id", String(128), nullable=False, unique=True),
    Column("seq", BigInteger, nullable=False),
    Column("newest_job_pk", BigInteger),
    Column("running", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("cancelled", BigInteger, nullable=False),
    Column("abandoned", BigInteger, nullable=False, server_default="0"),
    Column("hour", BigInteger, nullable=False, server_default="0", comment="of the clock, since 1970"),
    Column("hour_jobs", BigInteger, nullable=False, server_default="0", comment="jobs that have begun in it"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "newest_job_pk"),
    comment="Written under a row lock by every transaction that writes one of the project's jobs.",
)

jobs = Table(
    "jobs",
    metadata,
    Column("pk", _Key, primary_key=True),
    Column("job_id", String(128), nullable=False, unique=True),
    Column("project_pk", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("phase", String(32), nullable=False),
    Column("progress", Float, nullable=False),
    Column("message", Text),
    Column("state_seq", BigInteger, nullable=False),
    Column("state_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("log_bytes", BigInteger, nullable=False, server_default="0"),
    Column("heartbeat_at", BigInteger, comment="written beside the job's updates (store.heartbeats)"),
    Column("heartbeat_every", Integer, comment="seconds"),
    Column(
        "uncompared",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its log waits to be compared with those of green runs (store.novelty)",
    ),
    Column("kind", String(FILTER_LENGTH), comment="this and the next three: what lists filter by, of meta"),
    Column("run", String(FILTER_LENGTH)),
    Column("branch", String(FILTER_LENGTH)),
    Column("author", String(FILTER_LENGTH)),
    Column(
        "searchable",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its text in job_texts is as the job is (store.textindex)",
    ),
    Column(
        "packed_seq",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="up to here small log rows were put together (store.packing)",
    ),
    Column(
        "details", LargeBinary, nullable=False, comment="phases, artifacts, meta, error, gap (store.rows)"
    ),
    # A project's jobs in order, with all that a list may be limited to: several limits at once are found
    # in the index alone.
    Index("ix_jobs_lists", "project_pk", "pk", "status", "kind", "run", "branch", "author"),
    Index(None, "status", "pk"),
    Index(None, "project_pk", "status", "pk"),
    # Jobs of one kind are compared with each other: the newest that completed are wanted.
    Index(None, "project_pk", "kind", "status", "pk"),
    comment="One row a build, as it stands after its newest update.",
)
# Many jobs have none of these, and pay for none.
for _name in ("run", "branch", "author"):
    Index(None, jobs.c.project_pk, jobs.c[_name], jobs.c.pk, info={_WHERE: jobs.c[_name].is_not(None)})
# Finished jobs are found by age, to be removed.
Index("ix_jobs_finished_at", jobs.c.finished_at, info={_WHERE: jobs.c.finished_at.is_not(None)})
Index("ix_jobs_uncompared", jobs.c.pk, info={_WHERE: jobs.c.uncompared})

Index("ix_jobs_unsearchable", jobs.c.pk, info={_WHERE: jobs.c.searchable == false()})

job_texts = Table(
    "job_texts",
    metadata,
    Column("job_pk", _Key, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    comment="What jobs that have ended are searched in (store.textindex).",
)

streams = Table(
    "streams",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("stream", String(128), primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("tail", String(8), nullable=False),
    Column("pending", LargeBinary, nullable=False),
    Column("lines", BigInteger, comment="with crc: Tally; null where it was not kept"),
    Column("crc", BigInteger),
    Column("unfinished", Boolean, nullable=False, server_default=false()),
    Column("shown", LargeBinary, comment="an open line, or what the stream's terminal shows (store.rows)"),
    comment="How far each log stream of a job is (StreamState).",
    sqlite_with_rowid=False,
)

entries = Table(
    "entries",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True, comment="the last seq of the entry"),
    Column("first_seq", BigInteger, nullable=False),
    Column("first_line", BigInteger, comment="log entries: the range of line numbers they cover"),
    Column("last_line", BigInteger),
    Column("size", BigInteger, nullable=False, server_default="0", comment="bytes of output, 0: a marker"),
    Column(
        "drawn", BigInteger, nullable=False, server_default="0", comment="bytes of texts beside the output"
    ),
    Column("project_pk", BigInteger, comment="state entries: their place in the project's order"),
    Column("project_seq", BigInteger),
    Column("data", LargeBinary, nullable=False),
    comment="Each job's append-only log of stored updates.",
)
# Log lines are found by line number, state entries by their place in the project.
Index(
    "ix_entries_lines",
    entries.c.job_pk,
    entries.c.last_line,
    entries.c.seq,
    info={_WHERE: entries.c.last_line.is_not(None)},
)
Index(
    "ix_entries_project",
    entries.c.project_pk,
    entries.c.project_seq,
    info={_WHERE: entries.c.project_seq.is_not(None)},
)

test_cases = Table(
    "test_cases",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("status", String(8), primary_key=True, comment="or slowest: a report's slowest tests"),
    Column("seq", BigInteger, primary_key=True, comment="of the update that reported them"),
    Column("part", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False, comment="some tests, packed (store.testrows)"),
    comment="The tests of a job that never failed, in the order of its reports.",
    sqlite_with_rowid=False,
)

test_failures = Table(
    "test_failures",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("test_key", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(8), nullable=False),
    Column("seq", BigInteger, nullable=False, comment="of the update that reported it last, and its place"),
    Column("place", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False, comment="the test, packed (store.testrows)"),
    comment="The tests of a job that failed at least once.",
    sqlite_with_rowid=False,
)

green_kinds = Table(
    "green_kinds",
    metadata,
    Column("project_pk", BigInteger, primary_key=True),
    Column("kind", String(FILTER_LENGTH), primary_key=True, comment="of runs; empty for those without"),
    Column("data", LargeBinary, nullable=False),
    comment="The kinds of lines that the newest green runs of a kind printed.",
)

new_kinds = Table(
    "new_kinds",
    metadata,
    Column("job_pk", _Key, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    comment="The kinds of lines of a failed job that no green run before printed.",
)

sessions = Table(
    "sessions",
    metadata,
    Column("pid", String(64), primary_key=True),
    Column("kept", LargeBinary, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, index=True),
    comment="Viewers that asked for connection state recovery.",
)

sent = Table(
    "sent",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    comment="The updates that had an id, so that one sent again changes nothing.",
    sqlite_with_rowid=False,
)

removals = Table(
    "removals",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("project_id", String(128), comment="null: it is told to nobody any more"),
    Column("job_id", String(128), comment="null: the whole project"),
    Column("gap", Text, comment="of a job's log alone: what stands in its place, as JSON"),
    comment="What was erased a moment ago, for the viewers of all processes (store.erasing).",
)

erased = Table(
    "erased",
    metadata,
    Column(
        "digest", LargeBinary, primary_key=True, comment="of the id of a job that was erased while it ran"
    ),
    Column("until", BigInteger, nullable=False),
    comment="Jobs that take no more updates: their senders would send again what was erased.",
)

shares = Table(
    "shares",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("project_id", String(128), nullable=False),
    Column("job_id", String(128), comment="null: the whole project"),
    Column("level", String(8), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "project_id", "job_id"),
    Index(None, "job_id"),
    comment="Share links that hold; one that was ended has no row (store.shares).",
)

controls = Table(
    "controls",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("job_pk", BigInteger, comment="null: it was removed meanwhile"),
    Column("is_stop", Boolean, nullable=False),
    comment="Jobs whose stop request or questions have changed a moment ago (store.controls).",
)

outbox_leases = Table(
    "outbox_leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("until", BigInteger, nullable=False),
    comment="The process that tells targets (store.outbox).",
)

outbox_targets = Table(
    "outbox_targets",
    metadata,
    Column("pk", _Key, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True, comment="of what it is: that may be a secret"),
    Column("since", BigInteger, nullable=False, comment="it is told of what happens from then on"),
    Column("seen_at", BigInteger, nullable=False, comment="when a process last had it in its settings"),
    comment="The targets of CHEF_NOTIFY and the like.",
)

outbox_projects = Table(
    "outbox_projects",
    metadata,
    Column("project_pk", _Key, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    comment="Up to which of its entries each project was looked at for the targets.",
)

outbox_tellings = Table(
    "outbox_tellings",
    metadata,
    Column("job_pk", BigInteger, primary_key=True),
    Column("target_pk", BigInteger, primary_key=True),
    Column("is_open", Boolean, nullable=False, comment="something is to be told"),
    Column("seq", BigInteger, nullable=False, comment="the state of the job that was told last"),
    Column("words", Integer, nullable=False, comment="those that were told, a bit each"),
    Column("requests", Integer, nullable=False, comment="how often it was told"),
    Column("handle", String(255), comment="of the message, where that is edited"),
    Column("begun", Boolean, nullable=False, comment="it may have been told for the first time"),
    comment="What each target was told of each job.",
    sqlite_with_rowid=False,
)
Index(
    "ix_outbox_tellings_open",
    outbox_tellings.c.target_pk,
    outbox_tellings.c.job_pk,
    info={_WHERE: outbox_tellings.c.is_open},
)


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty database; the caller commits."""
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        if _WHERE in index.info:
            index.dialect_kwargs[f"{connection.dialect.name}_where"] = index.info[_WHERE]
    metadata.create_all(connection, checkfirst=False)
