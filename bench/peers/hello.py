"""A Flask hello world: what a POST costs before anything is done with it. STOCK: behind pywsgi's handler."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import socket  # noqa: E402

from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from chef.http.server import Server  # noqa: E402

app = Flask(__name__)


@app.post("/api/updates")
def post_update() -> dict[str, str]:
    return {"hello": "world"}


def serve(port: int) -> None:
    """Behind the handler that Chef has."""
    Server(("127.0.0.1", port), app, lambda environ: False).serve_forever()


def serve_stock(port: int) -> None:
    """Behind gevent's, without the 40 ms that its two writes take with Nagle's algorithm."""
    server = WSGIServer(("127.0.0.1", port), app, log=None)
    server.init_socket()
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.serve_forever()


if __name__ == "__main__":
    (serve_stock if "STOCK" in os.environ else serve)(int(os.environ["PORT"]))
