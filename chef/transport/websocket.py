"""A viewer's connection once it is a WebSocket: a socket, two watchers, and no greenlet of its own.

What is sent goes to the kernel at once; what the kernel does not take waits here, and a watcher for
writing lives only as long as that. What comes is read and parsed in the event loop's own callbacks,
which must not wait: they hand messages to `Owner`.
"""

from __future__ import annotations

import _socket
import logging
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import gevent

from chef.transport.frames import (
    CLOSE,
    NORMAL,
    PING,
    PONG,
    BrokenRule,
    Parser,
    close_code,
    close_frame,
    frame,
)

log = logging.getLogger(__name__)

# A viewer takes no more events above the first and is asked for again below the second. One write of
# events comes on top (`chef.live.lanes.CHUNK_BYTES`): together at most 256 KiB wait for one viewer.
HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024
# After a close the peer has this long to take what waits and to close as well; then the descriptor goes.
LINGER_S = 2
# A peer whose window is shut for so long has taken nothing: as long as a viewer may (`Viewers`).
_USER_TIMEOUT_MS = 60_000

# One turn of the loop looks at so much of one peer: a flood of small frames must not hold up the others.
_READ_BYTES = 16 * 1024
_PARTS_AT_ONCE = 64
_READABLE, _WRITABLE = 1, 2
_ABORT = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Who a WebSocket belongs to. It is called in the event loop's callbacks and must not wait."""

    def take(self, message: str | bytes) -> None:
        """A message came."""
        ...

    def drained(self) -> None:
        """More can be sent again."""
        ...

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over, and is to be closed; `broken` is the rule that the peer broke, if one."""
        ...


class WebSocket:
    """One upgraded connection. `detached` is its socket, which belongs to nobody else any more.

    `release` is called when it has been closed.
    """

    __slots__ = (
        "_answer",
        "_backlog",
        "_closing",
        "_owner",
        "_parser",
        "_reader",
        "_release",
        "_send",
        "_socket",
        "_timer",
        "_writer",
        "full",
        "moved_at",
        "unsent",
    )

    def __init__(
        self, detached: _socket.socket, owner: Owner, max_bytes: int, release: Callable[[], None]
    ) -> None:
        self._socket = detached
        self._send: Callable[[bytes], int] = detached.send
        self._owner: Owner | None = owner
        self._parser: Parser | None = Parser(max_bytes)
        # What the peer has closed with, which is said back to it.
        self._answer: int | None = NORMAL
        self._backlog: list[Any] | None = None
        self._closing = False
        self._release = release
        self._writer: Any = None
        self._timer: Any = None
        self.full = False
        self.unsent = 0
        # When the connection last took something of what waits (monotonic seconds).
        self.moved_at = 0.0
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            detached.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        self._reader: Any = _loop().io(detached.fileno(), _READABLE)

    def begin(self, early: bytes) -> None:
        """Read from now on; `early` is what came together with the request for the upgrade."""
        if self._reader is None:
            return  # It broke over the first that was sent.
        self._reader.start(self._read)
        if early and self._parser is not None:
            self._receive(self._parser, early)

    def belongs_to(self, owner: Owner) -> None:
        """Have another owner from now on."""
        self._owner = owner

    # Sending

    def send(self, data: bytes) -> None:
        """Send whole frames; never waits. What the kernel does not take now is sent when it does."""
        if self._backlog is None:
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._break()
                return
            if sent == len(data):
                return
            if self._closing:
                return
            data = memoryview(data)[sent:]  # type: ignore[assignment]
            self._backlog = []
            self.moved_at = time.monotonic()
            self._writer = _loop().io(self._socket.fileno(), _WRITABLE)
            self._writer.start(self._write)
        elif self._closing:
            return
        self._backlog.append(data)
        self.unsent += len(data)
        if self.unsent >= HIGH_WATER_BYTES:
            self.full = True

    def _write(self) -> None:
        """The kernel takes more."""
        backlog = self._backlog or []
        try:
            while backlog:
                sent = self._socket.sendmsg(backlog[:_PARTS_AT_ONCE])
                self.unsent -= sent
                self.moved_at = time.monotonic()
                _drop(backlog, sent)
        except BlockingIOError:
            pass
        except OSError:
            self._break()
            return
        if not backlog:
            self._stop_writing()
            if self._closing:
                self._say_goodbye()
        if self.full and self.unsent <= LOW_WATER_BYTES:
            self.full = False
            if self._owner is not None:
                self._owner.drained()

    def _stop_writing(self) -> None:
        self._backlog, self.unsent = None, 0
        if self._writer is not None:
            self._writer.stop()
            self._writer.close()
            self._writer = None

    # Receiving

    def pause(self) -> None:
        """Read no more for now: the peer is to wait."""
        self._reader.stop()

    def resume(self) -> None:
        """Read on after `pause`."""
        if self._reader is not None and not self._reader.active:
            self._reader.start(self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            if self._parser is not None and not self._closing:
                self._receive(self._parser, data)
        elif self._parser is None and not self._closing:
            self.pause()  # It has closed; what it sent before that is handled first (`_leave`).
        else:
            self._break()

    def _receive(self, parser: Parser, data: bytes) -> None:
        pongs: list[bytes] = []
        try:
            self._take(parser, data, pongs)
        except BrokenRule as broken:
            self._pong(pongs)
            self._end(broken.code, broken)
        except Exception:  # a fault of ours must not keep a connection that nobody serves
            log.exception("a message could not be taken")
            self._break()
        else:
            self._pong(pongs)
            if self._parser is None:
                self._leave()

    def _take(self, parser: Parser, data: bytes, pongs: list[bytes]) -> None:
        for opcode, payload in parser.feed(data):
            if opcode < CLOSE:
                if self._owner is not None:
                    self._owner.take(payload)
            elif opcode == PING:
                pongs.append(frame(PONG, payload))
            elif opcode == CLOSE:
                self._answer, self._parser = close_code(payload), None
                return
            if self._closing:
                return

    def _pong(self, pongs: list[bytes]) -> None:
        """Answer pings, unless the peer takes no answers."""
        if pongs and not self.full:
            self.send(b"".join(pongs))

    # Closing

    def close(self) -> None:
        """Say so to the peer after what waits, and give it a moment; then the descriptor is freed.

        The owner hears no more of it.
        """
        self._close(self._answer)

    def _close(self, code: int | None, reason: str = "") -> None:
        self._owner = None
        if self._closing:
            return
        self.send(close_frame(code, reason))
        if self._reader is None:
            return  # It broke.
        # Nothing more is put behind what waits, so it holds up nobody who still has to hear of the end.
        self._closing, self._send, self.full = True, _take_nothing, False
        self.resume()
        if self._backlog is None:
            self._say_goodbye()
        self._timer = _loop().timer(LINGER_S)
        self._timer.start(self.abort)

    def _leave(self) -> None:
        """The peer has closed. Its owner handles what it sent before that, and then it is answered."""
        if self._owner is None or self.full:
            self._end(self._answer)
        else:
            self._owner.lost(None)

    def _end(self, code: int | None, broken: BrokenRule | None = None) -> None:
        owner = self._owner
        self._close(code, broken.reason if broken else "")
        if owner is not None:
            owner.lost(broken)

    def _say_goodbye(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._break()

    def _break(self) -> None:
        """Neither reading nor writing goes on."""
        self._free()
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.lost(None)

    def abort(self) -> None:
        """Free the descriptor now; what waits in the kernel is dropped."""
        if self._reader is None:
            return
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self._break()

    def _free(self) -> None:
        if self._reader is None:
            return
        self._closing, self._send, self.full = True, _take_nothing, False
        self._stop_writing()
        for watcher in (self._reader, self._timer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._timer = None
        self._socket.close()
        self._release()


def _loop() -> Any:
    return gevent.get_hub().loop


def _take_nothing(_data: bytes) -> int:
    """What sends in place of a socket that has been closed for writing."""
    raise BlockingIOError


def _drop(backlog: list[Any], sent: int) -> None:
    """Take the bytes that were sent off the front."""
    count = 0
    while count < len(backlog) and sent >= len(backlog[count]):
        sent -= len(backlog[count])
        count += 1
    del backlog[:count]
    if sent:
        backlog[0] = memoryview(backlog[0])[sent:]
