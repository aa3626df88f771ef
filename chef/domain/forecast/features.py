"""A run by its phases, and what is known of it once some of them are done. Durations are in ms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from chef.domain.forecast.values import LONGEST_MS

Key = tuple[str, int]
"""A phase by its name and by how often it has come in the run: 1, 2, …"""
Phases = list[tuple[Key, float]]
"""The phases of a run in their order, with their durations."""
Features = Mapping[Key, float]

ALL_DONE: Key = ("", 0)
"""The feature of all phases together that are done."""
MOST_PHASES = 12
"""A run that flips between phases has the later ones counted as one."""
LATER: Key = ("", 1)
MOST_FEATURES = 4
"""So many phases that are done are looked at one by one."""

_OFFSET_MS = 100.0
"""Differences between times below this do not matter."""
_LARGEST = 40.0


def keyed(spans: Iterable[tuple[str, float]]) -> Phases:
    """Phases with their keys; a negative duration, of a clock that went back, is none."""
    counts: dict[str, int] = {}
    found: Phases = []
    for phase, duration in spans:
        counts[phase] = counts.get(phase, 0) + 1
        found.append(((phase, counts[phase]), min(max(0.0, duration), LONGEST_MS)))
    if len(found) <= MOST_PHASES:
        return found
    return [*found[:MOST_PHASES], (LATER, total(found[MOST_PHASES:]))]


def total(phases: Phases) -> float:
    """The duration of all of them."""
    return sum([duration for _, duration in phases])


def to_log(duration: float) -> float:
    """A duration (ms) on the scale on which runs are compared, where a tenth more is the same everywhere."""
    return math.log(duration + _OFFSET_MS)


def to_logs(durations: Iterable[float]) -> list[float]:
    """Several at once: a call for each is most of what it costs."""
    log = math.log
    return [log(duration + _OFFSET_MS) for duration in durations]


def from_logs(values: Iterable[float]) -> list[float]:
    """The durations (ms) of such values."""
    exp = math.exp
    return [exp(min(_LARGEST, value)) - _OFFSET_MS if value > ABSENT else 0.0 for value in values]


ABSENT = to_log(0)
"""The feature of a phase that did not come."""


def features_of(done: Phases) -> Features:
    """What is known of a run by the phases that are done: the durations of the last ones, and that of all."""
    if not done:
        return {}
    last = {key: to_log(duration) for key, duration in done[-MOST_FEATURES:]}
    return last | {ALL_DONE: to_log(total(done))}


def factors(values: Sequence[float]) -> list[float]:
    """What durations are to be multiplied by, for what is to be added to their logarithms."""
    exp = math.exp
    if not values or (min(values) > -_LARGEST and max(values) < _LARGEST):
        return [exp(value) for value in values]
    return [exp(max(-_LARGEST, min(value, _LARGEST))) for value in values]
