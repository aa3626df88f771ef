"""Quantiles of weighted values at the expected places of order statistics (Weibull's i / (n + 1)).

With them the interval between the quantiles a and b of n exchangeable values holds the next one with the
probability b - a, which is what split conformal prediction promises (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005). Weights as in Tibshirani et al., "Conformal Prediction Under Covariate
Shift", 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from chef.domain.forecast.values import LONGEST_MS, Interval

Weighted = tuple[float, float]
"""A value and its weight, above 0."""

COVERAGE = 0.8
"""An interval is to hold 8 of 10 runs."""
MEDIAN, HIGH = 0.5, 0.9
"""The places of the middle, and of the high end of such an interval."""
_BESIDE = 0.1
"""The median is a mean with its neighbours, which wavers less."""


def quantiles(samples: Sequence[Weighted], own: float, places: Sequence[float]) -> list[float]:
    """The values at places (0 to 1, ascending) among samples in ascending order.

    `own` is the weight of the one that is looked for. Between two samples it is interpolated; beyond the
    first and the last it is these.
    """
    whole = sum([weight for _, weight in samples]) + own
    below, value_before, place_before = own / 2, samples[0][0], 0.0
    found: list[float] = []
    for value, weight in samples:
        here = (below + weight / 2) / whole
        while len(found) < len(places) and here >= places[len(found)]:
            share = (places[len(found)] - place_before) / (here - place_before)
            found.append(value_before + share * (value - value_before))
        value_before, place_before = value, here
        below += weight
    return found + [samples[-1][0]] * (len(places) - len(found))


def range_of(samples: Sequence[Weighted]) -> Interval:
    """The least, the middle and the most (ms) of samples in ascending order."""
    values = [value for value, _ in samples]
    return Interval(_ms(values[0]), _ms(median(values)), _ms(values[-1]))


def place_of(value: float, samples: Sequence[Weighted], own: float) -> float:
    """The place (0 to 1) of a value among samples in ascending order: what `quantiles` has for it, reversed.

    Before the first sample it is 0, behind the last one it is 1.
    """
    whole = sum([weight for _, weight in samples]) + own
    below, value_before, place_before = own / 2, -math.inf, 0.0
    for sample, weight in samples:
        here = (below + weight / 2) / whole
        if value < sample:
            share = (value - value_before) / (sample - value_before) if place_before else 0.0
            return place_before + share * (here - place_before)
        value_before, place_before = sample, here
        below += weight
    return place_before if value == value_before else 1.0


def interval(samples: Sequence[Weighted], own: float, coverage: float = COVERAGE) -> Interval:
    """The interval (ms) of samples in ascending order between two places as far apart as `coverage`."""
    outside = (1 - coverage) / 2
    places = (outside, MEDIAN - _BESIDE, MEDIAN, MEDIAN + _BESIDE, 1 - outside)
    low, below, middle, above, high = quantiles(samples, own, places)
    return Interval(_ms(low), _ms((below + middle + above) / 3), _ms(high))


def high_end(
    descending: Iterable[Weighted], weight_of_all: float, own: float, coverage: float = COVERAGE
) -> int:
    """The high end (ms) of the interval of samples in descending order, of which it takes the first."""
    place = (1 + coverage) / 2
    whole = weight_of_all + own
    above, value_behind, place_behind = own / 2, None, 1.0
    for value, weight in descending:
        here = 1 - (above + weight / 2) / whole
        if value_behind is None:
            value_behind = value
        if here <= place:
            share = (place - here) / (place_behind - here)
            return _ms(value + share * (value_behind - value))
        value_behind, place_behind = value, here
        above += weight
    return _ms(value_behind or 0)


def _ms(value: float) -> int:
    return round(min(value, LONGEST_MS))
