"""The rules of Socket.IO in the process, through Flask-SocketIO's own test client."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import gevent
import jwt
import pytest
from flask import Flask
from flask_socketio import SocketIO, SocketIOTestClient

from chef.domain.clock import now_ms
from chef.errors import StoreUnavailable
from chef.sockets import sweeping
from chef.transport.extension import Extension

SECRET = "a secret that is long enough for HS256"
MakeApp = Callable[..., Flask]


class Viewer(SocketIOTestClient):  # type: ignore[misc] # the library has no types
    """The library's test client; `refusal` is what a refused connection was told."""

    refusal: Any = None

    def connect(self, *args: Any, **kwargs: Any) -> None:
        server = self.socketio.server
        send = server._send_packet

        def note_and_send(eio_sid: str, packet: Any) -> None:
            if eio_sid == self.eio_sid and packet.packet_type == 4:  # CONNECT_ERROR
                self.refusal = packet.data
            send(eio_sid, packet)

        server._send_packet = note_and_send
        super().connect(*args, **kwargs)

    def take(self, number: int) -> list[tuple[str, Any]]:
        """The next events, once that many are there and nothing more is on its way."""
        with gevent.Timeout(5):
            while len(self.queue) < number:
                gevent.sleep(0.005)
        gevent.sleep(0.02)
        events = [(item["name"], *item["args"]) for item in self.get_received()]
        assert len(events) == number, events
        assert all(len(event) == 2 for event in events)
        return [(event[0], event[1]) for event in events]


def extension(app: Flask) -> Extension:
    found: Extension = app.extensions["socketio"]
    return found


def connect(app: Flask, auth: Any = None, **options: Any) -> Viewer:
    return Viewer(app, extension(app), auth=auth, **options)


def update(app: Flask, *updates: dict[str, Any], **headers: str) -> None:
    body = [{"projectId": "web", "jobId": "job", "type": "progress"} | one for one in updates]
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    answer = app.test_client().post("/api/updates", json=body, headers=headers, environ_overrides=environ)
    assert answer.status_code == 200, answer.text


def call(viewer: Viewer, *args: Any) -> Any:
    return viewer.emit(*args, callback=True)


def listen(app: Flask, note: Callable[[str], None]) -> None:
    """Have `note` called for each acknowledgement ("answer") and each event that is sent from now on."""
    server = extension(app).server

    def noting(what: str, send: Callable[..., None]) -> Callable[..., None]:
        def send_noted(*args: Any) -> None:
            note(what)
            send(*args)

        return send_noted

    server._send_packet = noting("answer", server._send_packet)
    server._send_eio_packet = noting("event", server._send_eio_packet)


def signed(key: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": now_ms() // 1000 + 36_000, "scope": "read"} | claims, key, algorithm=algorithm)


def unsigned(**claims: Any) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'exp': 2**40, 'scope': 'read'} | claims)}."


def test_the_extension_is_where_flask_socketio_puts_it(app: Flask) -> None:
    assert isinstance(app.extensions["socketio"], SocketIO)
    assert isinstance(app.extensions["socketio"].test_client(app), SocketIOTestClient)


def test_a_subscriber_receives_what_is_sent_and_others_do_not(app: Flask) -> None:
    viewer, idle, other = connect(app), connect(app), connect(app)
    assert call(viewer, "subscribe:job", "job")["ok"] is True
    assert call(other, "subscribe:job", "other")["ok"] is True
    update(app, {"phase": "building"}, {"type": "log", "message": "one\ntwo"}, {"type": "completed"})
    names = [name for name, _ in viewer.take(5)]
    assert names == ["job:progress", "job:log", "job:log", "job:progress", "job:completed"]
    assert idle.take(0) == other.take(0) == []


def test_the_acknowledgement_comes_before_what_follows_from_it(app: Flask) -> None:
    update(app, {"phase": "building"}, {"type": "log", "message": "one"})
    viewer = connect(app)
    order: list[str] = []
    listen(app, order.append)
    call(viewer, "subscribe:job", {"jobId": "job", "after": 0})
    viewer.take(2)
    assert order == ["answer", "event", "event"]


def test_the_plain_form_shows_the_newest_state_first(app: Flask) -> None:
    update(app, {"phase": "building", "progress": 70}, {"type": "log", "message": "old"})
    viewer = connect(app)
    viewer.emit("subscribe:job", "job")
    ((name, state),) = viewer.take(1)
    assert (name, state["progress"], state["seq"]) == ("job:progress", 70, 1)
    update(app, {"type": "log", "message": "new"})
    ((name, line),) = viewer.take(1)
    assert (name, line["message"], line["seq"]) == ("job:log", "new", 3)


def test_an_object_without_after_is_the_plain_form(app: Flask) -> None:
    update(app, {"phase": "building"}, {"type": "log", "message": "old"})
    for form in ({"jobId": "job"}, {"jobId": "job", "after": None}, {"jobId": "job", "later": "field"}):
        viewer = connect(app)
        assert call(viewer, "subscribe:job", form)["complete"] is True
        assert [name for name, _ in viewer.take(1)] == ["job:progress"]


def test_a_job_that_only_logged_is_shown_as_building(app: Flask) -> None:
    update(app, {"type": "log", "message": "one\ntwo"})
    viewer = connect(app)
    answer = call(viewer, "subscribe:job", "job")
    assert (answer["seq"], answer["job"]["status"]) == (2, "building")
    ((name, state),) = viewer.take(1)
    assert (name, state["status"], state["progress"]) == ("job:progress", "building", 0)
    assert state["progressKnown"] is False
    assert state["seq"] <= answer["seq"]


@pytest.mark.parametrize(("name", "events"), [("after", 1), ("epoch", 2), ("batch", 2)])
def test_a_field_that_is_null_is_one_that_is_absent(app: Flask, name: str, events: int) -> None:
    update(app, {"phase": "building"}, {"type": "log", "message": "old"})
    wanted = {"jobId": "job", "after": 0, "epoch": app.extensions["chef"].store.epoch, "batch": True}
    answers = [
        (call(viewer, "subscribe:job", form), viewer.take(events))
        for form in (wanted | {name: None}, {key: value for key, value in wanted.items() if key != name})
        for viewer in (connect(app),)
    ]
    assert answers[0] == answers[1]
    assert answers[0][0]["ok"] is True


def test_a_whole_number_may_be_written_as_a_float(app: Flask) -> None:
    """Lua, C++ and others write 1 as 1.0."""
    update(app, {"phase": "building"}, {"type": "log", "message": "old"})
    viewer = connect(app)
    assert call(viewer, "subscribe:job", {"jobId": "job", "after": 1.0})["complete"] is True
    assert [name for name, _ in viewer.take(1)] == ["job:log"]


def test_nulls_behind_the_argument_are_none(app: Flask) -> None:
    """`emit("subscribe:job", id, undefined)` sends one."""
    viewer = connect(app)
    assert call(viewer, "subscribe:job", "job", None, None)["ok"] is True
    assert call(viewer, "subscribe:job", "job", None, "job")["error"]["code"] == "invalid"


WRONG_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "none at all": (),
    "two": ("job", "job"),
    "null": (None,),
    "a number": (17,),
    "true": (True,),
    "a list": (["job"],),
    "an empty string": ("",),
    "129 characters": ("x" * 129,),
    "a slash": ("a/b",),
    "a space": ("a b",),
    "a newline at the end": ("job\n",),
    "another alphabet": ("jöb",),
    "an empty object": ({},),
    "an object with a number": ({"jobId": 1, "projectId": 1},),
    "bytes": (b"job",),
}
WRONG_FIELDS: dict[str, dict[str, Any]] = {
    "after is text": {"after": "1"},
    "after is negative": {"after": -1},
    "after is a fraction": {"after": 1.5},
    "after is true": {"after": True},
    "epoch is a number": {"epoch": 1},
    "batch is a number": {"batch": 1},
    "batch is text": {"batch": "true"},
    "after is a large float": {"after": 1e300},
}


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS.keys())
def test_a_wrong_argument_is_answered_and_the_connection_stays(
    app: Flask, arguments: tuple[Any, ...]
) -> None:
    viewer = connect(app)
    for event in ("subscribe:job", "unsubscribe:job", "subscribe:project", "unsubscribe:project"):
        if event == "unsubscribe:project" and not arguments:
            continue  # That is no mistake: see below.
        answer = call(viewer, event, *arguments)
        assert answer["ok"] is False
        assert answer["error"]["code"] == "invalid"
        assert answer["error"]["message"].startswith(f"{event.partition(':')[2]}Id must be ")
    assert viewer.take(0) == []
    assert call(viewer, "subscribe:job", "job")["ok"] is True


@pytest.mark.parametrize("fields", WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named(app: Flask, fields: dict[str, Any]) -> None:
    answer = call(connect(app), "subscribe:job", {"jobId": "job"} | fields)
    assert answer["ok"] is False
    assert answer["error"]["message"].startswith(next(iter(fields)) + " must be ")
    assert answer["jobId"] == "job"


@pytest.mark.parametrize(
    "event", ["subscribe:job", "subscribe:project", "unsubscribe:job", "unsubscribe:project"]
)
def test_a_client_that_asked_for_no_acknowledgement_is_told_by_an_event(app: Flask, event: str) -> None:
    viewer = connect(app)
    kind = event.partition(":")[2]
    viewer.emit(event, {f"{kind}Id": "a/b"})
    ((name, refusal),) = viewer.take(1)
    assert name == "subscribe:error"
    assert set(refusal) == {"ok", "error", f"{kind}Id"}
    assert refusal[f"{kind}Id"] == "a/b"
    assert set(refusal["error"]) == {"code", "message"}


def test_a_refusal_does_not_send_back_what_is_too_long(app: Flask) -> None:
    viewer = connect(app)
    viewer.emit("subscribe:job", "x" * 10_000)
    ((_, refusal),) = viewer.take(1)
    assert len(json.dumps(refusal)) < 500


@pytest.mark.parametrize(
    "event", ["no:such", "message", "json", "subscribe", "*", "", "connect", "disconnect", 17, ["a"], None]
)
def test_an_unknown_event_is_answered_if_it_asked_and_changes_nothing(app: Flask, event: Any) -> None:
    viewer = connect(app)
    assert call(viewer, "subscribe:job", "job")["ok"] is True
    answer = call(viewer, event, {"some": "thing"})
    assert answer["ok"] is False
    assert answer["error"]["code"] == "unknown_event"
    viewer.emit(event)
    assert viewer.take(0) == []
    assert len(call(viewer, "subscribe:job", "job")) == 7
    assert app.extensions["chef"].connected_clients() == 1
    update(app, {"phase": "building"})
    assert len(viewer.take(1)) == 1


def test_a_viewer_has_a_largest_number_of_subscriptions(make_app: MakeApp) -> None:
    app = make_app(max_subscriptions=2)
    viewer = connect(app)
    assert [call(viewer, "subscribe:job", name)["ok"] for name in ("a", "b", "c", "a")] == [
        True,
        True,
        False,
        True,
    ]
    assert call(viewer, "subscribe:job", "c")["error"]["code"] == "rate_limited"
    call(viewer, "unsubscribe:job", "a")
    assert call(viewer, "subscribe:job", "c")["ok"] is True


def test_a_client_that_leaves_leaves_nothing_behind(app: Flask) -> None:
    hub, clients = app.extensions["chef"].hub, app.extensions["chef"].connected_clients
    viewer = connect(app)
    call(viewer, "subscribe:job", "job")
    call(viewer, "subscribe:job", {"jobId": "job-2", "after": 0})
    call(viewer, "subscribe:project", "web")
    assert (clients(), hub.rooms, hub.viewers(("job", "job"))) == (1, 3, 1)
    viewer.disconnect()
    assert (clients(), hub.rooms, hub.viewers(("job", "job"))) == (0, 0, 0)


def test_an_unsubscribe_of_what_was_not_subscribed_is_no_error(app: Flask) -> None:
    viewer = connect(app)
    assert call(viewer, "unsubscribe:job", {"jobId": "job"}) == {"ok": True, "jobId": "job"}
    assert call(viewer, "unsubscribe:project", "web") == {"ok": True, "projectId": "web"}


def test_an_unsubscribe_from_no_project_by_name_is_one_from_all(app: Flask) -> None:
    viewer = connect(app)
    call(viewer, "subscribe:job", "job")
    for project in ("web", "api"):
        call(viewer, "subscribe:project", project)
    assert call(viewer, "unsubscribe:project") == {"ok": True}
    assert app.extensions["chef"].hub.rooms == 1
    update(app, {"phase": "building"})
    assert [name for name, _ in viewer.take(1)] == ["job:progress"]
    assert call(viewer, "unsubscribe:project") == {"ok": True}


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize(
    ("auth", "is_token"),
    [
        pytest.param({"token": "wrong"}, True, id="no JWT"),
        pytest.param({"token": signed("another secret that is long enough too")}, True, id="another secret"),
        pytest.param({"token": signed(exp=1)}, True, id="expired"),
        pytest.param({"token": signed(exp="tomorrow")}, True, id="exp is text"),
        pytest.param({"token": signed(SECRET * 2, "HS512")}, True, id="another algorithm"),
        pytest.param({"token": unsigned()}, True, id="alg none"),
        pytest.param({"token": 17}, True, id="a number"),
        pytest.param({"token": signed(scope="write")}, False, id="no read scope"),
        pytest.param({}, False, id="no token"),
        pytest.param({"token": ""}, False, id="an empty token"),
        pytest.param(None, False, id="no auth"),
        pytest.param("token", False, id="auth is text"),
        pytest.param(["token"], False, id="auth is a list"),
    ],
)
def test_a_wrong_token_is_an_authentication_error(
    make_app: MakeApp, auth: Any, is_token: bool, public: bool
) -> None:
    app = make_app(jwt_secret=SECRET, public_read=public)
    viewer = connect(app, auth)
    # Where anybody may read, only a token that is sent and wrong is refused.
    refused = is_token or not public
    assert viewer.is_connected() is not refused
    assert viewer.refusal == ({"message": "Authentication error"} if refused else None)
    assert app.extensions["chef"].connected_clients() == (0 if refused else 1)


def test_without_any_key_a_token_is_not_looked_at(app: Flask) -> None:
    assert connect(app, {"token": "left over from another server"}).is_connected()


def test_the_cookie_opens_at_home_and_never_for_a_foreign_page(make_app: MakeApp) -> None:
    app = make_app(jwt_secret=SECRET, websocket_cors_origin="*")
    headers = {"Cookie": f"chef_token={signed()}", "Host": "chef.example"}
    assert connect(app, headers=headers).is_connected()
    assert connect(app, headers=headers | {"Origin": "http://chef.example"}).is_connected()
    foreign = connect(app, headers=headers | {"Origin": "http://evil.example"})
    assert foreign.refusal == {"message": "Authentication error"}


def test_a_token_for_one_project_does_not_learn_whether_another_job_exists(make_app: MakeApp) -> None:
    app = make_app(jwt_secret=SECRET, api_tokens=("write-token-0123456",))
    write = {"Authorization": "Bearer write-token-0123456"}
    update(app, {"phase": "building"}, {"jobId": "other", "projectId": "other"}, **write)
    viewer = connect(app, {"token": signed(projects=["web"])})
    assert call(viewer, "subscribe:job", "job")["ok"] is True
    assert call(viewer, "subscribe:project", "web")["ok"] is True
    viewer.take(1)
    there, not_there = call(viewer, "subscribe:job", "other"), call(viewer, "subscribe:job", "nowhere")
    assert there["error"]["code"] == "forbidden"
    assert there | {"jobId": ""} == not_there | {"jobId": ""}
    assert call(viewer, "subscribe:project", "other")["error"]["code"] == "forbidden"
    update(app, {"jobId": "other", "projectId": "other", "type": "error", "message": "no"}, **write)
    assert viewer.take(0) == []


def test_a_token_that_expires_ends_its_connection_within_a_minute(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweeping.SWEEP_S <= 60
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.02)
    # exp is in whole seconds of the real clock for PyJWT, and of ours for Chef.
    app = make_app(jwt_secret=SECRET)
    soon = connect(app, {"token": signed(exp=now_ms() / 1000 + 0.2)})
    later = connect(app, {"token": signed()})
    closed: list[str] = []
    monkeypatch.setattr(extension(app).server.eio.sessions, "disconnect", closed.append)
    call(soon, "subscribe:job", "job")
    with gevent.Timeout(5):
        while soon.is_connected():
            gevent.sleep(0.01)
    assert later.is_connected()
    assert closed == [soon.eio_sid]  # Not only left without its namespace, as the library does.
    assert app.extensions["chef"].connected_clients() == 1
    assert app.extensions["chef"].hub.rooms == 0


def test_one_that_cannot_be_closed_keeps_no_other_open(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.02)
    app = make_app(jwt_secret=SECRET)
    connect(app, {"token": signed(exp=now_ms() / 1000 + 0.1)})
    other = connect(app, {"token": signed(exp=now_ms() / 1000 + 0.1)})
    server = extension(app).server
    disconnect, calls = server.disconnect, []

    def fail_once(sid: str) -> None:
        calls.append(sid)
        if len(calls) == 1:
            raise KeyError(sid)
        disconnect(sid)

    monkeypatch.setattr(server, "disconnect", fail_once)
    with gevent.Timeout(5):
        while app.extensions["chef"].connected_clients():
            gevent.sleep(0.01)
    assert not other.is_connected()


def test_a_subscription_that_cannot_be_kept_is_refused_whole(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnavailable

    viewer = connect(app, {"recovery": True})
    with monkeypatch.context() as patched:
        patched.setattr(app.extensions["chef"].store, "save_session", fail)
        assert call(viewer, "subscribe:job", "job")["error"]["code"] == "store_unavailable"
    assert app.extensions["chef"].hub.rooms == 0
    assert call(viewer, "subscribe:job", "job")["ok"] is True
    update(app, {"phase": "building"})
    with gevent.Timeout(5):
        while not viewer.get_received():
            gevent.sleep(0.01)


def test_applications_in_one_process_share_neither_handlers_nor_viewers(
    make_app: MakeApp, tmp_path: Any
) -> None:
    one, two = (make_app(database_url=f"sqlite:///{tmp_path / name}.db") for name in ("one", "two"))
    assert extension(one).server is not extension(two).server
    assert extension(one).server.manager is not extension(two).server.manager
    viewer_one, viewer_two = connect(one), connect(two)
    answers = [call(viewer, "subscribe:job", "job") for viewer in (viewer_one, viewer_two)]
    assert answers[0]["epoch"] != answers[1]["epoch"]
    update(one, {"phase": "building"})
    assert len(viewer_one.take(1)) == 1
    assert viewer_two.take(0) == []
    viewer_one.disconnect()
    assert [app.extensions["chef"].connected_clients() for app in (one, two)] == [0, 1]


def test_what_the_stores_threads_bring_is_sent_by_the_hubs_thread(app: Flask) -> None:
    viewer = connect(app)
    threads: set[int] = set()
    listen(app, lambda _: threads.add(threading.get_ident()))
    update(app, {"type": "log", "message": "one"})
    call(viewer, "subscribe:job", {"jobId": "job", "after": 0})
    update(app, {"type": "log", "message": "two"})
    assert len(viewer.take(2)) == 2
    assert threads == {threading.get_ident()}
