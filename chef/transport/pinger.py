"""Heartbeats: one greenlet pings all sessions and ends those that do not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import gevent

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


class _DelayQueue:
    """Has a turn with each session a constant time after it was added: so first in, first out."""

    def __init__(self, delay: float, act: Callable[[Pinged, float], None]) -> None:
        self._delay = delay
        self._grain = min(_GRAIN_S, delay / 20)
        self._act = act
        # When it is due, and the mark that it was added with.
        self._sessions: dict[Pinged, tuple[float, float]] = {}
        self._runs = False

    def add(self, session: Pinged, mark: float = 0.0) -> None:
        self.remove(session)
        self._sessions[session] = (time.monotonic() + self._delay, mark)
        if not self._runs:
            self._runs = True
            gevent.spawn(self._run)

    def remove(self, session: Pinged) -> None:
        self._sessions.pop(session, None)

    def _run(self) -> None:
        try:
            while self._sessions:
                due, _ = next(iter(self._sessions.values()))
                gevent.sleep(max(due - time.monotonic(), 0) + self._grain)
                self._serve(time.monotonic())
        finally:
            self._runs = False

    def _serve(self, now: float) -> None:
        while self._sessions:
            session, (due, mark) = next(iter(self._sessions.items()))
            if due > now:
                break
            del self._sessions[session]
            self._act(session, mark)


class Pinger:
    """Pings each session an interval after its last answer, and has it closed a timeout after that."""

    def __init__(self, interval: float, timeout: float) -> None:
        self._resting = _DelayQueue(interval, self._ping)
        self._asked = _DelayQueue(timeout, lambda session, mark: session.expire(mark))

    def add(self, session: Pinged) -> None:
        """Ping a session when the interval has passed."""
        self._resting.add(session)

    def remove(self, session: Pinged) -> None:
        """Keep nothing of a session that has ended."""
        self._resting.remove(session)
        self._asked.remove(session)

    def _ping(self, session: Pinged, _mark: float) -> None:
        mark = session.ping()
        if mark is not None:
            self._asked.add(session, mark)
