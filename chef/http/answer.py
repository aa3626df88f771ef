"""The outgoing side: the head of an answer, its body with a length or in chunks, the end of the connection.

Source: RFC 9112, 6 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chef.http.body import Body
from chef.http.connection import Connection
from chef.http.heads import Head
from chef.http.requestids import HEADER as REQUEST_ID_HEADER
from chef.http.site import Environ, Site
from chef.http.states import (
    AFTER_RESPONSE,
    AWAITED,
    CHUNKING,
    ENDED,
    LAST,
    POSTPONED,
    READY,
    SENDING,
    ResponseState,
)

# Below this, copying the body next to its head costs less than a second packet.
_JOIN_BYTES = 64 * 1024
_BODILESS = (204, 304)
_UNSENT = (AWAITED, READY, POSTPONED)

Fields = list[tuple[str, str]]


class Response:
    """The answers on one connection, one after the other: `begin` is called for each."""

    __slots__ = (
        "_body",
        "_code",
        "_connection",
        "_fields",
        "_given",
        "_head",
        "_is_for_later",
        "_request_id",
        "_sent",
        "_site",
        "_status",
        "state",
    )

    def __init__(self, connection: Connection, site: Site) -> None:
        self.state: ResponseState = ENDED
        self._connection = connection
        self._site = site
        self._head: Head
        self._body: Body
        self._status = ""
        self._code = 0
        self._fields = ""
        self._given: dict[str, str] = {}
        self._sent = 0
        self._is_for_later = False
        self._request_id = ""

    def begin(self, head: Head, body: Body, request_id: str) -> None:
        """Answer this request now."""
        self.enter(AWAITED)
        self._head = head
        self._request_id = request_id
        self._body = body
        self._is_for_later = False

    def enter(self, state: ResponseState) -> None:
        """Change the state. Raises AssertionError for one that must not follow."""
        if state not in AFTER_RESPONSE[self.state]:
            raise AssertionError(f"an answer that is {self.state.value} cannot be {state.value}")
        self.state = state

    @property
    def is_begun(self) -> bool:
        """Whether a part of it is sent, so that nothing else can be answered."""
        return self.state not in _UNSENT

    # Of an application

    def postpone(self) -> None:
        """What the application returns next is not the answer: that is given in another `run`."""
        self._is_for_later = True

    def run(self, application: Callable[..., Iterable[bytes]], environ: Environ) -> None:
        """Answer as a WSGI application does."""
        result = application(environ, self.start_response)
        try:
            if self._is_for_later:
                self._is_for_later = False
                self.enter(POSTPONED)
                return
            for data in result:
                if data:
                    self.write(data)
            if self.state in _UNSENT:
                self.write(b"")
            self._end()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def start_response(self, status: str, headers: Fields, exc_info: Any = None) -> Callable[[bytes], None]:
        """WSGI's: the head of the answer, sent with the first part of its body."""
        if exc_info is not None and self.is_begun:
            raise exc_info[1]
        text = "\r\n".join([f"{name}: {value}" for name, value in headers])
        breaks = len(headers) - 1 if headers else 0
        if text.count("\n") != breaks or text.count("\r") != breaks or not status.isprintable():
            raise ValueError("a header of the answer has a line break in it")
        self.enter(READY)
        self._status = status
        self._code = int(status[:3])
        self._fields = text
        self._given = {name.lower(): value for name, value in headers}
        return self.write

    def write(self, part: bytes) -> None:
        """Send a part of the body, the first one together with the head."""
        if self._head.method == "HEAD":
            part = b""
        if self.state in _UNSENT:
            self._begin(part)
        elif part:
            self._sent += len(part)
            chunks = self.state is CHUNKING
            self._connection.send(_chunk(part) if chunks else part)

    def send_head(self) -> None:
        """Send the head before there is any of the body."""
        self.write(b"")

    def _begin(self, part: bytes) -> None:
        if self.state is AWAITED:
            raise AssertionError("the application did not call start_response")
        head = self._answers_head()
        self._sent = len(part)
        if self.state is CHUNKING and part:
            part = _chunk(part)
        if len(part) > _JOIN_BYTES:
            self._connection.send(head)
            self._connection.send(part)
        else:
            self._connection.send(head + part)

    def _answers_head(self) -> bytes:
        """The head, and with it how the body follows and whether the connection ends."""
        given = self._given
        head = f"HTTP/1.1 {self._status}\r\n"
        if self._fields:
            head += f"{self._fields}\r\n"
        if "date" not in given:
            head += f"{self._site.date()}\r\n"
        head += f"{REQUEST_ID_HEADER}: {self._request_id}\r\n"
        self._enter_body()
        if self.state is CHUNKING:
            head += "Transfer-Encoding: chunked\r\n"
        connection = given.get("connection")
        says_close = connection is not None and connection.lower() == "close"
        if says_close or self._site.closing or self._body.is_unwanted:
            self._connection.allow_no_other_request()
        if connection is None:
            if self._connection.state is LAST:
                head += "Connection: close\r\n"
            elif self._head.version == "HTTP/1.0":
                head += "Connection: keep-alive\r\n"
        return f"{head}\r\n".encode("latin-1")

    def _enter_body(self) -> None:
        """Choose how the body follows. In HTTP/1.0 the connection's end ends one of unknown length."""
        if "content-length" in self._given or not self._can_have_a_body:
            self.enter(SENDING)
        elif self._head.version == "HTTP/1.1":
            self.enter(CHUNKING)
        else:
            self.enter(SENDING)
            self._connection.allow_no_other_request()

    @property
    def _can_have_a_body(self) -> bool:
        return self._head.method != "HEAD" and self._code not in _BODILESS

    def _end(self) -> None:
        """The body is sent. What is shorter or longer than it said must not run into the next answer."""
        if self.state is CHUNKING:
            self._connection.send(b"0\r\n\r\n")
        else:
            length = self._given.get("content-length")
            if length is not None and length != str(self._sent) and self._can_have_a_body:
                self._connection.allow_no_other_request()
        self.enter(ENDED)

    # Of the server itself

    def refuse(self, answer: bytes) -> None:
        """Send this answer instead of an application's; where one has begun, nothing more can be said."""
        self._connection.allow_no_other_request()
        if not self.is_begun:
            self.enter(ENDED)
            self._connection.send(answer)

    def switch_protocols(self, fields: Fields) -> None:
        """Answer 101: what follows on the connection is no HTTP."""
        self._connection.allow_no_other_request()
        self.enter(ENDED)
        lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in fields)]
        self._connection.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)
