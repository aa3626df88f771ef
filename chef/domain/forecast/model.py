"""What is kept of the finished runs of a kind: made once from a history, asked at each estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import sub

from chef.domain.forecast.features import (
    Features,
    Key,
    Phases,
    factors,
    features_of,
    from_logs,
    keyed,
    to_logs,
    total,
)
from chef.domain.forecast.levels import corrections, level_of
from chef.domain.forecast.quantiles import COVERAGE
from chef.domain.forecast.regression import Known, Regression
from chef.domain.forecast.values import ENOUGH_RUNS, Interval, PastRun
from chef.domain.model import Value

QUEUED = "queued"
_HALF_LIFE = 25
"""A run weighs half as much as one that finished so many runs later."""
_KERNEL = (-1.15, 0.0, 1.15)
"""A past run stands for times around its own: three equal parts of a normal distribution."""
_BANDWIDTH = 0.6
"""How far around: about half of what Silverman's rule gives ("Density Estimation", 1986)."""
_STAYING = float(__import__("os").environ.get("STAY", ".3"))
"""So much of a run's weight stays where it was before a drift was taken out: that may end, or go back."""
SAMPLES_OF_RUN = 1 / ((1 - _STAYING) ** 2 / len(_KERNEL) + _STAYING**2)
"""So many samples of one weight would waver as much as those that a run gives."""

Point = tuple[float, float, float]
"""A duration of a phase and of all that came after it (ms), and its weight."""


class PhaseModel(Value, frozen=True):
    """The times at which past runs left a phase, ascending, and how they follow from what was done before."""

    runs: int
    points: tuple[Point, ...]
    duration: Regression
    after: Regression


class ForecastModel(Value, frozen=True):
    """The finished runs of a kind: each of their phases, and the whole as if it were one.

    `coverage` (0 to 1) is the share of the samples between the ends of an interval that is to hold 8 of 10.
    `knows_queues` says whether a run tells of its time in a queue; else none of it is the build's.
    """

    runs: int
    coverage: float
    whole: PhaseModel
    by_phase: dict[Key, PhaseModel]
    knows_queues: bool
    phases: dict[str, Interval]
    pauses: dict[str, int]


def phases_of(run: PastRun) -> Phases:
    """The phases of a run; one that tells none is a phase by itself."""
    return keyed((span.phase, span.duration_ms) for span in run.spans) or keyed([("", run.total_ms)])


def model_of(runs: Sequence[Phases], keys: Iterable[Key], coverage: float = COVERAGE) -> ForecastModel:
    """The model of some runs, newest first, with these of their phases and no usual times."""
    make: Callable[[Sequence[_Place]], PhaseModel] = _range_of
    if len(runs) >= ENOUGH_RUNS:
        runs, moves = _levelled(runs)
        make = partial(_interval_of, moves=moves)
    return ForecastModel(
        runs=len(runs),
        coverage=coverage,
        whole=make([(number, [], total(run), 0.0) for number, run in enumerate(runs)]),
        by_phase={key: make(places) for key in keys if (places := _places(key, runs))},
        knows_queues=(QUEUED, 1) in {key for run in runs for key, _ in run},
        phases={},
        pauses={},
    )


def _levelled(runs: Sequence[Phases]) -> tuple[list[Phases], list[float]]:
    """Runs, newest first, at the level of now: first of all that they take, then of each phase.

    With what to multiply a run's times by to have it where it was before its drift was taken out.
    """
    level = level_of(to_logs([total(run) for run in runs]))
    shared = factors(level.corrections(len(runs)))
    runs = [[(key, one * factor) for key, one in run] for run, factor in zip(runs, shared, strict=True)]
    found: dict[Key, list[float]] = {}
    for run in runs:
        for key, duration in run:
            found.setdefault(key, []).append(duration)
    own = {key: iter(factors(corrections(to_logs(series)))) for key, series in found.items()}
    moves = factors([-drift for drift in level.drifts(len(runs))])
    return [[(key, one * next(own[key])) for key, one in run] for run in runs], moves


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


def _interval_of(places: Sequence[_Place], moves: Sequence[float]) -> PhaseModel:
    """Enough runs: what they took, as it would be in the place of another, and around."""
    features: list[Features] = [features_of(before) for _, before, _, _ in places]
    weights = [0.5 ** (number / _HALF_LIFE) for number, _, _, _ in places]
    known = Known(features, weights)
    duration, durations = known.fit(to_logs([one for _, _, one, _ in places]))
    after, rests = known.fit(to_logs([rest for _, _, _, rest in places]))
    around = factors([_bandwidth(durations) * away for away in _KERNEL])
    points: list[Point] = []
    times = zip(places, from_logs(durations), from_logs(rests), weights, strict=True)
    for (number, *_), one, rest, weight in times:
        part = weight * (1 - _STAYING) / len(_KERNEL)
        points += [(one * factor, rest, part) for factor in around]
        points.append((one * moves[number], rest * moves[number], weight * _STAYING))
    return PhaseModel(len(places), tuple(sorted(points)), duration, after)


def _bandwidth(values: Sequence[float]) -> float:
    """By the shortest half of the values (Rousseeuw and Leroy, 1988), which of two humps sees one."""
    ordered, half = sorted(values), (len(values) + 1) // 2
    shortest: float = min(map(sub, ordered[half - 1 :], ordered))
    return _BANDWIDTH * shortest / math.pow(len(values), 0.2)
