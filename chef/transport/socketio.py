"""Socket.IO as its protocol text says, where the libraries differ, and the seams that Chef needs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import engineio
import flask_socketio
import gevent
import socketio
from engineio import packet as engineio_packet
from engineio.async_drivers.gevent import WebSocketWSGI
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
_SHUTDOWN_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns: the acknowledgement, and what is to happen after it has been sent.

    `refusal` is the event that tells a refusal to a caller who asked for no acknowledgement.
    """

    payload: dict[str, Any]
    then: Callable[[], None] | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the connect handler returns: what CONNECT says besides the sid, and what happens after it."""

    extra: dict[str, Any]
    then: Callable[[], None] | None = None


class EventForm:
    """Events as they are, for viewers whose packets carry an offset of their own (`offset_packet`)."""

    def __init__(self, *, batch: bool) -> None:
        self.batch = batch

    def encode(self, event: Event) -> Event:
        """The event itself: the JSON text is shared, the packet is not."""
        return event


def offset_packet(event: Event, offset: str) -> engineio_packet.Packet:
    """An EVENT packet with the offset of connection state recovery as its last argument."""
    return engineio_packet.Packet(engineio_packet.MESSAGE, f'2["{event.name}",{event.data},"{offset}"]')


class PacketForm:
    """Events as Engine.IO packets that all viewers share: encoded once, for the default namespace."""

    def __init__(self, *, batch: bool) -> None:
        self.batch = batch

    def encode(self, event: Event) -> engineio_packet.Packet:
        """A Socket.IO EVENT packet within an Engine.IO MESSAGE packet. Source: socket.io-protocol v5."""
        return engineio_packet.Packet(engineio_packet.MESSAGE, f'2["{event.name}",{event.data}]')


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
        sid = self.manager.pre_connect(eio_sid, "/")
        if sid is None:
            return  # It is connected already: a second CONNECT changes nothing.
        try:
            welcome = self._trigger_event("connect", "/", sid, self.environ[eio_sid], data or None)
        except flask_socketio.ConnectionRefusedError as refusal:
            refused = socketio_packet.Packet(
                socketio_packet.CONNECT_ERROR, data=refusal.error_args, namespace="/"
            )
            self._send_packet(eio_sid, refused)
            self.manager.disconnect(sid, "/", ignore_queue=True)
            return
        connect = socketio_packet.Packet(socketio_packet.CONNECT, {"sid": sid} | welcome.extra, namespace="/")
        self._send_packet(eio_sid, connect)
        self.manager.connect(sid, "/")
        if eio_sid not in self.environ:
            # It left while it was let in, and the library took it for not connected yet.
            self._handle_disconnect(eio_sid, "/", self.reason.TRANSPORT_CLOSE)
        elif welcome.then is not None:
            welcome.then()

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
