"""The clock stepped back: no time that is stored stays in the future, and none runs backwards. Pure.

A job's times never run backwards by a little: several processes have clocks of their own, and updates that
come together are stored in any order. Those of a clock that was wrong are taken back to now.
"""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.model import Job

TOLERATED_MS = 5000
"""Clocks of several machines, and the updates of one, differ by less."""


def in_order(job: Job, at: int) -> tuple[Job, int]:
    """A job as it is before an update that came at a time (ms), and the time that the update gets."""
    newest = max(job.updated_at, job.state_at)
    if newest > at + TOLERATED_MS:
        return not_after(job, at), at
    return job, max(at, job.updated_at)


def not_after(job: Job, at: int) -> Job:
    """A job none of whose times lies behind `at`."""
    if max(job.created_at, job.seen_at, job.state_at, job.finished_at or 0) <= at:
        return job
    return replace(
        job,
        created_at=min(job.created_at, at),
        updated_at=min(job.updated_at, at),
        state_at=min(job.state_at, at),
        started_at=_before(job.started_at, at),
        finished_at=_before(job.finished_at, at),
        heartbeat_at=_before(job.heartbeat_at, at),
        progress_at=_before(job.progress_at, at),
        phases=tuple(
            replace(span, started_at=min(span.started_at, at), finished_at=_before(span.finished_at, at))
            for span in job.phases
        ),
        pauses=tuple(replace(pause, started_at=min(pause.started_at, at)) for pause in job.pauses),
    )


def _before(time: int | None, at: int) -> int | None:
    return None if time is None else min(time, at)
