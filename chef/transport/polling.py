"""HTTP long-polling as the protocol's text says (engine.io-protocol v4), for sessions that are no WebSocket.

A session has one GET that waits for packets and one POST that brings some; a second one of either ends
it, since the order of packets would be lost.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from engineio import packet

from chef.transport.enginepackets import Packets, Received, decode_body
from chef.transport.handshake import BAD_REQUEST, MISROUTED, UNKNOWN_SID, Refusal
from chef.transport.packets import BadPacket
from chef.transport.pollqueue import MANY_AT_ONCE, MOST_AT_ONCE
from chef.transport.session import EngineSession, Reason
from chef.transport.states import SessionState

# How often it is looked whether the client of a waiting poll is still there.
_LOOK_S = 1.0
# A poll that comes while the client moves to a WebSocket waits this long for the end of that.
_MOVING_S = 0.1
# A poll that was sent before a close, on another connection, may be read this much after it.
_OVERTAKEN_S = 0.02
# A client that sends and does not take its answers is looked at so often.
_PAUSE_S = 0.02

# Browsers, and the JavaScript client in Node.
_TAKE_MANY = ("Mozilla/", "node-XMLHttpRequest")
# A client that is behind may send so much more; then its POST waits.
_MOST_BEHIND_BYTES = 128 * 1024
# Packets of one body that are handled before others have their turn.
_SLICE = 50
_NOOP = packet.Packet(packet.NOOP)


class Polling:
    """The requests of all sessions of one server that poll.

    A body may have `max_bytes`, and a client is silent for `patience_s` at most. `end` closes a session
    over what it sent: it is given the session's id, a reason to count and words.
    """

    def __init__(self, max_bytes: int, patience_s: float, end: Callable[[str, str, str], None]) -> None:
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._end = end
        self._posted: set[str] = set()
        # Packets of sessions that do not take the answers to those that they sent before.
        self._behind: dict[str, _Rest] = {}

    def poll(self, session: EngineSession, environ: dict[str, Any]) -> Packets:
        """Serve a GET: wait for packets. It is answered also when the session ends meanwhile."""
        is_gone: Callable[[], bool] = environ["chef.peer_is_gone"]
        takes_many = environ.get("HTTP_USER_AGENT", "").startswith(_TAKE_MANY)
        self._check_heartbeat(session)
        if session.polled:
            self._end(session.sid, "bad_packet", "a second poll at a time")
            raise Refusal(BAD_REQUEST, "a session has one poll at a time")
        session.polled = True
        try:
            packets = self._wait(session, is_gone, MANY_AT_ONCE if takes_many else MOST_AT_ONCE)
        finally:
            session.polled = False
        if is_gone():
            # The packets that were taken for this client are lost, so its session must not go on.
            _lose(session)
        return packets

    def _wait(self, session: EngineSession, is_gone: Callable[[], bool], most: int) -> Packets:
        began_before = session.state is SessionState.POLLING
        waits_for = _LOOK_S if began_before else _MOVING_S
        queue = session.queue
        while not (packets := queue.take(most)):
            if session.state is SessionState.CLOSED:
                return [_NOOP]  # The client itself has closed it.
            if session.websocket is not None:
                if began_before:
                    return [_NOOP]  # The client moved without a probe, which would have ended this poll.
                raise Refusal(BAD_REQUEST, "the session is on a WebSocket now")
            if not queue.wait(waits_for):
                if session.state is SessionState.UPGRADING:
                    return [_NOOP]
                if is_gone():
                    _lose(session)
        return packets

    def _check_heartbeat(self, session: EngineSession) -> None:
        """A session does not outlive its heartbeat, whenever it is looked at next."""
        if time.monotonic() - session.heard_at >= self._patience_s:
            session.close(reason=Reason.PING_TIMEOUT)
            raise Refusal(UNKNOWN_SID, MISROUTED)

    def post(self, session: EngineSession, environ: dict[str, Any]) -> None:
        """Serve a POST: handle its packets, in order. Whatever breaks the rules ends the session."""
        self._check_heartbeat(session)
        sid = session.sid
        if sid in self._posted:
            self._end(sid, "bad_packet", "a second POST at a time")
            raise Refusal(BAD_REQUEST, "a session has one POST at a time")
        self._posted.add(sid)
        try:
            packets = self._read(session, environ)
            _take_pongs(session, packets)
            self._wait_for_room(session)
            if sid in self._behind:
                self._behind[sid].add(packets)
            else:
                self._take(session, packets)
        except BadPacket as fault:
            self._end(sid, "bad_packet", str(fault))
            raise Refusal(BAD_REQUEST, str(fault)) from None
        finally:
            self._posted.discard(sid)

    def _read(self, session: EngineSession, environ: dict[str, Any]) -> list[Received]:
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == "application/octet-stream":
            raise BadPacket("a body is text: binary packets are in base64")
        most = self._max_bytes
        try:
            too_large = int(environ.get("CONTENT_LENGTH") or 0) > most
            body = b"" if too_large else environ["wsgi.input"].read(most + 1)
        except (OSError, ValueError):
            _lose(session)
            raise Refusal(BAD_REQUEST, "the body breaks off") from None
        if too_large or len(body) > most:
            self._end(session.sid, "frame_bytes", f"a body of more than {most} bytes")
            detail = f"a body may have {most} bytes (CHEF_MAX_FRAME_BYTES)"
            raise Refusal(BAD_REQUEST, detail, "413 Content Too Large")
        return decode_body(body)

    def _wait_for_room(self, session: EngineSession) -> None:
        """Hold up a client that sends on and takes no answers."""
        while session.sid in self._behind and self._behind[session.sid].bytes > _MOST_BEHIND_BYTES:
            gevent.sleep(_PAUSE_S)

    def _take(self, session: EngineSession, packets: Sequence[Received]) -> None:
        """Handle packets until the session ends, or until its client must take answers first."""
        for place, (kind, data) in enumerate(packets):
            if not session.ready:
                rest = self._behind[session.sid] = _Rest()
                rest.add(packets[place:])
                gevent.spawn(self._catch_up, session, rest)
                return
            if place % _SLICE == _SLICE - 1:
                gevent.sleep(0)
            if kind == packet.CLOSE and not session.polled:
                gevent.sleep(_OVERTAKEN_S)
            session.handle(kind, data)
            if session.state is SessionState.CLOSED:
                if kind == packet.CLOSE:
                    return
                raise Refusal(BAD_REQUEST, "the session has ended")

    def _catch_up(self, session: EngineSession, rest: _Rest) -> None:
        """Handle what is left of bodies as their client takes the answers to what came before."""
        try:
            while rest.packets and session.state is not SessionState.CLOSED:
                if session.ready:
                    session.handle(*rest.next())
                else:
                    gevent.sleep(_PAUSE_S)
        finally:
            self._behind.pop(session.sid, None)


class _Rest:
    """Packets of a client that is behind with taking answers."""

    def __init__(self) -> None:
        self.packets: deque[Received] = deque()
        self.bytes = 0

    def add(self, packets: Sequence[Received]) -> None:
        """Have them handled after those that are here."""
        self.packets.extend(packets)
        self.bytes += sum(len(data) for _, data in packets)

    def next(self) -> Received:
        """Take the oldest out."""
        kind, data = self.packets.popleft()
        self.bytes -= len(data)
        return kind, data


def _lose(session: EngineSession) -> None:
    """End a session whose client has gone."""
    session.close(abort=True, reason=Reason.TRANSPORT_CLOSE)


def _take_pongs(session: EngineSession, packets: list[Received]) -> None:
    """The heartbeat waits for nothing that was sent with it."""
    if any(kind == packet.PONG for kind, _ in packets):
        session.heard_at = time.monotonic()
        session.schedule_ping()
        packets[:] = [one for one in packets if one[0] != packet.PONG]
