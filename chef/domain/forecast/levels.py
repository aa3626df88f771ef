"""The present level of a series of durations: a drift or a jump among past runs is taken out of them.

A series is a constant, a straight line or a step, in logarithms. Each of the three counts by its probability
as the Bayesian information criterion has it (Schwarz, "Estimating the Dimension of a Model", 1978; Kass and
Raftery, "Bayes Factors", 1995), so that little is corrected where little is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

FEWEST_AFTER_JUMP = 3
"""A jump counts once so many runs have been behind it, and before it."""

# Twice their parameters beyond a constant's (a step has its place, too, and each was chosen): a drift that is
# none costs a forecast more than one that is noticed later.
_PARAMETERS_OF_LINE, _PARAMETERS_OF_STEP = 4, 6
_TINY = 1e-9
_CERTAIN = 50.0


class Level(NamedTuple):
    """How the logarithms of a series moved: by `height`, `place` runs ago, and by `-slope` with each run."""

    place: int = 0
    height: float = 0.0
    slope: float = 0.0

    def corrections(self, count: int) -> list[float]:
        """What to add to each of so many logarithms to have it at the level of the next run."""
        place, height, slope = self
        return [(height if index >= place else 0.0) - slope * (index + 1) for index in range(count)]

    def drifts(self, count: int) -> list[float]:
        """The part of these corrections that is for a drift, which may end or go back any time."""
        return [-self.slope * (index + 1) for index in range(count)]


def level_of(values: Sequence[float]) -> Level:
    """The likeliest movement of some logarithms, newest first."""
    count = len(values)
    if count < 2 * FEWEST_AFTER_JUMP:
        return Level()  # a phase that most runs did not have
    mean = sum(values) / count
    squares = sum([(value - mean) ** 2 for value in values]) + _TINY
    slope, gain_of_line = _line(values, mean)
    place, height, gain_of_step = _step(values)
    odds_of_line = _odds(count, squares, gain_of_line, _PARAMETERS_OF_LINE)
    odds_of_step = _odds(count, squares, gain_of_step, _PARAMETERS_OF_STEP)
    every = 1 + odds_of_line + odds_of_step
    return Level(place, height * odds_of_step / every, slope * odds_of_line / every)


def corrections(values: Sequence[float]) -> list[float]:
    """What to add to each of some logarithms, newest first, to have it at the level of the next run."""
    return level_of(values).corrections(len(values))


def _odds(count: int, squares: float, gain: float, parameters: int) -> float:
    """How much likelier a form is than a constant, by how much it lessens the sum of squares."""
    rest = max(squares - gain, _TINY)
    score = count * math.log(squares / rest) - parameters * math.log(count)
    return math.exp(min(score / 2, _CERTAIN))


def _line(values: Sequence[float], mean: float) -> tuple[float, float]:
    """The slope of a straight line, and by how much it lessens the sum of squares."""
    count = len(values)
    middle = (count - 1) / 2
    spread = count * (count * count - 1) / 12
    product = sum([(index - middle) * (value - mean) for index, value in enumerate(values)])
    return product / spread, product * product / spread


def _step(values: Sequence[float]) -> tuple[int, float, float]:
    """The number of runs since the likeliest jump, its height, and by how much it lessens the squares."""
    count, whole = len(values), sum(values)
    best = (0, 0.0, 0.0)
    newer = sum(values[: FEWEST_AFTER_JUMP - 1])
    for place in range(FEWEST_AFTER_JUMP, count - FEWEST_AFTER_JUMP + 1):
        newer += values[place - 1]
        height = newer / place - (whole - newer) / (count - place)
        gain = height * height * place * (count - place) / count
        if gain > best[2]:
            best = (place, height, gain)
    return best
