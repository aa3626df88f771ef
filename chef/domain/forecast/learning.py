"""A forecast learns from how often its intervals held in the past of the same project.

Some of the newest runs are asked for once more, each by those before it and at one moment: how much would the
interval have had to claim to hold? What eight of ten needed is what it claims from now on. That is the
feedback of adaptive conformal inference (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution
Shift", 2021), with a quantile of what was needed in place of a step after each run, as in conformal
prediction through time (Angelopoulos, Candès and Tibshirani, "Conformal PID Control for Time Series
Prediction", 2023), so that it depends on the history alone. Eight runs are few: what is known of other
projects counts as 20 more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from chef.domain.forecast.estimating import needed_coverage
from chef.domain.forecast.features import Phases, total
from chef.domain.forecast.model import ForecastModel, model_of, phases_of
from chef.domain.forecast.quantiles import COVERAGE, quantiles
from chef.domain.forecast.usual import usual_durations, usual_pauses
from chef.domain.forecast.values import ENOUGH_RUNS, MOST_RUNS, PastRun, RunningJob

MOST_ASKED = 8
"""So many runs are asked for once more, from the whole history: each costs a quarter of a model."""
_MOMENTS = (0.1, 0.5, 0.3, 0.7)
"""The shares of their time at which they are, one after the other."""
_OF_MANY, _OF_FEW = 0.775, 0.5
"""What intervals of n runs need to claim where nothing else is known: the first and the second / n."""
_AS_RUNS = 20
"""What is known of other projects counts as so many runs."""


def build_model(history: Iterable[PastRun]) -> ForecastModel:
    """The model of a history in any order; of more than 50 runs the newest count."""
    newest = sorted(history, key=lambda run: -run.finished_at)[:MOST_RUNS]
    runs = [phases_of(run) for run in newest]
    keys = {key: None for run in runs for key, _ in run}
    model = model_of(runs, keys, learned_coverage(runs))
    return replace(model, phases=usual_durations(newest), pauses=usual_pauses(newest))


def learned_coverage(runs: Sequence[Phases]) -> float:
    """What an interval is to claim (0 to 1) to hold 8 of 10, by some runs, newest first."""
    if len(runs) < ENOUGH_RUNS:
        return COVERAGE
    expected = math.log(_OF_MANY + _OF_FEW / len(runs), COVERAGE)
    known = [((number + 0.5) / _AS_RUNS) ** expected for number in range(_AS_RUNS)]
    return quantiles([(needed, 1.0) for needed in sorted([*known, *_needed(runs)])], 0.0, [COVERAGE])[0]


def _needed(runs: Sequence[Phases]) -> Iterator[float]:
    """What intervals for some of the runs would have had to claim, each by the runs before it."""
    last = len(runs) - ENOUGH_RUNS
    for turn, number in enumerate(range(0, last, math.ceil(last / MOST_ASKED) or 1)):
        one, before = runs[number], runs[number + 1 :]
        elapsed = _MOMENTS[turn % len(_MOMENTS)] * total(one)
        if elapsed:
            yield _needed_at(one, before, elapsed)


def _needed_at(one: Phases, before: Sequence[Phases], elapsed: float) -> float:
    rest, done = total(one) - elapsed, 0
    while elapsed >= one[done][1]:
        elapsed -= one[done][1]
        done += 1
    job = RunningJob(one[done][0][0], 0, tuple((name, round(took)) for (name, _), took in one[:done]))
    return needed_coverage(model_of(before, [one[done][0]]), job, round(elapsed), rest)
