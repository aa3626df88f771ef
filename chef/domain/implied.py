"""What becomes of a job without an update that says so. Pure.

Nothing was heard of it for too long: it is abandoned. Something comes after all: it runs again. The first
line of a log comes where no phase and no status was said: it is building.
"""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.model import Job, JobError, StateEntry
from chef.domain.pauses import heard
from chef.domain.payloads import state_events
from chef.domain.phases import end_job, enter_phase, reopen_last, running_status
from chef.domain.wiretypes import encode

_HOUR_MS = 60 * 60 * 1000


def state_entry(job: Job, at: int) -> tuple[Job, StateEntry]:
    """Give the job's state, as it is now, the next seq; returns the job and the entry that tells of it."""
    job = replace(job, seq=job.seq + 1, state_seq=job.seq + 1, state_at=at)
    return job, StateEntry(job.seq, tuple([(name, encode(payload)) for name, payload in state_events(job)]))


def abandon(job: Job, at: int) -> tuple[Job, StateEntry]:
    """End a running job of which nothing was heard for long.

    The server says so and not the build: when the build was last heard of stays as it was.
    """
    hours = (at - job.seen_at) // _HOUR_MS
    message = f"nothing was heard of this build for {hours} hour{'' if hours == 1 else 's'}"
    job = replace(job, message=message, error=JobError(message, None))
    return state_entry(end_job(job, "abandoned", at), at)


def resume(job: Job) -> Job:
    """An abandoned job as it was before, now that something comes of it; any other as it is."""
    if job.status != "abandoned":
        return job
    has_begun = bool(job.lines) or any(span.phase != "queued" for span in job.phases)
    return replace(
        job,
        status=running_status(job.phase),
        message=None,
        error=None,
        started_at=job.started_at if has_begun else None,
        finished_at=None,
        phases=reopen_last(job),
        claim=None,
        integrity=None,
        reopened=True,
    )


def resume_by_log(job: Job, at: int) -> tuple[Job, StateEntry | None]:
    """The job as a log line finds it, and the entry that tells of that where viewers know otherwise.

    Of a job that begins with the line nothing else was told: the line is its first event.
    """
    before = heard(job, at)
    resumed = resume(before)
    if not resumed.phase_known and not resumed.ended:
        resumed = replace(enter_phase(resumed, "building", at), status="building", phase_known=True)
    if resumed is before or not job.seq:
        return resumed, None
    return state_entry(resumed, at)
