"""How late the event loop is: whatever keeps it busy in one piece holds up every viewer and every request."""

from __future__ import annotations

import time
from typing import Any

from gevent import get_hub

from chef.metrics import Durations

PERIOD_S = 0.1
"""So often it is looked at. What holds it up for longer than that is seen for certain."""
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopWatch:
    """A timer that notes by how much it is late. It costs some microseconds each time, and no greenlet."""

    def __init__(self) -> None:
        self.lateness = Durations(BOUNDS_S)
        self._timer: Any = None
        self._due = 0.0

    def start(self) -> None:
        """Begin to look; needs the event loop."""
        if self._timer is None:
            self._timer = get_hub().loop.timer(PERIOD_S, PERIOD_S, ref=False)
            self._wait()

    def close(self) -> None:
        """Look no longer."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            timer.close()

    def _wait(self) -> None:
        self._due = time.monotonic() + PERIOD_S
        # Not `start`: a timer that has run would go off at once.
        self._timer.again(self._look, update=True)

    def _look(self) -> None:
        self.lateness.observe(max(0.0, time.monotonic() - self._due))
        self._wait()
