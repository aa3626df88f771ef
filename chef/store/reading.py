"""Queries over a connection: jobs, projects, entries by seq, log lines by number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, func, select

from chef.domain.lines import StreamState
from chef.domain.model import RUNNING, Entry, Job
from chef.domain.projects import Project
from chef.store import rows
from chef.store.tables import entries, jobs, projects, streams

# Rows that one page of a replay reads at most: a driver may hold them all at once.
_PAGE_ROWS = 256
# A store's jobs are numbered below this, so that two numbers fit into a place.
_MOST_JOBS = 2**31


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project in a list, with its newest job and the place that a next page goes on from."""

    place: int
    project: Project
    newest: Job | None


def find_job(connection: Connection, job_id: str) -> Job | None:
    """A job as it stands, by its id."""
    row = connection.execute(whole_jobs().where(jobs.c.job_id == job_id)).first()
    return rows.job_of(row) if row else None


def whole_jobs() -> Select[Any]:
    """A query for rows that `rows.job_of` takes, with their keys."""
    return select(jobs, projects.c.project_id).join(projects, jobs.c.project_pk == projects.c.pk)


def silent_jobs(connection: Connection, since: int, limit: int) -> list[str]:
    """Ids of running jobs of which nothing was heard since a time (ms), some of them."""
    return list(connection.scalars(_silent(since).limit(limit)))


def _silent(since: int) -> Select[Any]:
    # The index of statuses has the running ones, which are few; one of times would cost each commit.
    query = select(jobs.c.job_id).where(jobs.c.status.in_(RUNNING), jobs.c.updated_at < since)
    return query.where(func.coalesce(jobs.c.heartbeat_at, 0) < since)


def list_projects(
    connection: Connection, *, allowed: Collection[str] | None, before: int | None, limit: int
) -> list[ListedProject]:
    """Projects, the one with the newest job first, below the place `before`.

    A project rises with each new job. So that none is missed, later pages keep the order of the
    first one: a place says also which job was the newest of all then.
    """
    newest = projects.c.newest_job_pk
    query = select(projects.c.pk, newest)
    if allowed is not None:
        query = query.where(projects.c.project_id.in_(allowed))
    if before is None:
        top = connection.scalar(select(func.max(jobs.c.pk))) or 0
        # A project without a newest job is one that is being removed.
        ranked = _in_order(connection, query.where(newest.is_not(None)), limit)
    else:
        top, below = divmod(before, _MOST_JOBS)
        ranked = _in_order(connection, query.where(newest < below), limit)
        ranked += _risen(connection, query.where(newest > top), top, below)
    page = nlargest(limit, ranked)
    found = _projects(connection, projects.c.pk.in_([pk for _, pk in page]))
    return [replace(found[pk], place=top * _MOST_JOBS + rank) for rank, pk in page]


def _in_order(connection: Connection, query: Select[Any], limit: int) -> list[tuple[int, int]]:
    """The newest job and the key of the projects whose newest jobs are the newest."""
    ordered = query.order_by(projects.c.newest_job_pk.desc()).limit(limit)
    return [(row.newest_job_pk, row.pk) for row in connection.execute(ordered)]


def _risen(connection: Connection, query: Select[Any], top: int, below: int) -> list[tuple[int, int]]:
    """The same for projects that got jobs since `top` was the newest of all, as it was then."""
    of_project = jobs.c.project_pk == projects.c.pk
    newest_then = select(func.max(jobs.c.pk)).where(of_project, jobs.c.pk <= top).scalar_subquery()
    then = query.add_columns(newest_then.label("rank")).subquery()
    query = select(then.c.rank, then.c.pk).where(then.c.rank < below)
    return [(row.rank, row.pk) for row in connection.execute(query)]


def find_project(connection: Connection, project_id: str) -> ListedProject | None:
    """A project with its newest job, by its id."""
    return next(iter(_projects(connection, projects.c.project_id == project_id).values()), None)


def _projects(connection: Connection, which: ColumnElement[bool]) -> dict[int, ListedProject]:
    """Some projects with their newest jobs, by key."""
    found = connection.execute(select(projects).where(which)).all()
    pks = [row.newest_job_pk for row in found if row.newest_job_pk is not None]
    newest = {row.pk: rows.job_of(row) for row in connection.execute(whole_jobs().where(jobs.c.pk.in_(pks)))}
    return {row.pk: ListedProject(0, rows.project_of(row), newest.get(row.newest_job_pk)) for row in found}


def entries_after(connection: Connection, job_id: str, after: int, max_bytes: int) -> list[Entry]:
    """Entries with a seq above `after`, in order, up to `max_bytes` of events (one entry at least).

    The first one may begin at or below `after`, where `after` is in the middle of a log entry.
    """
    query = (
        select(entries)
        .where(entries.c.job_pk == pk_of_job(job_id), entries.c.seq > after)
        .order_by(entries.c.seq)
        .limit(_PAGE_ROWS)
    )
    return _until(connection.execute(query), after, max_bytes)


def project_entries_after(connection: Connection, project_id: str, after: int, max_bytes: int) -> list[Entry]:
    """A project's state entries with a project seq above `after`, in that order."""
    pk = select(projects.c.pk).where(projects.c.project_id == project_id).scalar_subquery()
    query = (
        select(entries)
        .where(entries.c.project_pk == pk, entries.c.project_seq > after)
        .order_by(entries.c.project_seq)
        .limit(_PAGE_ROWS)
    )
    return _until(connection.execute(query), 0, max_bytes)


def _until(found: Iterable[Any], after: int, max_bytes: int) -> list[Entry]:
    page: list[Entry] = []
    size = 0
    for row in found:
        for entry in rows.entries_of(row):
            if entry.seq <= after:
                continue  # Put into one row with what is wanted.
            # Not by the bytes stored: a log can be compressed to a hundredth.
            size += entry.size
            if page and size > max_bytes:
                return page
            page.append(entry)
    return page


def pk_of_job(job_id: str) -> ScalarSelect[int]:
    """The key of a job, within a query; nothing equals it where there is no such job."""
    return select(jobs.c.pk).where(jobs.c.job_id == job_id).scalar_subquery()


def find_stream(connection: Connection, job_id: str, stream: str) -> StreamState | None:
    """How far a log stream of a job is; `None` where nothing came in it."""
    row = connection.execute(
        select(streams).where(streams.c.job_pk == pk_of_job(job_id), streams.c.stream == stream)
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
