"""One Engine.IO session: what the library calls a socket, whichever transport carries it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count as count_from
from typing import Any

import engineio.socket
import gevent
from engineio import packet

from chef.transport.enginepackets import decode_message
from chef.transport.frames import BINARY, TEXT, TOO_BIG, BrokenRule, frame, payloads
from chef.transport.outbox import Outbox
from chef.transport.packets import BadPacket
from chef.transport.websocket import WebSocket

# So long after the answer to its upgrade a client is sent OPEN: some listen for messages only after "open",
# and what is read together with the answer would pass them by.
_APART_S = 0.001
# Messages of one client that are handled before others have their turn.
_SLICE = 8
# What a client has sent and nobody has looked at yet: beyond this the client is not read.
_MOST_WAITING = 64
_MOST_WAITING_BYTES = 64 * 1024

_PROBE, _PROBED = f"{packet.PING}probe", f"{packet.PONG}probe"
_UPGRADE, _PONG = str(packet.UPGRADE), str(packet.PONG)


@dataclass(frozen=True, slots=True)
class _Lost:
    """Stands behind the last message of a connection that is over."""

    broken: BrokenRule | None


class EngineSocket(engineio.socket.Socket):
    """A session of one client; `EngineServer` makes it and keeps it in `sockets` by its `sid`.

    On a WebSocket it has neither a queue nor a greenlet: what is sent goes to the connection, and what
    comes is handled by a worker, one at a time while something waits, so in order. A session that
    polls has a queue, counted.
    """

    connected: bool
    upgrading: bool
    upgraded: bool
    closing: bool
    closed: bool
    last_ping: float | None
    heard_at = 0.0
    """When a client that polls last answered a ping (monotonic seconds)."""

    def __init__(self, server: Any, sid: str) -> None:
        self._queue: Outbox | None = None
        self._inbox: list[Any] = []
        self._inbox_bytes = 0
        self._works = False
        self.websocket: WebSocket | None = None
        self.probe: _Probe | None = None
        self.on_drain: Callable[[], None] | None = None
        super().__init__(server, sid)

    @property
    def queue(self) -> Outbox:
        """The packets that wait for the next poll; made when first needed."""
        if self._queue is None:
            self._queue = Outbox(self._on_drain)
        return self._queue

    @queue.setter
    def queue(self, made_by_server: None) -> None:
        """The base class asks the server for a queue at once; the server makes none."""

    def _on_drain(self) -> None:
        if self.on_drain is not None:
            self.on_drain()

    # Sending

    @property
    def ready(self) -> bool:
        """Whether the client takes more events now; once it does again, `on_drain` is called."""
        if self.websocket is not None:
            return not self.websocket.full
        return self._queue is None or self._queue.ready()

    def send(self, pkt: packet.Packet) -> None:
        """Send a packet; never waits."""
        if self.closed:
            return
        if self.websocket is None:
            self.queue.put(pkt)
        elif pkt.binary:
            self.websocket.send(frame(BINARY, pkt.encode()))
        else:
            self.websocket.send(frame(TEXT, pkt.encode().encode()))

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Send text packets that are WebSocket frames already, each one or several; never waits."""
        websocket = self.websocket
        if websocket is not None:
            for data in frames:
                websocket.send(data)
            return
        if self.closed:
            return
        for data in frames:
            for payload in payloads(data):
                self.queue.put(packet.Packet(packet.MESSAGE, payload[1:].decode()))

    def stalled_for(self) -> float:
        """Seconds since the client last took something, while something waits."""
        if self.websocket is not None:
            return time.monotonic() - self.websocket.moved_at if self.websocket.unsent else 0.0
        return self._queue.stalled_for() if self._queue is not None else 0.0

    # Heartbeat

    def schedule_ping(self) -> None:
        """Ping again after the interval, if the ping before has been answered."""
        if self.last_ping:
            self.last_ping = None
            self.server.pinger.add(self)

    def ping(self) -> float | None:
        """Send a ping; returns when."""
        if self.closing or self.closed:
            return None
        self.last_ping = time.time()
        self.send(packet.Packet(packet.PING))
        return self.last_ping

    def expire(self, mark: float) -> None:
        """Close, if the ping of that time was not answered."""
        if self.last_ping == mark and not self.closing:
            gevent.spawn(self.close, wait=False, reason=self.server.reason.PING_TIMEOUT)

    # WebSocket

    def open_websocket(self, environ: dict[str, Any], opening: packet.Packet) -> None:
        """Be carried by the connection of a request that was upgraded; `opening` is its first packet."""
        self.connected = self.upgraded = True
        self.websocket, early = self._detach(environ, self)
        timer = gevent.get_hub().loop.timer(_APART_S)
        timer.start(self._open, opening, early, timer)

    def _open(self, opening: packet.Packet, early: bytes, timer: Any) -> None:
        timer.close()
        if self.websocket is not None:
            self.send(opening)
            self.websocket.begin(early)

    def begin_upgrade(self, environ: dict[str, Any]) -> None:
        """Move from polling to a WebSocket, once the client has tried it; a second one is closed."""
        if self.upgraded or self.upgrading or self.closed:
            self._detach(environ, None)[0].close()
            return
        self.upgrading = True  # Polls are not left waiting from here on.
        websocket, early = self._detach(environ, None)
        self.probe = _Probe(self, websocket)
        websocket.belongs_to(self.probe)
        websocket.begin(early)

    def end_poll(self) -> None:
        """Answer the poll that waits, if one does: the client pauses polling while it moves."""
        if self.server.polling.is_polled(self.sid):
            self.queue.put(packet.Packet(packet.NOOP))

    def _detach(self, environ: dict[str, Any], owner: Any) -> tuple[WebSocket, bytes]:
        detached, early, release = environ["wsgi.websocket"].handler.detach()
        return WebSocket(detached, owner, self.server.max_http_buffer_size, release), early

    def move_to(self, websocket: WebSocket) -> None:
        """Be carried by this from now on; what waits for a poll goes first."""
        self.upgraded, self.upgrading = True, False
        self.server.places.leave(self.sid)
        self.probe = None
        self.websocket = websocket
        websocket.belongs_to(self)
        if self._queue is not None:
            for pkt in self._queue.take_all():
                if pkt.packet_type != packet.NOOP:
                    self.send(pkt)
            self._queue.wake()

    def take(self, message: str | bytes) -> None:
        """A message came; called in the event loop's callbacks."""
        if message == _PONG:
            self.schedule_ping()
            return
        self._inbox.append(message)
        self._inbox_bytes += len(message)
        self._work_soon()
        if len(self._inbox) >= _MOST_WAITING or self._inbox_bytes >= _MOST_WAITING_BYTES:
            self._pause()

    def _pause(self) -> None:
        if self.websocket is not None:
            self.websocket.pause()

    def drained(self) -> None:
        """The connection takes more again: handle what was left waiting, go on with events."""
        self._work_soon()
        self._on_drain()

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over; what came before is handled first."""
        self._inbox.append(_Lost(broken))
        self._work_soon()

    def _work_soon(self) -> None:
        if self._inbox and not self._works:
            self._works = True
            self.server.workers.run(self._work)

    def _work(self) -> None:
        """Handle what waits, in order; answers that the client does not take hold it up."""
        try:
            for count in count_from(1):
                if count % _SLICE == 0:
                    gevent.sleep(0)
                if not self._inbox or not self.ready:
                    break
                message = self._inbox.pop(0)
                if isinstance(message, _Lost):
                    self._end(message.broken)
                    break
                self._inbox_bytes -= len(message)
                self._handle(message)
        finally:
            self._works = False
        if not self.closed and not self._inbox and self.websocket is not None:
            self.websocket.resume()

    def _handle(self, message: str | bytes) -> None:
        try:
            kind, data = decode_message(message)
        except BadPacket as fault:
            self.server.end(self.sid, "bad_packet", str(fault))
            return
        self.handle(kind, data)

    def handle(self, kind: int, data: str | bytes) -> None:
        """Do what a packet of the client asks for."""
        if kind == packet.MESSAGE:
            self.server._trigger_event("message", self.sid, data)
        elif kind == packet.PONG:
            self.schedule_ping()
        elif kind == packet.CLOSE:
            self.close(wait=False, abort=True, reason=self.server.reason.CLIENT_DISCONNECT)

    def _end(self, broken: BrokenRule | None) -> None:
        if broken is not None:
            reason = "frame_bytes" if broken.code == TOO_BIG else "bad_frame"
            self.server.end(self.sid, reason, broken.reason)
        self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the session; a WebSocket's descriptor is free some seconds later at the latest."""
        if self.closed or self.closing:
            return
        self.closing = True
        self.server._trigger_event(
            "disconnect", self.sid, reason or self.server.reason.SERVER_DISCONNECT, run_async=False
        )
        if not abort:
            self.send(packet.Packet(packet.CLOSE))
        self.closed = True
        if self.probe is not None:
            self.probe.close()
        self.on_drain = None
        self._inbox.clear()
        if self.websocket is not None:
            self.websocket.close()
            self.websocket = None
        elif self._queue is not None:
            self._queue.wake()
        self.server.places.leave(self.sid)
        self.server.pinger.remove(self)
        self.server.sockets.pop(self.sid, None)


class _Probe:
    """A WebSocket on which a client that polls tries whether it may move (engine.io-protocol, "Upgrade").

    Whatever comes of it, the session goes on: on the WebSocket after UPGRADE, else by polling.
    """

    def __init__(self, session: EngineSocket, websocket: WebSocket) -> None:
        self._session = session
        self._websocket = websocket
        self._probed = False
        self._limit = gevent.spawn_later(session.server.upgrade_timeout, self.close)

    def take(self, message: str | bytes) -> None:
        """A message came on the WebSocket."""
        websocket, session = self._websocket, self._session
        if message == _PROBE and not self._probed:
            self._probed = True
            websocket.send(frame(TEXT, _PROBED.encode()))
            session.end_poll()
        elif message == _UPGRADE and self._probed:
            self._limit.kill(block=False)
            session.move_to(websocket)
        else:
            self.close()

    def drained(self) -> None:
        """Nothing waits for it."""

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over before it was of use."""
        self._limit.kill(block=False)
        self._websocket.close()
        self._session.probe = None
        self._session.upgrading = False

    def close(self) -> None:
        """Go on polling."""
        self.lost(None)
