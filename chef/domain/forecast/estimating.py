"""The remaining time of a running job: an ensemble of past runs that were in the same place.

Each past run that was not over by now says how long this one still takes: the rest of the phase and all that
came after it. Its times are brought to the level of now (`levels`) and to what this run took until here
(`regression`; the adjustment of Beaumont, Zhang and Balding, "Approximate Bayesian Computation in Population
Genetics", 2002). Runs weigh more the newer they are, and less the longer they took, since a look at a random
time meets any one minute of a long run more rarely. The interval lies between two quantiles of what they say
(`quantiles`); it ends no earlier than where all of them weigh the same, so that it has room for the long kind
of run, which a look at the beginning meets as often as the short one. How far apart the quantiles are follows
from how often intervals held in the past (`learning`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from operator import mul
from statistics import median

from chef.domain.forecast.features import factors, features_of, keyed, total
from chef.domain.forecast.model import QUEUED, SAMPLES_OF_RUN, ForecastModel, Point
from chef.domain.forecast.quantiles import Weighted, high_end, interval, place_of, range_of
from chef.domain.forecast.values import ENOUGH_RUNS, FEWEST_RUNS, Estimate, Interval, RunningJob
from chef.domain.model import Value

_FEW_LEFT = 0.3
"""With no more than this share of the runs not over by now, a job may be beyond its interval."""


class _Ensemble(Value, frozen=True):
    """The past runs in the place of a running job, in its phase since `elapsed` ms after `before` ms."""

    is_range: bool
    coverage: float
    points: Sequence[Point]
    before: float
    elapsed: float

    @property
    def left(self) -> Sequence[Point]:
        """Those that were not over by now."""
        return self.points[bisect_right(self.points, (self.elapsed, math.inf, 0.0)) :]


def estimate(model: ForecastModel, job: RunningJob, now: int) -> Estimate | None:
    """How long a job still takes at a time `now` (ms since 1970 UTC), `None` with too few past runs.

    Nor is anything said of a job that waits in a queue where no past run did: how long, nobody can tell.
    """
    if model.runs < job.fewest or (job.phase == QUEUED and not model.knows_queues):
        return None
    ensemble = _ensemble(model, job, max(0, now - job.entered_at))
    left = ensemble.left
    over = _over(ensemble) if len(left) <= _FEW_LEFT * len(ensemble.points) else None
    phase_remaining, remaining = (None, None) if over is not None else _remaining(ensemble, left)
    return Estimate(
        at=now,
        runs=model.runs,
        is_range=ensemble.is_range,
        remaining=remaining,
        phase_remaining=phase_remaining,
        over_ms=over,
        phases=model.phases,
        pauses=model.pauses,
    )


def needed_coverage(model: ForecastModel, job: RunningJob, now: int, rest: float) -> float:
    """The coverage that the interval would have had to claim to hold what a job then took (`rest`, ms).

    It is 1 where no interval of the past runs holds it, or where the job was said to be beyond its interval.
    """
    ensemble = _ensemble(model, job, max(0, now - job.entered_at))
    left = ensemble.left
    if not left or (len(left) <= _FEW_LEFT * len(ensemble.points) and _over(ensemble) is not None):
        return 1.0
    alike, less = _weights(left, ensemble.before)
    times = [duration - ensemble.elapsed + after for duration, after, _ in left]
    place = place_of(rest, sorted(zip(times, less, strict=True)), _own(less))
    high = min(place, place_of(rest, sorted(zip(times, alike, strict=True)), _own(alike)))
    return max(1 - 2 * place, 2 * high - 1)


def _ensemble(model: ForecastModel, job: RunningJob, elapsed: float) -> _Ensemble:
    """The runs that had the phase; where these are too few, all of them, whatever phases they had."""
    is_range, coverage = model.runs < ENOUGH_RUNS, model.coverage
    done = keyed(span for span in job.done if span[0] != QUEUED or model.knows_queues)
    before = total(done)
    place = sum(name == job.phase for (name, _), _ in done)
    phase = model.by_phase.get((job.phase, place + 1))
    if phase is None or phase.runs < FEWEST_RUNS:
        return _Ensemble(is_range, coverage, model.whole.points, 0.0, before + elapsed)
    known = features_of(done)
    own, after = factors([phase.duration.shift(known), phase.after.shift(known)])
    points = [(duration * own, rest * after, weight) for duration, rest, weight in phase.points]
    return _Ensemble(is_range, coverage, points, before, elapsed)


def _over(ensemble: _Ensemble) -> int | None:
    """By how much a job is beyond the interval that there was when its phase began."""
    ends = [(duration + rest, weight) for duration, rest, weight in ensemble.points]
    over = round(ensemble.elapsed) - _interval(ensemble, ends).high
    return over if over > 0 else None


def _remaining(ensemble: _Ensemble, left: Sequence[Point]) -> tuple[Interval, Interval]:
    """How long the phase and the job still take."""
    if not left:
        return _overdue(ensemble)
    elapsed, before = ensemble.elapsed, ensemble.before
    phase = [duration - elapsed for duration, _, _ in left]
    job = [duration - elapsed + rest for duration, rest, _ in left]
    if ensemble.is_range:
        return _range(phase), _range(job)
    alike, less = _weights(left, before)
    owns = _own(alike), _own(less)
    return (
        _with_room(phase, alike, less, owns, ensemble.coverage),
        _with_room(job, alike, less, owns, ensemble.coverage),
    )


def _weights(left: Sequence[Point], before: float) -> tuple[list[float], list[float]]:
    """Those of runs that were not over by now, as they are, and less for longer runs."""
    alike = [weight for _, _, weight in left]
    return alike, [weight / (before + duration + rest) for duration, rest, weight in left]


def _overdue(ensemble: _Ensemble) -> tuple[Interval, Interval]:
    """The same where the phase has lasted longer than ever, and the job has not."""
    middle = median(duration for duration, _, _ in ensemble.points)
    away = [(abs(duration - middle), rest, weight) for duration, rest, weight in ensemble.points]
    return (
        _interval(ensemble, [(varied, weight) for varied, _, weight in away]),
        _interval(ensemble, [(varied + rest, weight) for varied, rest, weight in away]),
    )


def _range(times: Sequence[float]) -> Interval:
    return range_of([(time, 1.0) for time in sorted(times)])


def _with_room(
    times: Sequence[float],
    alike: Sequence[float],
    less: Sequence[float],
    owns: tuple[float, float],
    coverage: float,
) -> Interval:
    """The interval of times that weigh less in longer runs; it ends no earlier than where all weigh alike.

    `owns` are the weights of the run that is looked for among either.
    """
    own_alike, own_less = owns
    ordered = sorted(zip(times, less, alike, strict=True))
    found = interval([(time, weight) for time, weight, _ in ordered], own_less, coverage)
    longest_first = ((time, weight) for time, _, weight in reversed(ordered))
    high = high_end(longest_first, sum(alike), own_alike, coverage)
    return found._replace(high=max(found.high, high))


def _interval(ensemble: _Ensemble, samples: Sequence[Weighted]) -> Interval:
    """The range of samples in any order, or their interval."""
    ordered = sorted(samples)
    if ensemble.is_range:
        return range_of(ordered)
    return interval(ordered, _own([weight for _, weight in ordered]), ensemble.coverage)


def _own(weights: Sequence[float]) -> float:
    """The weight of the run that is looked for: each past run gave several samples."""
    squares: float = sum(map(mul, weights, weights))
    return SAMPLES_OF_RUN * squares / sum(weights)
