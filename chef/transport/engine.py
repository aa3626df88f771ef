"""Engine.IO as its protocol text says, where the library differs: sessions, transports, closing."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import engineio
import gevent
from engineio import packet
from engineio.async_drivers.gevent import WebSocketWSGI

from chef.transport.outbox import Outbox
from chef.transport.session import EngineSocket

PATH = "/ws"
_SHUTDOWN_AFTER_S = 2


class _WebSocket(WebSocketWSGI):
    """engineio's view of a WebSocket. The socket below is remembered: it may have to be shut down."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        engine_socket = self.app.__self__
        engine_socket.raw = environ["wsgi.websocket"].stream.handler.socket
        return super().__call__(environ, start_response)


class EngineServer(engineio.Server):
    """Engine.IO with counted queues, connections that really end, and honest CORS headers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._async: dict[str, Any] = {**self._async, "websocket": _WebSocket}

    def _handle_connect(
        self, environ: dict[str, Any], start_response: Any, transport: str, jsonp_index: int | None = None
    ) -> Any:
        """A client's handshake: what the library does, with sessions of our own class."""
        if self.start_service_task:  # type: ignore[has-type]
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)
        session = EngineSocket(self, self.generate_id())
        self.sockets[session.sid] = session
        session.send(packet.Packet(packet.OPEN, self._opening(session.sid, transport)))
        self._trigger_event("connect", session.sid, environ)
        session.schedule_ping()
        if transport == "websocket":
            answer = session.handle_get_request(environ, start_response)
            if session.closed:
                self.sockets.pop(session.sid, None)
            return answer
        session.connected = True
        return self._ok(session.poll(), jsonp_index=jsonp_index)

    def _opening(self, sid: str, transport: str) -> dict[str, Any]:
        """What OPEN tells a client. Source: engine.io-protocol v4, "Handshake"."""
        return {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": self.ping_timeout * 1000,
            "pingInterval": self.ping_interval * 1000,
            "maxPayload": self.max_http_buffer_size,
        }

    def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
        if event == "disconnect":
            # A peer that reads nothing keeps its descriptor and two greenlets until it closes
            # (stack-traps 4). It gets a moment to take the CLOSE packet.
            raw = getattr(self.sockets.get(args[0]), "raw", None)
            if raw is not None:
                gevent.spawn_later(_SHUTDOWN_AFTER_S, _shut_down, raw)
        return super()._trigger_event(event, *args, **options)

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

    def create_queue(self, *args: Any, **kwargs: Any) -> Outbox:
        """The queue of one socket's packets."""
        return Outbox(*args, **kwargs)

    def may_upgrade(self, environ: dict[str, Any]) -> bool:
        """Whether a request for a WebSocket is one that this server takes.

        The handler below upgrades before Engine.IO looks at the request; what is refused here gets
        Engine.IO's answer as HTTP instead of a connection that closes without a word.
        """
        if environ.get("PATH_INFO", "").rstrip("/") != PATH:
            return False
        origin = environ.get("HTTP_ORIGIN")
        allowed = self._cors_allowed_origins(environ)
        if origin and allowed is not None and origin not in allowed:
            return False
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if query.get("transport") != ["websocket"]:
            return False
        sid = query.get("sid")
        return sid[0] in self.sockets if sid else query.get("EIO") == ["4"]

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


def _shut_down(raw: Any) -> None:
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
