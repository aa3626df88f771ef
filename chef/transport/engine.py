"""Engine.IO as its protocol text says, where the library differs: sessions, transports, closing."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import engineio
from engineio import packet

from chef.transport.pinger import Pinger
from chef.transport.session import EngineSocket

PATH = "/ws"
# What a session must not keep of the request that made it: the handler hangs on each.
_OF_THE_REQUEST = frozenset(("wsgi.input", "wsgi.websocket", "chef.peer_is_gone"))


class EngineServer(engineio.Server):
    """Engine.IO with counted queues, connections that really end, and honest CORS headers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # The pinger ends who does not answer; the library's task would walk through all sessions for it.
        super().__init__(*args, monitor_clients=False, **options)
        self.pinger = Pinger(self.ping_interval, self.ping_timeout)

    def _handle_connect(
        self, environ: dict[str, Any], start_response: Any, transport: str, jsonp_index: int | None = None
    ) -> Any:
        """A client's handshake: what the library does, with sessions of our own class."""
        session = EngineSocket(self, self.generate_id())
        self.sockets[session.sid] = session
        if transport == "websocket":
            session.open_websocket(environ)
        session.send(packet.Packet(packet.OPEN, self._opening(session.sid, transport)))
        kept = {name: value for name, value in environ.items() if name not in _OF_THE_REQUEST}
        self._trigger_event("connect", session.sid, kept)
        session.schedule_ping()
        if transport == "websocket":
            return []
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

    def create_queue(self, *args: Any, **kwargs: Any) -> None:
        """None: a session makes the queue of its packets when it needs one."""

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
