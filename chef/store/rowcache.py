"""The rows that the writer's connection wrote last, so that the next commit need not read them again.

SQLite only: it tells whether anybody else has written since (`PRAGMA data_version`), this process's upkeep
included; then all is forgotten. The cache lives and ends with its connection, which no failed transaction
survives (`ConnectionPool`). On PostgreSQL nothing is kept: nothing there tells of other writers.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from chef.domain.lines import StreamState
from chef.domain.model import Job
from chef.domain.projects import Project
from chef.store.statements import Driver

_KEY = "chef.rows"
# Rows of each kind, and bytes of what one holds: some megabytes in all.
_MOST_ROWS = 1000
_MOST_BYTES = 4096
# The same of what streams show: of one, and of all.
_MOST_SHOWN_BYTES, _ALL_SHOWN_BYTES = 64 * 1024, 4 * 1024 * 1024


class RowCache:
    """Jobs, projects and streams by their names, with the keys of their rows."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.jobs: dict[str, tuple[int, Job]] = {}
        self.projects: dict[str, tuple[int, Project]] = {}
        self.streams: dict[tuple[str, str], StreamState] = {}
        self._shown_bytes = 0

    def keep_job(self, pk: int, job: Job, size: int) -> None:
        """Remember a job as it was written; `size` is that of its column of details."""
        if size <= _MOST_BYTES:
            self.jobs[job.job_id] = pk, job
        else:
            self.jobs.pop(job.job_id, None)

    def keep_stream(self, job_id: str, name: str, stream: StreamState) -> None:
        """Remember a stream of a job as it was written."""
        key = (job_id, name)
        self._shown_bytes -= self.streams[key].shown_bytes if key in self.streams else 0
        if len(stream.pending) <= _MOST_BYTES and stream.shown_bytes <= _MOST_SHOWN_BYTES:
            self.streams[key] = stream
            self._shown_bytes += stream.shown_bytes
        else:
            self.streams.pop(key, None)

    def forget_streams(self, job_ids: Collection[str]) -> None:
        """The streams of some jobs are other than they were written."""
        for key in [key for key in self.streams if key[0] in job_ids]:
            self._shown_bytes -= self.streams.pop(key).shown_bytes

    def shrink(self) -> None:
        """Begin anew where there are too many. A job is never kept without its project."""
        if (
            len(self.jobs) > _MOST_ROWS
            or len(self.projects) > _MOST_ROWS
            or len(self.streams) > _MOST_ROWS
            or self._shown_bytes > _ALL_SHOWN_BYTES
        ):
            self.jobs.clear()
            self.projects.clear()
            self.streams.clear()
            self._shown_bytes = 0


def cached_rows(connection: Connection, driver: Driver) -> RowCache:
    """The cache of a connection whose transaction has just begun to write."""
    if driver.dialect.name != "sqlite":
        return RowCache(0)
    version = driver.execute("PRAGMA data_version").fetchone()[0]
    cache: RowCache | None = connection.info.get(_KEY)
    if cache is None or cache.version != version:
        cache = connection.info[_KEY] = RowCache(version)
    return cache


def forget_rows(connection: Connection) -> None:
    """Some rows are other than this connection wrote them: all are read anew."""
    connection.info.pop(_KEY, None)
