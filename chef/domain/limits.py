"""Limits of what is stored, against senders that send without end. Pure.

A refusal names the limit and its setting. It refuses the update alone that would go beyond, and is counted by
its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chef.domain.model import Value
from chef.errors import ChefError, Invalid, TooManyRequests

HOUR_MS = 60 * 60 * 1000

CODES = ("too_many_jobs", "too_many_projects", "too_many_streams", "too_many_phases")
"""The codes of such refusals."""


class StoredLimits(Value, frozen=True):
    """New jobs of a project in an hour of the clock, projects, streams and phases of a job; 0: any number."""

    jobs_per_hour: int = 0
    projects: int = 0
    streams: int = 0
    phases: int = 0

    def check_jobs(self, project_id: str, begun: int, at: int, index: int) -> None:
        """Refuse a new job of a project in which so many have begun in this hour (`at` is in ms)."""
        if self.jobs_per_hour and begun >= self.jobs_per_hour:
            left = (HOUR_MS - at % HOUR_MS) // 1000 + 1
            raise TooManyRequests(
                f"update {index}: {begun} jobs of project {project_id!r} have begun in this hour, as many as"
                f" may (CHEF_MAX_JOBS_PER_HOUR): again in {left // 60 + 1} minutes",
                code="too_many_jobs",
                retry_after=left,
            )

    def check_projects(self, project_id: str, count: int, index: int) -> None:
        """Refuse a new project beside so many."""
        if self.projects and count >= self.projects:
            text = f"project {project_id!r} is none of the {count}, as many as may be (CHEF_MAX_PROJECTS)"
            raise _refusal(text, "too_many_projects", index)

    def check_streams(
        self, job_id: str, counts: Mapping[str, int], made: Iterable[tuple[str, str]], index: int
    ) -> None:
        """Refuse a new stream of a job that has too many: by the counts of jobs, and those just made."""
        count = counts.get(job_id, 0) + sum(name == job_id for name, _ in made)
        if self.streams and count >= self.streams:
            text = f"job {job_id!r} has {count} log streams, as many as it may have (CHEF_MAX_STREAMS)"
            raise _refusal(text, "too_many_streams", index)

    def check_phases(self, job_id: str, count: int, before: int, index: int) -> None:
        """Refuse an update with which a job has so many phases, more than before."""
        if self.phases and count > self.phases:
            text = f"job {job_id!r} has been in {before} phases, as many as it may have (CHEF_MAX_PHASES)"
            raise _refusal(text, "too_many_phases", index)


def one_more(hour: int, count: int, at: int) -> dict[str, int]:
    """The hour and its count with a job that begins at a time (ms)."""
    now = at // HOUR_MS
    return {"hour": now, "hour_jobs": 1 + (count if hour == now else 0)}


NO_LIMITS = StoredLimits()


def _refusal(text: str, code: str, index: int) -> ChefError:
    return Invalid(f"update {index}: {text}", code=code)
