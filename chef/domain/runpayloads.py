"""Runs as the wire shows them (contract section 4). Pure."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from chef.domain.clock import rfc3339, rfc3339_or_none
from chef.domain.controlpayloads import StopJson, stop_json_or_unset
from chef.domain.filtering import filter_text
from chef.domain.model import ENDED, Job
from chef.domain.payloads import CountsJson, JobJson, StatusName, number
from chef.domain.runs import BriefJob, Run
from chef.domain.wiretypes import Count, Id, JsonObject, Percent, Time

MOST_BRIEF = 100
"""So many jobs of a run are named in a list; `counts` says how many there are."""

_Number = int | float | str | None


class BriefJobJson(JsonObject, frozen=True):
    """A job in a few words."""

    job_id: Id
    status: StatusName
    progress: Percent
    kind: str | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    duration_ms: Count | None


class RunFactsJson(JsonObject, frozen=True):
    """Of a run all but its jobs; texts and numbers are those of the first job that has them."""

    run: Annotated[str | None, Meta(description="`meta.run`; null: a job that belongs to no run")]
    project_id: Id
    status: Annotated[
        StatusName,
        Meta(description="the first that a job has: failed, abandoned, cancelled, a running one, completed"),
    ]
    title: str | None
    branch: str | None
    commit: str | None
    author: str | None
    number: _Number
    pull_request: _Number
    repository: str | None
    started_at: Time | None
    finished_at: Annotated[Time | None, Meta(description="null while a job runs")]
    duration_ms: Count | None
    counts: CountsJson


class RunJson(RunFactsJson, frozen=True):
    """A run as a list has it, with its first jobs."""

    jobs: Annotated[list[BriefJobJson], Meta(max_length=MOST_BRIEF)]
    worst: Annotated[
        JobJson | UnsetType, Meta(description="the first job that has the run's status, whole")
    ] = UNSET
    stop: Annotated[StopJson | UnsetType, Meta(description="of a job that still runs")] = UNSET


class WholeRunJson(RunFactsJson, frozen=True):
    """A run with its jobs, the first one first."""

    jobs: Annotated[list[JobJson], Meta(max_length=1000)]
    next: Annotated[str | None, Meta(description="`cursor` of its further jobs")]


class NeighboursJson(JsonObject, frozen=True):
    """The jobs around a job among those of its kind (`meta.kind`) in its project."""

    previous: BriefJobJson | None
    next: BriefJobJson | None
    last_green: Annotated[BriefJobJson | None, Meta(description="the newest before it that completed")]


def brief_json(job: BriefJob) -> BriefJobJson:
    """A job of a run."""
    return BriefJobJson(
        job.job_id,
        job.status,
        number(job.progress),
        job.kind,
        rfc3339(job.created_at),
        rfc3339_or_none(job.started_at),
        rfc3339_or_none(job.finished_at),
        _duration(job.started_at, job.finished_at),
    )


def brief(job: Job) -> BriefJob:
    """A whole job in a few words."""
    kind = filter_text(job.meta.get("kind"))
    times = job.created_at, job.started_at, job.finished_at
    return BriefJob(job.job_id, job.status, job.progress, kind, *times)


def run_json(run: Run, worst: JobJson | UnsetType = UNSET) -> RunJson:
    """A run as `GET /api/projects/P/runs` lists it, there with its worst job."""
    return RunJson(
        **_facts(run),
        jobs=[brief_json(job) for job in run.jobs[:MOST_BRIEF]],
        worst=worst,
        stop=stop_json_or_unset(run.stop),
    )


def whole_run_json(run: Run, jobs: list[JobJson], more: str | None) -> WholeRunJson:
    """A run as `GET /api/projects/P/runs/RUN` answers it, with a page of its jobs."""
    return WholeRunJson(**_facts(run), jobs=jobs, next=more)


def _facts(run: Run) -> dict[str, Any]:
    """The fields of `RunFactsJson`."""
    return {
        "run": run.run,
        "project_id": run.project_id,
        "status": run.status,
        "title": run.text("title", "command"),
        "branch": run.text("branch"),
        "commit": run.text("commit"),
        "author": run.text("author"),
        "number": run.entry("number"),
        "pull_request": run.entry("pullRequest"),
        "repository": run.text("repository"),
        "started_at": rfc3339_or_none(run.started_at),
        "finished_at": rfc3339_or_none(run.finished_at),
        "duration_ms": _duration(run.started_at, run.finished_at),
        "counts": _counts(run),
    }


def _counts(run: Run) -> CountsJson:
    found = run.counts
    ended = {status: found.get(status, 0) for status in ("completed", "failed", "cancelled", "abandoned")}
    running = sum(count for status, count in found.items() if status not in ENDED)
    return CountsJson(total=len(run.jobs), running=running, **ended)


def _duration(started_at: int | None, finished_at: int | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, finished_at - started_at)
