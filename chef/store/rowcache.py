"""The rows that the writer's connection wrote last, so that the next commit need not read them again.

SQLite only: it tells whether anybody else has written since (`PRAGMA data_version`), this process's upkeep
included; then all is forgotten. The cache lives and ends with its connection, which no failed transaction
survives (`ConnectionPool`). On PostgreSQL nothing is kept: nothing there tells of other writers.
"""

from __future__ import annotations

from sqlalchemy import Connection

from chef.domain.ledger import Project
from chef.domain.lines import StreamState
from chef.domain.model import Job
from chef.store.statements import Driver

_KEY = "chef.rows"
# Rows of each kind, and bytes of what one holds: some megabytes in all.
_MOST_ROWS = 1000
_MOST_BYTES = 4096


class RowCache:
    """Jobs, projects and streams by their names, with the keys of their rows."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.jobs: dict[str, tuple[int, Job]] = {}
        self.projects: dict[str, tuple[int, Project]] = {}
        self.streams: dict[tuple[str, str], StreamState] = {}

    def keep_job(self, pk: int, job: Job, size: int) -> None:
        """Remember a job as it was written; `size` is that of its column of details."""
        if size <= _MOST_BYTES:
            self.jobs[job.job_id] = pk, job
        else:
            self.jobs.pop(job.job_id, None)

    def keep_stream(self, job_id: str, name: str, stream: StreamState) -> None:
        """Remember a stream of a job as it was written."""
        if len(stream.pending) <= _MOST_BYTES:
            self.streams[job_id, name] = stream
        else:
            self.streams.pop((job_id, name), None)

    def shrink(self) -> None:
        """Begin anew where there are too many. A job is never kept without its project."""
        if max(len(self.jobs), len(self.projects), len(self.streams)) > _MOST_ROWS:
            self.jobs.clear()
            self.projects.clear()
            self.streams.clear()


def cached_rows(connection: Connection, driver: Driver) -> RowCache:
    """The cache of a connection whose transaction has just begun to write."""
    if driver.dialect.name != "sqlite":
        return RowCache(0)
    version = driver.execute("PRAGMA data_version").fetchone()[0]
    cache: RowCache | None = connection.info.get(_KEY)
    if cache is None or cache.version != version:
        cache = connection.info[_KEY] = RowCache(version)
    return cache
