"""A TCP proxy that can swallow packets, as a broken network does: nothing comes, nothing ends."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class Swallowing:
    """`with Swallowing(port) as proxy:` forwards `proxy.port` to that port of this machine.

    A connection of which something was swallowed stays silent for good, as one does that a router forgot.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._swallows = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Swallowing:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def swallow(self) -> None:
        """From now on nothing arrives, also nothing of connections that are made."""
        self._swallows = True

    def forward(self) -> None:
        """New connections work again."""
        self._swallows = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                lost = threading.Event()
                if self._swallows:
                    lost.set()
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(one, other, lost), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while True:
                data = one.recv(65536)
                if self._swallows:
                    lost.set()
                if not lost.is_set():
                    if not data:
                        break
                    other.sendall(data)
                elif not data:
                    return  # The end of a connection is swallowed, too.
            other.shutdown(socket.SHUT_WR)
