"""A WebSocket on which a client that polls tries whether it may move (engine.io-protocol v4, "Upgrade")."""

from __future__ import annotations

from typing import Protocol

import gevent
from engineio import packet

from chef.transport.frames import TEXT, BrokenRule, frame
from chef.transport.websocket import WebSocket

_PROBE, _PROBED, _UPGRADE = f"{packet.PING}probe", f"{packet.PONG}probe", str(packet.UPGRADE)


class Movable(Protocol):
    """The session that may move to a WebSocket."""

    def end_poll(self) -> None:
        """Answer the poll that waits, if one does: the client pauses polling while it moves."""
        ...

    def move_to(self, websocket: WebSocket) -> None:
        """Be carried by this from now on."""
        ...

    def stay(self) -> None:
        """Go on polling."""
        ...


class Probe:
    """The owner of the WebSocket that is tried; whatever comes of it, the session goes on."""

    def __init__(self, session: Movable, websocket: WebSocket, limit_s: float) -> None:
        self._session = session
        self._websocket = websocket
        self._limit = gevent.spawn_later(limit_s, self.close)

    def take(self, message: str | bytes) -> None:
        """A message came on the WebSocket: probes, then UPGRADE, and nothing else.

        Some clients (elephant.io) do without a probe, and the reference implementation takes that.
        """
        if message == _PROBE:
            self._websocket.send(frame(TEXT, _PROBED.encode()))
            self._session.end_poll()
        elif isinstance(message, str) and message.startswith(_UPGRADE):
            self._limit.kill(block=False)
            self._session.move_to(self._websocket)
        else:
            self.close()

    def drained(self) -> None:
        """Nothing waits for it."""

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over before it was of use."""
        self.close()

    def close(self) -> None:
        """Give the WebSocket up."""
        self._limit.kill(block=False)
        self._websocket.close()
        self._session.stay()
