"""A request's body, as WSGI wants it and as it comes: within its length or its chunks, and its time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from chef.http.connection import Connection, Interrupted
from chef.http.heads import Refused, parse_trailer
from chef.http.states import (
    ABANDONED,
    AFTER_BODY,
    CHUNK,
    COMPLETE,
    CONTENT,
    EXPECTED,
    FIRST_SIZE,
    BodyState,
)

_BLOCK = 64 * 1024
# A refused body beyond this is not read to its end: the connection is closed instead.
_MOST_DISCARDED_BYTES = 256 * 1024
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;([^\x00-\x08\x0a-\x1f\x7f]*))?")
_MOST_EXTENSION_BYTES = 4096
_MOST_TRAILER_BYTES = 8192
_ALL = 2**63
# The rest of a refused body gets this long to come.
_DISCARD_S = 5
_OVER = (COMPLETE, ABANDONED)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BrokenBody(Interrupted):
    """The body breaks off, or its chunks are none."""


class Body:
    """`wsgi.input`. `length` is `None` for a chunked body; `expects`: the client waits for `100 Continue`."""

    __slots__ = ("_chunked", "_connection", "_extensions", "_left", "state")

    def __init__(self, connection: Connection, length: int | None, *, expects: bool) -> None:
        self._connection = connection
        self._chunked = length is None
        # Bytes left of the body, or of the chunk.
        self._left = length or 0
        self._extensions = 0
        self.state: BodyState = COMPLETE
        if length != 0:
            self.state = EXPECTED if expects else FIRST_SIZE if self._chunked else CONTENT

    @property
    def abandoned(self) -> bool:
        """Whether nobody reads the rest, and the connection ends with the answer."""
        return self.state is ABANDONED

    def _enter(self, state: BodyState) -> None:
        if state not in AFTER_BODY[self.state]:
            raise AssertionError(f"a body that is {self.state.value} cannot be {state.value}")
        self.state = state

    def read_some(self, most: int) -> bytes:
        """Wait for the next bytes and return what there is, at most `most`; empty at the end.

        Raises `Interrupted` where the body breaks off (`BrokenBody`), stands still for too long
        (`TooSlow`) or loses its connection (`PeerGone`).
        """
        if self.state in _OVER or most <= 0:
            return b""
        if self.state is EXPECTED:
            self._enter(FIRST_SIZE if self._chunked else CONTENT)
            self._connection.send(_CONTINUE)
        try:
            return self._receive(most)
        except Interrupted:
            self.abandon()
            raise

    def read(self, size: int | None = None) -> bytes:
        """`size` bytes, or all; fewer only at the end."""
        left = _ALL if size is None or size < 0 else size
        parts = []
        while left > 0 and (data := self.read_some(min(left, _BLOCK))):
            parts.append(data)
            left -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readline(self, size: int | None = None) -> bytes:
        """Up to the next newline, which belongs to it."""
        line = bytearray()
        while (size is None or size < 0 or len(line) < size) and (byte := self.read_some(1)):
            line += byte
            if byte == b"\n":
                break
        return bytes(line)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """All lines; WSGI lets `hint` be ignored."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def may_be_quiet(self) -> None:
        """From now on a chunked body may stand still as long as its connection lives: a live log's does.

        One that says how long it is has its content already and needs no such time.
        """
        if self._chunked:
            self._connection.set_patience(None)

    def abandon(self) -> None:
        """Nobody reads the rest: it is not waited for, and the connection ends with the answer."""
        if not self.abandoned:
            self._enter(ABANDONED)

    @property
    def is_unwanted(self) -> bool:
        """Whether nobody will wait for what is left, if the application does not read it."""
        if self.state is EXPECTED or self.state is ABANDONED:
            return True
        return self.state is not COMPLETE and self._left > _MOST_DISCARDED_BYTES

    def discard(self) -> bool:
        """Read what the application left: a little, not any amount. Whether the next request can follow."""
        if self.state not in _OVER:
            self._discard_some()
        return self.state is COMPLETE

    def _discard_some(self) -> None:
        if self.is_unwanted:
            self.abandon()
            return
        unread = 0
        self._connection.set_patience(_DISCARD_S)
        with suppress(Interrupted):  # Then it is abandoned already.
            while data := self.read_some(_BLOCK):
                unread += len(data)
                if unread > _MOST_DISCARDED_BYTES:
                    self.abandon()

    def _receive(self, most: int) -> bytes:
        if self._chunked and self._left == 0:
            self._begin_chunk()
            if self.state in _OVER:
                return b""
        data = self._connection.receive(min(most, self._left))
        if not data:
            raise BrokenBody("the body breaks off")
        self._left -= len(data)
        if self._left == 0 and not self._chunked:
            self._enter(COMPLETE)
        return data

    def _begin_chunk(self) -> None:
        # Not when the chunk's last byte came: some senders put this end before their next chunk.
        if self.state is CHUNK and self._line(0) != b"":
            raise BrokenBody("a chunk is longer than its size")
        size = _SIZE.fullmatch(self._line(_MOST_EXTENSION_BYTES))
        if size is None:
            raise BrokenBody("a chunk has no size")
        self._extensions += len(size[2] or b"")
        if self._extensions > _MOST_EXTENSION_BYTES:
            raise BrokenBody("the chunks have too many extensions")
        self._left = int(size[1], 16)
        if self._left == 0:
            self._read_trailer()
            self._enter(COMPLETE)
        elif self.state is FIRST_SIZE:
            self._enter(CHUNK)

    def _read_trailer(self) -> None:
        size = 0
        while line := self._line(_MOST_TRAILER_BYTES):
            size += len(line)
            if size > _MOST_TRAILER_BYTES:
                raise BrokenBody("the trailer is too long")
            try:
                parse_trailer(line)
            except Refused as refused:
                raise BrokenBody(refused.detail) from None

    def _line(self, most: int) -> bytes:
        line = self._connection.receive_line(most)
        if line is None:
            raise BrokenBody("the chunks are no chunks")
        return line
