"""Socket.IO as its protocol text says, where python-socketio differs.

The library's server keeps handlers, rooms and `emit`, and calls what is ours: the transport (`eio`), the
table of clients (`manager`), the packets (`serializer`), and what is done with each packet that comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flask_socketio
import gevent
import socketio
from socketio import packet as socketio_packet

from chef.transport.channel import Channel, SessionlessChannel
from chef.transport.clients import Clients
from chef.transport.engine import EngineServer
from chef.transport.handling import Reply, Welcome, connect_both, disconnect_both, goes_without_request
from chef.transport.limits import Allowance, Deadlines, Rate
from chef.transport.packets import BadPacket, Packet, PacketReader

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


class _Traffic(PacketReader):
    """One connection's packets, over all its namespaces, and how many more it may send."""

    __slots__ = ("allowance",)

    def __init__(self, max_bytes: int, rate: Rate) -> None:
        super().__init__(max_bytes)
        self.allowance = Allowance(rate)


class _Caller(NamedTuple):
    """A client that sent a packet: its session, the namespace and its sid there."""

    eio_sid: str
    namespace: str
    sid: str


class SocketServer(socketio.Server):
    """Socket.IO with answers that are always sent, and before what follows from them.

    A client that breaks the protocol loses its connection at once (stack-traps 9), with one line in the log.
    `over_limit` answers an event that came too soon after too many; a client that goes on is closed.
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
        self._traffic: dict[str, _Traffic] = {}
        # Handlers that go without a request, by namespace and event.
        self._own: dict[tuple[str, str], Callable[..., Any]] = {}
        # Whether some handler sees the request with which a client came; else it is not kept.
        self._keeps_requests = False
        self._shared_environ: dict[str, Any] | None = None
        # Not told in the log: of these there may be as many as anybody likes.
        self._expected = Deadlines(connect_timeout, lambda eio_sid: self._end(eio_sid, "connect_timeout"))

    # Flask-SocketIO's side

    def on(self, event: str, handler: Any = None, namespace: str | None = None) -> Any:
        """Register a handler, as the library does.

        One of `connect` or `disconnect` does not replace one that goes without a request: it is added.
        """
        namespace = namespace or "/"
        if goes_without_request(handler):
            self._own[namespace, event] = handler
        else:
            self._keeps_requests = True
            handler = self._beside_own(event, handler, namespace)
        return super().on(event, handler, namespace)

    def _beside_own(self, event: str, handler: Any, namespace: str) -> Any:
        own, leave = self._own.get((namespace, event)), self._own.get((namespace, "disconnect"))
        if event not in self.reserved_events or own is None or leave is None:
            return handler
        return disconnect_both(own, handler) if event == "disconnect" else connect_both(own, handler, leave)

    def register_namespace(self, namespace_handler: socketio.Namespace) -> None:
        """Register a class of handlers, as the library does."""
        self._keeps_requests = True
        super().register_namespace(namespace_handler)

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The environ of the request with which a client came, which a handler may add to."""
        environ: dict[str, Any] | None = super().get_environ(sid, namespace)
        return dict(environ) if environ is not None and environ is self._shared_environ else environ

    def channel(self, eio_sid: str) -> Channel:
        """The way to the client with this Engine.IO session."""
        session: Channel | None = self.eio.sessions.get(eio_sid)
        return session if session is not None else SessionlessChannel(self, eio_sid)

    def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """End a client's connection to a namespace; what carries it ends too if it does not connect again."""
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        super().disconnect(sid, namespace=namespace, ignore_queue=ignore_queue)
        self._expect(eio_sid)

    # Called by Engine.IO

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        super()._handle_eio_connect(eio_sid, environ)
        self._traffic[eio_sid] = _Traffic(self.eio.max_http_buffer_size, self._rate)
        self._expect(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._traffic.pop(eio_sid, None)
        self._expected.end(eio_sid)
        super()._handle_eio_disconnect(eio_sid, reason)

    def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        traffic = self._traffic.get(eio_sid)
        if traffic is None:
            return  # It was closed over what came before this.
        left = traffic.allowance.spend()
        if left < 0:
            self._count("events_per_second")
        if left < -self._rate.burst:
            self._end(eio_sid, "too_many_events", "it sends too much")
            return
        try:
            packet = traffic.read(data, lambda begun: self._check_place(eio_sid, begun))
            if packet is not None:
                self._take(eio_sid, packet, may_act=left >= 0)
        except BadPacket as fault:
            self._end(eio_sid, "bad_packet", str(fault))

    # Packets

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
        if kind == socketio_packet.CONNECT:
            self._connect(eio_sid, namespace, packet.data)
            return
        caller = _Caller(eio_sid, namespace, self.manager.sid_from_eio_sid(eio_sid, namespace))
        if kind == socketio_packet.DISCONNECT:
            self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif kind in (socketio_packet.ACK, socketio_packet.BINARY_ACK):
            if not self.manager.waits_for(caller.sid, packet.id):
                raise BadPacket("an acknowledgement that nobody asked for")
            self.manager.trigger_callback(caller.sid, packet.id, packet.data)
        elif may_act or self._over_limit is None:
            self._dispatch(caller, packet.data or [], packet.id)
        else:
            name, *arguments = packet.data or []
            self._answer(caller, packet.id, self._over_limit(name, arguments))

    def _end(self, eio_sid: str, reason: str, words: str | None = None) -> None:
        """End a connection for what its client did or did not do."""
        self.eio.sessions.end(eio_sid, reason, words)
        if self._traffic.pop(eio_sid, None) is not None:
            self._handle_eio_disconnect(eio_sid, self.reason.SERVER_DISCONNECT)  # Engine.IO knows it no more.

    def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        super()._handle_disconnect(eio_sid, namespace, reason)
        self._expect(eio_sid)

    def _expect(self, eio_sid: str) -> None:
        """Give a connection its time to say CONNECT."""
        if eio_sid in self._traffic:
            self._expected.begin(eio_sid)

    # CONNECT

    def _connect(self, eio_sid: str, namespace: str, auth: Any) -> None:
        if not self._has_namespace(namespace):
            # The library answers a bare string, of which JavaScript clients make an error without a message.
            self._refuse(eio_sid, namespace, {"message": "Invalid namespace"})
            return
        sid = self.manager.pre_connect(eio_sid, namespace)
        try:
            welcome = self._trigger_event("connect", namespace, sid, self.environ[eio_sid], auth or None)
        except flask_socketio.ConnectionRefusedError as refusal:
            self.manager.disconnect(sid, namespace)
            self._refuse(eio_sid, namespace, refusal.error_args)
            return
        except BaseException:
            self.manager.disconnect(sid, namespace)
            self.eio.sessions.disconnect(eio_sid)
            raise
        if welcome is False:
            self.manager.disconnect(sid, namespace)
            self._refuse(eio_sid, namespace, flask_socketio.ConnectionRefusedError().error_args)
            return
        caller = _Caller(eio_sid, namespace, sid)
        self._welcome(caller, welcome if isinstance(welcome, Welcome) else Welcome({}))

    def _has_namespace(self, namespace: str) -> bool:
        known = (self.handlers, self.namespace_handlers, self.namespaces)
        return self.namespaces == "*" or any(namespace in names for names in known)

    def _welcome(self, caller: _Caller, welcome: Welcome) -> None:
        eio_sid, namespace, sid = caller.eio_sid, caller.namespace, caller.sid
        self._expected.end(eio_sid)
        data = {"sid": sid} | welcome.extra
        connect = Packet(socketio_packet.CONNECT, data, namespace=namespace, binary=False)
        self._send_packet(eio_sid, connect)
        if self.manager.holds(sid):
            gevent.sleep(_APART_S)
        self.manager.connect(sid, namespace)
        if eio_sid not in self.environ:
            # It left while it was let in, and the library took it for not connected yet.
            self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
            return
        if not self._keeps_requests:
            self.environ[eio_sid] = self._lean(self.environ[eio_sid])
        self.manager.release(sid)
        if welcome.then is not None:
            welcome.then()

    def _lean(self, environ: dict[str, Any]) -> dict[str, Any]:
        """One environ for all clients, with the fields that are the same for each: none asks for more."""
        if self._shared_environ is None:
            self._shared_environ = {name: value for name, value in environ.items() if name in _KEPT_OF_ALL}
            self._shared_environ["QUERY_STRING"] = ""
        return self._shared_environ

    def _refuse(self, eio_sid: str, namespace: str, error: Any) -> None:
        self._send_packet(eio_sid, Packet(socketio_packet.CONNECT_ERROR, data=error, namespace=namespace))

    # Events

    def _dispatch(self, caller: _Caller, event: list[Any], id: int | None) -> None:
        """Have an event handled: in its turn, or beside others that the client sends (`async_handlers`)."""
        handle, in_turn = self._find_handler(caller, event)
        if in_turn or not self.async_handlers:
            self._run(caller, handle, id)
        else:
            self.start_background_task(self._run, caller, handle, id)

    def _find_handler(self, caller: _Caller, event: list[Any]) -> tuple[Callable[[], Any], bool]:
        """A call that handles an event, and whether it is to be made in the event's turn.

        A function comes before a method of a class, as in Flask-SocketIO, and both before a catch-all. For
        some names the library would run handlers of its own: a client could say that it has connected again.
        """
        _, namespace, sid = caller
        name, *arguments = event
        functions = self.handlers.get(namespace, {})
        if not isinstance(name, str) or name in _LIBRARY_EVENTS:
            catch_all = functions.get("*", lambda *_: self.not_handled)
            return partial(catch_all, name, sid, *arguments), goes_without_request(catch_all)
        function = functions.get(name)
        if function is not None:
            return partial(function, sid, *arguments), goes_without_request(function)
        methods = self.namespace_handlers.get(namespace)
        if hasattr(methods, f"on_{name}"):
            return partial(methods.trigger_event, name, sid, *arguments), False
        call = partial(self._trigger_event, name, namespace, sid, *arguments)
        return call, goes_without_request(functions.get("*"))

    def _run(self, caller: _Caller, handle: Callable[[], Any], id: int | None) -> None:
        """Run a handler, send its acknowledgement, then do what it wanted done after that."""
        answer = handle()
        if answer is not self.not_handled:
            self._answer(caller, id, answer)

    def _answer(self, caller: _Caller, id: int | None, returned: Any) -> None:
        """Send what a handler returned: a `Reply`, or the arguments as Flask-SocketIO takes them."""
        eio_sid, namespace = caller.eio_sid, caller.namespace
        reply = returned if isinstance(returned, Reply) else None
        if id is not None:
            arguments = [reply.payload] if reply else _arguments(returned)
            binary = False if reply else None  # A `Reply` has no bytes in it: they need not be looked for.
            ack = Packet(socketio_packet.ACK, arguments, namespace=namespace, id=id, binary=binary)
            self._send_packet(eio_sid, ack)
        elif reply is not None and reply.refusal is not None:
            event = [reply.refusal, reply.payload]
            self._send_packet(eio_sid, Packet(socketio_packet.EVENT, data=event, namespace=namespace))
        if reply is not None and reply.then is not None:
            reply.then()


def _arguments(returned: Any) -> list[Any]:
    if returned is None:
        return []
    return list(returned) if isinstance(returned, tuple) else [returned]
