"""The way to one client, whichever transport it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from engineio import packet

from chef.transport.frames import payloads
from chef.transport.websocket import WebSocket


class Channel(Protocol):
    """The way to one client; an `EngineSession` is one."""

    on_drain: Callable[[], None] | None

    @property
    def websocket(self) -> WebSocket | None:
        """The WebSocket that carries it; `None` where it polls."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it takes more now; once it does again, `on_drain` is called."""
        ...

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Send frames, each one or several that were joined; never waits."""
        ...

    def stalled_for(self) -> float:
        """Seconds since it last took something, while something waits."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class SessionlessChannel:
    """The way to Flask-SocketIO's test client, which has no session: it replaces the server's method."""

    on_drain: Callable[[], None] | None = None
    ready = True
    websocket = None

    def __init__(self, server: Any, eio_sid: str) -> None:
        self._server = server
        self._eio_sid = eio_sid

    def send_frames(self, frames: Sequence[bytes]) -> None:
        for data in frames:
            for payload in payloads(data):
                message = packet.Packet(packet.MESSAGE, payload[1:].decode())
                self._server._send_eio_packet(self._eio_sid, message)

    def stalled_for(self) -> float:
        return 0.0

    def close(self) -> None:
        """There is nothing to end."""
