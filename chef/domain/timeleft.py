"""The time that an estimate leaves a running job, counted down. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """The time that is left at a moment, in ms: an interval, or `over`, by how much it is over the usual.

    `is_range`: it is what so many runs took, too few for more.
    """

    low: int
    median: int
    high: int
    over: int | None
    is_range: bool
    runs: int


def time_left(eta: dict[str, Any] | None, now: int) -> TimeLeft | None:
    """The time that an estimate (contract, `eta`) leaves at a time (ms): counted down, never below zero."""
    if not eta:
        return None
    passed = max(0, now - round(datetime.fromisoformat(eta["at"]).timestamp() * 1000))
    times = eta["remainingMs"]
    if times is None or times["high"] <= passed:
        over = (eta["overMs"] or 0) + passed if times is None else passed - times["high"]
        return TimeLeft(0, 0, 0, over, eta["range"], eta["runs"])
    low, median, high = (max(0, times[name] - passed) for name in ("low", "median", "high"))
    return TimeLeft(low, median, high, None, eta["range"], eta["runs"])
