"""Greenlets for what the event loop's callbacks must not do themselves, since it may have to wait.

A new greenlet costs ten times what it takes to hand something to one that is there: its stack is fresh
memory. So a greenlet that has done its work takes more, instead of ending.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gevent import get_hub
from gevent.threadpool import ThreadPool
from greenlet import getcurrent, greenlet

T = TypeVar("T")

# More than that wait for work only after many were held up at once; their memory is given back.
_MOST_IDLE = 16


class Workers:
    """As many greenlets as there are pieces of work that wait for something, and one."""

    def __init__(self) -> None:
        self._idle: list[Any] = []

    def run(self, work: Callable[..., object], *args: Any) -> None:
        """Do this soon; what was asked for before begins before. Never waits."""
        get_hub().loop.run_callback(self._begin, work, args)

    def _begin(self, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Called in the loop, which goes on when the work is done or has to wait."""
        if not self._idle:
            greenlet(self._serve, get_hub()).switch()  # It is idle at once.
        worker = self._idle.pop()
        # Context variables that one piece of work has set are nothing to the next.
        worker.gr_context = None
        worker.switch(work, args)

    def _serve(self) -> None:
        this, hub = getcurrent(), get_hub()
        while len(self._idle) < _MOST_IDLE:
            self._idle.append(this)
            work, args = hub.switch()
            try:
                work(*args)
            except BaseException as fault:  # noqa: BLE001 - what to do with which is for gevent to decide
                hub.handle_error(this, *sys.exc_info())
                if not isinstance(fault, Exception):
                    return  # It was killed, not just its work.
            # Nothing of it is kept alive by a worker that waits.
            work = args = None


class SideThread:
    """A native thread for computations that take long: one after the other, while greenlets go on."""

    def __init__(self) -> None:
        self._pool: ThreadPool | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Compute something and wait for it; the thread begins with the first."""
        if self._pool is None:
            self._pool = ThreadPool(1)

        def outcome() -> tuple[T | None, Exception | None]:
            # Returned, since gevent prints what is raised in its threads.
            try:
                return work(), None
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                return None, error

        result, error = self._pool.apply(outcome)
        if error is not None:
            raise error
        return cast("T", result)

    def close(self) -> None:
        """End the thread, once it has done what it was given."""
        if self._pool is not None:
            self._pool.kill()
