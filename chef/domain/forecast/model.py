"""What is kept of the finished runs of a kind: built once from a history, asked at each estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import sub

from chef.domain.forecast.features import (
    Features,
    Key,
    Phases,
    factors,
    features_of,
    from_log,
    keyed,
    to_log,
    total,
)
from chef.domain.forecast.levels import corrections
from chef.domain.forecast.regression import Known, Regression
from chef.domain.forecast.usual import usual_durations, usual_pauses
from chef.domain.forecast.values import ENOUGH_RUNS, MOST_RUNS, Interval, PastRun
from chef.domain.model import Value

_HALF_LIFE = 25
"""A run weighs half as much as one that finished so many runs later."""
KERNEL = (-1.15, 0.0, 1.15)
"""A past run stands for times around its own: three equal parts of a normal distribution."""
_BANDWIDTH = 0.6
"""How far around: about half of what Silverman's rule gives ("Density Estimation", 1986)."""

Point = tuple[float, float, float]
"""A duration of a phase and of all that came after it (ms), and its weight."""


class PhaseModel(Value, frozen=True):
    """The times at which past runs left a phase, ascending, and how they follow from what was done before."""

    runs: int
    points: tuple[Point, ...]
    duration: Regression
    after: Regression


class ForecastModel(Value, frozen=True):
    """The finished runs of a kind: each of their phases, and the whole as if it were one."""

    runs: int
    whole: PhaseModel
    by_phase: dict[Key, PhaseModel]
    phases: dict[str, Interval]
    pauses: dict[str, int]


def build_model(history: Iterable[PastRun]) -> ForecastModel:
    """The model of a history in any order; of more than 50 runs the newest count."""
    newest = sorted(history, key=lambda run: -run.finished_at)[:MOST_RUNS]
    runs = [_phases(run) for run in newest]
    make = _range_of
    if len(runs) >= ENOUGH_RUNS:
        runs, make = _levelled(runs), _interval_of
    return ForecastModel(
        runs=len(runs),
        whole=make([(number, [], total(run), 0.0) for number, run in enumerate(runs)]),
        by_phase={key: make(_places(key, runs)) for key in {key: None for run in runs for key, _ in run}},
        phases=usual_durations(newest),
        pauses=usual_pauses(newest),
    )


def _phases(run: PastRun) -> Phases:
    return keyed((span.phase, span.duration_ms) for span in run.spans) or keyed([("", run.total_ms)])


def _levelled(runs: Sequence[Phases]) -> list[Phases]:
    """Runs, newest first, at the level of now: first of all that they take, then of each phase."""
    shared = factors(corrections([to_log(total(run)) for run in runs]))
    runs = [[(key, one * factor) for key, one in run] for run, factor in zip(runs, shared, strict=True)]
    found: dict[Key, list[float]] = {}
    for run in runs:
        for key, duration in run:
            found.setdefault(key, []).append(duration)
    own = {key: iter(factors(corrections([to_log(one) for one in series]))) for key, series in found.items()}
    return [[(key, one * next(own[key])) for key, one in run] for run in runs]


_Place = tuple[int, Phases, float, float]
"""A run's number, what came before the phase, how long it took, and how long all that came after it."""


def _places(key: Key, runs: Sequence[Phases]) -> list[_Place]:
    """Where a phase stands in each run that had it."""
    found: list[_Place] = []
    for number, run in enumerate(runs):
        for index, (name, duration) in enumerate(run):
            if name == key:
                found.append((number, run[:index], duration, total(run[index + 1 :])))
    return found


def _range_of(places: Sequence[_Place]) -> PhaseModel:
    """Few runs: what they took."""
    points = sorted((duration, after, 1.0) for _, _, duration, after in places)
    return PhaseModel(len(places), tuple(points), Regression(), Regression())


def _interval_of(places: Sequence[_Place]) -> PhaseModel:
    """Enough runs: what they took, as it would be in the place of another, and around."""
    features: list[Features] = [features_of(before) for _, before, _, _ in places]
    weights = [0.5 ** (number / _HALF_LIFE) for number, _, _, _ in places]
    known = Known(features, weights)
    duration, durations = known.fit([to_log(one) for _, _, one, _ in places])
    after, rests = known.fit([to_log(rest) for _, _, _, rest in places])
    around = factors([_bandwidth(durations) * away for away in KERNEL])
    points = sorted(
        (one * factor, rest, weight / len(KERNEL))
        for one, rest, weight in zip(map(from_log, durations), map(from_log, rests), weights, strict=True)
        for factor in around
    )
    return PhaseModel(len(places), tuple(points), duration, after)


def _bandwidth(values: Sequence[float]) -> float:
    """By the shortest half of the values (Rousseeuw and Leroy, 1988), which of two humps sees one."""
    ordered, half = sorted(values), (len(values) + 1) // 2
    shortest: float = min(map(sub, ordered[half - 1 :], ordered))
    return _BANDWIDTH * shortest / math.pow(len(values), 0.2)
