"""Heartbeats: one greenlet pings all sessions and ends those that do not answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import gevent

T = TypeVar("T")

# Sessions whose time comes within this, or within a twentieth of their time, are served in one turn.
_GRAIN_S = 0.1


class Pinged(Protocol):
    """A session as the pinger knows it."""

    def ping(self) -> float | None:
        """Send a ping; returns a mark that `answered` knows again, `None` if the session is over."""
        ...

    def expire(self, mark: float) -> None:
        """The time to answer is up: close the session if that ping is still unanswered."""
        ...


class _Line(Generic[T]):
    """Does something with each of its items a constant time after it was added: so first in, first out."""

    def __init__(self, delay: float, act: Callable[[T], None]) -> None:
        self._delay = delay
        self._grain = min(_GRAIN_S, delay / 20)
        self._act = act
        self._items: deque[tuple[float, T]] = deque()
        self._runs = False

    def add(self, item: T) -> None:
        self._items.append((time.monotonic() + self._delay, item))
        if not self._runs:
            self._runs = True
            gevent.spawn(self._run)

    def _run(self) -> None:
        while self._items:
            gevent.sleep(max(self._items[0][0] - time.monotonic(), 0) + self._grain)
            now = time.monotonic()
            while self._items and self._items[0][0] <= now:
                self._act(self._items.popleft()[1])
        self._runs = False


class Pinger:
    """Pings each session an interval after its last answer, and has it closed a timeout after that."""

    def __init__(self, interval: float, timeout: float) -> None:
        self._resting: _Line[Pinged] = _Line(interval, self._ping)
        self._asked: _Line[tuple[Pinged, float]] = _Line(timeout, lambda asked: asked[0].expire(asked[1]))

    def add(self, session: Pinged) -> None:
        """Ping a session when the interval has passed."""
        self._resting.add(session)

    def _ping(self, session: Pinged) -> None:
        mark = session.ping()
        if mark is not None:
            self._asked.add((session, mark))
