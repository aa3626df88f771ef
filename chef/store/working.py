"""Whether a native thread works or waits: a large body takes its time, and is not what hangs."""

from __future__ import annotations

import time

from gevent.monkey import get_original

_get_ident = get_original("threading", "get_ident")

# From one look to the next. Whoever waits for a lock, a disk or a server uses less, also to connect anew.
_LEAST_S = 0.02


def thread_id() -> int:
    """The id of the native thread that calls it."""
    found: int = _get_ident()
    return found


class ThreadLook:
    """Looks at one thread now and then: its CPU time grows while it works.

    Where the system does not tell that of other threads (macOS), it never seems to work.
    """

    def __init__(self) -> None:
        self._thread = 0
        self._used = 0.0

    def has_worked(self, thread: int) -> bool:
        """Whether it has worked since the last look at it."""
        used = _used(thread)
        since = used - self._used if thread == self._thread else 0.0
        self._thread, self._used = thread, used
        return since >= _LEAST_S


def _used(thread: int) -> float:
    """Seconds of CPU time that a thread of this process has used."""
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    except (AttributeError, OSError):
        return 0.0
