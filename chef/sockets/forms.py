"""The forms in which viewers take events: as WebSocket frames that all share, or with an offset of their own.

Sources: socket.io-protocol v5 (an EVENT packet) in engine.io-protocol v4 (a MESSAGE packet).
"""

from __future__ import annotations

from collections.abc import Sequence

from chef.access.levels import Level
from chef.live.events import Event
from chef.transport.frames import TEXT, frame


class FrameForm:
    """Events as WebSocket frames that all viewers share: encoded once, for the default namespace.

    Viewers that poll get the packet out of the frame.
    """

    def __init__(self, *, batch: bool, level: Level = "log") -> None:
        self.batch = batch
        self.level: Level = level

    def encode(self, event: Event) -> bytes:
        """The frame of an event: an EVENT packet in a MESSAGE packet."""
        return frame(TEXT, f'42["{event.name}",{event.data}]'.encode())

    def join(self, frames: Sequence[bytes]) -> Sequence[bytes]:
        """Frames that leave together are one write."""
        return (b"".join(frames),) if len(frames) > 1 else frames


class EventForm:
    """Events as they are, for viewers whose packets carry an offset of their own (`offset_frame`)."""

    def __init__(self, *, batch: bool, level: Level = "log") -> None:
        self.batch = batch
        self.level: Level = level

    def encode(self, event: Event) -> Event:
        """The event itself: the JSON text is shared, the packet is not."""
        return event

    def join(self, frames: Sequence[Event]) -> Sequence[Event]:
        """The same: each becomes a packet of its own."""
        return frames


def offset_frame(event: Event, offset: str) -> bytes:
    """An EVENT packet with the offset of connection state recovery as its last argument."""
    return frame(TEXT, f'42["{event.name}",{event.data},"{offset}"]'.encode())
