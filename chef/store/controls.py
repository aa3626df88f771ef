"""Rows that tell all processes of jobs whose stop request or questions have changed a moment ago."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from chef.domain.model import Job
from chef.store import rows
from chef.store.numbers import last_number, next_number
from chef.store.reading import pk_of_job, whole_jobs
from chef.store.tables import controls, jobs

TOLD_FOR_MS = 60_000
"""So long a change can be told of: longer than any process waits before it looks."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A change, numbered over the whole store; `is_stop` tells a stop request from questions and answers."""

    number: int
    is_stop: bool
    job: Job


def note_control(connection: Connection, job_id: str, at: int, *, is_stop: bool) -> int:
    """Have a change of a job told; returns its number. The caller commits."""
    number = next_number(connection, controls)
    values = {"number": number, "at": at, "job_pk": pk_of_job(job_id), "is_stop": is_stop}
    connection.execute(insert(controls).values(values))
    # The newest number stays.
    connection.execute(delete(controls).where(controls.c.at < at - TOLD_FOR_MS, controls.c.number < number))
    return number


def last_control(connection: Connection) -> int:
    """The number of the newest change; 0 before the first one."""
    return last_number(connection, controls)


def controls_after(connection: Connection, number: int) -> list[ControlChange]:
    """The changes behind a number that are still told, in order, with their jobs as they stand now."""
    behind = select(controls).where(controls.c.number > number).order_by(controls.c.number).limit(_AT_ONCE)
    if not (found := connection.execute(behind).all()):
        return []
    pks = {row.job_pk for row in found}
    known = {row.pk: rows.job_of(row) for row in connection.execute(whole_jobs().where(jobs.c.pk.in_(pks)))}
    return [ControlChange(row.number, row.is_stop, known[row.job_pk]) for row in found if row.job_pk in known]
