"""HTTP long-polling as the protocol's text says (engine.io-protocol v4), for sessions that are no WebSocket.

A session has one GET that waits for packets and one POST that brings some; a second one of either ends
it, since the order of packets would be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from engineio import packet

from chef.transport.enginepackets import Packets, Received, decode_body
from chef.transport.handshake import BAD_REQUEST, MISROUTED, UNKNOWN_SID, Refusal
from chef.transport.outbox import MANY_AT_ONCE, MOST_AT_ONCE, Outbox
from chef.transport.packets import BadPacket

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
# Packets of one body that are handled before others have their turn.
_SLICE = 50
_NOOP = packet.Packet(packet.NOOP)


class Polling:
    """The requests of all sessions of one server that poll.

    `end` closes a session over what it sent: it is given the session's id, a reason to count and words.
    """

    def __init__(self, server: Any, end: Callable[[str, str, str], None]) -> None:
        self._server = server
        self._end = end
        self._polled: set[str] = set()
        self._posted: set[str] = set()
        # Sessions that do not take their answers, with what handles the rest of their last body.
        self._behind: dict[str, gevent.Greenlet[..., None]] = {}

    def is_polled(self, sid: str) -> bool:
        """Whether a request waits for packets of this session."""
        return sid in self._polled

    def poll(self, session: Any, environ: dict[str, Any]) -> Packets:
        """Serve a GET: wait for packets. It is answered also when the session ends meanwhile."""
        is_gone: Callable[[], bool] = environ["chef.peer_is_gone"]
        takes_many = environ.get("HTTP_USER_AGENT", "").startswith(_TAKE_MANY)
        self._check_heartbeat(session)
        if session.sid in self._polled:
            self._end(session.sid, "bad_packet", "a second poll at a time")
            raise Refusal(BAD_REQUEST, "a session has one poll at a time")
        self._polled.add(session.sid)
        try:
            packets = self._wait(session, is_gone, MANY_AT_ONCE if takes_many else MOST_AT_ONCE)
        finally:
            self._polled.discard(session.sid)
        if is_gone():
            # What was taken for this client is lost, so its session must not go on.
            self._lose(session)
        return packets

    def _wait(self, session: Any, is_gone: Callable[[], bool], most: int) -> Packets:
        waits_for = _MOVING_S if session.upgrading else _LOOK_S
        queue: Outbox = session.queue
        while not (packets := queue.take(most)):
            if session.closed:
                return [_NOOP]  # The client itself has closed it.
            if session.upgraded:
                raise Refusal(BAD_REQUEST, "the session is on a WebSocket now")
            if not queue.wait(waits_for):
                if session.upgrading:
                    return [_NOOP]
                if is_gone():
                    self._lose(session)
        return packets

    def _lose(self, session: Any) -> None:
        session.close(wait=False, abort=True, reason=self._server.reason.TRANSPORT_CLOSE)

    def _check_heartbeat(self, session: Any) -> None:
        """A session does not outlive its heartbeat, whenever it is looked at next."""
        if time.monotonic() - session.heard_at >= self._server.ping_interval + self._server.ping_timeout:
            session.close(wait=False, reason=self._server.reason.PING_TIMEOUT)
            raise Refusal(UNKNOWN_SID, MISROUTED)

    def post(self, session: Any, environ: dict[str, Any]) -> None:
        """Serve a POST: handle its packets, in order. Whatever breaks the rules ends the session."""
        self._check_heartbeat(session)
        sid = session.sid
        if sid in self._posted:
            self._end(sid, "bad_packet", "a second POST at a time")
            raise Refusal(BAD_REQUEST, "a session has one POST at a time")
        self._posted.add(sid)
        try:
            packets = self._read(session, environ)
            behind = self._behind.get(sid)
            if behind is not None:
                behind.join()
            self._take(session, packets)
        except BadPacket as fault:
            self._end(sid, "bad_packet", str(fault))
            raise Refusal(BAD_REQUEST, str(fault)) from None
        finally:
            self._posted.discard(sid)

    def _read(self, session: Any, environ: dict[str, Any]) -> list[Received]:
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == "application/octet-stream":
            raise BadPacket("a body is text: binary packets are in base64")
        most = self._server.max_http_buffer_size
        try:
            too_large = int(environ.get("CONTENT_LENGTH") or 0) > most
            body = b"" if too_large else environ["wsgi.input"].read(most + 1)
        except (OSError, ValueError):
            self._lose(session)
            raise Refusal(BAD_REQUEST, "the body breaks off") from None
        if too_large or len(body) > most:
            self._end(session.sid, "frame_bytes", f"a body of more than {most} bytes")
            detail = f"a body may have {most} bytes (CHEF_MAX_FRAME_BYTES)"
            raise Refusal(BAD_REQUEST, detail, "413 Content Too Large")
        return decode_body(body)

    def _take(self, session: Any, packets: Sequence[Received]) -> None:
        """Handle packets until the session ends, or until its client must take answers first."""
        for place, (kind, data) in enumerate(packets):
            if not session.ready:
                rest = packets[place:]
                self._behind[session.sid] = gevent.spawn(self._catch_up, session, rest)
                return
            if place % _SLICE == _SLICE - 1:
                gevent.sleep(0)
            if kind == packet.CLOSE and session.sid not in self._polled:
                gevent.sleep(_OVERTAKEN_S)
            _handle(session, kind, data)
            if session.closed:
                if kind == packet.CLOSE:
                    return
                raise Refusal(BAD_REQUEST, "the session has ended")

    def _catch_up(self, session: Any, packets: Sequence[Received]) -> None:
        """Handle the rest of a body as its client takes the answers to the rest."""
        try:
            for kind, data in packets:
                while not session.ready and not session.closed:
                    gevent.sleep(_PAUSE_S)
                if session.closed:
                    break
                _handle(session, kind, data)
        finally:
            self._behind.pop(session.sid, None)


def _handle(session: Any, kind: int, data: str | bytes) -> None:
    if kind == packet.PONG:
        session.heard_at = time.monotonic()
    session.handle(kind, data)
