"""The HTTP side of a connection: pywsgi's handler, with what a build script and a viewer need of it."""

from __future__ import annotations

import _socket
import errno
import json
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

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

_MOST_LOGGED_CHARS = 200
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_REFUSALS = {
    400: ("Bad request", "bad_request", "the request is not HTTP as this server reads it"),
    414: ("URI too long", "uri_too_long", "the request line is too long"),
}

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

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        try:
            data: bytes = super()._chunked_read(length, use_readline)  # type: ignore[misc]
        except (OSError, ValueError):
            # Where the next request would begin cannot be known.
            self.abandon()
            raise
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
        except (OSError, ValueError):
            self.abandon()


def _refusal(status: int) -> bytes:
    """An answer to what is no request, before there is an application to ask."""
    title, code, detail = _REFUSALS[status]
    problem = {"type": f"urn:chef:problem:{code}", "title": title, "status": status, "code": code}
    body = json.dumps(problem | {"detail": detail, "errors": []}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


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
    socket: Any
    websocket: Any

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

    def handle_one_request(self) -> Any:
        """Serve the next request; what cannot be read as one is refused as every refusal is told."""
        outcome = super().handle_one_request()
        if isinstance(outcome, tuple):
            status = int(outcome[0])
            return outcome[0], _refusal(status)
        return outcome

    def read_request(self, raw_requestline: str) -> bool:
        """Read the head. Refuses what leaves open where the body ends, since the rest of a body would
        be taken for the next request.
        """
        taken: bool = super().read_request(raw_requestline)
        coding = ",".join(self.headers.get_all("transfer-encoding", [])).strip().lower()
        if coding not in ("", "chunked", "identity"):
            raise ValueError(f"a body must be chunked or have a Content-Length, not {coding[:40]!r}")
        if len(set(self.headers.get_all("content-length", []))) > 1:
            raise ValueError("Content-Length is given twice")
        return taken

    def _connection_upgrade_requested(self) -> bool:
        # Proxies write `Connection: upgrade` on whatever they pass on, and pywsgi then takes no body.
        upgrade: str = self.headers.get("upgrade", "")
        return self.command == "GET" and upgrade.strip().lower() == "websocket"

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environ, with a body that can be read as it comes."""
        environ: dict[str, Any] = super().get_environ()
        if not environ["QUERY_STRING"].isascii():
            # Bytes that are no URL are for the routes to refuse or to take; werkzeug would fail on them.
            environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=_PRINTABLE, encoding="latin-1")
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

    def run_websocket(self) -> None:
        """Let the application take the connection over, which it does with `detach`; nothing waits here."""
        upgraded = self.websocket
        # Else its `__del__` would write a close frame into what is no longer its connection.
        del upgraded.closed
        try:
            list(self.application(self.environ, lambda *_: None))
        finally:
            self.websocket = None

    def detach(self) -> tuple[_socket.socket, bytes]:
        """The upgraded connection, non-blocking and without gevent's watchers, and what came on it already.

        TLS ends in front of us: below is nothing but a TCP connection.
        """
        connection, self.socket = self.socket, None
        connection.settimeout(0)
        early = self.rfile.peek()
        family, kind, protocol = connection.family, connection.type, connection.proto
        detached = _socket.socket(family, kind, protocol, connection.detach())
        detached.setblocking(False)
        return detached, early

    def _handle_client_error(self, ex: Exception) -> Any:
        # The base class prints the traceback of everything but a ValueError.
        known = ValueError(str(ex)) if isinstance(ex, HTTPException) else ex
        return super()._handle_client_error(known)

    def log_request(self) -> None:
        """No access log: a build posts many times a second."""

    def log_error(self, msg: str, *args: Any) -> None:
        """A client's broken request is one short line, not a traceback: it may quote what was sent."""
        log.info("%s", (msg % args if args else msg)[:_MOST_LOGGED_CHARS])


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
