"""The remaining time of a running job: from the past runs that were not over by now in its place."""

from __future__ import annotations

from chef.domain.forecast.model import ForecastModel, interval
from chef.domain.forecast.values import ENOUGH_RUNS, FEWEST_RUNS, Estimate, RunningJob


def estimate(model: ForecastModel, job: RunningJob, now: int) -> Estimate | None:
    """How long a job still takes at a time `now` (ms since 1970 UTC), `None` with fewer than 5 past runs."""
    if model.runs < FEWEST_RUNS:
        return None
    elapsed = max(0, now - job.entered_at)
    before = sum(max(0, duration) for _, duration in job.done)
    number = 1 + sum(phase == job.phase for phase, _ in job.done)
    places = model.places.get((job.phase, number), ())
    if len(places) >= FEWEST_RUNS:
        pairs = [(place.duration_ms, place.after_ms) for place in places]
    else:
        pairs = [(total - before, 0) for total in model.totals]
    left = [(duration - elapsed, after) for duration, after in pairs if duration > elapsed]
    usual = interval([(float(duration + after), 1.0) for duration, after in pairs])
    over = elapsed - usual.high
    remaining = phase_remaining = None
    if left and over <= 0:
        remaining = interval([(float(phase + after), 1.0) for phase, after in left])
        phase_remaining = interval([(float(phase), 1.0) for phase, _ in left])
    return Estimate(
        at=now,
        runs=len(pairs),
        is_range=len(pairs) < ENOUGH_RUNS,
        remaining=remaining,
        phase_remaining=phase_remaining,
        over_ms=None if remaining else max(0, over),
        phases=model.phases,
        pauses=model.pauses,
    )
