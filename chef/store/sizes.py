"""How many bytes a store takes, and which of its jobs go first where these are too many."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from chef.domain.limits import HOUR_MS, StoredLimits
from chef.store.tables import about, entries, jobs, metadata, projects
from chef.store.upsert import upsert

# Of a row beside its data: its head, its keys and their places in indexes.
_ROW_BYTES = 150
_KEPT = "trimmed"


class Oldest(NamedTuple):
    """Some finished jobs: all that ended before a time (ms), and about how many bytes they take."""

    before: int
    bytes: int


class Usage(NamedTuple):
    """So much of a limit is used; a `limit` of 0 is none."""

    setting: str
    used: int
    limit: int


def find_usage(connection: Connection, limits: StoredLimits, max_bytes: int, at: int) -> list[Usage]:
    """How much of each limit of the whole store is used; of jobs in an hour by the project with the most."""
    begun = select(func.max(projects.c.hour_jobs)).where(projects.c.hour == at // HOUR_MS)
    count = select(func.count()).select_from(projects)
    return [
        Usage("CHEF_MAX_STORE_BYTES", store_bytes(connection), max_bytes),
        Usage("CHEF_MAX_PROJECTS", connection.scalar(count) or 0, limits.projects),
        Usage("CHEF_MAX_JOBS_PER_HOUR", connection.scalar(begun) or 0, limits.jobs_per_hour),
    ]


def store_bytes(connection: Connection) -> int:
    """What the store takes on disk: SQLite's pages in use, PostgreSQL's tables with their indexes."""
    if connection.dialect.name == "sqlite":
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (connection.scalar(text(f"PRAGMA {name}")) or 0 for name in names)
        return int((pages - free) * size)
    sizes = [func.pg_total_relation_size(table.name) for table in metadata.sorted_tables]
    return int(sum(connection.execute(select(*sizes)).one()))


def oldest_finished(connection: Connection, count: int) -> Oldest | None:
    """The jobs that ended first, about `count`; `None` where none has ended."""
    first = select(jobs.c.pk, jobs.c.finished_at).where(jobs.c.finished_at.is_not(None))
    found = connection.execute(first.order_by(jobs.c.finished_at).limit(count)).all()
    if not found:
        return None
    sizes = select(func.sum(func.length(entries.c.data)), func.count())
    size, rows = connection.execute(sizes.where(entries.c.job_pk.in_([row.pk for row in found]))).one()
    return Oldest(found[-1].finished_at + 1, int(size or 0) + (rows + 5 * len(found)) * _ROW_BYTES)


def trimmed_to(connection: Connection, limit: int) -> int:
    """How large the files were when jobs were last removed for this limit; 0 where none were.

    PostgreSQL's files do not get smaller then: new rows take the place of those that went.
    """
    value = connection.scalar(select(about.c.value).where(about.c.name == _KEPT))
    size, _, of_limit = (value or "0 0").partition(" ")
    return int(size) if int(of_limit) == limit else 0


def note_trimmed(connection: Connection, size: int, limit: int) -> None:
    """Jobs were removed for a limit. The caller commits."""
    statement = upsert(connection.dialect.name, about, ["name"], ["value"])
    connection.execute(statement, {"name": _KEPT, "value": f"{size} {limit}"})
