"""Socket.IO as its protocol text says, where the libraries differ, and the seams that Chef needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import engineio
import flask_socketio
import socketio
from engineio import packet as engineio_packet
from engineio.payload import Payload
from flask import Flask
from socketio import packet as socketio_packet

from chef.events import Event
from chef.transport.outbox import Outbox

PATH = "/ws"
# More than fit into the largest body that is taken (64 KiB).
_MAX_BODY_PACKETS = 32 * 1024
# Names that mean something to python-socketio and nothing that a client may send.
_LIBRARY_EVENTS = ("*", "connect", "disconnect")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns: the acknowledgement, and what is to happen after it has been sent.

    `refusal` is the event that tells a refusal to a caller who asked for no acknowledgement.
    """

    payload: dict[str, Any]
    then: Callable[[], None] | None = None
    refusal: str | None = None


class PacketForm:
    """Events as Engine.IO packets that all viewers share: encoded once, for the default namespace."""

    def __init__(self, *, batch: bool) -> None:
        self.batch = batch

    def encode(self, event: Event) -> engineio_packet.Packet:
        """A Socket.IO EVENT packet within an Engine.IO MESSAGE packet. Source: socket.io-protocol v5."""
        return engineio_packet.Packet(engineio_packet.MESSAGE, f'2["{event.name}",{event.data}]')


class EngineServer(engineio.Server):
    """Engine.IO with counted queues and honest CORS headers."""

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


class SocketServer(socketio.Server):
    """Socket.IO with answers that are always sent, and before what follows from them."""

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        # The library answers a bare string, of which JavaScript clients make an error without a message.
        if namespace not in (None, "/"):
            error = socketio_packet.Packet(
                socketio_packet.CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=namespace
            )
            self._send_packet(eio_sid, error)
            return
        super()._handle_connect(eio_sid, namespace, data)

    def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int | None
    ) -> None:
        """Run the handler, send its acknowledgement, then do what it wanted done after that."""
        name = data[0]
        if isinstance(name, str) and name not in _LIBRARY_EVENTS:
            answer = self._trigger_event(name, namespace, sid, *data[1:])
        else:
            # The library would run its own handlers: a client could say that it has connected again.
            answer = self.handlers[namespace]["*"](name, sid, *data[1:])
        if not isinstance(answer, Answer):
            return
        if id is not None:
            ack = socketio_packet.Packet(
                socketio_packet.ACK, data=[answer.payload], namespace=namespace, id=id
            )
            self._send_packet(eio_sid, ack)
        elif answer.refusal is not None:
            event = socketio_packet.Packet(
                socketio_packet.EVENT, data=[answer.refusal, answer.payload], namespace=namespace
            )
            self._send_packet(eio_sid, event)
        if answer.then is not None:
            answer.then()


class Extension(flask_socketio.SocketIO):
    """Flask-SocketIO on the server class above, which it lets nobody choose."""

    def init_app(self, app: Flask, **options: Any) -> None:
        """What the base class does, for one application and without message queues."""
        app.extensions["socketio"] = self
        self.manage_session = False
        self.server_options = options
        self.server = SocketServer(**options)
        # A viewer that polls sends all its subscriptions in one body; the library would drop the body
        # without a word from the 17th on. What bounds a body is its size. One number for the process:
        # the library knows no other way.
        Payload.max_decode_packets = _MAX_BODY_PACKETS
        self.async_mode = self.server.async_mode
        for message, handler, namespace in self.handlers:
            self.server.on(message, handler, namespace=namespace)
        self.sockio_mw = flask_socketio._SocketIOMiddleware(self.server, app, socketio_path=PATH.strip("/"))
        app.wsgi_app = self.sockio_mw  # type: ignore[method-assign]
