"""Socket.IO as its protocol text says, where the libraries differ, and the seams that Chef needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask_socketio
import socketio
from engineio import packet as engineio_packet
from engineio.payload import Payload
from flask import Flask
from socketio import packet as socketio_packet

from chef.events import Event
from chef.transport.engine import PATH, EngineServer

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
