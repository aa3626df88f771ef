"""A straight line from what is known of a run to what is not: the best of several, if it is worth it.

Judged by leaving each run out (PRESS; Allen, "The Relationship Between Variable Selection and Data
Augmentation and a Method for Prediction", 1974). Each run's distance is that from the line without it, and so
tells how far away a new run may be (Barber et al., "Predictive Inference with the Jackknife+", 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from operator import mul, truediv
from typing import NamedTuple

from chef.domain.forecast.features import ABSENT, Features, Key
from chef.domain.model import Value

FEWEST = 5
"""No line through fewer runs."""
WORTH = 0.8
"""A line counts where it leaves at most this share of the squares."""
_LEAST_LEFT = 0.2
"""A run that decides a line alone is taken to do so for four fifths."""
_TINY = 1e-9


class Regression(Value, frozen=True):
    """A line on one feature between the least and the most that it has been; `None`: on none."""

    feature: Key | None = None
    slope: float = 0.0
    centre: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def shift(self, features: Features) -> float:
        """By how much what is known of a run moves the expectation."""
        if self.feature is None:
            return 0.0
        known = features.get(self.feature, ABSENT)
        return self.slope * (min(max(known, self.least), self.most) - self.centre)


class Known:
    """What is known of some runs, with their weights: where a line on each feature would have its hold."""

    def __init__(self, features: Sequence[Features], weights: Sequence[float]) -> None:
        whole = sum(weights)
        self._shares = [weight / whole for weight in weights]
        # Where there is no line, each value is compared with the mean of the others.
        self._left = [max(_LEAST_LEFT, 1 - share) for share in self._shares]
        names = {name: None for one in features for name in one} if len(features) >= FEWEST else {}
        holds = (self._hold(name, [one.get(name, ABSENT) for one in features]) for name in names)
        self._holds = [hold for hold in holds if hold is not None]

    def _hold(self, feature: Key, known: Sequence[float]) -> _Hold | None:
        centre = _dot(self._shares, known)
        away = [one - centre for one in known]
        pulls = list(map(mul, self._shares, away))
        spread = _dot(pulls, away)
        if spread < _TINY:
            return None
        left = [
            max(_LEAST_LEFT, 1 - share - pull * one / spread)
            for share, pull, one in zip(self._shares, pulls, away, strict=True)
        ]
        return _Hold(feature, centre, away, [pull / spread for pull in pulls], left)

    def fit(self, values: Sequence[float]) -> tuple[Regression, list[float]]:
        """The line from one of the features to the values, and the values as they would be at its centre."""
        mean = _dot(self._shares, values)
        away = [value - mean for value in values]
        misses = list(map(truediv, away, self._left))
        best, left = Regression(), list(values)
        least = WORTH * self._squares(misses)
        for hold in self._holds:
            slope = _dot(hold.pulls, away)
            misses = [
                (one - slope * known) / part
                for one, known, part in zip(away, hold.away, hold.left, strict=True)
            ]
            squares = self._squares(misses)
            if squares < least:
                least, best = squares, hold.line(slope)
                left = [mean + miss for miss in misses]
        return best, left

    def _squares(self, misses: Sequence[float]) -> float:
        return _dot(self._shares, list(map(mul, misses, misses)))


class _Hold(NamedTuple):
    """A feature's distances from its centre, how each value pulls at a slope, and what is left of it."""

    feature: Key
    centre: float
    away: list[float]
    pulls: list[float]
    left: list[float]

    def line(self, slope: float) -> Regression:
        least, most = self.centre + min(self.away), self.centre + max(self.away)
        return Regression(self.feature, slope, self.centre, least, most)


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    return fsum(map(mul, some, others))
