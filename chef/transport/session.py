"""One Engine.IO session, whichever transport carries it. `chef.transport.states` has its states."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import engineio
import gevent
from engineio import packet

from chef.greenlets import Workers
from chef.transport.enginepackets import decode_message
from chef.transport.frames import BINARY, TEXT, TOO_BIG, BrokenRule, frame, payloads
from chef.transport.inbox import Inbox
from chef.transport.limits import Places
from chef.transport.packets import BadPacket
from chef.transport.pinger import Pinger
from chef.transport.pollqueue import PollQueue
from chef.transport.probe import Probe
from chef.transport.states import SESSION_CHANGES, SessionState, change
from chef.transport.websocket import Owner, WebSocket

log = logging.getLogger(__name__)

Reason = engineio.Server.reason
"""Why a session ended, in the words that python-socketio's handlers of `disconnect` are given."""

# So long after the answer to its upgrade a client is sent OPEN: some listen for messages only after "open",
# and what is read together with the answer would pass them by.
_APART_S = 0.001
_PONG, _MESSAGE = str(packet.PONG), str(packet.MESSAGE).encode()
_ENDING = (SessionState.CLOSING, SessionState.CLOSED)


@dataclass(frozen=True, slots=True)
class _Lost:
    """Stands behind the last message of a connection that is over."""

    broken: BrokenRule | None


class SessionServer(Protocol):
    """The server that a session belongs to, as far as the session knows it."""

    pinger: Pinger
    places: Places
    workers: Workers
    max_http_buffer_size: int
    upgrade_timeout: float

    def trigger(self, event: str, *args: Any) -> None:
        """Have an event handled by whoever listens; faults of the handler end here."""
        ...

    def end(self, sid: str, reason: str, words: str) -> None:
        """End a session for what its client did: it is counted, and told in one line."""
        ...

    def forget(self, session: EngineSession) -> None:
        """Have the session in no table any more."""
        ...


class EngineSession:
    """A session of one client; `EngineServer` makes it and keeps it by its `sid`.

    On a WebSocket it has neither a queue nor a greenlet: what is sent goes to the connection, and what
    comes is handled by a worker while something waits (`Inbox`). A session that polls has a queue, counted.
    """

    __slots__ = (
        "_inbox",
        "_pinged_at",
        "_probe",
        "_queue",
        "_server",
        "data",
        "heard_at",
        "on_drain",
        "polled",
        "sid",
        "state",
        "websocket",
    )

    def __init__(self, server: SessionServer, sid: str) -> None:
        self.sid = sid
        self.state = SessionState.POLLING
        self.websocket: WebSocket | None = None
        self.on_drain: Callable[[], None] | None = None
        self.data: dict[str, Any] | None = None
        """The application's own values for it (python-socketio's `get_session`), once it has some."""
        # Whether a request waits for its packets.
        self.polled = False
        # When a client that polls last answered a ping (monotonic seconds).
        self.heard_at = 0.0
        # When a ping was sent that is not answered yet; before the first one, when the session began.
        self._pinged_at: float | None = time.monotonic()
        self._server = server
        self._queue: PollQueue | None = None
        self._probe: Probe | None = None
        self._inbox = Inbox(self, server.workers)

    @property
    def queue(self) -> PollQueue:
        """The packets that wait for the next poll; made when first needed."""
        if self._queue is None:
            self._queue = PollQueue(self.drained)
        return self._queue

    def _become(self, state: SessionState) -> None:
        self.state = change(SESSION_CHANGES, self.state, state, log, self.sid)

    # Sending

    @property
    def ready(self) -> bool:
        """Whether the client takes more events now; once it does again, `on_drain` is called."""
        if self.websocket is not None:
            return not self.websocket.full
        return self._queue is None or self._queue.ready()

    def send(self, pkt: packet.Packet) -> None:
        """Send a packet; never waits."""
        if self.state is SessionState.CLOSED:
            return
        if self.websocket is None:
            self.queue.put(pkt)
        elif pkt.binary:
            self.websocket.send(frame(BINARY, pkt.encode()))
        else:
            self.websocket.send(frame(TEXT, pkt.encode().encode()))

    def send_message(self, data: str | bytes) -> None:
        """Send a message, for which no packet need be made where a WebSocket carries it; never waits."""
        if self.websocket is None:
            self.send(packet.Packet(packet.MESSAGE, data))
        elif isinstance(data, str):
            self.websocket.send(frame(TEXT, _MESSAGE + data.encode()))
        else:
            self.websocket.send(frame(BINARY, data))

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Send text packets that are WebSocket frames already, each one or several; never waits."""
        websocket = self.websocket
        if websocket is not None:
            for data in frames:
                websocket.send(data)
            return
        if self.state is SessionState.CLOSED:
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
        if self._pinged_at is not None:
            self._pinged_at = None
            self._server.pinger.add(self)

    def ping(self) -> float | None:
        """Send a ping; returns when."""
        if self.state in _ENDING:
            return None
        self._pinged_at = time.monotonic()
        self.send(packet.Packet(packet.PING))
        return self._pinged_at

    def expire(self, mark: float) -> None:
        """Close, if the ping of that time was not answered."""
        if self._pinged_at == mark and self.state not in _ENDING:
            gevent.spawn(self.close, reason=Reason.PING_TIMEOUT)

    # WebSocket

    def open_websocket(self, environ: dict[str, Any], opening: packet.Packet) -> None:
        """Be carried by the connection of a request that was upgraded; `opening` is its first packet."""
        self._become(SessionState.WEBSOCKET)
        self.websocket, early = _detach(environ, self, self._server)
        timer = gevent.get_hub().loop.timer(_APART_S)
        timer.start(self._open, opening, early, timer)

    def _open(self, opening: packet.Packet, early: bytes, timer: Any) -> None:
        timer.close()
        if self.websocket is not None:
            self.send(opening)
            self.websocket.begin(early)

    def begin_upgrade(self, environ: dict[str, Any]) -> None:
        """Move from polling to a WebSocket, once the client has tried it; a second one is closed."""
        if self.state is not SessionState.POLLING:
            _detach(environ, None, self._server)[0].close()
            return
        self._become(SessionState.UPGRADING)
        websocket, early = _detach(environ, None, self._server)
        self._probe = Probe(self, websocket, self._server.upgrade_timeout)
        websocket.belongs_to(self._probe)
        websocket.begin(early)

    def end_poll(self) -> None:
        """Answer the poll that waits, if one does: the client pauses polling while it moves."""
        if self.polled:
            self.queue.put(packet.Packet(packet.NOOP))

    def stay(self) -> None:
        """Go on polling: the WebSocket that was tried is of no use."""
        self._probe = None
        if self.state is SessionState.UPGRADING:
            self._become(SessionState.POLLING)

    def move_to(self, websocket: WebSocket) -> None:
        """Be carried by this from now on; what waits for a poll goes first."""
        self._probe = None
        if self.state is not SessionState.UPGRADING:
            websocket.close()  # The session is ending.
            return
        self._become(SessionState.WEBSOCKET)
        self._server.places.leave(self.sid)
        self.websocket = websocket
        websocket.belongs_to(self)
        if self._queue is not None:
            for pkt in self._queue.take_all():
                if pkt.packet_type != packet.NOOP:
                    self.send(pkt)
            self._queue.wake()

    # Called by the WebSocket, in the event loop's callbacks: nothing here waits.

    def take(self, message: str | bytes) -> None:
        """A message came."""
        if message == _PONG:
            self.schedule_ping()
            return
        self._inbox.put(message)
        if self._inbox.is_full and self.websocket is not None:
            self.websocket.pause()

    def drained(self) -> None:
        """The connection takes more again: handle what was left waiting, go on with events."""
        self._inbox.work_soon()
        if self.on_drain is not None:
            self.on_drain()

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over; what came before is handled first."""
        self._inbox.put(_Lost(broken))

    # Called by the inbox

    def receive(self, message: str | bytes | _Lost) -> None:
        """Handle a message of the WebSocket, or its end."""
        if isinstance(message, _Lost):
            self._end(message.broken)
            return
        try:
            kind, data = decode_message(message)
        except BadPacket as fault:
            self._server.end(self.sid, "bad_packet", str(fault))
            return
        self.handle(kind, data)

    def caught_up(self) -> None:
        """All that came has been handled: read on."""
        if self.websocket is not None:
            self.websocket.resume()

    def handle(self, kind: int, data: str | bytes) -> None:
        """Do what a packet of the client asks for."""
        if kind == packet.MESSAGE:
            self._server.trigger("message", self.sid, data)
        elif kind == packet.PONG:
            self.schedule_ping()
        elif kind == packet.CLOSE:
            self.close(abort=True, reason=Reason.CLIENT_DISCONNECT)

    # The end

    def _end(self, broken: BrokenRule | None) -> None:
        if broken is not None:
            reason = "frame_bytes" if broken.code == TOO_BIG else "bad_frame"
            self._server.end(self.sid, reason, broken.reason)
        self.close(abort=True, reason=Reason.TRANSPORT_CLOSE)

    def close(self, *, abort: bool = False, reason: str = Reason.SERVER_DISCONNECT) -> None:
        """End the session, with a CLOSE packet unless `abort`.

        Its client is not waited for; a WebSocket's descriptor is free some seconds later at the latest.
        """
        if self.state in _ENDING:
            return
        self._become(SessionState.CLOSING)
        self._server.trigger("disconnect", self.sid, reason)
        if not abort:
            self.send(packet.Packet(packet.CLOSE))
        self._become(SessionState.CLOSED)
        if self._probe is not None:
            self._probe.close()
        self.on_drain = None
        self._inbox.clear()
        if self.websocket is not None:
            self.websocket.close()
            self.websocket = None
        elif self._queue is not None:
            self._queue.wake()
        self._server.forget(self)


def _detach(environ: dict[str, Any], owner: Owner | None, server: SessionServer) -> tuple[WebSocket, bytes]:
    """The connection of a request that was upgraded, and what its client has sent already."""
    detached, early, release = environ["chef.detach"]()
    return WebSocket(detached, owner, server.max_http_buffer_size, release), early
