"""Every name of a library that is not public and that Chef uses, so that an upgrade that moves one says so.

What each is for stands where it is used; the message names that file.
"""

from __future__ import annotations

import _socket
import inspect
import re
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import engineio
import engineio.packet
import engineio.payload
import flask_socketio
import gevent
import gevent.baseserver
import gevent.hub
import gevent.server
import gevent.socket
import geventwebsocket.handler
import geventwebsocket.websocket
import pytest
import socketio
import socketio.packet
from flask import Flask

from chef.http.opening import _Handshake as Handshake
from chef.http.server import Server
from chef.transport.clients import Clients
from chef.transport.engine import EngineServer
from chef.transport.extension import Extension
from chef.transport.handling import goes_without_request
from chef.transport.interface import EngineInterface
from chef.transport.packets import Packet
from chef.transport.pollqueue import MOST_AT_ONCE, PollQueue
from chef.transport.session import EngineSession
from chef.transport.socketio import SocketServer

INTERFACE, SOCKETIO = "chef/transport/interface.py", "chef/transport/socketio.py"
PACKETS = "chef/transport/packets.py"
LISTENER, OPENING = "chef/http/server.py", "chef/http/opening.py"
SESSION = "chef/transport/session.py"
WEBSOCKET, CLIENTS = "chef/transport/websocket.py", "chef/transport/clients.py"
EXTENSION = "chef/transport/extension.py"
POLL_QUEUE, SERVE = "chef/transport/pollqueue.py", "chef/serve.py"

Handler = geventwebsocket.handler.WebSocketHandler
BaseServer: Any = gevent.baseserver.BaseServer

# Owner, name, its parameters without self, the file that uses it.
METHODS: list[tuple[Any, str, list[str], str]] = [
    (socketio.Server, "_engineio_server_class", [], SOCKETIO),
    (socketio.Server, "_trigger_event", ["event", "namespace", "args"], SOCKETIO),
    (socketio.Server, "_handle_eio_connect", ["eio_sid", "environ"], SOCKETIO),
    (socketio.Server, "_handle_eio_message", ["eio_sid", "data"], SOCKETIO),
    (socketio.Server, "_handle_eio_disconnect", ["eio_sid", "reason"], SOCKETIO),
    (socketio.packet.Packet, "decode", ["encoded_packet"], PACKETS),
    (socketio.packet.Packet, "reconstruct_binary", ["data", "attachments"], PACKETS),
    (socketio.Server, "_send_packet", ["eio_sid", "pkt"], SOCKETIO),
    (socketio.Server, "_send_eio_packet", ["eio_sid", "eio_pkt"], CLIENTS),
    (socketio.Server, "_handle_disconnect", ["eio_sid", "namespace", "reason"], SOCKETIO),
    (flask_socketio.SocketIO, "init_app", ["app", "kwargs"], EXTENSION),
    (
        flask_socketio.SocketIO,
        "_handle_event",
        ["handler", "message", "namespace", "sid", "args"],
        EXTENSION,
    ),
    (
        flask_socketio._SocketIOMiddleware,
        "__init__",
        ["socketio_app", "flask_app", "socketio_path"],
        EXTENSION,
    ),
    (engineio.packet.Packet, "encode", ["b64"], SESSION),
    (Handler, "upgrade_connection", [], OPENING),
    (gevent.server.StreamServer, "do_read", [], LISTENER),
    (BaseServer, "do_handle", ["args"], LISTENER),
    (gevent.hub.Hub, "print_exception", ["context", "t", "v", "tb"], SERVE),
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "user"),
    METHODS,
    ids=[f"{seam[0].__name__}.{seam[1]}" for seam in METHODS],
)
def test_a_method_is_where_it_was_and_takes_what_it_took(
    owner: type, name: str, parameters: list[str], user: str
) -> None:
    method = getattr(owner, name, None)
    assert method is not None, f"{owner.__name__}.{name} is gone: see {user}"
    found = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
    assert found == parameters, f"{owner.__name__}.{name} takes something else: see {user}"


# Owner, words that stand in its source, the file that relies on them.
SOURCES: list[tuple[Any, list[str], str]] = [
    # python-socketio's own client takes no longer answers to a poll.
    (engineio.payload.Payload.decode, ["self.max_decode_packets"], POLL_QUEUE),
    # We do what it does by rules of our own: what it does besides would be left out.
    (
        socketio.Server._handle_eio_message,
        [
            "self._handle_connect(eio_sid, pkt.namespace, pkt.data)",
            "self._handle_ack(eio_sid, pkt.namespace, pkt.id, pkt.data)",
            "pkt.packet_type == packet.BINARY_EVENT",
        ],
        SOCKETIO,
    ),
    (socketio.packet.Packet.__init__, ["self.decode(encoded_packet)", "self.attachment_count"], PACKETS),
    (
        socketio.packet.Packet.add_attachment,
        ["self.reconstruct_binary(self.data, self.attachments)"],
        PACKETS,
    ),
    # We come instead of what they call, and must not leave out what they do besides.
    (BaseServer._do_read, ["args = self.do_read()", "if not args:", "self.do_handle(*args)"], LISTENER),
    (gevent.server.StreamServer.do_read, ["sock._accept()", "GeventSocket(sock.family, sock.type"], LISTENER),
]


@pytest.mark.parametrize(
    ("function", "words", "user"), SOURCES, ids=[source[0].__qualname__ for source in SOURCES]
)
def test_what_we_put_ourselves_into_is_still_called(
    function: Callable[..., Any], words: list[str], user: str
) -> None:
    source = inspect.getsource(function)
    missing = [word for word in words if word not in source]
    assert not missing, f"{function.__qualname__} no longer has {missing}: see {user}"


def test_what_gevent_websocket_reads_of_a_handler_is_there() -> None:
    """Of gevent-websocket one method runs, on a handler without a connection, which has what that reads."""
    source = inspect.getsource(Handler.upgrade_connection)
    read = set(re.findall(r"self\.(\w+)", source)) - {"websocket", "SUPPORTED_VERSIONS", "GUID"}
    assert read == {"environ", "logger", "application", "start_response"}, f"see {OPENING}"
    assert read <= set(dir(Handshake)) | {"environ"}
    stream = inspect.getsource(geventwebsocket.websocket.Stream.__init__)
    assert set(re.findall(r"handler\.([\w.]+)", stream)) == {"rfile.read", "socket.sendall"}, f"see {OPENING}"
    made = geventwebsocket.websocket.WebSocket
    assert "self.close()" in inspect.getsource(made.__del__), f"see {OPENING}"
    assert {"closed", "environ", "stream", "handler"} <= set(made.__slots__), f"see {OPENING}"
    assert "if self.closed:" in inspect.getsource(made.close), f"see {OPENING}"


def test_the_extension_has_what_flask_socketio_reads_of_itself(app: Flask) -> None:
    extension = app.extensions["socketio"]
    assert isinstance(extension, Extension)
    stock = vars(flask_socketio.SocketIO())
    for name in ("server", "server_options", "handlers", "async_mode", "manage_session"):
        used = name in stock or hasattr(flask_socketio.SocketIO, name)
        assert used or name in inspect.getsource(flask_socketio.SocketIO), f"{name}: see {EXTENSION}"
        assert hasattr(extension, name)
    assert extension.handlers == []  # The server was there, so each was registered with it at once.


def test_our_classes_are_those_that_run(app: Flask) -> None:
    server = app.extensions["socketio"].server
    assert type(server) is SocketServer
    assert type(server.eio) is EngineServer
    assert server.packet_class is Packet, f"socketio.Server has another `serializer`: see {SOCKETIO}"
    session = EngineSession(server.eio.sessions, "sid")
    assert session._queue is None  # made when first needed
    assert type(session.queue) is PollQueue
    assert server.reserved_events == ["connect", "disconnect"], f"see _LIBRARY_EVENTS in {SOCKETIO}"
    # Events are handled in the order in which they came: a subscribe before the unsubscribe that follows it.
    assert all(goes_without_request(handler) for handler in server.handlers["/"].values())
    assert server.eio.async_handlers is False
    assert len(server.eio.sessions) == 0


def members(protocol: type) -> set[str]:
    """The names that a Protocol has."""
    own = {name for name in vars(protocol) if not name.startswith("_")}
    return own | set(protocol.__annotations__)


def test_python_socketio_asks_our_engine_io_for_what_its_interface_has() -> None:
    modules = (socketio.base_server, socketio.server, socketio.base_manager, socketio.manager)
    source = "".join(map(inspect.getsource, modules))
    asked_for = set(re.findall(r"self\.(?:server\.)?eio\.(\w+)", source))
    assert asked_for == members(EngineInterface), f"see {INTERFACE}"
    engine: EngineInterface = EngineServer()
    assert all(hasattr(engine, name) for name in asked_for)
    # It names engineio's own server in two places only, both of which we come before.
    assert re.findall(r"engineio\.Server\b[.\w]*", source) == ["engineio.Server.reason", "engineio.Server"]


def test_python_socketio_asks_our_table_of_clients_for_what_it_has() -> None:
    source = inspect.getsource(socketio.base_server) + inspect.getsource(socketio.server)
    asked_for = set(re.findall(r"self\.manager\.(\w+)", source))
    assert asked_for <= set(vars(Clients)), f"see {CLIENTS}"
    for name in asked_for:
        theirs = [
            one for one in inspect.signature(getattr(socketio.Manager, name)).parameters if one != "kwargs"
        ]
        ours = list(inspect.signature(getattr(Clients, name)).parameters)
        assert ours[: len(theirs)] == theirs, f"{name} takes something else: see {CLIENTS}"


def test_an_answer_to_a_poll_is_no_longer_than_the_library_reads() -> None:
    assert engineio.payload.Payload.max_decode_packets == MOST_AT_ONCE, f"see {POLL_QUEUE}"


def test_what_serves_is_of_the_libraries_classes() -> None:
    assert issubclass(Handshake, Handler)
    assert issubclass(Server, gevent.server.StreamServer)


def test_the_connection_below_a_websocket_is_found_and_can_be_taken_out() -> None:
    """Rows 3, 4 and 22 of the stack's traps: neither library's WebSocket carries anything."""
    listener: Any = gevent.socket.socket()
    with closing(listener):
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            descriptor, _ = listener._accept()
        accepted = _socket.socket(listener.family, listener.type, listener.proto, descriptor)
        with closing(accepted):
            assert accepted.fileno() == descriptor, f"see {LISTENER}"
    loop = gevent.get_hub().loop
    for watcher in (loop.io(0, 1), loop.io(0, 2), loop.timer(1)):
        assert all(hasattr(watcher, name) for name in ("start", "stop", "close", "active")), (
            f"see {WEBSOCKET}"
        )
        watcher.close()
