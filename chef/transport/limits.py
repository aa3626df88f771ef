"""Limits of one client: how much it may send, and how long it may take to say what it wants."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import gevent

# Between two that are late: a thousand may be at once, and the loop must see to its sockets meanwhile.
_BREATH_S = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for ever, and so many at once after a silence (a token bucket)."""

    per_second: float
    burst: int


class Allowance:
    """The rest of a rate that one client has."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._at = time.monotonic()

    def spend(self) -> float:
        """Take one. Below zero it was one too many and is counted, too: a client that goes on falls back."""
        now = time.monotonic()
        filled = self._left + (now - self._at) * self._rate.per_second
        self._at = now
        self._left = min(filled, self._rate.burst) - 1
        return self._left


class Deadlines:
    """Clients that must do something within a time, the same for all; `on_late` is called with a late one.

    One greenlet for all, and none while nobody is waited for.
    """

    def __init__(self, seconds: float, on_late: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._on_late = on_late
        # In the order in which they end, since each begins at the end.
        self._waiting: dict[str, float] = {}
        self._watcher: gevent.Greenlet[..., None] | None = None

    def begin(self, key: str) -> None:
        """Wait for this one, from now."""
        self._waiting.pop(key, None)
        self._waiting[key] = time.monotonic() + self._seconds
        if self._watcher is None or self._watcher.dead:
            self._watcher = gevent.spawn(self._watch)

    def end(self, key: str) -> None:
        """Wait for this one no longer."""
        self._waiting.pop(key, None)

    def _watch(self) -> None:
        while self._waiting:
            key, at = next(iter(self._waiting.items()))
            left = at - time.monotonic()
            if left > 0:
                gevent.sleep(left)
            else:
                del self._waiting[key]
                self._on_late(key)
                gevent.sleep(_BREATH_S)


class Places:
    """Sessions that poll: they hold no connection that would be counted, so they are counted here.

    At most `most` in all, and `per_address` (0: any number) of an address, but for those of peers nearby
    (their address is `None`) and those that have shown a valid token (`free`).
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._taken: dict[str, str | None] = {}
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._taken)

    def refusal(self, address: str | None) -> str | None:
        """The limit that keeps another session of this address out, if one does."""
        if len(self._taken) >= self._most:
            return "connections"
        if address is not None and 0 < self._per_address <= self._of_address[address]:
            return "connections_per_address"
        return None

    def take(self, sid: str, address: str | None) -> None:
        """Count a session."""
        self._taken[sid] = address
        if address is not None:
            self._of_address[address] += 1

    def free(self, sid: str) -> None:
        """It counts in all, and for its address no more."""
        if sid in self._taken:
            self.leave(sid)
            self._taken[sid] = None

    def leave(self, sid: str) -> None:
        """It is over, or has a connection of its own. Nothing happens if it was not counted."""
        address = self._taken.pop(sid, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]
