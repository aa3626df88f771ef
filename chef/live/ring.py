"""The newest entries of a log, in order and without a hole. Pure: no event loop, no store."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar


class Positioned(Protocol):
    """An entry of a log: it follows on the position `before` and ends at `position`.

    `size` is about how many bytes it keeps in memory.
    """

    @property
    def before(self) -> int: ...

    @property
    def position(self) -> int: ...

    @property
    def size(self) -> int: ...


E = TypeVar("E", bound=Positioned)


class Ring(Generic[E]):
    """The newest entries of a log, at most `max_bytes` of them and at least one.

    `head` is the highest position known to be stored. `end` is where the entries end, also while there are
    none; it lags behind `head` where something was written elsewhere, and is unknown (`None`) until
    somebody has seen the log.
    """

    def __init__(self, max_bytes: int) -> None:
        self.head = 0
        self.end: int | None = None
        self._max_bytes = max_bytes
        self._entries: list[E] = []
        self._positions: list[int] = []
        self._bytes = 0

    @property
    def size(self) -> int:
        """About how many bytes the entries keep in memory."""
        return self._bytes

    def append(self, entry: E) -> None:
        """Take a new entry, once and in order; anything else only moves the head."""
        self.head = max(self.head, entry.position)
        if self.end is not None and entry.position <= self.end:
            return
        if self.end is not None and entry.before != self.end:
            self._clear()  # Something between is missing: the entries begin anew.
        self._entries.append(entry)
        self._positions.append(entry.position)
        self.end = entry.position
        self._bytes += entry.size
        self._trim()

    def _trim(self) -> None:
        drop = 0
        while self._bytes > self._max_bytes and drop < len(self._entries) - 1:
            self._bytes -= self._entries[drop].size
            drop += 1
        if drop:
            del self._entries[:drop], self._positions[:drop]

    def after(self, position: int) -> Sequence[E] | None:
        """The entries after a position; `None` where they do not reach back that far."""
        begin = self._entries[0].before if self._entries else self.end
        if begin is None or position < begin:
            return None
        return self._entries[bisect_right(self._positions, position) :]

    def raise_head(self, head: int) -> bool:
        """Somebody saw the log at `head`; returns whether that is news."""
        if self.end is None:
            self.end = head
        if head <= self.head:
            return False
        self.head = head
        return True

    def restart(self, head: int) -> None:
        """Another log has taken the place of this one, and goes up to `head`."""
        self._clear()
        self.head, self.end = head, 0

    def forget(self) -> None:
        """Keep none of the entries, which are to be read anew."""
        self._clear()

    def _clear(self) -> None:
        self._entries, self._positions, self._bytes = [], [], 0
