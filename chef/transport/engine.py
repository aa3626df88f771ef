"""Engine.IO as its protocol text says, where the library differs: sessions, transports, closing."""

from __future__ import annotations

import base64
import gzip
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import engineio
from engineio import packet

from chef.greenlets import Workers
from chef.transport.enginepackets import Packets, encode_body
from chef.transport.handshake import (
    BAD_REQUEST,
    FORBIDDEN,
    MISROUTED,
    POLLING,
    UNKNOWN_SID,
    WEBSOCKET,
    Refusal,
    Request,
    read_request,
)
from chef.transport.limits import Deadlines, Places
from chef.transport.pinger import Pinger
from chef.transport.polling import Polling
from chef.transport.session import EngineSocket
from chef.wire.strict import dumps

log = logging.getLogger(__name__)

PATH = "/ws"
MOST_POLLING = 10_000
"""Sessions that poll at a time, unless a number is set."""
# What a session must not keep of the request that made it: the handler hangs on each.
_OF_THE_REQUEST = frozenset(("wsgi.input", "wsgi.websocket", "chef.peer_is_gone"))
# A client that polls and is sent away hears of it by its next poll, if that comes within this time.
_LEAVING_S = 10
# Longer answers to polls are compressed for who takes that, at the level that costs least.
_COMPRESSED_BYTES, _LEVEL = 1024, 1
_ID_BYTES, _IDS_AT_ONCE = 15, 64


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer over HTTP."""

    body: bytes
    content_type: str = "text/plain; charset=UTF-8"
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()


_OK = _Answer(b"ok")
_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class EngineServer(engineio.Server):
    """Engine.IO with counted queues, connections that really end, and honest CORS headers."""

    def __init__(
        self, *args: Any, upgrade_timeout: float = 10, places: Places | None = None, **options: Any
    ) -> None:
        # The pinger ends who does not answer; the library's task would walk through all sessions for it.
        super().__init__(*args, monitor_clients=False, **options)
        self.pinger = Pinger(self.ping_interval, self.ping_timeout)
        self.upgrade_timeout = upgrade_timeout
        self.places = Places(MOST_POLLING, 0) if places is None else places
        self.polling = Polling(self, self.end)
        self.workers = Workers()
        self._ids = _make_ids()
        self.count: Callable[[str], None] = lambda reason: None
        # Sessions that the server has closed, until their clients have been told by their next poll.
        self._leaving: dict[str, EngineSocket] = {}
        self._forgotten = Deadlines(_LEAVING_S, self._forget)

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve a request. What is refused is told why, and every answer has its CORS headers."""
        try:
            answer = self._serve(environ, start_response)
        except Refusal as refusal:
            answer = _Answer(refusal.body(), "application/json", status=refusal.status)
        if not isinstance(answer, _Answer):
            return answer
        size = str(len(answer.body))
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", size),
            *_HEADERS,
            *answer.headers,
        ]
        start_response(answer.status, headers + self._cors_headers(environ))
        return [answer.body]

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        self._check_origin(environ)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return _OK
        wanted = read_request(environ)
        session = self._session(wanted) if wanted.sid is not None else None
        if wanted.transport == WEBSOCKET:
            if "wsgi.websocket" not in environ:
                raise Refusal(BAD_REQUEST, "a WebSocket begins with GET and the header Upgrade: websocket")
            if session is not None:
                session.begin_upgrade(environ)
                return []
        if session is None:
            return self._handle_connect(environ, start_response, wanted.transport)
        if session.upgraded:
            raise Refusal(BAD_REQUEST, "the session is on a WebSocket")
        if wanted.method == "POST":
            self.polling.post(session, environ)
            return _OK
        packets = self.polling.poll(session, environ)
        if session.closed and not session.queue.bytes:
            self._leaving.pop(session.sid, None)
        return self._payload(environ, packets)

    def _session(self, wanted: Request) -> EngineSocket:
        sid = wanted.sid or ""
        session: EngineSocket | None = self.sockets.get(sid)
        if session is None and wanted.method == "GET":
            session = self._leaving.get(sid)
        if session is None:
            raise Refusal(UNKNOWN_SID, MISROUTED)
        return session

    def _forget(self, sid: str) -> None:
        self._leaving.pop(sid, None)

    def _payload(self, environ: dict[str, Any], packets: Packets) -> _Answer:
        body = encode_body(packets)
        if len(body) < _COMPRESSED_BYTES or not _takes_gzip(environ):
            return _Answer(body)
        headers = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return _Answer(gzip.compress(body, _LEVEL), headers=headers)

    def _check_origin(self, environ: dict[str, Any]) -> None:
        origin = environ.get("HTTP_ORIGIN")
        allowed = self._cors_allowed_origins(environ)
        if origin and allowed is not None and origin not in allowed:
            self._log_error_once(f"{origin} is not an accepted origin", "bad-origin")
            raise Refusal(FORBIDDEN, "pages of this origin may not connect (WEBSOCKET_CORS_ORIGIN)")

    def end(self, sid: str, reason: str, words: str | None = None) -> None:
        """End a session for what its client did or did not do: it is counted, and told in one line."""
        session = self.sockets.get(sid)
        if session is not None and not session.closed:
            if words is not None:
                log.info("a viewer's connection was closed: %s", words)
            self.count(reason)
            session.close(wait=False, reason=self.reason.TRANSPORT_ERROR)
            self.sockets.pop(sid, None)

    def _handle_connect(
        self, environ: dict[str, Any], start_response: Any, transport: str, jsonp_index: int | None = None
    ) -> Any:
        """A client's handshake: what the library does, with sessions of our own class."""
        session = EngineSocket(self, self.generate_id())
        if transport == POLLING:
            environ = self._take_place(session.sid, environ)
        self.sockets[session.sid] = session
        opening = packet.Packet(packet.OPEN, self._opening(session.sid, transport))
        if transport == WEBSOCKET:
            session.open_websocket(environ, opening)
        else:
            session.send(opening)
        kept = {name: value for name, value in environ.items() if name not in _OF_THE_REQUEST}
        self._trigger_event("connect", session.sid, kept)
        session.schedule_ping()
        if transport == WEBSOCKET:
            return []
        session.connected = True
        session.heard_at = time.monotonic()
        return self._payload(environ, session.queue.take_all())

    def _take_place(self, sid: str, environ: dict[str, Any]) -> dict[str, Any]:
        """Count a session that polls; the environ with which the layers above know it."""
        address = environ.get("chef.address")
        reason = self.places.refusal(address)
        if reason is not None:
            self.count(reason)
            setting = f"CHEF_MAX_{reason.upper()}"
            status = "503 Service Unavailable" if reason == "connections" else "429 Too Many Requests"
            raise Refusal(FORBIDDEN, f"there are as many sessions as there may be ({setting})", status)
        self.places.take(sid, address)
        return environ | {"chef.authenticated": partial(self.places.free, sid)}

    def _opening(self, sid: str, transport: str) -> str:
        """What OPEN tells a client. Source: engine.io-protocol v4, "Handshake"."""
        opening = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": round(self.ping_timeout * 1000),
            "pingInterval": round(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return dumps(opening).decode()

    def disconnect(self, sid: str | None = None) -> None:
        """Close a connection, or all, without waiting until the peer has taken what it was sent.

        The library's own waits for that, and for a viewer that polls it is never over: who sends a bad
        packet would keep a request open until the server ends.
        """
        for one in [sid] if sid is not None else list(self.sockets):
            found = self.sockets.get(one)
            if found is not None:
                found.close(wait=False, reason=self.reason.SERVER_DISCONNECT)
                self.sockets.pop(one, None)
                if not found.upgraded:
                    self._leaving[one] = found
                    self._forgotten.begin(one)

    def generate_id(self) -> str:
        """A session's id, which nobody can guess."""
        return next(self._ids)

    def create_queue(self, *args: Any, **kwargs: Any) -> None:
        """None: a session makes the queue of its packets when it needs one."""

    def may_upgrade(self, environ: dict[str, Any]) -> bool:
        """Whether a request for a WebSocket is one that this server takes.

        The handler below upgrades before Engine.IO looks at the request; what is refused here gets
        Engine.IO's answer as HTTP instead of a connection that closes without a word.
        """
        if environ.get("PATH_INFO", "").rstrip("/") != PATH:
            return False
        try:
            self._check_origin(environ)
            wanted = read_request(environ)
            return wanted.transport == WEBSOCKET and (wanted.sid is None or wanted.sid in self.sockets)
        except Refusal:
            return False

    def _cors_headers(self, environ: dict[str, Any]) -> list[tuple[str, str]]:
        """Never the caller's own origin back where all may read (stack-traps 13), and no credentials."""
        headers: list[tuple[str, str]] = super()._cors_headers(environ)
        if self.cors_allowed_origins == "*":
            headers = [
                (name, "*" if name == "Access-Control-Allow-Origin" else value) for name, value in headers
            ]
        elif "HTTP_ORIGIN" in environ:
            headers.append(("Vary", "Origin"))
        return headers


def _make_ids() -> Iterator[str]:
    """Ids of 120 random bits. Asked for one by one, these would cost a system call for each."""
    while True:
        block = secrets.token_bytes(_ID_BYTES * _IDS_AT_ONCE)
        for at in range(0, len(block), _ID_BYTES):
            yield base64.urlsafe_b64encode(block[at : at + _ID_BYTES]).decode()


def _takes_gzip(environ: dict[str, Any]) -> bool:
    return any(
        coding.strip().lower() in ("gzip", "gzip;q=1", "gzip;q=1.0")
        for coding in environ.get("HTTP_ACCEPT_ENCODING", "").split(",")
    )
