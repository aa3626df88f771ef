"""Socket.IO as its protocol text says, where the libraries differ, and the seams that Chef needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import flask_socketio
import gevent
import socketio
from engineio import packet as engineio_packet
from flask import Flask
from socketio import packet as socketio_packet

from chef.transport.clients import Clients
from chef.transport.engine import PATH, EngineServer
from chef.transport.frames import payloads
from chef.transport.limits import Allowance, Deadlines, Rate
from chef.transport.packets import BadPacket, Packet
from chef.transport.websocket import WebSocket

log = logging.getLogger(__name__)

DEFAULT_RATE = Rate(per_second=100, burst=2000)
# Of a request's environ, what does not differ between clients.
_KEPT_OF_ALL = frozenset(
    (
        "flask.app",
        "PATH_INFO",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
    )
) | {
    f"wsgi.{name}" for name in ("errors", "multiprocess", "multithread", "run_once", "url_scheme", "version")
}
# Between CONNECT and what a handler of connect has emitted. A client that begins to listen for one message
# when it has had the one before, as those of the protocol's own suite do, misses what is read with it.
_APART_S = 0.01
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


class Connection(Protocol):
    """The way to one viewer, whichever transport it is."""

    on_drain: Callable[[], None] | None

    @property
    def websocket(self) -> WebSocket | None:
        """The WebSocket that carries it; `None` where it polls."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it takes more now; once it does again, `on_drain` is called."""
        ...

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Send frames, each one or several that were joined; never waits."""
        ...

    def stalled_for(self) -> float:
        """Seconds since it last took something, while something waits."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class _Unserved:
    """The connection of Flask-SocketIO's test client, which has no session: it replaces the method here."""

    on_drain: Callable[[], None] | None = None
    ready = True
    websocket = None

    def __init__(self, server: SocketServer, eio_sid: str) -> None:
        self._server = server
        self._eio_sid = eio_sid

    def send_frames(self, frames: Sequence[bytes]) -> None:
        for data in frames:
            for payload in payloads(data):
                packet = engineio_packet.Packet(engineio_packet.MESSAGE, payload[1:].decode())
                self._server._send_eio_packet(self._eio_sid, packet)

    def stalled_for(self) -> float:
        return 0.0

    def close(self) -> None:
        """There is nothing to end."""


@dataclass(slots=True)
class _Client:
    """What is known of a connection besides its namespaces. `packet` waits for its attachments."""

    allowance: Allowance
    packet: Packet | None = None
    attached_bytes: int = 0

    def read(self, data: object) -> Packet:
        """The packet of a text message; its attachments may be still to come."""
        if self.packet is not None:
            raise BadPacket("text where an attachment was announced")
        if not isinstance(data, str) or not data:
            raise BadPacket("a message that is no packet")
        return Packet(encoded_packet=data)

    def attach(self, data: bytes, most_bytes: int) -> Packet | None:
        """The packet that these bytes complete, or `None` while some of its attachments are missing."""
        packet = self.packet
        if packet is None:
            raise BadPacket("an attachment that was not announced")
        self.attached_bytes += len(data)
        if self.attached_bytes > most_bytes:
            raise BadPacket("attachments that are too large together")
        if not packet.add_attachment(data):
            return None
        self.packet, self.attached_bytes = None, 0
        return packet


class SocketServer(socketio.Server):
    """Socket.IO with answers that are always sent, and before what follows from them.

    What breaks the protocol ends its connection at once (stack-traps 9), with one line in the log.
    `over_limit` answers an event that came too soon after too many; who goes on all the same is closed.
    `count` is told the reason of each refusal and ending.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 10,
        rate: Rate = DEFAULT_RATE,
        over_limit: Callable[[object, Sequence[Any]], Any] | None = None,
        count: Callable[[str], None] = lambda reason: None,
        **options: Any,
    ) -> None:
        super().__init__(**{"serializer": Packet, "client_manager": Clients()} | options)
        self._rate = rate
        self._over_limit = over_limit
        self._count = self.eio.sessions.count = count
        self._clients: dict[str, _Client] = {}
        self._shared_environ: dict[str, Any] | None = None
        # Not told in the log: of these there may be as many as anybody likes.
        self._expected = Deadlines(connect_timeout, lambda eio_sid: self._end(eio_sid, "connect_timeout"))

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def connection(self, eio_sid: str) -> Connection:
        """The way to the client with this Engine.IO session."""
        session: Connection | None = self.eio.sessions.get(eio_sid)
        return session if session is not None else _Unserved(self, eio_sid)

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        super()._handle_eio_connect(eio_sid, environ)
        self._clients[eio_sid] = _Client(Allowance(self._rate))
        self._expected.begin(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._clients.pop(eio_sid, None)
        self._expected.end(eio_sid)
        super()._handle_eio_disconnect(eio_sid, reason)

    def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        client = self._clients.get(eio_sid)
        if client is None:
            return  # It was closed over what came before this.
        left = client.allowance.spend()
        if left < 0:
            self._count("events_per_second")
        if left < -self._rate.burst:
            self._end(eio_sid, "too_many_events", "it sends too much")
            return
        try:
            if isinstance(data, bytes):
                packet = client.attach(data, self.eio.max_http_buffer_size)
            else:
                packet = client.read(data)
                self._check_place(eio_sid, packet)
                if packet.attachment_count:
                    client.packet, packet = packet, None
            if packet is not None:
                self._take(eio_sid, packet, may_act=left >= 0)
        except BadPacket as fault:
            self._end(eio_sid, "bad_packet", str(fault))

    def _check_place(self, eio_sid: str, packet: Packet) -> None:
        """Whether this packet may come now: CONNECT once and first, all else after it."""
        sid = self.manager.sid_from_eio_sid(eio_sid, packet.namespace)
        if packet.packet_type == socketio_packet.CONNECT:
            if sid is not None:
                raise BadPacket("a second CONNECT to a namespace")
        elif sid is None or not self.manager.is_connected(sid, packet.namespace):
            raise BadPacket("a packet for a namespace that it is not connected to")

    def _take(self, eio_sid: str, packet: Packet, *, may_act: bool) -> None:
        kind, namespace = packet.packet_type, packet.namespace
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if kind == socketio_packet.CONNECT:
            self._handle_connect(eio_sid, namespace, packet.data)
        elif kind == socketio_packet.DISCONNECT:
            self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif kind in (socketio_packet.ACK, socketio_packet.BINARY_ACK):
            if not packet.id or packet.id not in self.manager.callbacks.get(sid, ()):
                raise BadPacket("an acknowledgement that nobody asked for")
            self._handle_ack(eio_sid, namespace, packet.id, packet.data)
        else:
            event: list[Any] = packet.data or []
            if may_act or self._over_limit is None:
                self._handle_event_internal(self, sid, eio_sid, event, namespace, packet.id)
            else:
                self._answer(eio_sid, namespace, packet.id, self._over_limit(event[0], event[1:]))

    def _end(self, eio_sid: str, reason: str, words: str | None = None) -> None:
        """End a connection for what its client did or did not do."""
        self.eio.sessions.end(eio_sid, reason, words)
        if self._clients.pop(eio_sid, None) is not None:
            self._handle_eio_disconnect(eio_sid, self.reason.SERVER_DISCONNECT)  # Engine.IO knows it no more.

    def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """End a client's connection to a namespace; what carries it ends too if it does not connect again."""
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        super().disconnect(sid, namespace=namespace, ignore_queue=ignore_queue)
        if eio_sid in self._clients:
            self._expected.begin(eio_sid)

    def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        super()._handle_disconnect(eio_sid, namespace, reason)
        if eio_sid in self._clients:
            self._expected.begin(eio_sid)

    def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        if not (namespace in self.handlers or namespace in self.namespaces):
            # The library answers a bare string, of which JavaScript clients make an error without a message.
            self._refuse(eio_sid, namespace, {"message": "Invalid namespace"})
            return
        sid = self.manager.pre_connect(eio_sid, namespace)
        try:
            welcome = self._trigger_event("connect", namespace, sid, self.environ[eio_sid], data or None)
        except flask_socketio.ConnectionRefusedError as refusal:
            self.manager.disconnect(sid, namespace, ignore_queue=True)
            self._refuse(eio_sid, namespace, refusal.error_args)
            return
        except BaseException:
            self.manager.disconnect(sid, namespace, ignore_queue=True)
            self.eio.sessions.disconnect(eio_sid)
            raise
        if welcome is False:
            self.manager.disconnect(sid, namespace, ignore_queue=True)
            self._refuse(eio_sid, namespace, flask_socketio.ConnectionRefusedError().error_args)
            return
        self._welcome(eio_sid, namespace, sid, welcome if isinstance(welcome, Welcome) else Welcome({}))

    def _welcome(self, eio_sid: str, namespace: str, sid: str, welcome: Welcome) -> None:
        self._expected.end(eio_sid)
        data = {"sid": sid} | welcome.extra
        connect = Packet(socketio_packet.CONNECT, data, namespace=namespace, binary=False)
        self._send_packet(eio_sid, connect)
        if self.manager.holds(sid):
            gevent.sleep(_APART_S)
        self.manager.connect(sid, namespace)
        if eio_sid in self.environ and self.handlers.keys() == {"/"}:
            # Who it is has been seen. A handler of Flask-SocketIO's gets its request from what is left.
            self.environ[eio_sid] = self._lean(self.environ[eio_sid])
        if eio_sid not in self.environ:
            # It left while it was let in, and the library took it for not connected yet.
            self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
            return
        self.manager.release(sid)
        if welcome.then is not None:
            welcome.then()

    def _lean(self, environ: dict[str, Any]) -> dict[str, Any]:
        """What is the same in all clients' requests, in one environ for all."""
        if self._shared_environ is None:
            self._shared_environ = {name: value for name, value in environ.items() if name in _KEPT_OF_ALL}
            self._shared_environ["QUERY_STRING"] = ""
        return self._shared_environ

    def _refuse(self, eio_sid: str, namespace: str, error: Any) -> None:
        self._send_packet(eio_sid, Packet(socketio_packet.CONNECT_ERROR, data=error, namespace=namespace))

    def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int | None
    ) -> None:
        """Run the handler, send its acknowledgement, then do what it wanted done after that."""
        name = data[0]
        if isinstance(name, str) and name not in _LIBRARY_EVENTS:
            answer = self._trigger_event(name, namespace, sid, *data[1:])
        else:
            # The library would run its own handlers: a client could say that it has connected again.
            catch_all = self.handlers.get(namespace, {}).get("*")
            answer = catch_all(name, sid, *data[1:]) if catch_all else self.not_handled
        if answer is not self.not_handled:
            self._answer(eio_sid, namespace, id, answer)

    def _answer(self, eio_sid: str, namespace: str, id: int | None, returned: Any) -> None:
        """Send what a handler returned: an `Answer`, or the arguments as Flask-SocketIO takes them."""
        answer = returned if isinstance(returned, Answer) else None
        if id is not None:
            arguments = [answer.payload] if answer else _arguments(returned)
            binary = False if answer else None  # An `Answer` has no bytes in it: they need not be looked for.
            ack = Packet(socketio_packet.ACK, arguments, namespace=namespace, id=id, binary=binary)
            self._send_packet(eio_sid, ack)
        elif answer is not None and answer.refusal is not None:
            event = [answer.refusal, answer.payload]
            self._send_packet(eio_sid, Packet(socketio_packet.EVENT, data=event, namespace=namespace))
        if answer is not None and answer.then is not None:
            answer.then()


def _arguments(returned: Any) -> list[Any]:
    if returned is None:
        return []
    return list(returned) if isinstance(returned, tuple) else [returned]


class _Middleware(flask_socketio._SocketIOMiddleware):
    """Flask-SocketIO's, which also serves clients that put no slash behind the path."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == PATH:
            environ = environ | {"PATH_INFO": f"{PATH}/"}
        return super().__call__(environ, start_response)


class Extension(flask_socketio.SocketIO):
    """Flask-SocketIO on the server class above, which it lets nobody choose."""

    def init_app(self, app: Flask, **options: Any) -> None:
        """What the base class does, for one application and without message queues."""
        app.extensions["socketio"] = self
        self.manage_session = False
        self.server_options = options
        self.server = SocketServer(**options)
        self.async_mode = self.server.async_mode
        for message, handler, namespace in self.handlers:
            self.server.on(message, handler, namespace=namespace)
        self.sockio_mw = _Middleware(self.server, app, socketio_path=PATH.strip("/"))
        app.wsgi_app = self.sockio_mw  # type: ignore[method-assign]
