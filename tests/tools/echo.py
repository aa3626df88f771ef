"""Two applications on Chef's transport, as somebody else would write them with Flask-SocketIO: they echo.

`python -m tests.tools.echo engine` sends back each Engine.IO message, `… socketio` answers events, in two
namespaces. The protocols' texts end with such servers, since their suites run against them.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - nothing may be imported before the patch
import sys  # noqa: E402
from typing import Any  # noqa: E402

from flask import Flask  # noqa: E402
from flask_socketio import emit  # noqa: E402

from chef.http.server import Server  # noqa: E402
from chef.transport.extension import Extension  # noqa: E402

PING_INTERVAL_MS, PING_TIMEOUT_MS, MAX_BYTES = 2500, 20_500, 1_000_000


def main(layer: str) -> None:
    """Serve for ever."""
    app = Flask("echo")
    extension = Extension(
        app,
        async_handlers=False,
        ping_interval=PING_INTERVAL_MS / 1000,
        ping_timeout=PING_TIMEOUT_MS / 1000,
        max_http_buffer_size=MAX_BYTES,
    )
    engine = extension.server.eio
    if layer == "engine":
        engine.on("connect", lambda sid, environ: None)
        engine.on("disconnect", lambda sid, reason: None)
        engine.on("message", engine.send)
    else:
        for namespace in ("/", "/custom"):
            extension.on("connect", namespace=namespace)(_greet)
        extension.on("message")(_answer)
        extension.on("message-with-ack")(_acknowledge)
    Server(("127.0.0.1", int(os.environ["PORT"])), app, engine.may_upgrade).serve_forever()


def _greet(auth: Any = None) -> None:
    emit("auth", auth or {})


def _answer(*args: Any) -> None:
    emit("message-back", args)


def _acknowledge(*args: Any) -> Any:
    return args


if __name__ == "__main__":
    main(sys.argv[1])
