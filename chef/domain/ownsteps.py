"""The steps in a job's life that come from no update of its build. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from chef.domain.control import AnswerQuestion, AskQuestion, AskToStop, take_control
from chef.domain.implied import abandon
from chef.domain.model import Abandonment, Entry, Job, OwnUpdate, SavedFailure


def own_step(
    job: Job | None, step: OwnUpdate, at: int, allowed: frozenset[str] | None
) -> tuple[Job, Sequence[Entry]] | None:
    """The job after a step, with the entries that tell of it; `None` where there is nothing to do.

    Raises what refuses a step of somebody who may write the projects `allowed` (`None`: all).
    """
    if isinstance(step, AskToStop | AskQuestion | AnswerQuestion):
        return take_control(job, step, at, allowed), ()
    if job is None:
        return None
    if isinstance(step, Abandonment) and not job.ended and job.seen_at < step.silent_since:
        # Still silent: another process may have been faster.
        job, entry = abandon(job, at)
        return job, [entry]
    if isinstance(step, SavedFailure) and job.status == "failed" and job.gap == step.gap:
        # Nothing is sent, and its seq stays.
        return replace(job, failure=step.failure), ()
    return None
