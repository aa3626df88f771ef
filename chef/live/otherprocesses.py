"""What the other processes of a store said of themselves lately."""

from __future__ import annotations

import time

TELL_EVERY_S = 5.0
"""So often a process that has viewers or followers says so."""
_LIVES_S = 16.0
# Processes of one store: more than that are none.
_MOST_PROCESSES = 1000


class OtherProcesses:
    """The newest word of each that has viewers or followers; one that fell silent is forgotten."""

    def __init__(self) -> None:
        # Viewers, whether it follows a log, and until when this holds.
        self._said: dict[str, tuple[int, bool, float]] = {}

    def hear(self, process: str, viewers: int, *, follows: bool) -> None:
        """A process has so many viewers now; `follows`: somebody there waits for news of a log."""
        self._said.pop(process, None)
        if viewers or follows:
            self._said[process] = viewers, follows, time.monotonic() + _LIVES_S
        if len(self._said) > _MOST_PROCESSES:
            del self._said[next(iter(self._said))]

    @property
    def viewers(self) -> int:
        """The viewers of all of them."""
        now = time.monotonic()
        return sum(viewers for viewers, _, until in self._said.values() if now < until)

    @property
    def follow(self) -> bool:
        """Whether anybody there waits for news."""
        now = time.monotonic()
        return any(follows and now < until for _, follows, until in self._said.values())
