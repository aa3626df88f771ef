"""One connection: a socket with a buffer, a state by name, and limits of time that cost no timers.

A wait for a peer says until when it lasts (`due`), and `Connections` ends what is overdue. So a request
that comes in one piece costs nothing for being watched.

Here is the border to the operating system: what it says of a peer becomes `PeerGone` or `TooSlow`, and
everything above knows only those.
"""

from __future__ import annotations

import _socket
import logging
import re
import socket
import struct
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any

import gevent
from gevent import get_hub

from chef.http.heads import MOST_HEAD_BYTES, MOST_LINE_BYTES, Refused, check_bytes
from chef.http.states import (
    AFTER_CONNECTION,
    CLOSED,
    DETACHED,
    HEAD,
    IDLE,
    LAST,
    LINGERING,
    SERVING,
    ConnectionState,
)

log = logging.getLogger(__name__)

SEND_PATIENCE_S = 60
"""How long a peer may take nothing of an answer."""

# A peer must send or take as much on average once its patience is gone.
_LEAST_BYTES_PER_SECOND = 500
_READ_BYTES = 64 * 1024
_READABLE, _WRITABLE = 1, 2
_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_MOST_EMPTY_LINES = 8
_LINGER_S = 2
_LINGER_BYTES = 8 * 1024 * 1024
# Closed with this, a socket keeps nothing of what its peer does not take.
_THROW_AWAY = struct.pack("ii", 1, 0)


# The limit of time that a wait in a state stands under, if it is one that is told.
_LIMITS = {
    HEAD: "header_timeout",
    SERVING: "body_timeout",
    LAST: "body_timeout",
}


class Interrupted(OSError):
    """The peer does not go on with what it sends or takes. An OSError, as WSGI applications expect it."""


class PeerGone(Interrupted, ConnectionError):
    """The connection is broken: nobody takes what is sent, and nothing more comes."""


class TooSlow(Interrupted, TimeoutError):
    """The rest of what the peer began to send did not come within its time."""


class Connection:
    """A peer's socket, which does not block, and what was received from it and not read yet.

    It is a bare one: gevent's would make both watchers at once, and a WebSocket needs the socket alone.

    Patience is a time that runs while the peer is waited for and comes back with every 500 bytes: a peer
    that is quicker on average never notices it.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_most_patience",
        "_patience",
        "_reader",
        "_send_patience",
        "_sending",
        "_socket",
        "_writer",
        "address",
        "admitted",
        "descriptor",
        "due",
        "expired",
        "is_proxys",
        "known_by",
        "number",
        "peer",
        "state",
    )

    def __init__(self, sock: _socket.socket, peer: str, number: int = 0) -> None:
        self._socket = sock
        self.descriptor: int = sock.fileno()
        self.peer = peer
        self.number = number
        self.state: ConnectionState = IDLE
        # Watchers, made when first waited for.
        self._reader: Any = None
        self._writer: Any = None
        self._buffer = b""
        self._at = 0
        self._patience: float | None = None
        self._most_patience = inf
        self._send_patience: float = SEND_PATIENCE_S
        self._sending = False
        # Until when the peer has time for what it is waited for, and whether that is over.
        self.due = inf
        self.expired = False
        # The address that it counts for: see `Connections`.
        self.address: str | None = None
        self.admitted = False
        self.is_proxys = False
        self.known_by: str | None = None

    # States

    def enter(self, state: ConnectionState) -> None:
        """Change the state. Raises AssertionError for one that must not follow."""
        if state not in AFTER_CONNECTION[self.state]:
            raise AssertionError(f"a connection that is {self.state.value} cannot be {state.value}")
        if log.isEnabledFor(logging.DEBUG):
            change = f"{self.state.value} -> {state.value}"
            log.debug("connection %d of %s: %s", self.number, self.peer, change)
        self.state = state

    def allow_no_other_request(self) -> None:
        """The request that is served becomes the last one, if it is not."""
        if self.state is SERVING:
            self.enter(LAST)

    # Waiting

    def _wait_to_read(self, due: float) -> None:
        if self._reader is None:
            self._reader = get_hub().loop.io(self.descriptor, _READABLE)
        self._wait(self._reader, due)

    def _wait_to_write(self, due: float) -> None:
        if self._writer is None:
            self._writer = get_hub().loop.io(self.descriptor, _WRITABLE)
        self._wait(self._writer, due)

    def _wait(self, watcher: Any, due: float) -> None:
        self.due = due
        try:
            get_hub().wait(watcher)
        finally:
            self.due = inf

    @property
    def limit(self) -> str | None:
        """The limit of time that what is waited for stands under; `None` where its end is no refusal."""
        return "send_timeout" if self._sending else _LIMITS.get(self.state)

    def expire(self) -> None:
        """End what is waited for: a reader gets the end of the stream, a sender an error."""
        self.due = inf
        self.expired = True
        with suppress(OSError):
            if self._sending:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _THROW_AWAY)
                self._socket.shutdown(socket.SHUT_RDWR)
            else:
                self._socket.shutdown(socket.SHUT_RD)

    @property
    def has_unread(self) -> bool:
        """Whether something was received that nobody has read yet."""
        return self._at < len(self._buffer)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come from the peer that is not read yet, nor its end."""
        if self.has_unread:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def is_gone(self) -> bool:
        """Whether the peer has closed its side, as far as can be seen without waiting."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    # Receiving

    def receive_head(self, begins_by: float, header_s: float) -> bytes | None:
        """The next request's head without the empty line that ends it; `None` where the peer sends none.

        It must begin by a time (monotonic seconds), and then come within `header_s` seconds.
        Raises `Refused` for what is no head, and `PeerGone`.
        """
        if self._at == len(self._buffer):
            # A peer that has just connected has mostly sent its request by now; between two there is a pause.
            data = self._receive_now() if self._reader is None else None
            while data is None:
                self._wait_to_read(begins_by)
                data = self._receive_now()
            if not data:
                return None
            self._buffer, self._at = data, 0
        end = self._buffer.find(_END, self._at)
        if end < 0 or end - self._at > MOST_HEAD_BYTES or self._buffer[self._at] == 13:
            return self._receive_pieces_of_head(header_s)
        block = self._buffer[self._at : end]
        self._at = end + 4
        return block

    def _receive_pieces_of_head(self, header_s: float) -> bytes | None:
        """The same where it comes in pieces or after empty lines, or is too large."""
        self.enter(HEAD)
        due = monotonic() + header_s
        block = bytearray(self._buffer[self._at :])
        self._buffer, self._at = b"", 0
        checked = empty = 0
        while True:
            while block.startswith(b"\r\n"):
                # RFC 9112, 2.2: some clients send one after a body.
                del block[:2]
                checked, empty = 0, empty + 1
                if empty > _MOST_EMPTY_LINES:
                    raise Refused(400, "there are only empty lines")
            end = block.find(_END, max(0, checked - 3))
            if 0 <= end <= MOST_HEAD_BYTES:
                self._buffer, self._at = bytes(block[end + 4 :]), 0
                return bytes(block[:end])
            _check_beginning(block, checked)
            checked = len(block)
            self._wait_to_read(due)
            more = self._receive_now()
            if self.expired:
                raise Refused(408, "the head of the request did not come in time", "header_timeout")
            if more is None:
                continue
            if not more:
                if block:
                    raise Refused(400, "the request breaks off")
                return None
            block += more

    def receive(self, most: int) -> bytes:
        """The next bytes, at most `most`; empty where the peer has ended. Raises `Interrupted`."""
        if self._at == len(self._buffer):
            if most >= _READ_BYTES:
                return self._receive_more()
            self._buffer, self._at = self._receive_more(), 0
        at = self._at
        data = self._buffer[at : at + most]
        self._at = at + len(data)
        return data

    def receive_line(self, most: int) -> bytes | None:
        """The next line without its CRLF; `None` where it is longer than `most` or does not end in one."""
        while (end := self._buffer.find(b"\n", self._at, self._at + most + 2)) < 0:
            if len(self._buffer) - self._at >= most + 2:
                return None
            more = self._receive_more()
            if not more:
                return None
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        line = self._buffer[self._at : end + 1]
        self._at = end + 1
        return line[:-2] if line.endswith(b"\r\n") else None

    def set_patience(self, seconds: float | None) -> None:
        """How long what is received from now on may stand still; `None`: as long as the peer is there."""
        self._patience = seconds
        self._most_patience = inf if seconds is None else seconds

    def _receive_more(self) -> bytes:
        data = self._receive_now()
        while data is None:
            began = monotonic()
            self._wait_to_read(began + (inf if self._patience is None else self._patience))
            if self.expired:
                raise TooSlow("the body did not come in time")
            if self._patience is not None:
                self._patience -= monotonic() - began
            data = self._receive_now()
        if self._patience is not None:
            self._patience = min(self._most_patience, self._patience + len(data) / _LEAST_BYTES_PER_SECOND)
        return data

    def _receive_now(self) -> bytes | None:
        try:
            data: bytes = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise PeerGone(str(error)) from error
        return data

    # Sending

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises `PeerGone`, also where the peer takes nothing for too long."""
        sent = self._send_now(data)
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, rest: memoryview) -> None:
        self._sending = True
        try:
            while rest:
                began = monotonic()
                self._wait_to_write(began + self._send_patience)
                sent = self._send_now(rest)
                patience = self._send_patience - (monotonic() - began) + sent / _LEAST_BYTES_PER_SECOND
                self._send_patience = min(SEND_PATIENCE_S, patience)
                rest = rest[sent:]
        finally:
            self._sending = False

    def _send_now(self, data: bytes | bytearray | memoryview) -> int:
        try:
            sent: int = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PeerGone(str(error)) from error
        return sent

    # The end

    def detach(self) -> tuple[_socket.socket, bytes]:
        """The socket itself, which is somebody else's from now on, and the bytes received and not read."""
        self.enter(DETACHED)
        self._let_go()
        return self._socket, self._buffer[self._at :]

    def close(self) -> None:
        """Free the descriptor."""
        self.enter(CLOSED)
        self._let_go()
        self._socket.close()

    def _let_go(self) -> None:
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.close()
        self._reader = self._writer = None

    def linger(self) -> None:
        """Say that nothing more comes, and take for a moment what the peer still sends.

        Closed at once, the peer would be reset and might never read the refusal of what it is sending.
        """
        self.enter(LINGERING)
        due, left = monotonic() + _LINGER_S, _LINGER_BYTES
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while left > 0 and not self.expired and monotonic() < due:
                data = self._receive_now()
                if data is None:
                    self._wait_to_read(due)
                elif not data:
                    return
                else:
                    left -= len(data)
                    gevent.sleep(0)


def _check_beginning(block: bytearray, checked: int) -> None:
    """Refuse what can become no head any more: nobody should have to wait for that."""
    check_bytes(block[checked:])
    if _BARE_LF.search(block, checked):
        raise Refused(400, "a line must end in CR and LF together")
    if len(block) > MOST_LINE_BYTES and block.find(b"\r\n", 0, MOST_LINE_BYTES + 2) < 0:
        raise Refused(414, f"a request line can have {MOST_LINE_BYTES} bytes")
    if len(block) > MOST_HEAD_BYTES:
        raise Refused(431, f"a head can have {MOST_HEAD_BYTES} bytes")
