"""How many viewers other processes have, as far as they have said lately."""

from __future__ import annotations

import time

COUNT_EVERY_S = 5.0
"""So often a process that has viewers says how many."""
_COUNT_LIVES_S = 16.0
# Processes of one store: more than that are none.
_MOST_PROCESSES = 1000


class OtherViewers:
    """The newest count of each process; that of one that fell silent is forgotten."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}

    def hear(self, process: str, count: int) -> None:
        """A process has so many viewers now."""
        self._counts.pop(process, None)
        if count:
            self._counts[process] = count, time.monotonic() + _COUNT_LIVES_S
        if len(self._counts) > _MOST_PROCESSES:
            del self._counts[next(iter(self._counts))]

    @property
    def total(self) -> int:
        """The viewers of all of them."""
        now = time.monotonic()
        return sum(count for count, until in self._counts.values() if now < until)
