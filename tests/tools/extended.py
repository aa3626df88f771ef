"""Chef as a team extends it: handlers of its own beside Chef's, by Flask-SocketIO's documentation.

`python -m tests.tools.extended` serves it. What each handler does, `tests/test_extended.py` looks at with
a real client.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - nothing may be imported before the patch
from typing import Any  # noqa: E402

import flask_socketio  # noqa: E402
from flask import Flask, request, session  # noqa: E402
from flask_socketio import (  # noqa: E402
    Namespace,
    SocketIO,
    call,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

from chef import create_app  # noqa: E402
from chef.http.server import Server  # noqa: E402
from chef.settings.config import Settings  # noqa: E402


def main() -> None:
    """Serve for ever."""
    app = create_app(Settings(database_url=os.environ["DATABASE_URL"]))
    app.secret_key = "a secret of the team's"
    socketio: SocketIO = app.extensions["socketio"]
    register_connections(socketio)
    register_events(socketio)
    register_talk(socketio)
    register_rooms(socketio)
    register_errors(socketio)
    register_routes(app, socketio)
    socketio.on_namespace(Kitchen("/kitchen"))
    socketio.on_namespace(Extra("/"))
    address = ("127.0.0.1", int(os.environ["PORT"]))
    Server(address, app, socketio.server.eio.may_upgrade).serve_forever()


def register_connections(socketio: SocketIO) -> None:
    @socketio.on("connect")
    def connect(auth: Any) -> bool | None:
        if auth and auth.get("name") == "a stranger":
            return False
        session["colour"] = request.args.get("colour")
        emit("hello", {"sid": request.sid})  # type: ignore[attr-defined]
        return None

    @socketio.on("disconnect")
    def leave(reason: str) -> None:
        socketio.emit("left", reason)

    @socketio.on("connect", namespace="/private")
    def connect_private(auth: Any) -> None:
        if auth != {"password": "open"}:
            raise flask_socketio.ConnectionRefusedError("wrong password", {"retry": False})

    @socketio.on("*", namespace="/private")
    def anything(event: str, *arguments: Any) -> list[Any]:
        return [event, *arguments]


def register_events(socketio: SocketIO) -> None:
    @socketio.on("who")
    def who() -> dict[str, Any]:
        return {
            "sid": request.sid,  # type: ignore[attr-defined]
            "namespace": request.namespace,  # type: ignore[attr-defined]
            "event": request.event["message"],  # type: ignore[attr-defined]
            "agent": request.headers["User-Agent"],
            "colour": session.get("colour"),
        }

    @socketio.on("count")
    def count() -> int:
        session["count"] = session.get("count", 0) + 1
        return int(session["count"])

    @socketio.on("nothing")
    def nothing() -> None:
        """Acknowledged without an argument."""

    @socketio.event
    def several(*arguments: Any) -> tuple[Any, ...]:
        return (*arguments, "and one")

    @socketio.on("go")
    def go() -> None:
        disconnect()


def register_talk(socketio: SocketIO) -> None:
    @socketio.on("message")
    def message(text: str) -> None:
        send(f"heard: {text}")

    @socketio.on("json")
    def json(data: Any) -> None:
        send({"heard": data}, json=True)

    @socketio.on("ask")
    def ask() -> None:
        me = request.sid  # type: ignore[attr-defined]
        emit("question", "how?", callback=lambda answer: emit("you said", answer, to=me))

    @socketio.on("interview")
    def interview() -> list[Any]:
        return [call("question", number) for number in (1, 2)]

    @socketio.on("later")
    def later() -> None:
        socketio.start_background_task(tell_later, socketio, request.sid)  # type: ignore[attr-defined]

    @socketio.on("slow")
    def slow() -> str:
        socketio.sleep(0.3)
        return "slow"

    @socketio.on("quick")
    def quick() -> str:
        return "quick"


def tell_later(socketio: SocketIO, sid: str) -> None:
    socketio.sleep(0.05)
    socketio.emit("told later", b"\x01\x02", to=sid)


def register_rooms(socketio: SocketIO) -> None:
    @socketio.on("join")
    def join(room: str) -> list[str]:
        join_room(room)
        emit("joined", room, to=room, include_self=False)
        return sorted(one for one in rooms() if one != request.sid)  # type: ignore[attr-defined]

    @socketio.on("leave")
    def leave(room: str) -> list[str]:
        leave_room(room)
        return [one for one in rooms() if one != request.sid]  # type: ignore[attr-defined]

    @socketio.on("close")
    def close(room: str) -> None:
        close_room(room)

    @socketio.on("shout")
    def shout(words: str) -> None:
        emit("shouted", words, broadcast=True)


def register_errors(socketio: SocketIO) -> None:
    @socketio.on("fail")
    def fail() -> None:
        raise LookupError("of the default namespace")

    @socketio.on("fail", namespace="/private")
    def fail_private() -> None:
        raise LookupError("of the private one")

    @socketio.on_error()
    def handle_error(error: Exception) -> str:
        return f"on_error: {error}"

    @socketio.on_error_default
    def handle_any_error(error: Exception) -> str:
        return f"on_error_default: {error}"


def register_routes(app: Flask, socketio: SocketIO) -> None:
    @app.post("/announce/<room>")
    def announce(room: str) -> str:
        socketio.emit("announcement", {"for": room}, to=room)
        return "announced"


class Kitchen(Namespace):
    """A namespace as a class."""

    def on_connect(self, auth: Any) -> None:
        emit("menu", ["soup"])

    def on_disconnect(self, reason: str) -> None:
        self.socketio.emit("kitchen left", reason)

    def on_order(self, dish: str) -> dict[str, Any]:
        self.emit("ordered", dish)
        return {"dish": dish, "namespace": request.namespace}  # type: ignore[attr-defined]


class Extra(Namespace):
    """A class in Chef's own namespace: its events are not taken for unknown ones."""

    def on_extra(self, number: int) -> int:
        return number + 1


if __name__ == "__main__":
    main()
