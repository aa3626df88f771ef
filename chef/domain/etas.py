"""How long a running job still takes, as the wire shows it, and as it is asked of the forecast. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chef.domain.clock import rfc3339
from chef.domain.forecast import FEWEST_RUNS, Estimate, Interval, RunningJob
from chef.domain.model import Job
from chef.domain.wiretypes import Count, Id, JsonObject, Time


class IntervalJson(JsonObject, frozen=True):
    """Times in ms: 8 of 10 runs are between `low` and `high`."""

    low: Count
    median: Count
    high: Count


class EtaJson(JsonObject, frozen=True):
    """How long a job still takes, counted from `at`, by the finished runs of its kind."""

    at: Time
    runs: Annotated[int, Meta(ge=1, description="so many finished runs it is from")]
    range: Annotated[bool, Meta(description="of fewer than 10 runs: intervals are what these runs took")]
    remaining_ms: IntervalJson | None
    phase_remaining_ms: IntervalJson | None
    over_ms: Annotated[int, Meta(ge=0, description="so much over the usual it was at `at`")] | None
    phases: Annotated[dict[str, IntervalJson], Meta(description="usual durations of phases")]
    pauses: Annotated[dict[str, Count], Meta(description="longest silences that are usual in phases")]


class EtaEvent(JsonObject, frozen=True):
    """`job:eta`, `project:eta`: a job's estimate has changed by more than time passing."""

    job_id: Id
    project_id: Id
    eta: EtaJson | None


def eta_json(estimate: Estimate) -> EtaJson:
    """An estimate as the wire shows it."""
    return EtaJson(
        at=rfc3339(estimate.at),
        runs=estimate.runs,
        range=estimate.is_range,
        remaining_ms=_interval(estimate.remaining),
        phase_remaining_ms=_interval(estimate.phase_remaining),
        over_ms=estimate.over_ms,
        phases={phase: IntervalJson(*usual) for phase, usual in estimate.phases.items()},
        pauses=estimate.pauses,
    )


def _interval(times: Interval | None) -> IntervalJson | None:
    return None if times is None else IntervalJson(*times)


LEAST_CHANGE_MS = 1000
LEAST_SHARE = 20
"""A time counts as another one from a twentieth on."""


def has_changed(before: Estimate | None, after: Estimate | None) -> bool:
    """Whether an estimate says something else than an earlier one of the same job does by time passing."""
    if before is None or after is None:
        return before is not after
    usual = (after.runs, after.is_range, after.phases, after.pauses)
    if (before.runs, before.is_range, before.phases, before.pauses) != usual:
        return True
    passed = max(0, after.at - before.at)
    return (
        _moved(before.remaining, after.remaining, passed)
        or _moved(before.phase_remaining, after.phase_remaining, passed)
        or _grown(before.over_ms, after.over_ms, passed)
    )


def _moved(before: Interval | None, after: Interval | None, passed: int) -> bool:
    if before is None or after is None:
        return before is not after
    pairs = zip(before, after, strict=True)
    return any(_differ(max(0, earlier - passed), later) for earlier, later in pairs)


def _grown(before: int | None, after: int | None, passed: int) -> bool:
    if before is None or after is None:
        return before is not after
    return _differ(before + passed, after)


def _differ(expected: int, time: int) -> bool:
    return abs(expected - time) > max(LEAST_CHANGE_MS, time // LEAST_SHARE)


def running_job(job: Job) -> RunningJob | None:
    """A job as a forecast looks at it; `None` where its times say nothing.

    It has ended, it was abandoned and runs again, or it has been in more phases than are kept. Of a job that
    a platform's webhooks tell of (`meta.hook`) nothing else is known: there the last run is enough.
    """
    if job.ended or job.reopened or not job.phases or job.phases[-1].phase != job.phase:
        return None
    done = tuple(
        (span.phase, span.finished_at - span.started_at)
        for span in job.phases[:-1]
        if span.finished_at is not None
    )
    fewest = 1 if job.meta.get("hook") else FEWEST_RUNS
    return RunningJob(job.phase, job.phases[-1].started_at, done, fewest)
