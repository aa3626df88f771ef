"""Whether this process is to be sent work: what a load balancer asks, and is told before the door closes."""

from __future__ import annotations

from math import inf
from time import monotonic

from gevent.event import Event

# A balancer that has asked within this time asks again.
_WATCHED_S = 30


class Readiness:
    """Ready until `leave`."""

    def __init__(self) -> None:
        self._asked_at = -inf
        self._left = False
        self._told = Event()

    def ask(self) -> bool:
        """A balancer's question: whether to send more."""
        self._asked_at = monotonic()
        if self._left:
            self._told.set()
        return not self._left

    def leave(self, patience_s: float) -> None:
        """Be ready no more, and give a balancer that has asked lately the time to ask once again."""
        self._left = True
        if monotonic() - self._asked_at < _WATCHED_S:
            self._told.wait(patience_s)
