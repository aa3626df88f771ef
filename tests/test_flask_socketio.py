"""Flask-SocketIO as its users know it, on our classes: handlers, namespaces, rooms, acks, contexts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask_socketio
import gevent
import pytest
from flask import Flask, current_app, has_request_context, request, session
from flask_socketio import Namespace, SocketIOTestClient, emit, join_room, leave_room, rooms
from werkzeug.test import EnvironBuilder

from chef.transport.extension import Extension
from chef.transport.handling import needs_no_request


class Application:
    """The handlers of an application; `told` is what happened to some of them."""

    def __init__(self, extension: Extension) -> None:
        self.told: list[tuple[Any, ...]] = []
        for name in ("connect", "disconnect", "message", "with-ack", "nothing", "context"):
            extension.on(name)(getattr(self, name.replace("-", "_")))
        for name in ("join", "leave", "ask-back"):
            extension.on(name)(getattr(self, name.replace("-", "_")))
        extension.on("connect", namespace="/custom")(lambda auth: auth != {"token": "refuse"})
        extension.on("message", namespace="/custom")(lambda *args: ("custom", *args))

    def connect(self, auth: Any) -> None:
        self.told.append(("connect", auth, request.args.get("colour")))

    def disconnect(self, reason: Any) -> None:
        self.told.append(("disconnect", reason))

    def message(self, *args: Any) -> None:
        emit("message-back", args)

    def with_ack(self, *args: Any) -> Any:
        return args

    def nothing(self) -> None:
        """Acknowledges with no argument, as Flask-SocketIO does."""

    def context(self) -> dict[str, Any]:
        event = request.event["message"]  # type: ignore[attr-defined]
        namespace = request.namespace  # type: ignore[attr-defined]
        return {"event": event, "namespace": namespace, "app": current_app.name}

    def join(self, room: str) -> list[str]:
        join_room(room)
        return [one for one in rooms() if one != request.sid]  # type: ignore[attr-defined]

    def leave(self, room: str) -> None:
        leave_room(room)

    def ask_back(self) -> None:
        emit("question", "how?", callback=lambda *args: self.told.append(("answered", args)))


@pytest.fixture
def app() -> Flask:
    return Flask("an application")


@pytest.fixture
def extension(app: Flask) -> Extension:
    return Extension(app, async_handlers=False)


@pytest.fixture
def told(extension: Extension) -> list[tuple[Any, ...]]:
    return Application(extension).told


@pytest.fixture
def client(app: Flask, extension: Extension, told: list[tuple[Any, ...]]) -> Iterator[SocketIOTestClient]:
    client = extension.test_client(app, query_string="?colour=red", auth={"token": "t"})
    assert told == [("connect", {"token": "t"}, "red")]
    yield client
    if client.is_connected():
        client.disconnect()


def test_a_handler_of_connect_has_auth_and_the_request(
    client: SocketIOTestClient, told: list[tuple[Any, ...]]
) -> None:
    assert client.is_connected()
    client.disconnect()
    assert told[-1][0] == "disconnect"


def test_events_and_acknowledgements_take_any_arguments(client: SocketIOTestClient) -> None:
    client.emit("message", 1, "2", {"3": [True]})
    assert client.get_received() == [
        {"name": "message-back", "args": [1, "2", {"3": [True]}], "namespace": "/"}
    ]
    assert client.emit("with-ack", 1, "2", callback=True) == [1, "2"]
    assert client.emit("nothing", callback=True) == []


def test_binary_goes_in_and_out(client: SocketIOTestClient) -> None:
    client.emit("message", b"\x01\x02", {"deep": [b"\x03"]})
    (event,) = client.get_received()
    assert event["args"] == [b"\x01\x02", {"deep": [b"\x03"]}]


def test_a_handler_has_the_context_of_its_event(client: SocketIOTestClient) -> None:
    assert client.emit("context", callback=True) == {
        "event": "context",
        "namespace": "/",
        "app": "an application",
    }


def test_rooms(client: SocketIOTestClient, extension: Extension, app: Flask) -> None:
    other = extension.test_client(app)
    assert client.emit("join", "kitchen", callback=True) == ["kitchen"]
    extension.emit("soup", "hot", to="kitchen")
    extension.emit("all", "here")
    assert [event["name"] for event in client.get_received()] == ["soup", "all"]
    assert [event["name"] for event in other.get_received()] == ["all"]
    client.emit("leave", "kitchen")
    extension.emit("soup", "cold", to="kitchen")
    assert client.get_received() == []


def test_a_namespace_of_its_own(client: SocketIOTestClient, extension: Extension) -> None:
    client.connect("/custom")
    assert client.is_connected("/custom")
    assert client.emit("message", 7, namespace="/custom", callback=True) == ["custom", 7]
    client.disconnect("/custom")
    assert client.is_connected()
    assert client.emit("with-ack", 1, 2, callback=True) == [1, 2]


def test_a_connect_handler_may_refuse(client: SocketIOTestClient) -> None:
    client.connect("/custom", auth={"token": "refuse"})
    assert not client.is_connected("/custom")
    client.connect("/nowhere")
    assert not client.is_connected("/nowhere")
    assert client.is_connected()


def test_a_server_may_ask_for_an_acknowledgement(
    client: SocketIOTestClient, extension: Extension, told: list[tuple[Any, ...]]
) -> None:
    client.emit("ask-back")
    (event,) = client.get_received()
    assert (event["name"], event["args"]) == ("question", ["how?"])
    extension.server._handle_eio_message(client.eio_sid, '31["so"]')
    assert told[-1] == ("answered", ("so",))
    # Answered once; a second answer is one that nobody asked for.
    extension.server._handle_eio_message(client.eio_sid, '31["so"]')
    assert told[-1:] == [("disconnect", "server disconnect")]


def test_a_handler_that_fails_does_not_acknowledge_and_leaves_no_trace_of_a_connection(
    app: Flask, extension: Extension
) -> None:
    def fail(auth: Any) -> None:
        raise RuntimeError("a fault of the application")

    extension.on("connect")(fail)
    with pytest.raises(RuntimeError):
        extension.test_client(app)
    assert extension.server.manager._namespaces == {}


@pytest.fixture
def packets(extension: Extension, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All packets that are sent, as text."""
    sent: list[str] = []
    monkeypatch.setattr(extension.server.eio, "send", lambda eio_sid, data: sent.append(data))
    monkeypatch.setattr(extension.server.eio, "send_packet", lambda eio_sid, pkt: sent.append(pkt.data))
    return sent


def connect(app: Flask, extension: Extension, namespace: str = "/") -> None:
    """A client's CONNECT, after the opening of its session."""
    environ = EnvironBuilder("/ws/").get_environ() | {"flask.app": app}
    if "one" not in extension.server.environ:
        extension.server._handle_eio_connect("one", environ)
    extension.server._handle_eio_message("one", f"0{namespace},")


@pytest.mark.parametrize("namespace", ["/", "/custom"])
def test_what_a_handler_of_connect_emits_comes_after_connect(
    app: Flask, extension: Extension, packets: list[str], namespace: str
) -> None:
    def greet(auth: Any) -> None:
        words = ["hello"]
        emit("auth", words)
        words.append("is not what was emitted")
        emit("question", b"how?", callback=lambda *args: None)
        join_room("kitchen")
        extension.emit("soup", "hot", to="kitchen", namespace=namespace)
        emit("others", "alone", broadcast=True, include_self=False)

    extension.on("connect", namespace=namespace)(greet)
    connect(app, extension, namespace)
    prefix = "" if namespace == "/" else "/custom,"
    assert packets[0].startswith(f'0{prefix}{{"sid":')
    assert packets[1:] == [
        f'2{prefix}["auth",["hello"]]',
        f'51-{prefix}1["question",{{"_placeholder":true,"num":0}}]',
        b"how?",
        f'2{prefix}["soup","hot"]',
    ]
    extension.emit("later", namespace=namespace)
    assert packets[-1] == f'2{prefix}["later"]'


def test_a_client_that_is_refused_gets_nothing_of_what_was_emitted_to_it(
    app: Flask, extension: Extension, packets: list[str]
) -> None:
    def refuse(auth: Any) -> bool:
        emit("auth", "a secret")
        extension.emit("all", "here")
        return False

    extension.on("connect")(lambda auth: None)
    extension.on("connect", namespace="/custom")(refuse)
    connect(app, extension)
    connect(app, extension, "/custom")
    assert packets[1:] == ['2["all","here"]', '4/custom,{"message":"Connection rejected by server"}']
    assert extension.server.manager._held == {}


def test_a_client_that_leaves_while_it_is_let_in_leaves_nothing_behind(
    app: Flask, extension: Extension, packets: list[str]
) -> None:
    def leave(auth: Any) -> None:
        emit("auth", "nobody")
        extension.server._handle_eio_disconnect("one", "transport close")

    extension.on("connect")(leave)
    connect(app, extension)
    assert not any("nobody" in packet for packet in packets)
    assert extension.server.manager._held == {}
    assert extension.server.manager._namespaces == {}


def test_a_handler_that_needs_no_request_has_the_sid_and_comes_before_one_that_is_added(
    app: Flask, extension: Extension
) -> None:
    told: list[Any] = []

    @extension.on("connect")
    @needs_no_request
    def connect_own(sid: str, environ: dict[str, Any], auth: str) -> bool:
        assert not has_request_context()
        told.append(("own", sid, environ["QUERY_STRING"], auth))
        return auth != "not ours"

    @extension.on("disconnect")
    @needs_no_request
    def disconnect_own(sid: str, reason: str) -> None:
        told.append(("own gone", sid, reason))

    @extension.on("connect")
    def connect_added(auth: str) -> bool:
        told.append(("added", request.sid))  # type: ignore[attr-defined]
        return auth != "not theirs"

    @extension.on("disconnect")
    def disconnect_added() -> None:
        told.append(("added gone", request.sid))  # type: ignore[attr-defined]

    client = extension.test_client(app, query_string="?a=b", auth="both")
    sid = told[0][1]
    assert told == [("own", sid, "a=b", "both"), ("added", sid)]
    told.clear()
    client.disconnect()
    assert told[-2:] == [("added gone", sid), ("own gone", sid, "client disconnect")]
    told.clear()
    assert not extension.test_client(app, auth="not ours").is_connected()
    assert [what for what, *_ in told] == ["own"]
    told.clear()
    assert not extension.test_client(app, auth="not theirs").is_connected()
    assert [what for what, *_ in told] == ["own", "added", "own gone"]


def test_requests_are_kept_only_where_a_handler_sees_them_and_are_no_two_clients_own(
    app: Flask, extension: Extension
) -> None:
    extension.on("quiet")(needs_no_request(lambda sid, *arguments: sid))
    one, two = (extension.test_client(app, query_string=f"?name={name}") for name in ("one", "two"))
    assert one.emit("quiet", callback=True) != two.emit("quiet", callback=True)
    kept = [extension.server.environ[client.eio_sid] for client in (one, two)]
    assert kept[0] is kept[1]

    def count() -> int:
        session["count"] = session.get("count", 0) + 1
        return int(session["count"])

    # A handler that comes late finds no request of theirs any more, and nothing of each other.
    extension.on("count")(count)
    assert [client.emit("count", callback=True) for client in (one, one, two)] == [1, 1, 1]
    extension.on("name")(lambda: request.args.get("name", "none"))
    three = extension.test_client(app, query_string="?name=three")
    assert [client.emit("name", callback=True) for client in (one, three)] == ["none", "three"]
    assert [three.emit("count", callback=True) for _ in range(2)] == [1, 2]


def test_a_class_in_a_namespace_with_a_catch_all_keeps_its_events(app: Flask, extension: Extension) -> None:
    class Methods(Namespace):
        def on_known(self, number: int) -> int:
            return number + 1

    extension.on_namespace(Methods("/"))
    extension.on("*")(lambda event, *arguments: ["unknown", event, *arguments])
    client = extension.test_client(app)
    assert client.emit("known", 1, callback=True) == 2
    assert client.emit("other", 1, callback=True) == ["unknown", "other", 1]
    client.connect("/nowhere")
    assert not client.is_connected("/nowhere")
    extension.on_namespace(Methods("/nowhere"))
    client.connect("/nowhere")
    assert client.emit("known", 2, namespace="/nowhere", callback=True) == 3


def test_the_time_to_connect_is_the_applications(app: Flask) -> None:
    extension = Extension(app, async_handlers=False, connect_timeout=0.05)
    server = extension.server
    server._handle_eio_connect("one", {})
    assert "one" in server.environ
    with gevent.Timeout(5):
        while "one" in server.environ:
            gevent.sleep(0.01)


def test_it_is_flask_socketios_own_extension(extension: Extension, app: Flask) -> None:
    assert isinstance(extension, flask_socketio.SocketIO)
    assert app.extensions["socketio"] is extension
