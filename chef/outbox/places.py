"""Places that did not answer, or asked for patience: when they are asked again. Pure, but for chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 60.0
"""Times between tries double up to here, so that a place that is back is told soon."""


@dataclass(slots=True)
class _TriedPlace:
    failures: int = 0
    until: float = 0.0
    busy: int = 0


def wait_after(failures: int) -> float:
    """Seconds to the next try after so many that failed one after the other.

    With chance, so that what failed together does not come back together.
    """
    grown = min(FIRST_S * 2.0 ** min(failures - 1, 16), LONGEST_S)
    return grown * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class TargetPlaces:
    """By name; times are `time.monotonic`. One that has failed is asked by one at a time."""

    def __init__(self) -> None:
        self._places: dict[str, _TriedPlace] = {}

    def wait_until(self, name: str, now: float) -> float | None:
        """When a place may be asked; `now` at once, `None` once somebody who asks it is answered."""
        place = self._places.get(name)
        if place is None or not place.failures:
            return now
        return None if place.busy else max(now, place.until)

    def enter(self, name: str) -> None:
        """It is being asked."""
        self._places.setdefault(name, _TriedPlace()).busy += 1

    def leave(self, name: str) -> None:
        """It is not any more."""
        self._places[name].busy -= 1

    def fail(self, name: str, now: float, after_s: float | None) -> tuple[float, bool]:
        """It wants to be asked later: when, and whether this is the first time."""
        place = self._places.setdefault(name, _TriedPlace())
        if now < place.until:  # Asked together with one that was answered so before.
            return place.until, False
        place.failures += 1
        place.until = now + max(wait_after(place.failures), after_s or 0.0)
        return place.until, place.failures == 1

    def succeed(self, name: str) -> bool:
        """It answered; whether it had failed before."""
        place = self._places.setdefault(name, _TriedPlace())
        failed, place.failures, place.until = place.failures > 0, 0, 0.0
        return failed
