"""Flask-SocketIO as its documentation has it: takes an update, sends it to the job's room, keeps nothing."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from typing import Any  # noqa: E402

from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO, join_room  # noqa: E402

app = Flask(__name__)
socketio: Any = SocketIO(app, async_mode="gevent", path="/ws", ping_interval=20, ping_timeout=20)
seq = 0


@socketio.on("subscribe:job")  # type: ignore[untyped-decorator]
def subscribe(job_id: str) -> dict[str, bool]:
    join_room(job_id)
    return {"ok": True}


@app.post("/api/updates")
def post_update() -> dict[str, int]:
    global seq  # noqa: PLW0603 - this is how a first version looks
    update = request.get_json()
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = update["message"].split("\n") if update["type"] == "log" else [None]
    for message in lines:
        seq += 1
        if message is None:
            socketio.emit("job:progress", update | {"seq": seq, "at": at}, to=update["jobId"])
        else:
            ids = {"jobId": update["jobId"], "projectId": update["projectId"]}
            rest = {"at": at, "stream": "stdout", "level": None, "message": message}
            socketio.emit("job:log", ids | {"seq": seq, "line": seq} | rest, to=update["jobId"])
    return {"accepted": 1}


if __name__ == "__main__":
    if "NODELAY" in os.environ:
        import socket

        from gevent.pywsgi import WSGIServer

        handle = WSGIServer.handle

        def without_delay(self: Any, client: Any, address: Any) -> None:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handle(self, client, address)

        WSGIServer.handle = without_delay  # type: ignore[assignment, method-assign]
    socketio.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_output=False)
