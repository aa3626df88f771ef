"""Histories of builds for `bench.progress`: generated families, and the recorded ones (bench/recorded)."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chef.domain.forecast import PastRun, PastSpan

RECORDED = Path(__file__).parent / "recorded"
_NAMES = ("preparing", "installing", "building", "testing", "completed")
_SECOND = 1000
# A drift is by so much from a history's first run to its 50th.
_DRIFT = 0.2
_DRIFT_RUNS = 50

Phases = list[tuple[str, float]]
Project = Callable[[int], Phases]
"""The phases of a project's run by its number, in ms."""


class Shape:
    """The usual phases of a made-up project: their times, how much each varies, and the machine's share."""

    def __init__(self, lot: random.Random) -> None:
        self.lot = lot
        count = lot.randint(3, len(_NAMES))
        self.names = sorted(lot.sample(_NAMES, count), key=_NAMES.index)
        total = lot.uniform(60, 1200) * _SECOND
        shares = [lot.uniform(0.3, 1) for _ in self.names]
        self.usual = [total * share / sum(shares) for share in shares]
        self.spread = [lot.uniform(0.04, 0.2) for _ in self.names]
        self.machine = lot.uniform(0.02, 0.1)

    def run(self, factor: float = 1.0) -> Phases:
        machine = factor * self._noise(self.machine)
        times = zip(self.names, self.usual, self.spread, strict=True)
        return [(name, machine * usual * self._noise(spread)) for name, usual, spread in times]

    def _noise(self, spread: float) -> float:
        return math.exp(self.lot.gauss(0, spread))


def _steady(lot: random.Random) -> Project:
    shape = Shape(lot)
    return lambda _: shape.run()


def _drifting(lot: random.Random) -> Project:
    shape, way = Shape(lot), lot.choice((1, -1))
    return lambda number: shape.run((1 + _DRIFT) ** (way * number / _DRIFT_RUNS))


def _jumping(lot: random.Random) -> Project:
    """One phase takes longer or shorter from some run on."""
    shape = Shape(lot)
    when, which, factor = lot.randint(1, 50), lot.randrange(len(shape.names)), lot.choice((0.6, 1.5, 2))

    def run(number: int) -> Phases:
        phases = shape.run()
        if number >= when:
            phases[which] = (phases[which][0], phases[which][1] * factor)
        return phases

    return run


def _two_humps(lot: random.Random) -> Project:
    """A cache hits or misses: one phase then takes several times as long, and perhaps a later one, too."""
    shape = Shape(lot)
    first = lot.randrange(len(shape.names))
    second = lot.choice([None, *range(first + 1, len(shape.names))])
    misses, factor = lot.uniform(0.2, 0.6), lot.uniform(2, 6)

    def run(_: int) -> Phases:
        phases = shape.run()
        if lot.random() < misses:
            for which in {first, second} - {None}:
                phases[which] = (phases[which][0], phases[which][1] * factor)
        return phases

    return run


def _heavy_tailed(lot: random.Random) -> Project:
    """Each phase is now and then much longer: times of Pareto's kind above the usual."""
    shape = Shape(lot)
    index = lot.uniform(1.5, 3)
    return lambda _: [(name, time * lot.paretovariate(index) ** 0.5) for name, time in shape.run()]


def _with_gaps(lot: random.Random) -> Project:
    """Phases are missing, come twice, or are the script's own."""
    shape = Shape(lot)
    shape.names[lot.randrange(len(shape.names))] = "deploy-docs"
    missing = [lot.choice((0, 0, 0.3, 0.5)) for _ in shape.names]
    twice = lot.choice((0, 0.3))

    def run(_: int) -> Phases:
        phases = [phase for phase, share in zip(shape.run(), missing, strict=True) if lot.random() >= share]
        if lot.random() < twice:
            phases += shape.run()[-1:]
        return phases or shape.run()[:1]

    return run


def _one_phase(lot: random.Random) -> Project:
    """A script that tells no phases."""
    shape = Shape(lot)
    return lambda _: [("building", sum(time for _, time in shape.run()))]


FAMILIES: dict[str, Callable[[random.Random], Project]] = {
    "steady": _steady,
    "drift of 20 %": _drifting,
    "a jump of level": _jumping,
    "two humps": _two_humps,
    "heavy tail": _heavy_tailed,
    "phases missing, own, twice": _with_gaps,
    "one phase": _one_phase,
}


def generated(family: str, seed: int, count: int) -> list[PastRun]:
    """The runs of a made-up project, oldest first."""
    project = FAMILIES[family](random.Random(f"{family} {seed}"))
    return [past_run(number, project(number)) for number in range(count)]


def past_run(number: int, phases: Sequence[tuple[str, float]]) -> PastRun:
    spans = tuple(PastSpan(name, round(time), round(time / 10)) for name, time in phases)
    return PastRun(number, spans, sum(span.duration_ms for span in spans))


def recordings() -> dict[str, list[dict[str, Any]]]:
    """The recorded builds by their kind, oldest first, as `bench.recording` keeps them."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RECORDED.glob("*.json"))}


def recorded() -> dict[str, list[PastRun]]:
    """The same as finished runs."""
    return {
        kind: [
            past_run(number, [(phase["phase"], phase["ms"]) for phase in run["phases"]])
            for number, run in enumerate(runs)
        ]
        for kind, runs in recordings().items()
    }
