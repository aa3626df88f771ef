"""The silences of a job: the longest times in which neither a line nor an update came. Pure.

They are found as updates come, so that nobody has to read a log for them. Times are those of the server's
clock, and where that steps back nothing is measured.
"""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.model import Job, LongPause, PhaseSpan

MOST_PAUSES = 3
LEAST_PAUSE_MS = 1000


def heard(job: Job, at: int) -> Job:
    """The job when a line or an update came at a time (ms), the silence before that counted.

    The silence belongs to the phase that the job was in. The clock may step back; a job's times do not.
    """
    silence = at - job.updated_at
    if silence <= 0:
        return job
    if job.ended and job.status != "abandoned":
        return replace(job, updated_at=at)
    return replace(job, updated_at=at, phases=_with_silence(job, silence), pauses=_with_pause(job, silence))


def _with_silence(job: Job, silence: int) -> tuple[PhaseSpan, ...]:
    if not job.phases:
        return ()
    last = job.phases[-1]
    if last.phase != job.phase or last.longest_pause_ms is None or silence <= last.longest_pause_ms:
        return job.phases
    return (*job.phases[:-1], replace(last, longest_pause_ms=silence))


def _with_pause(job: Job, silence: int) -> tuple[LongPause, ...]:
    if silence < LEAST_PAUSE_MS or (len(job.pauses) == MOST_PAUSES and silence <= job.pauses[-1].duration_ms):
        return job.pauses
    pause = LongPause(job.phase, job.lines, job.updated_at, silence)
    longest_first = sorted((*job.pauses, pause), key=lambda one: -one.duration_ms)
    return tuple(longest_first[:MOST_PAUSES])


def with_first_line(job: Job, line: int) -> Job:
    """The job whose phase has its first log line, if it had none before."""
    if not job.phases or job.ended:
        return job
    last = job.phases[-1]
    if last.phase != job.phase or last.first_line is not None:
        return job
    return replace(job, phases=(*job.phases[:-1], replace(last, first_line=line)))
