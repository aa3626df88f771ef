"""Packets that wait for one viewer's next poll, counted in bytes, with a word when there is room again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import gevent
from engineio.packet import Packet
from gevent.event import Event

# A viewer takes no more above the first, and asks for more below the second.
HIGH_WATER_BYTES = 128 * 1024
LOW_WATER_BYTES = 32 * 1024
# Packets in one answer to a poll: python-socketio's client drops the connection over a longer one, others
# take what they are given.
MOST_AT_ONCE = 16
MANY_AT_ONCE = 1000
# The cost of a packet besides its text.
_PACKET_BYTES = 100


class PollQueue:
    """The packets of a session that polls, in order; `on_drain` is called when they are few enough again."""

    def __init__(self, on_drain: Callable[[], None]) -> None:
        self.bytes = 0
        self.taken_at = time.monotonic()
        self._packets: deque[Packet] = deque()
        self._on_drain = on_drain
        self._full = False
        self._changed = Event()

    def ready(self) -> bool:
        """Whether more may be put in now."""
        if self.bytes >= HIGH_WATER_BYTES:
            self._full = True
        return not self._full

    def stalled_for(self) -> float:
        """Seconds since the client last took something, while something waits."""
        return time.monotonic() - self.taken_at if self._packets else 0.0

    def put(self, packet: Packet) -> None:
        """Have a packet wait; never waits itself."""
        if not self._packets:
            self.taken_at = time.monotonic()
        self.bytes += _size(packet)
        self._packets.append(packet)
        self._changed.set()

    def wake(self) -> None:
        """Have a poll that waits for packets look again."""
        self._changed.set()

    def wait(self, timeout: float) -> bool:
        """Wait for a packet or a `wake`; False at the time limit."""
        return bool(self._changed.wait(timeout))

    def take(self, most: int = MOST_AT_ONCE) -> list[Packet]:
        """The packets that have waited longest; empty if none waits."""
        taken = [self._packets.popleft() for _ in range(min(most, len(self._packets)))]
        if not self._packets:
            self._changed.clear()
        if taken:
            self.taken_at = time.monotonic()
            self.bytes -= sum(map(_size, taken))
        if self._full and self.bytes <= LOW_WATER_BYTES:
            self._full = False
            # Not from here: this is the middle of an answer.
            gevent.get_hub().loop.run_callback(self._on_drain)
        return taken

    def take_all(self) -> list[Packet]:
        """All that waits, in order: it leaves by another way."""
        return self.take(len(self._packets))


def _size(packet: Packet) -> int:
    data = packet.data
    return _PACKET_BYTES + (len(data) if isinstance(data, str | bytes) else 0)
