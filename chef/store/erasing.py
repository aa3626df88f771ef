"""Jobs, logs and projects erased at somebody's wish: out of sight at once, in a transaction on disk.

Rows of erased jobs are hidden as those that are removed by age (store.removing), and deleted in the steps
that follow. Then the files are cleaned (store.scrubbing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from chef.domain.model import ENDED, Job
from chef.domain.removals import Removal
from chef.errors import Forbidden
from chef.store import rows
from chef.store.logerasing import erase_log
from chef.store.novelty import unlearn
from chef.store.reading import whole_jobs
from chef.store.removalrows import (
    forget_project,
    note_project,
    note_removals,
    projects_to_erase,
    refuse_updates,
)
from chef.store.removing import Removed, hide_jobs
from chef.store.rowcache import forget_rows
from chef.store.sessions import forget_followers
from chef.store.sharequeries import forget_shares
from chef.store.tables import green_kinds, jobs, projects

Allowed = frozenset[str] | None
"""The projects that somebody may write; `None`: all."""

# Jobs of a project that one transaction takes out of sight: some ten milliseconds.
_JOBS = 200


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one transaction took out of sight: the removals to be told, and the names that are free now.

    `job` is the job whose log was erased. `more`: jobs of the project are left for another transaction.
    """

    removals: list[Removal]
    removed: Removed
    job: Job | None = None
    more: bool = False


def erase_job(connection: Connection, job_id: str, allowed: Allowed, at: int) -> Erasure | None:
    """Erase a job; `None` where there is none. Raises Forbidden. The caller commits."""
    row = _locked_job(connection, job_id, allowed)
    if row is None:
        return None
    if row.status == "completed":
        unlearn(connection, row)
    names = _hide(connection, [row], at)
    found = [Removal(0, row.project_id, job_id), *(Removal(0, name) for name in names)]
    return Erasure(note_removals(connection, found, at), Removed((job_id,), names))


def erase_logs(connection: Connection, job_id: str, allowed: Allowed, at: int) -> Erasure | None:
    """Erase a job's log; `None` where there is no such job. Raises Forbidden. The caller commits."""
    row = _locked_job(connection, job_id, allowed)
    if row is None:
        return None
    job = rows.job_of(row)
    if row.status == "completed":
        unlearn(connection, row)
    gap = erase_log(connection, row.pk, job)
    forget_rows(connection)
    found = [] if gap is None else [Removal(0, job.project_id, job_id, gap)]
    numbered = note_removals(connection, found, at) if found else []
    return Erasure(numbered, Removed(more=False), job)


def _locked_job(connection: Connection, job_id: str, allowed: Allowed) -> Any:
    """A job's row, when its project is locked as every writer locks it; `None` where there is no such job."""
    query = whole_jobs().where(jobs.c.job_id == job_id)
    found = connection.execute(query).first()
    if found is None:
        return None
    if allowed is not None and found.project_id not in allowed:
        raise Forbidden("this token is not for this job's project")
    connection.execute(select(projects.c.pk).where(projects.c.pk == found.project_pk).with_for_update())
    # Upkeep that puts rows of the job together locks this alone.
    connection.execute(select(jobs.c.pk).where(jobs.c.pk == found.pk).with_for_update())
    row = connection.execute(query).first()
    # Another process may have erased it meanwhile, and a new one of another project may have its id.
    return row if row is not None and row.pk == found.pk else None


def erase_project(connection: Connection, project_id: str, at: int) -> Erasure | None:
    """Begin to erase a project with the jobs that it has now; `None` where there is none.

    Its newest jobs go first. `erase_more` goes on where there are more. The caller commits.
    """
    query = select(projects.c.pk).where(projects.c.project_id == project_id)
    pk = connection.scalar(query.with_for_update())
    last_pk = connection.scalar(select(func.max(jobs.c.pk)).where(jobs.c.project_pk == pk))
    if pk is None or last_pk is None:
        return None
    connection.execute(delete(green_kinds).where(green_kinds.c.project_pk == pk))
    forget_shares(connection, (), [project_id])
    note_project(connection, project_id, last_pk)
    return _erase_jobs(connection, project_id, pk, last_pk, at)


def erase_more(connection: Connection, at: int) -> Erasure | None:
    """Erase further jobs of a project that is being erased; `None` where there is no such project."""
    for project_id, last_pk in projects_to_erase(connection):
        query = select(projects.c.pk).where(projects.c.project_id == project_id)
        pk = connection.scalar(query.with_for_update())
        if pk is not None:
            return _erase_jobs(connection, project_id, pk, last_pk, at)
        forget_project(connection, project_id)
    return None


def _erase_jobs(connection: Connection, project_id: str, pk: int, last_pk: int, at: int) -> Erasure:
    newest = whole_jobs().where(jobs.c.project_pk == pk, jobs.c.pk <= last_pk)
    found = connection.execute(newest.order_by(jobs.c.pk.desc()).limit(_JOBS)).all()
    more = len(found) == _JOBS
    if not more:
        forget_project(connection, project_id)
    names = _hide(connection, found, at) if found else ()
    told = [Removal(0, project_id, row.job_id) for row in found]
    if not more:
        told.append(Removal(0, project_id))
    removals = note_removals(connection, told, at) if told else []
    return Erasure(removals, Removed(tuple(row.job_id for row in found), names), more=more)


def _hide(connection: Connection, found: Sequence[Any], at: int) -> tuple[str, ...]:
    """Take jobs out of sight; returns the ids of projects that have none left."""
    names = hide_jobs(connection, {row.project_pk for row in found}, found)
    # What is seen by nobody need not be found in what is about to be deleted.
    blank = {"message": None, "details": b"{}", "uncompared": False}
    connection.execute(update(jobs).where(jobs.c.pk.in_([row.pk for row in found])).values(blank))
    running = [row.job_id for row in found if row.status not in ENDED or row.status == "abandoned"]
    refuse_updates(connection, running, at)
    forget_followers(connection, [row.job_id for row in found])
    forget_shares(connection, [row.job_id for row in found])
    forget_rows(connection)
    return names
