"""A job's way through its phases: the table of contract section 2, and the time spent in each. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.model import Job, PhaseSpan, Status

# Phase and the progress values of its rows, lowest first.
PHASES: dict[str, tuple[int, ...]] = {
    "queued": (0,),
    "preparing": (10,),
    "installing": (30,),
    "building": (50, 70),
    "completed": (90, 100),
}
MOST_OF_RUNNING = 99
"""The highest progress to which a phase's own tool can bring a job: 100 is the job's end."""

# A script that flips between two phases for ever must not make its job grow for ever.
MAX_PHASE_SPANS = 200

_RUNNING: dict[str, Status] = {
    "queued": "queued",
    "preparing": "preparing",
    "installing": "installing",
    "building": "building",
    "completed": "building",
}


def phase_of(progress: float) -> str:
    """The phase that the table gives for a progress: that of the highest row not above it."""
    return [phase for phase, rows in PHASES.items() if rows[0] <= progress][-1]


def progress_within(phase: str, phase_progress: float) -> float | None:
    """The job's progress where so much (0 to 100) of a phase is done; `None` in a phase of the script's own.

    A phase spans from its lowest row to that of the next one, the last one to 100.
    """
    if phase not in PHASES:
        return None
    low = PHASES[phase][0]
    high = min((rows[0] for rows in PHASES.values() if rows[0] > low), default=100)
    return min(MOST_OF_RUNNING, round(low + (high - low) * phase_progress / 100, 2))


def running_status(phase: str) -> Status:
    """The status of a running job in a phase; one of the script's own is somewhere in the build."""
    return _RUNNING.get(phase, "building")


def enter_phase(job: Job, phase: str, at: int) -> Job:
    """The job in a phase from a time (ms) on, or still in it."""
    is_same = phase == job.phase
    phase_progress = job.phase_progress if is_same else None
    # The first update opens the first span, whatever phase it finds the job in.
    if job.phases and job.phases[-1].phase == phase:
        return job if is_same else replace(job, phase=phase, phase_progress=phase_progress)
    at = max(at, job.updated_at)
    started_at = at if job.started_at is None and phase != "queued" else job.started_at
    spans = _close_last(job.phases, at)
    if len(spans) < MAX_PHASE_SPANS:
        spans = (*spans, PhaseSpan(phase, at, longest_pause_ms=0))
    return replace(job, phase=phase, phases=spans, started_at=started_at, phase_progress=phase_progress)


def _close_last(spans: tuple[PhaseSpan, ...], at: int) -> tuple[PhaseSpan, ...]:
    """The spans of a job that leaves its phase at a time (ms)."""
    if not spans or spans[-1].finished_at is not None:
        return spans
    return (*spans[:-1], replace(spans[-1], finished_at=at))


def reopen_last(job: Job) -> tuple[PhaseSpan, ...]:
    """The spans of a job that is still in its phase after all."""
    if not job.phases or job.phases[-1].phase != job.phase:
        return job.phases
    return (*job.phases[:-1], replace(job.phases[-1], finished_at=None))


def end_job(job: Job, status: Status, at: int) -> Job:
    """The job with its end at a time (ms) and that of its phase; its secrets are forgotten."""
    at = max(at, job.updated_at)
    started_at = job.started_at if job.started_at is not None else job.created_at
    return replace(
        job,
        status=status,
        started_at=started_at,
        finished_at=at,
        masks=(),
        phases=_close_last(job.phases, at),
    )
