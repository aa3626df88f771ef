"""What waits for the next poll of one viewer, counted in bytes, with a word when there is room again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.queue import Empty, JoinableQueue

# A viewer takes no more above the first, and asks for more below the second.
HIGH_WATER_BYTES = 128 * 1024
LOW_WATER_BYTES = 32 * 1024
# Packets in one answer to a poll: python-socketio's client drops the connection over a longer one.
_MOST_AT_ONCE = 16
# What a packet costs besides its text.
_PACKET_BYTES = 100


class Outbox(JoinableQueue[Any]):
    """engineio's queue of packets for a session that polls, counted; `on_drain` is called when it is
    empty enough.
    """

    def __init__(self, on_drain: Callable[[], None]) -> None:
        super().__init__()
        self.bytes = 0
        self.taken_at = time.monotonic()
        self._on_drain = on_drain
        self._full = False
        self._at_once = 0

    def ready(self) -> bool:
        """Whether more may be put in now."""
        if self.bytes >= HIGH_WATER_BYTES:
            self._full = True
        return not self._full

    def stalled_for(self) -> float:
        """Seconds since the connection last took something, while something waits."""
        return time.monotonic() - self.taken_at if self.bytes else 0.0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if not self.bytes:
            self.taken_at = time.monotonic()
        self.bytes += _size(item)
        super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        # engineio takes the first packet of an answer with waiting and the rest without.
        if not block and self._at_once >= _MOST_AT_ONCE:
            raise Empty
        item = super().get(block, timeout)
        self._at_once = 1 if block else self._at_once + 1
        self.bytes -= _size(item)
        self.taken_at = time.monotonic()
        if self._full and self.bytes <= LOW_WATER_BYTES:
            self._full = False
            # Not from here: this is the middle of an answer.
            gevent.get_hub().loop.run_callback(self._on_drain)
        return item

    def take_all(self) -> list[Any]:
        """All that waits, in order: it leaves by another way."""
        return [self.get() for _ in range(self.qsize())]


def _size(packet: Any) -> int:
    data = getattr(packet, "data", None)
    return _PACKET_BYTES + (len(data) if isinstance(data, str | bytes) else 0)
