"""The newest finished runs of a kind in a project, whatever their outcome: each status by its index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from heapq import nlargest

from sqlalchemy import ColumnElement, Connection, and_, select

from chef.domain.model import ENDED, Job
from chef.store import rows
from chef.store.tables import jobs, projects


@dataclass(frozen=True, slots=True)
class FinishedRuns:
    """Finished runs, newest first; `last_green` is the newest that completed.

    `red_since` is the first that failed after it, or of all where none completed.
    """

    runs: list[Job]
    last_green: Job | None
    red_since: Job | None


def finished_runs(connection: Connection, project_id: str, kind: str | None, limit: int) -> FinishedRuns:
    """The newest `limit` finished runs of a kind; `None`: of those without one."""
    # `== None` is IS NULL.
    alike = and_(jobs.c.project_pk == _project(connection, project_id), jobs.c.kind == kind)
    by_status = {status: _newest(connection, alike, status, limit) for status in sorted(ENDED)}
    green = next(iter(by_status["completed"]), None)
    red = _first_failed(connection, alike, green or 0)
    newest = nlargest(limit, (pk for pks in by_status.values() for pk in pks))
    found = _load(connection, {*newest, *(pk for pk in (green, red) if pk is not None)})
    last_green, red_since = (None if pk is None else found.get(pk) for pk in (green, red))
    return FinishedRuns([found[pk] for pk in newest if pk in found], last_green, red_since)


def _project(connection: Connection, project_id: str) -> int | None:
    return connection.scalar(select(projects.c.pk).where(projects.c.project_id == project_id))


def _newest(connection: Connection, alike: ColumnElement[bool], status: str, limit: int) -> list[int]:
    query = select(jobs.c.pk).where(alike, jobs.c.status == status)
    return list(connection.scalars(query.order_by(jobs.c.pk.desc()).limit(limit)))


def _first_failed(connection: Connection, alike: ColumnElement[bool], after: int) -> int | None:
    query = select(jobs.c.pk).where(alike, jobs.c.status == "failed", jobs.c.pk > after)
    return connection.scalar(query.order_by(jobs.c.pk).limit(1))


def _load(connection: Connection, pks: Collection[int]) -> dict[int, Job]:
    query = select(jobs, projects.c.project_id).join(projects, jobs.c.project_pk == projects.c.pk)
    return {row.pk: rows.job_of(row) for row in connection.execute(query.where(jobs.c.pk.in_(pks)))}
