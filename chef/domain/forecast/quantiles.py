"""Quantiles of weighted samples: the expected places of order statistics (Weibull's i / (n + 1)).

With them the interval between the quantiles a and b of n exchangeable values holds the next one with the
probability b - a, which is what split conformal prediction promises (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005). Weights as in Tibshirani et al., "Conformal Prediction Under Covariate
Shift", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence


def quantile(samples: Sequence[tuple[float, float]], place: float) -> float:
    """The value at a place (0 to 1) among `(value, weight)` in ascending order; weights above 0.

    Between two samples it is interpolated, beyond the first and the last it is these.
    """
    total = sum(weight for _, weight in samples)
    squares = sum(weight * weight for _, weight in samples)
    # The new run weighs as much as these do on the average.
    whole = total + squares / total
    below, value_before, place_before = 0.0, samples[0][0], 0.0
    for value, weight in samples:
        here = (below + (weight + squares / total) / 2) / whole
        if here >= place:
            share = (place - place_before) / (here - place_before)
            return value_before + share * (value - value_before)
        value_before, place_before = value, here
        below += weight
    return samples[-1][0]
