"""Queries over a connection: jobs, projects, entries by seq, log lines by number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, func, literal, select, tuple_

from chef.ledger import Project
from chef.lines import StreamState
from chef.model import Entry, Job, LogEntry
from chef.rules import MAX_ENTRY_LINES
from chef.store import rows
from chef.store.tables import entries, jobs, projects, streams

# Rows that one page of a replay reads at most: a driver may hold them all at once.
_PAGE_ROWS = 256
# A store's jobs are numbered below this, so that two numbers fit into a place.
_MOST_JOBS = 2**31


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job in a list, with the place that a next page goes on from."""

    place: int
    job: Job


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project in a list, with its newest job and the place that a next page goes on from."""

    place: int
    project: Project
    newest: Job | None


def find_job(connection: Connection, job_id: str) -> Job | None:
    """A job as it stands, by its id."""
    row = connection.execute(_jobs().where(jobs.c.job_id == job_id)).first()
    return rows.job_of(row) if row else None


def _jobs() -> Select[Any]:
    return select(jobs, projects.c.project_id).join(projects, jobs.c.project_pk == projects.c.pk)


def list_jobs(
    connection: Connection,
    *,
    project_id: str | None,
    statuses: Collection[str] | None,
    allowed: Collection[str] | None,
    before: int | None,
    limit: int,
) -> list[ListedJob]:
    """Jobs, newest first, below the place `before`; `allowed` are the projects one may see (`None`: all)."""
    query = _jobs().order_by(jobs.c.pk.desc()).limit(limit)
    wanted = None if allowed is None else set(allowed)
    if project_id is not None:
        wanted = {project_id} if wanted is None else wanted & {project_id}
    if wanted is not None:
        pks = list(connection.scalars(select(projects.c.pk).where(projects.c.project_id.in_(wanted))))
        query = query.where(jobs.c.project_pk.in_(pks))
    if statuses is not None:
        query = query.where(jobs.c.status.in_(statuses))
    if before is not None:
        query = query.where(jobs.c.pk < before)
    return [ListedJob(row.pk, rows.job_of(row)) for row in connection.execute(query)]


def list_projects(
    connection: Connection, *, allowed: Collection[str] | None, before: int | None, limit: int
) -> list[ListedProject]:
    """Projects, the one with the newest job first, below the place `before`.

    A project rises with each new job. So that none is missed, later pages keep the order of the
    first one: a place says also which job was the newest of all then.
    """
    if before is None:
        top, below = connection.scalar(select(func.max(jobs.c.pk))) or 0, None
    else:
        top, below = divmod(before, _MOST_JOBS)
    newest_then = select(func.max(jobs.c.pk)).where(jobs.c.project_pk == projects.c.pk, jobs.c.pk <= top)
    rank = func.coalesce(newest_then.scalar_subquery(), 0).label("rank")
    query = select(projects, rank).order_by(rank.desc()).limit(limit)
    if allowed is not None:
        query = query.where(projects.c.project_id.in_(allowed))
    if below is not None:
        query = query.where(rank.element.between(1, below - 1))
    return _with_newest(connection, query, top)


def find_project(connection: Connection, project_id: str) -> ListedProject | None:
    """A project with its newest job, by its id."""
    query = select(projects, literal(0).label("rank")).where(projects.c.project_id == project_id)
    found = _with_newest(connection, query)
    return found[0] if found else None


def _with_newest(connection: Connection, query: Select[Any], top: int = 0) -> list[ListedProject]:
    found = connection.execute(query).all()
    pks = [row.newest_job_pk for row in found if row.newest_job_pk is not None]
    newest = {row.pk: rows.job_of(row) for row in connection.execute(_jobs().where(jobs.c.pk.in_(pks)))}
    return [
        ListedProject(top * _MOST_JOBS + row.rank, rows.project_of(row), newest.get(row.newest_job_pk))
        for row in found
    ]


def entries_after(connection: Connection, job_id: str, after: int, max_bytes: int) -> list[Entry]:
    """Entries with a seq above `after`, in order, up to `max_bytes` of events (one entry at least).

    The first one may begin at or below `after`, where `after` is in the middle of a log entry.
    """
    query = (
        select(entries)
        .where(entries.c.job_pk == _pk_of_job(job_id), entries.c.seq > after)
        .order_by(entries.c.seq)
        .limit(_PAGE_ROWS)
    )
    return _until(connection.execute(query), max_bytes)


def project_entries_after(connection: Connection, project_id: str, after: int, max_bytes: int) -> list[Entry]:
    """A project's state entries with a project seq above `after`, in that order."""
    pk = select(projects.c.pk).where(projects.c.project_id == project_id).scalar_subquery()
    query = (
        select(entries)
        .where(entries.c.project_pk == pk, entries.c.project_seq > after)
        .order_by(entries.c.project_seq)
        .limit(_PAGE_ROWS)
    )
    return _until(connection.execute(query), max_bytes)


def _until(found: Iterable[Any], max_bytes: int) -> list[Entry]:
    page: list[Entry] = []
    size = 0
    for row in found:
        entry = rows.entry_of(row)
        # Not by the bytes stored: a log can be compressed to a hundredth.
        size += entry.size
        if page and size > max_bytes:
            break
        page.append(entry)
    return page


def _pk_of_job(job_id: str) -> ScalarSelect[int]:
    return select(jobs.c.pk).where(jobs.c.job_id == job_id).scalar_subquery()


def log_entries(
    connection: Connection, job_id: str, first: int, last: int, limit: int | None = None
) -> list[LogEntry]:
    """The log entries that hold lines numbered `first` to `last`, in the order of their seq."""
    query = (
        select(entries)
        .where(
            entries.c.job_pk == _pk_of_job(job_id),
            entries.c.last_line >= first,
            # No entry covers more lines than this, so the index bounds the scan on both sides.
            entries.c.last_line < last + MAX_ENTRY_LINES,
            entries.c.first_line <= last,
        )
        .order_by(entries.c.last_line, entries.c.seq)
        .limit(limit)
    )
    found = [rows.entry_of(row) for row in connection.execute(query)]
    return sorted((entry for entry in found if isinstance(entry, LogEntry)), key=lambda entry: entry.seq)


def find_text(
    connection: Connection, job_id: str, needle: str, after: int, place: tuple[int, int], max_rows: int
) -> tuple[list[int], tuple[int, int] | None]:
    """Numbers of lines above `after` whose text, as it came, holds `needle` in any case.

    Looks through `max_rows` rows behind a place, the first being `(after + 1, 0)`; the second value
    is the place to go on from, `None` at the end. A line found may have been replaced since: read
    it to be sure.
    """
    query = (
        select(entries.c.last_line, entries.c.seq, entries.c.data)
        .where(
            entries.c.job_pk == _pk_of_job(job_id),
            # Many entries can end in one line: those that replace it.
            tuple_(entries.c.last_line, entries.c.seq) > place,
        )
        .order_by(entries.c.last_line, entries.c.seq)
        .limit(max_rows)
    )
    found: list[int] = []
    count = 0
    for row in connection.execute(query):
        found += (number for number in rows.lines_with(row.data, needle) if number > after)
        place, count = (row.last_line, row.seq), count + 1
    return found, place if count == max_rows else None


def find_stream(connection: Connection, job_id: str, stream: str) -> StreamState | None:
    """How far a log stream of a job is; `None` where nothing came in it."""
    row = connection.execute(
        select(streams).where(streams.c.job_pk == _pk_of_job(job_id), streams.c.stream == stream)
    ).first()
    return rows.stream_of(row) if row else None


def seqs_of_jobs(connection: Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """The newest seq of each job that exists."""
    query = select(jobs.c.job_id, jobs.c.seq).where(jobs.c.job_id.in_(job_ids))
    return {row.job_id: row.seq for row in connection.execute(query)}


def seqs_of_projects(connection: Connection, project_ids: Sequence[str]) -> dict[str, int]:
    """The newest project seq of each project that exists."""
    query = select(projects.c.project_id, projects.c.seq).where(projects.c.project_id.in_(project_ids))
    return {row.project_id: row.seq for row in connection.execute(query)}
