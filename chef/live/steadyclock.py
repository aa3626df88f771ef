"""The server's clock: the machine's, but for jumps ahead, which are believed only when they last.

A clock that somebody set wrong for a moment would leave times in the future in jobs and events, and the
retention would remove what is not old. Tokens are judged by the machine's own clock all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from chef.domain.clock import Clock, now_ms

log = logging.getLogger(__name__)

STEP_MS = 2000
"""A smaller step ahead is believed at once: that is how clocks are set right."""
HOLD_MS = 5 * 60 * 1000
"""A larger one when the clock has stayed there for so long."""

# Time that passes while the machine sleeps counts, where the system has a clock for that.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_ms() -> int:
    """Milliseconds since some moment in the past, whatever the clock is set to."""
    return time.clock_gettime_ns(_ELAPSED) // 1_000_000


class SteadyClock:
    """Milliseconds since 1970 UTC; a step back is followed at once, since nothing may lie in the future."""

    def __init__(self, wall: Clock = now_ms, elapsed: Callable[[], int] = elapsed_ms) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset = wall() - elapsed()
        self._ahead_since: int | None = None

    def __call__(self) -> int:
        """Now."""
        elapsed = self._elapsed()
        offset = self._wall() - elapsed
        if offset - self._offset <= STEP_MS:
            self._offset, self._ahead_since = offset, None
        elif self._ahead_since is None:
            self._ahead_since = elapsed
            jump = (offset - self._offset) // 1000
            log.warning("the machine's clock jumped ahead by %d s, it is believed if it stays there", jump)
        elif elapsed - self._ahead_since >= HOLD_MS:
            self._offset, self._ahead_since = offset, None
        return elapsed + self._offset
