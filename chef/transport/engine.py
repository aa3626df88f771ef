"""Our Engine.IO server: sessions, their two transports, and their end (engine.io-protocol v4).

Nothing of engineio runs but the class of its packets, which python-socketio hands us.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
from engineio import packet
from gevent.event import Event

from chef.access.origins import AllowedOrigins
from chef.transport.handshake import (
    BAD_REQUEST,
    FORBIDDEN,
    MISROUTED,
    POLLING,
    UNKNOWN_SID,
    WEBSOCKET,
    EngineRequest,
    Refusal,
    read_request,
)
from chef.transport.limits import Places
from chef.transport.origins import OriginCheck
from chef.transport.polling import Polling
from chef.transport.responses import OK, PollResponse, packets_response
from chef.transport.session import EngineSession
from chef.transport.sessions import Sessions
from chef.transport.states import SessionState
from chef.wire.strict import dumps

PATH = "/ws"
MOST_POLLING = 10_000
"""Sessions that poll at a time, unless a number is set."""
# Parts of a request that its session must not keep: HTTP's handler hangs on each.
_OF_THE_REQUEST = frozenset(("wsgi.input", "chef.detach", "chef.peer_is_gone", "chef.send_head"))
_ID_BYTES, _IDS_AT_ONCE = 15, 64


class EngineServer:
    """An Engine.IO server on gevent, as python-socketio asks for one (`EngineInterface`).

    Times are in seconds, sizes in bytes. A session's messages are handled in their order, whatever
    `async_handlers` says, which python-socketio sets.
    """

    async_mode = "gevent"

    def __init__(
        self,
        *,
        ping_interval: float = 25,
        ping_timeout: float = 20,
        max_http_buffer_size: int = 1_000_000,
        cors_allowed_origins: AllowedOrigins | None = None,
        upgrade_timeout: float = 10,
        places: Places | None = None,
        async_handlers: bool = False,
    ) -> None:
        self.async_handlers = async_handlers
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.max_http_buffer_size = max_http_buffer_size
        self.sessions = Sessions(
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=max_http_buffer_size,
            upgrade_timeout=upgrade_timeout,
            places=Places(MOST_POLLING, 0) if places is None else places,
        )
        self._polling = Polling(max_http_buffer_size, ping_interval + ping_timeout, self.sessions.end)
        self._origins = OriginCheck(cors_allowed_origins or AllowedOrigins(None))
        self._ids = _make_ids()

    # Asked for by python-socketio

    def on(self, event: str, handler: Callable[..., object]) -> None:
        """Have `connect`, `message` or `disconnect` handled by this."""
        self.sessions.on(event, handler)

    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message; never waits. A session that has ended takes nothing."""
        session = self.sessions.get(sid)
        if session is not None:
            session.send_message(data)

    def send_packet(self, sid: str, pkt: packet.Packet) -> None:
        """Send a packet, in the same way."""
        session = self.sessions.get(sid)
        if session is not None:
            session.send(pkt)

    def transport(self, sid: str) -> str:
        """`polling` or `websocket`. Raises KeyError."""
        return POLLING if self.sessions[sid].websocket is None else WEBSOCKET

    def get_session(self, sid: str) -> dict[str, Any]:
        """The application's own values for a session. Raises KeyError."""
        session = self.sessions[sid]
        if session.data is None:
            session.data = {}
        return session.data

    def generate_id(self) -> str:
        """A session's id, which nobody can guess."""
        return next(self._ids)

    def create_event(self) -> Event:
        """An event of gevent's."""
        return Event()

    def start_background_task(self, target: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a greenlet, which is returned."""
        return gevent.spawn(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Let others run for so long."""
        gevent.sleep(seconds)

    def shutdown(self) -> None:
        """End all sessions: nothing else runs in the background."""
        for sid in list(self.sessions):
            self.sessions.disconnect(sid)

    # Requests

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve a request. A refusal says why, and every answer has its CORS headers."""
        try:
            answer = self._serve(environ)
        except Refusal as refusal:
            answer = PollResponse(refusal.body(), "application/json", status=refusal.status)
        return [] if answer is None else answer.send(start_response, self._origins.headers(environ))

    def _serve(self, environ: dict[str, Any]) -> PollResponse | None:
        """The answer to a request, `None` where a WebSocket has taken its connection. Raises Refusal."""
        if not self._origins.allow(environ):
            self._end_session_of(environ)
            raise Refusal(FORBIDDEN, self._origins.refusal(environ))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return OK
        wanted = read_request(environ)
        session = self._session(wanted) if wanted.sid is not None else None
        if wanted.transport == WEBSOCKET:
            if "chef.detach" not in environ:
                raise Refusal(BAD_REQUEST, "a WebSocket begins with GET and the header Upgrade: websocket")
            if session is None:
                self._open_websocket(environ)
            else:
                session.begin_upgrade(environ)
            return None
        if session is None:
            return self._open_polling(environ)
        return self._poll(session, wanted, environ)

    def _poll(self, session: EngineSession, wanted: EngineRequest, environ: dict[str, Any]) -> PollResponse:
        if session.websocket is not None:
            raise Refusal(BAD_REQUEST, "the session is on a WebSocket")
        if wanted.method == "POST":
            self._polling.post(session, environ)
            return OK
        packets = self._polling.poll(session, environ)
        if session.state is SessionState.CLOSED and not session.queue.bytes:
            self.sessions.told(session.sid)
        return packets_response(environ, packets)

    def _session(self, wanted: EngineRequest) -> EngineSession:
        sid = wanted.sid or ""
        session = self.sessions.get(sid)
        if session is None and wanted.method == "GET":
            session = self.sessions.leaving(sid)
        if session is None:
            raise Refusal(UNKNOWN_SID, MISROUTED)
        return session

    def _end_session_of(self, environ: dict[str, Any]) -> None:
        """End what a refused page has open: browsers send Origin with its POSTs, and not with its own GETs.

        Its poll would else keep one of the browser's few connections busy until the next ping.
        """
        with suppress(Refusal):
            self.sessions.disconnect(read_request(environ).sid or "")

    def may_upgrade(self, environ: dict[str, Any]) -> bool:
        """Whether a request for a WebSocket is one that this server takes.

        The handler below upgrades before Engine.IO looks at the request; a request that is refused here
        gets Engine.IO's answer as HTTP instead of a connection that closes without a word.
        """
        if not f"{environ.get('PATH_INFO', '')}/".startswith(f"{PATH}/") or not self._origins.allow(environ):
            return False
        try:
            wanted = read_request(environ)
            return wanted.transport == WEBSOCKET and (wanted.sid is None or wanted.sid in self.sessions)
        except Refusal:
            return False

    # Sessions

    def _open_websocket(self, environ: dict[str, Any]) -> None:
        session = self.sessions.open(self.generate_id())
        session.open_websocket(environ, self._opening(session.sid, []))
        self._connect(session, environ)

    def _open_polling(self, environ: dict[str, Any]) -> PollResponse:
        sid = self.generate_id()
        environ = self._take_place(sid, environ)
        session = self.sessions.open(sid)
        session.send(self._opening(sid, [WEBSOCKET]))
        self._connect(session, environ)
        session.heard_at = time.monotonic()
        return packets_response(environ, session.queue.take_all())

    def _connect(self, session: EngineSession, environ: dict[str, Any]) -> None:
        kept = {name: value for name, value in environ.items() if name not in _OF_THE_REQUEST}
        self.sessions.trigger("connect", session.sid, kept)
        session.schedule_ping()

    def _take_place(self, sid: str, environ: dict[str, Any]) -> dict[str, Any]:
        """Count a session that polls; the environ with which the layers above know it."""
        address = environ.get("chef.address")
        reason = self.sessions.places.refusal(address)
        if reason is not None:
            self.sessions.count(reason)
            setting = f"CHEF_MAX_{reason.upper()}"
            status = "503 Service Unavailable" if reason == "connections" else "429 Too Many Requests"
            raise Refusal(FORBIDDEN, f"there are as many sessions as there may be ({setting})", status)
        self.sessions.places.take(sid, address)
        return environ | {"chef.authenticated": partial(self.sessions.places.free, sid)}

    def _opening(self, sid: str, upgrades: list[str]) -> packet.Packet:
        """The first packet of a session. Source: engine.io-protocol v4, "Handshake"."""
        opening = {
            "sid": sid,
            "upgrades": upgrades,
            "pingTimeout": round(self.ping_timeout * 1000),
            "pingInterval": round(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return packet.Packet(packet.OPEN, dumps(opening).decode())


def _make_ids() -> Iterator[str]:
    """Ids of 120 random bits. Asked for one by one, these would cost a system call for each."""
    while True:
        block = secrets.token_bytes(_ID_BYTES * _IDS_AT_ONCE)
        for at in range(0, len(block), _ID_BYTES):
            yield base64.urlsafe_b64encode(block[at : at + _ID_BYTES]).decode()
