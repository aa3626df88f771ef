"""The HTTP side of a connection: pywsgi's handler, with what a build script and a viewer need of it."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import gevent
from gevent.pywsgi import Input, WSGIServer
from geventwebsocket.handler import WebSocketHandler

log = logging.getLogger(__name__)

# Below this, copying the body next to its head costs less than a second packet.
_JOIN_BYTES = 64 * 1024
# A refused body beyond this is not read to its end: the connection is closed instead.
_MOST_DISCARDED_BYTES = 256 * 1024
# Unacknowledged data older than this means that the peer is gone (stack-traps 4).
_USER_TIMEOUT_MS = 30_000

MayUpgrade = Callable[[dict[str, Any]], bool]


class Body(Input):
    """A request body that can also be taken as it comes."""

    __slots__ = ("abandoned",)

    def __init__(self, rfile: Any, length: int | None, socket: Any, chunked: bool) -> None:
        super().__init__(rfile, length, socket=socket, chunked_input=chunked)
        self.abandoned = False

    def read_some(self, most: int) -> bytes:
        """Wait for the next bytes and return what there is, at most `most`; empty at the end.

        Raises OSError where the body breaks off. pywsgi's own `read` waits until it has all it was
        asked for, which would hold a build's lines back until there are enough of them.
        """
        if self.chunked_input:
            return self._read_some_of_chunk(most)
        left = (self.content_length or 0) - self.position
        if left <= 0:
            return b""
        self._send_100_continue()  # type: ignore[attr-defined]
        return self._take(min(left, most))

    def _read_some_of_chunk(self, most: int) -> bytes:
        # The first and the last byte of a chunk go through pywsgi, which reads what frames it;
        # in between there is only data.
        between = self.chunk_length - self.position - 1
        if self.position > 0 and between > 0:
            return self._take(min(between, most))
        first: bytes = self.read(1)
        return first

    def _take(self, most: int) -> bytes:
        data: bytes = self.rfile.read1(most)
        if not data:
            self._chunked_input_error = True
            raise OSError("the body breaks off")
        self.position += len(data)
        return data

    def abandon(self) -> None:
        """Nobody reads the rest: it is not waited for, and the connection ends with the answer."""
        self.abandoned = True

    def _discard(self) -> None:
        """Read what the application left, so that the next request can follow: a little, not any amount."""
        if self.socket is not None:
            self.abandon()  # The client waits for a `100 Continue` that it did not get: nothing comes.
        if self._chunked_input_error:
            return
        unread = 0
        try:
            while not self.abandoned and (data := self.read_some(_JOIN_BYTES)):
                unread += len(data)
                if unread > _MOST_DISCARDED_BYTES:
                    self.abandon()
        except OSError:
            self.abandon()


class Handler(WebSocketHandler):
    """One connection. `server.may_upgrade` says which requests may become a WebSocket."""

    # A peer that is gone, in whichever way it went, is no fault of ours.
    ignored_socket_errors = (
        errno.EPIPE,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )
    _joined: bytearray | None = None
    wsgi_input: Any

    def handle_one_response(self) -> None:
        """Serve one request; the server knows meanwhile that this connection is not idle."""
        self.server.busy.add(self)
        try:
            super().handle_one_response()
        finally:
            self.server.busy.discard(self)
        if self.server.closing:
            self.close_connection = True
        # An upgraded connection has pywsgi's own input, or none.
        if isinstance(self.wsgi_input, Body) and self.wsgi_input.abandoned:
            self.close_connection = True

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environ, with a body that can be read as it comes."""
        environ: dict[str, Any] = super().get_environ()
        environ["chef.peer_is_gone"] = self.peer_is_gone
        if environ["wsgi.input_terminated"]:
            stock = self.wsgi_input
            body = Body(self.rfile, stock.content_length, stock.socket, stock.chunked_input)
            self.wsgi_input = environ["wsgi.input"] = body
        return environ

    def peer_is_gone(self) -> bool:
        """Whether the client has closed its connection, as far as can be seen without waiting."""
        if self.socket is None:
            return True
        try:
            return not self.socket._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _sendall(self, data: bytes) -> None:
        if self._joined is None:
            super()._sendall(data)
        else:
            self._joined += data

    def _write_with_headers(self, data: bytes) -> None:
        """Send head and body in one write: apart they are two packets, and 40 ms with Nagle's algorithm."""
        if len(data) > _JOIN_BYTES or self.code == 101:
            super()._write_with_headers(data)
            return
        self._joined = bytearray()
        try:
            super()._write_with_headers(data)
        finally:
            parts, self._joined = self._joined, None
        super()._sendall(parts)

    def upgrade_websocket(self) -> Any:
        """Upgrade only what Engine.IO will take; all else is answered over HTTP, with its status."""
        if self.server.may_upgrade(self.environ):
            return super().upgrade_websocket()
        return None

    def _handle_client_error(self, ex: Exception) -> Any:
        # The base class prints the traceback of everything but a ValueError.
        known = ValueError(str(ex)) if isinstance(ex, HTTPException) else ex
        return super()._handle_client_error(known)

    def log_request(self) -> None:
        """No access log: a build posts many times a second."""

    def log_error(self, msg: str, *args: Any) -> None:
        """A client's broken request is one line, not a traceback."""
        log.info(msg % args if args else msg)


class Server(WSGIServer):
    """The listener. `may_upgrade` decides from the WSGI environ whether a request may be a WebSocket."""

    def __init__(self, listener: Any, application: Any, may_upgrade: MayUpgrade) -> None:
        super().__init__(listener, application, handler_class=Handler, log=None, error_log=log)
        self.may_upgrade = may_upgrade
        self.busy: set[Handler] = set()
        self.closing = False
        # What gevent-websocket's handler logs to and keeps its connections in.
        self.logger = logging.getLogger("geventwebsocket")
        self.clients: dict[Any, Any] = {}

    def drain(self, timeout: float) -> bool:
        """Take no more connections and wait until every request is answered; False at the time limit."""
        self.closing = True
        self.close()
        with gevent.Timeout(timeout, False):  # type: ignore[arg-type]
            while self.busy:
                gevent.sleep(0.02)
        return not self.busy

    def handle(self, client_socket: Any, address: Any) -> None:
        """Serve one connection. Without TCP_NODELAY a keep-alive POST takes 44 ms (stack-traps 1)."""
        client_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            client_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        with suppress(ConnectionError, TimeoutError):  # It did not wait for its refusal.
            super().handle(client_socket, address)
