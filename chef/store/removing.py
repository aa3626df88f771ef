"""Finished jobs removed by age, in steps that hold up no commit for long.

A job is hidden first, whole and at once: it leaves its project, and its id is free again. Then its
rows go, some in each step, and its own row last: SQLite gives the key of a deleted newest row to the
next one, which would get the rows that are still there. Projects without jobs go the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, cast, delete, func, select, update

from chef.domain.model import ENDED
from chef.store.sharequeries import forget_shares
from chef.store.tables import (
    NOWHERE,
    entries,
    green_kinds,
    jobs,
    new_kinds,
    outbox_projects,
    outbox_tellings,
    projects,
    sent,
    streams,
    test_cases,
    test_failures,
)
from chef.store.textindex import forget_texts

# Jobs that one step hides, and rows that one step deletes: a few milliseconds.
_JOBS = 10
_ROWS = 200


@dataclass(frozen=True, slots=True)
class Removed:
    """The ids that one step took out of sight: those of jobs, and of projects that have no other job.

    `more` is false once there is nothing left to do.
    """

    jobs: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    more: bool = True


def remove_step(connection: Connection, finished_before: int) -> Removed:
    """Take the next step towards a store without the jobs that ended before a time (ms).

    The caller commits.
    """
    hidden = select(jobs.c.pk).where(jobs.c.project_pk == NOWHERE).order_by(jobs.c.pk).limit(_JOBS)
    if pks := connection.scalars(hidden).all():
        left = _ROWS
        for pk in pks:
            left -= _delete_rows(connection, pk, left)
            if left <= 0:
                break
        return Removed()
    # Nothing can be left of these: rows of a project are rows of its jobs.
    empty = select(projects.c.pk).where(projects.c.newest_job_pk.is_(None))
    connection.execute(delete(green_kinds).where(green_kinds.c.project_pk.in_(empty)))
    connection.execute(delete(outbox_projects).where(outbox_projects.c.project_pk.in_(empty)))
    connection.execute(delete(projects).where(projects.c.newest_job_pk.is_(None)))
    return _hide(connection, finished_before)


def _delete_rows(connection: Connection, job_pk: int, limit: int) -> int:
    """Delete rows of a hidden job, at most about `limit`, and itself once there are no others."""
    deleted = _delete_some(connection, entries, entries.c.seq, job_pk, limit)
    if deleted < limit:
        deleted += _delete_some(connection, sent, sent.c.id, job_pk, limit - deleted)
    if deleted < limit:
        key = test_failures.c.test_key
        deleted += _delete_some(connection, test_failures, key, job_pk, limit - deleted)
    if deleted < limit:
        connection.execute(delete(test_cases).where(test_cases.c.job_pk == job_pk))
        connection.execute(delete(new_kinds).where(new_kinds.c.job_pk == job_pk))
        connection.execute(delete(outbox_tellings).where(outbox_tellings.c.job_pk == job_pk))
        connection.execute(delete(streams).where(streams.c.job_pk == job_pk))
        forget_texts(connection, [job_pk])
        connection.execute(delete(jobs).where(jobs.c.pk == job_pk))
    return deleted + 1


def _delete_some(
    connection: Connection, table: Table, key: ColumnElement[Any], job_pk: int, limit: int
) -> int:
    of_job = table.c.job_pk == job_pk
    last = connection.scalar(select(key).where(of_job).order_by(key).offset(limit - 1).limit(1))
    some = delete(table).where(of_job) if last is None else delete(table).where(of_job, key <= last)
    return connection.execute(some).rowcount


def _hide(connection: Connection, finished_before: int) -> Removed:
    """Take the oldest finished jobs out of sight."""
    is_old = jobs.c.finished_at < finished_before
    oldest = select(jobs.c.pk, jobs.c.project_pk).where(is_old).order_by(jobs.c.finished_at).limit(_JOBS)
    if not (found := connection.execute(oldest).all()):
        return Removed(more=False)
    project_pks = {row.project_pk for row in found}
    # In the order in which every writer locks them.
    lock = select(projects.c.pk).where(projects.c.pk.in_(project_pks)).order_by(projects.c.project_id)
    connection.execute(lock.with_for_update())
    # Another process may have hidden some of them meanwhile.
    still = select(jobs.c.pk, jobs.c.job_id, jobs.c.project_pk, jobs.c.status)
    gone = connection.execute(still.where(jobs.c.pk.in_([row.pk for row in found]), is_old)).all()
    names = tuple(row.job_id for row in gone)
    forget_shares(connection, names)
    return Removed(names, hide_jobs(connection, project_pks, gone))


def hide_jobs(connection: Connection, project_pks: set[int], gone: Sequence[Any]) -> tuple[str, ...]:
    """Take jobs out of sight, whose projects are locked; returns the ids of projects that have none left."""
    connection.execute(
        update(jobs)
        .where(jobs.c.pk.in_([row.pk for row in gone]))
        # No job that is sent can have such an id.
        .values(job_id="/" + cast(jobs.c.pk, String), project_pk=NOWHERE, status="removed", finished_at=None)
    )
    return _leave_projects(connection, project_pks, gone)


def _leave_projects(connection: Connection, project_pks: set[int], gone: Sequence[Any]) -> tuple[str, ...]:
    """Count the jobs out of their projects; returns the ids of projects that have none left."""
    for pk in sorted(project_pks):
        counted = Counter(
            row.status if row.status in ENDED else "running" for row in gone if row.project_pk == pk
        )
        newest = select(func.max(jobs.c.pk)).where(jobs.c.project_pk == pk).scalar_subquery()
        counts = {name: projects.c[name] - count for name, count in counted.items()}
        connection.execute(update(projects).where(projects.c.pk == pk).values(newest_job_pk=newest, **counts))
    empty = projects.c.pk.in_(project_pks) & projects.c.newest_job_pk.is_(None)
    names = tuple(connection.scalars(select(projects.c.project_id).where(empty)))
    connection.execute(update(projects).where(empty).values(project_id="/" + cast(projects.c.pk, String)))
    return names
