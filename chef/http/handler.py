"""The HTTP side of a connection: requests in, answers out, as WSGI and as few steps as that takes.

pywsgi reads heads with the email package, sends heads and bodies apart, waits for slow peers for ever
and is "not intended for direct exposure to the public Internet" by its own words. So what is between
its listener and gevent-websocket's upgrade is ours: `heads`, `body`, `connection`, and this handler.
"""

from __future__ import annotations

import _socket
import base64
import binascii
import errno
import json
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from time import monotonic, time
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import gevent
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from chef.greenlets import Workers
from chef.http.body import Body, BrokenBody
from chef.http.connection import Connection, PeerGone, TooSlow
from chef.http.connections import IDLE, Connections, Limits
from chef.http.heads import TOKEN, Head, Refused, parse

log = logging.getLogger(__name__)

# Below this, copying the body next to its head costs less than a second packet.
_JOIN_BYTES = 64 * 1024
# Unacknowledged data older than this means that the peer is gone (stack-traps 4).
_USER_TIMEOUT_MS = 30_000
# A peer that is quiet is asked whether it is still there after this time, and three times in all.
_KEEPALIVE_S, _KEEPALIVE_AGAIN_S, _KEEPALIVE_TIMES = 30, 10, 3
_BACKLOG = 2048
_RETRY_AFTER_S = 5
_PAUSE_S = 0.1
# At the end, who has begun a request gets this long to send the rest of its head.
_LAST_HEADS_S = 1.0
_FRESH_S = 0.2

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_TITLES = {
    400: ("Bad Request", "bad_request"),
    408: ("Request Timeout", "request_timeout"),
    414: ("URI Too Long", "uri_too_long"),
    417: ("Expectation Failed", "expectation_failed"),
    426: ("Upgrade Required", "upgrade_required"),
    429: ("Too Many Requests", "too_many_connections"),
    431: ("Request Header Fields Too Large", "head_too_large"),
    500: ("Internal Server Error", "internal"),
    501: ("Not Implemented", "not_implemented"),
    503: ("Service Unavailable", "too_many_connections"),
    505: ("HTTP Version Not Supported", "http_version_not_supported"),
}
# What a 426 must say (RFC 9110, 15.5.22, and RFC 6455, 4.4).
_OUR_WEBSOCKET = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
_BODILESS = (204, 304)
# A connection that waits for its next request remembers the head of the last one, if it is not longer.
_MOST_KEPT_HEAD_BYTES = 2048
_NO_HEAD = parse(b"GET / HTTP/1.0")

MayUpgrade = Callable[[dict[str, Any]], bool]


def refusal(status: int, detail: str, *fields: str) -> bytes:
    """An answer before there is an application to ask, and the end of the connection."""
    title, code = _TITLES[status]
    problem = {"type": f"urn:chef:problem:{code}", "title": title, "status": status, "code": code}
    body = json.dumps(problem | {"detail": detail, "errors": []}).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status} {title}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *fields,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_RETRY = f"Retry-After: {_RETRY_AFTER_S}"
_FULL = refusal(503, "the server has all the connections it may have (CHEF_MAX_CONNECTIONS)", _RETRY)
_TOO_MANY = refusal(
    429, "this address has all the connections it may have (CHEF_MAX_CONNECTIONS_PER_ADDRESS)", _RETRY
)


class Detached(NamedTuple):
    """A connection that was upgraded, for who takes it over, with what has come on it already.

    `release` must be called when the socket is closed: until then the connection counts (in all, and
    for its address), and a server that stops waits for it.
    """

    socket: _socket.socket
    early: bytes
    release: Callable[[], None]


class Handler(WebSocketHandler):
    """One connection and its requests, one after the other."""

    # What gevent-websocket reads of a handler is named as pywsgi names it.
    server: Any
    websocket: Any

    def __init__(self, connection: Connection, address: Any, server: Server) -> None:
        self.connection = connection
        self.socket = connection.socket
        self.rfile = connection
        self.client_address = address
        self.server = server
        self.application = server.application
        self.result: Any = None
        self.detached = False
        self._block = b""
        self._head = _NO_HEAD
        self._template: dict[str, Any] = {}
        self._body: Body
        self._fields = ""
        self._given: dict[str, str] = {}
        self._chunks = False
        self._sent = 0

    def handle(self) -> None:
        """Serve the connection until one side has enough."""
        limits = self.server.limits
        begins_in = limits.header_s
        try:
            while self._serve_one(monotonic() + begins_in, limits.header_s):
                self.server.connections.idle(self.connection)
                begins_in = limits.keepalive_s
                if self.connection.has_unread:
                    gevent.sleep(0)  # Who sends all its requests at once does not get all the time.
        except OSError:
            pass  # A peer that is gone, in whichever way it went, is no fault of ours.
        finally:
            self._forget_head()

    def _forget_head(self) -> None:
        self._block, self._head, self._template = b"", _NO_HEAD, {}

    def _serve_one(self, begins_by: float, header_s: float) -> bool:
        """Serve one request; whether another may follow."""
        connection = self.connection
        try:
            block = connection.receive_head(begins_by, IDLE, header_s)
            if block is None:
                return False
            if block != self._block:
                # Builds and pages send the same head again and again.
                self._head = parse(block)
                self._template = self._environ(self._head)
                self._block = block
        except Refused as refused:
            self._refuse(refusal(refused.status, refused.detail), refused.detail)
            return False
        environ = self._template.copy()
        if not self.server.connections.admit(connection, environ):
            self._refuse(_TOO_MANY, "its address has too many connections")
            return False
        environ["chef.address"] = connection.address  # None: it does not count
        self.server.busy.add(self)
        try:
            self._respond(environ)
        finally:
            self.server.busy.discard(self)
        if len(self._block) > _MOST_KEPT_HEAD_BYTES:
            self._forget_head()
        return not self.close_connection and not self.detached

    def _refuse(self, answer: bytes, why: str) -> None:
        """Answer what is no request, in one short line of the log, which quotes nothing of it."""
        log.info("refused a request of %s: %s", self.connection.peer, why)
        self.connection.send(answer)
        self.connection.linger()

    def _environ(self, head: Head) -> dict[str, Any]:
        """What all requests with this head have in common, as WSGI names it."""
        environ: dict[str, Any] = self.server.environ.copy()
        environ.update(head.fields)
        path, _, query = head.target.partition("?")
        if not query.isascii():
            # Bytes that are no URL are for the routes to refuse or to take; werkzeug would fail on them.
            query = quote(query, safe=_PRINTABLE, encoding="latin-1")
        cookie = head.fields.get("HTTP_COOKIE", "")
        if not cookie.isascii():
            # So it does on a cookie that is not UTF-8.
            text = cookie.encode("latin-1").decode(errors="replace")
            environ["HTTP_COOKIE"] = text.encode().decode("latin-1")
        environ["REQUEST_METHOD"] = head.method
        environ["PATH_INFO"] = unquote(path, "latin-1") if "%" in path else path
        environ["QUERY_STRING"] = query
        environ["SERVER_PROTOCOL"] = head.version
        environ["REMOTE_ADDR"] = self.connection.peer
        if isinstance(self.client_address, tuple):
            environ["REMOTE_PORT"] = str(self.client_address[1])
        environ["chef.peer_is_gone"] = self.peer_is_gone
        # What the application finds out from the head alone it may keep here for the next request.
        environ["chef.head"] = {}
        environ["chef.send_head"] = partial(self.write, b"")
        # Called by who sees a valid token that HTTP does not: it may be kept, the handler hangs on no more.
        environ["chef.authenticated"] = partial(self.server.connections.uncount, self.connection)
        return environ

    # What an application may ask of a connection

    def peer_is_gone(self) -> bool:
        """Whether the client has closed its connection, as far as can be seen without waiting."""
        return self.connection.is_gone

    def detach(self) -> Detached:
        """The upgraded connection. Nothing here reads, times or closes it any more.

        TLS ends in front of us: below is nothing but a TCP connection.
        """
        self.detached = True
        self._block, self._template = b"", {}
        early = self.connection.take_unread()
        release = self.server.connections.detach(self.connection)
        return Detached(self.connection.detach(), early, release)

    # Answering

    def _respond(self, environ: dict[str, Any]) -> None:
        head = self._head
        self.environ = environ
        self.status: str | None = None
        self.headers_sent = False
        self.close_connection = not head.persistent
        self._body = body = Body(
            self.connection, None if head.chunked else head.length or 0, expects=head.expects
        )
        environ["wsgi.input"] = body
        self.connection.set_patience(self.server.limits.body_s if head.has_body else None)
        try:
            if head.upgrades and self.server.may_upgrade(environ):
                self._upgrade()
            else:
                self._run(self.application)
        except PeerGone:
            self.close_connection = True
        except (BrokenBody, TooSlow) as error:
            # An application that does not look at its body's errors itself.
            self._fail(408 if isinstance(error, TooSlow) else 400, str(error))
        except Exception:
            log.exception("%s %s failed", head.method, environ["PATH_INFO"][:200])
            self._fail(500, "a fault of the server, it is in its log")
        finally:
            self.environ = {}
        if self.detached:
            return
        body.discard()
        if body.abandoned:
            self.close_connection = True
            self.connection.linger()

    def _run(self, application: Callable[..., Iterable[bytes]]) -> None:
        result = application(self.environ, self.start_response)
        try:
            for data in result:
                if data:
                    self.write(data)
            if not self.headers_sent:
                self.write(b"")
            self._end()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """WSGI's: the head of the answer, sent with the first part of its body."""
        if exc_info is not None and self.headers_sent:
            raise exc_info[1]
        text = "\r\n".join([f"{name}: {value}" for name, value in headers])
        breaks = max(0, len(headers) - 1)
        if text.count("\n") != breaks or text.count("\r") != breaks or not status.isprintable():
            raise ValueError("a header of the answer has a line break in it")
        self.status = status
        self.code = int(status[:3])
        self._fields = text
        self._given = {name.lower(): value for name, value in headers}
        return self.write

    def write(self, data: bytes | str) -> None:
        """Send a part of the body, the first one together with the head."""
        part = b"" if isinstance(data, str) else data  # gevent-websocket writes an empty text.
        if self._head.method == "HEAD":
            part = b""
        if self.headers_sent:
            if part:
                self._sent += len(part)
                self.connection.send(b"%x\r\n%b\r\n" % (len(part), part) if self._chunks else part)
            return
        if self.status is None:
            raise AssertionError("the application did not call start_response")
        self.headers_sent = True
        head = self._answers_head()
        self._sent = len(part)
        if self._chunks and part:
            part = b"%x\r\n%b\r\n" % (len(part), part)
        if len(part) > _JOIN_BYTES:
            self.connection.send(head)
            self.connection.send(part)
        else:
            self.connection.send(head + part)

    def _answers_head(self) -> bytes:
        given = self._given
        lines = [f"HTTP/1.1 {self.status}"]
        if self._fields:
            lines.append(self._fields)
        self._chunks = False
        if self.code == 101:
            self.close_connection = True
            lines += _subprotocol(self.environ)
            return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if "date" not in given:
            lines.append(self.server.date())
        if "content-length" not in given and self.code not in _BODILESS and self._head.method != "HEAD":
            if self._head.version == "HTTP/1.1":
                self._chunks = True
                lines.append("Transfer-Encoding: chunked")
            else:
                self.close_connection = True
        says_close = given.get("connection", "").lower() == "close"
        if says_close or self.server.closing or self._body.is_too_much:
            self.close_connection = True
        if "connection" not in given:
            if self.close_connection:
                lines.append("Connection: close")
            elif self._head.version == "HTTP/1.0":
                lines.append("Connection: keep-alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _end(self) -> None:
        """The body is sent. What is shorter or longer than it said must not run into the next answer."""
        if self._chunks:
            self.connection.send(b"0\r\n\r\n")
            return
        length = self._given.get("content-length")
        if length is not None and length != str(self._sent) and self._has_sent_a_body:
            self.close_connection = True

    @property
    def _has_sent_a_body(self) -> bool:
        return self._head.method != "HEAD" and self.code not in _BODILESS

    def _fail(self, status: int, detail: str) -> None:
        """What the application did not answer itself; where it has begun to, the connection ends."""
        self.close_connection = True
        if not self.headers_sent:
            self.headers_sent = True
            self._refuse_within(status, detail)

    def _refuse_within(self, status: int, detail: str, *fields: str) -> None:
        with suppress(PeerGone):
            self.connection.send(refusal(status, detail, *fields))
        self._body.abandon()

    # WebSocket

    def _upgrade(self) -> None:
        """Let gevent-websocket's handler upgrade, after what it would answer with a fault of its own."""
        environ = self.environ
        if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
            self._refuse_within(426, "a WebSocket must be of version 13", *_OUR_WEBSOCKET)
        elif not _is_key(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")):
            self._refuse_within(400, "Sec-WebSocket-Key must be 16 bytes in base64")
        else:
            self.request_version = self._head.version
            self._block, self._template = b"", {}
            self.run_application()
        self.close_connection = True

    def run_websocket(self) -> None:
        """Let the application take the connection over, which it does with `detach`; nothing waits here."""
        upgraded = self.websocket
        # Else its `__del__` would write a close frame into what is no longer its connection.
        del upgraded.closed
        try:
            list(self.application(self.environ, lambda *_: self.write))
        finally:
            # Each has the others: taken apart, they are gone now and not at some collection.
            self.websocket = self.environ["wsgi.websocket"] = None
            upgraded.environ = upgraded.stream = upgraded.handler = None

    def log_request(self) -> None:
        """No access log: a build posts many times a second."""


def _subprotocol(environ: dict[str, Any]) -> list[str]:
    """The first subprotocol that a client names, if it names some, as the reference implementation answers.

    It means nothing here, but browsers end a connection where none of them is taken.
    """
    first = environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").partition(",")[0].strip()
    return [f"Sec-WebSocket-Protocol: {first}"] if TOKEN.fullmatch(first) else []


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class Server(WSGIServer):
    """The listener. `may_upgrade` decides from the WSGI environ whether a request may be a WebSocket.

    `refused` is told the name of each limit that is met; `is_known` says whether a request has a valid
    token, so that its connection does not count for its address.
    """

    def __init__(
        self,
        listener: Any,
        application: Any,
        may_upgrade: MayUpgrade,
        limits: Limits | None = None,
        refused: Callable[[str], None] = lambda reason: None,
        is_known: Callable[[dict[str, Any]], bool] = lambda environ: False,
    ) -> None:
        # Without a name given, pywsgi asks the resolver for one, which may take its time.
        host = listener[0] if isinstance(listener, tuple) else "localhost"
        self._watch: Any = None  # before the base class, which closes when it fails
        super().__init__(
            listener,
            application,
            backlog=None if hasattr(listener, "accept") else _BACKLOG,
            handler_class=Handler,
            log=None,
            error_log=log,
            environ={"SERVER_NAME": host},
        )
        self.may_upgrade = may_upgrade
        self.limits = limits or Limits()
        self.connections = Connections(self.limits, refused, is_known, _FULL, _TOO_MANY)
        self.busy: set[Handler] = set()
        self._workers = Workers()
        self.closing = False
        self.environ["wsgi.input_terminated"] = True
        self._date = (0, "")
        # What gevent-websocket's handler logs to.
        self.logger = logging.getLogger("geventwebsocket")

    def init_socket(self) -> None:
        """Open the listening socket. What is set on it holds for every connection that it accepts."""
        super().init_socket()
        # Without TCP_NODELAY a keep-alive POST takes 44 ms (stack-traps 1).
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
            ("TCP_KEEPIDLE", _KEEPALIVE_S),
            ("TCP_KEEPINTVL", _KEEPALIVE_AGAIN_S),
            ("TCP_KEEPCNT", _KEEPALIVE_TIMES),
        ):
            if hasattr(socket, name):
                self.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def start(self) -> None:
        """Listen, and watch the time of those who come."""
        super().start()
        self._watch = gevent.spawn(self.connections.watch_for_ever)

    def close(self) -> None:
        """Stop listening, at once; `stop_listening` is the polite way."""
        super().close()
        if self._watch is not None:
            self._watch.kill(block=False)

    def do_read(self) -> tuple[Any, Any] | None:  # type: ignore[override]
        """Accept a connection that may stay. Without a descriptor to do so nobody can be told: it waits."""
        try:
            accepted = self.connections.accept(self.socket)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.stop_accepting()
            gevent.spawn_later(_PAUSE_S, self._accept_again)
            return None
        if accepted is None:
            return None
        descriptor, address = accepted
        sock = _socket.socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        sock.setblocking(False)
        return sock, address

    def _accept_again(self) -> None:
        if not self.closed:
            self.start_accepting()

    def do_handle(self, *args: Any) -> None:
        """Serve a connection in a greenlet, which also closes it."""
        self._workers.run(self.handle, *args)

    def handle(self, sock: Any, address: Any) -> None:
        """Serve one connection to its end, or until it is given away."""
        connection = self.connections.open(sock, address)
        handler = Handler(connection, address, self)
        try:
            handler.handle()
        finally:
            if not handler.detached:
                connection.close()
                self.connections.close(connection)

    def date(self) -> str:
        """The Date field of this second."""
        now = int(time())
        if self._date[0] != now:
            self._date = (now, f"Date: {formatdate(now, usegmt=True)}")
        return self._date[1]

    def stop_listening(self) -> None:
        """Take no more connections, but those that were made already."""
        self.closing = True
        with suppress(OSError):
            while (args := self.do_read()) is not None:
                self.do_handle(*args)
        self.close()

    def drain(self, timeout: float) -> bool:
        """After `stop_listening`, wait until every request is answered; False at the time limit.

        Connections that are idle are closed, those given away are waited for.
        """
        began = monotonic()
        while monotonic() - began < timeout:
            self.connections.end_overdue()
            waited = monotonic() - began
            if waited >= _FRESH_S:
                self.connections.end_idle()
            heads = self.connections.heads if waited < _LAST_HEADS_S else 0
            if not self.busy and not self.connections.detached and not heads:
                return True
            gevent.sleep(0.02)
        return False
