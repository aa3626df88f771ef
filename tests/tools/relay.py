"""A small TCP proxy between a test's client and a server, which gets in the way as some proxies do."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HOST = re.compile(rb"(?im)^host:[^\r]*")
_UPGRADE = re.compile(rb"(?im)^upgrade:")


@contextmanager
def relay(port: int, *, swallows_upgrades: bool = False, rewrites_host: bool = False) -> Iterator[int]:
    """A port that leads to `port`.

    `swallows_upgrades`: whoever asks for a WebSocket gets no answer. `rewrites_host`: the server does not
    learn the name that it was asked for, so that it takes its own pages for foreign ones.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = [listener]

    def serve(client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", port))
        opened.extend((client, server))
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server, is_request=True)

    def pump(source: socket.socket, target: socket.socket, is_request: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_request and swallows_upgrades and _UPGRADE.search(data):
                    continue
                if is_request and rewrites_host:
                    data = _HOST.sub(b"Host: inside:1", data)
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        for one in opened:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
