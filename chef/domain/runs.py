"""Runs: the jobs of a project that have the same `meta.run`, seen together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chef.domain.asking import StopRequest
from chef.domain.filtering import plain_text
from chef.domain.model import STATUSES, Job, Status, Value

WORST_FIRST: tuple[Status, ...] = (
    "failed",
    "abandoned",
    "cancelled",
    "building",
    "installing",
    "preparing",
    "queued",
    "completed",
)
"""A run has the first of these that one of its jobs has: what is over badly stays so, whatever still runs."""

MOST_KNOWN = 20
"""So many of a run's first jobs are asked for what the run is: its title, branch, commit and so on."""


class BriefJob(Value, frozen=True):
    """A job in a few words, as its run shows it. Times are ms."""

    job_id: str
    status: Status
    progress: float
    kind: str | None
    created_at: int
    started_at: int | None
    finished_at: int | None


class Run(Value, frozen=True):
    """A run, or a job that belongs to none: then `run` is `None`, and it is the only one.

    `jobs` are all its jobs, the first one first; `known` are the first `MOST_KNOWN` of them and the first
    that has the run's status, whole.
    """

    project_id: str
    run: str | None
    jobs: tuple[BriefJob, ...]
    known: tuple[Job, ...]

    @property
    def status(self) -> Status:
        """The worst status of its jobs."""
        return worst(job.status for job in self.jobs)

    @property
    def counts(self) -> dict[Status, int]:
        """How many jobs have each status, in the order of `STATUSES`; no status that none has."""
        found = Counter(job.status for job in self.jobs)
        return {status: found[status] for status in STATUSES if found[status]}

    @property
    def started_at(self) -> int | None:
        """When its first job began (ms)."""
        return min((job.started_at for job in self.jobs if job.started_at is not None), default=None)

    @property
    def finished_at(self) -> int | None:
        """When its last job ended (ms); `None` while one runs."""
        ends = [job.finished_at for job in self.jobs]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def worst_job(self) -> Job:
        """The first job that has the run's status."""
        return next(job for job in self.known if job.status == self.status)

    @property
    def stop(self) -> StopRequest | None:
        """Whether somebody asked a job that still runs to stop, of the jobs that are known whole."""
        return next((job.stop for job in self.known if job.stop is not None and not job.ended), None)

    def entry(self, name: str) -> str | int | float | None:
        """An entry of meta that is a text or a number, from the first job that has it."""
        given = (job.meta.get(name) for job in self.known)
        return next((value for value in given if plain_text(value) is not None), None)

    def text(self, *names: str) -> str | None:
        """The first of some entries that there is, as a text."""
        return next((text for name in names if (text := plain_text(self.entry(name))) is not None), None)


def worst(statuses: Iterable[Status]) -> Status:
    """The status that stands first in `WORST_FIRST`."""
    return min(statuses, key=WORST_FIRST.index)
