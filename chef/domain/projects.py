"""The counters of a project, which go on with each update of its jobs. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.clockback import TOLERATED_MS
from chef.domain.limits import one_more
from chef.domain.model import ENDED, Job, Value


class Project(Value, frozen=True):
    """Counters of a project: state entries, jobs by outcome, jobs that began in an hour since 1970."""

    project_id: str
    created_at: int
    updated_at: int
    seq: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    abandoned: int = 0
    hour: int = 0
    hour_jobs: int = 0

    @property
    def total(self) -> int:
        """How many jobs it has."""
        return self.running + self.completed + self.failed + self.cancelled + self.abandoned


def counted(
    project: Project | None, seq: int, before: Job | None, job: Job, at: int, began_at: int
) -> Project:
    """A project with an update of a job that was `before`, `None` for its first; `None` of a project, too.

    `seq` is its newest place from now on, `at` the update's time in the job's order, `began_at` that of its
    request (ms).
    """
    if project is None:
        project = Project(job.project_id, job.created_at, job.updated_at)
    was, now = None if before is None else _outcome(before), _outcome(job)
    changed = {} if was == now else {now: getattr(project, now) + 1}
    if was is None:
        changed |= one_more(project.hour, project.hour_jobs, began_at)
    elif was != now:
        changed[was] = getattr(project, was) - 1
    # What lies beyond this is of a clock that was wrong.
    latest = at + TOLERATED_MS
    is_wrong = project.updated_at > latest
    return replace(
        project,
        seq=seq,
        created_at=min(project.created_at, latest),
        updated_at=job.updated_at if is_wrong else max(project.updated_at, job.updated_at),
        **changed,
    )


def _outcome(job: Job) -> str:
    return job.status if job.status in ENDED else "running"
