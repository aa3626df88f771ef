"""A viewer's connection once it is a WebSocket: a socket, two watchers, and no greenlet of its own.

What is sent goes to the kernel at once; what the kernel does not take waits here, and a watcher for
writing lives only as long as that. What comes is read and parsed in the event loop's own callbacks,
which must not wait: they hand messages to `Owner`.

`chef.transport.states` has the states of a connection. Errors of the system become a change of state in
one place, `WebSocket.failed`: nothing else here or above knows of `OSError`.
"""

from __future__ import annotations

import _socket
import logging
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent

from chef.transport.frames import (
    CLOSE,
    NORMAL,
    PING,
    PONG,
    BrokenRule,
    FrameParser,
    close_code,
    close_frame,
    frame,
)
from chef.transport.states import WEBSOCKET_CHANGES, WebSocketState, change

log = logging.getLogger(__name__)

# A viewer takes no more events above the first and is asked for again below the second. One write of
# events comes on top (`chef.live.lanes.CHUNK_BYTES`): together at most 256 KiB wait for one viewer.
HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024
# After a close the peer has this long to take what waits and to close as well; then the descriptor goes.
LINGER_S = 2
# A peer whose window is shut for so long has taken nothing: as long as a viewer may (`chef.sockets`).
_USER_TIMEOUT_MS = 60_000

# One turn of the loop looks at so much of one peer: a flood of small frames must not hold up the others.
_READ_BYTES = 16 * 1024
_PARTS_AT_ONCE = 64
_READABLE, _WRITABLE = 1, 2
_ABORT = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """The owner of a WebSocket. It is called in the event loop's callbacks and must not wait."""

    def take(self, message: str | bytes) -> None:
        """A message came."""
        ...

    def drained(self) -> None:
        """More can be sent again."""
        ...

    def lost(self, broken: BrokenRule | None) -> None:
        """The connection is over, and is to be closed; `broken` is the rule that the peer broke, if any."""
        ...


class WebSocket:
    """One upgraded connection. `detached` is its socket, which belongs to nobody else any more.

    `release` is called when it has been closed.
    """

    __slots__ = (
        "_answer",
        "_backlog",
        "_owner",
        "_parser",
        "_reader",
        "_release",
        "_socket",
        "_timer",
        "_writer",
        "direct_send",
        "full",
        "moved_at",
        "state",
        "unsent",
    )

    def __init__(
        self, detached: _socket.socket, owner: Owner | None, max_bytes: int, release: Callable[[], None]
    ) -> None:
        self.state = WebSocketState.OPEN
        self._socket = detached
        # The socket's own `send` while nothing waits before it, else `None`: a loop over many viewers may
        # call it directly and hands what it does not take whole to `keep`, its errors to `failed`.
        self.direct_send: Callable[[bytes], int] | None = detached.send
        self._owner = owner
        self._parser = FrameParser(max_bytes)
        # The code of the peer's close frame, which is said back to it.
        self._answer: int | None = NORMAL
        self._backlog: list[Any] = []
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
        if self.state is WebSocketState.CLOSED:
            return  # It broke over the first that was sent.
        self._reader.start(self._read)
        if early and self.state is WebSocketState.OPEN:
            self._receive(early)

    def belongs_to(self, owner: Owner) -> None:
        """Have another owner from now on."""
        self._owner = owner

    def _become(self, state: WebSocketState) -> None:
        self.state = change(WEBSOCKET_CHANGES, self.state, state, log, self)

    def __str__(self) -> str:
        return f"WebSocket {self._socket.fileno()}"

    def failed(self, error: OSError) -> int:
        """Take an error of the socket: it would have to wait, or the connection is broken.

        Returns the number of bytes that were sent or received all the same: none.
        """
        if not isinstance(error, BlockingIOError):
            self._break()
        return 0

    # Sending

    def send(self, data: bytes) -> None:
        """Send whole frames; never waits. What the kernel does not take now is sent when it does."""
        direct_send, sent = self.direct_send, 0
        if direct_send is not None:
            try:
                sent = direct_send(data)
            except OSError as error:
                sent = self.failed(error)
            if sent == len(data):
                return
        self.keep(data, sent)

    def keep(self, data: bytes, sent: int) -> None:
        """Have what is left of `data` wait, but for its first `sent` bytes; behind a close it is dropped."""
        if self.state in (WebSocketState.CLOSING, WebSocketState.CLOSED):
            return
        if not self._backlog:
            self.direct_send = None
            self.moved_at = time.monotonic()
            self._writer = _loop().io(self._socket.fileno(), _WRITABLE)
            self._writer.start(self._write)
        self._backlog.append(memoryview(data)[sent:] if sent else data)
        self.unsent += len(data) - sent
        if self.unsent >= HIGH_WATER_BYTES:
            self.full = True

    def _write(self) -> None:
        """The kernel takes more."""
        backlog = self._backlog
        try:
            while backlog:
                sent = self._socket.sendmsg(backlog[:_PARTS_AT_ONCE])
                self.unsent -= sent
                self.moved_at = time.monotonic()
                _drop(backlog, sent)
        except OSError as error:
            self.failed(error)
        if self.state is WebSocketState.CLOSED:
            return
        if not backlog:
            self._stop_writing()
            if self.state is WebSocketState.CLOSING:
                self._say_goodbye()
            else:
                self.direct_send = self._socket.send
        if self.full and self.unsent <= LOW_WATER_BYTES:
            self.full = False
            if self._owner is not None:
                self._owner.drained()

    def _stop_writing(self) -> None:
        self._backlog, self.unsent = [], 0
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
        if self.state is not WebSocketState.CLOSED and not self._reader.active:
            self._reader.start(self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            self.failed(error)
            return
        if data:
            if self.state is WebSocketState.OPEN:
                self._receive(data)
        elif self.state is WebSocketState.PEER_CLOSED:
            self.pause()  # Its messages before the close frame are handled first (`_leave`).
        else:
            self._break()

    def _receive(self, data: bytes) -> None:
        pongs: list[bytes] = []
        try:
            self._take(data, pongs)
        except BrokenRule as broken:
            self._pong(pongs)
            self._end(broken.code, broken)
        except Exception:  # a fault of ours must not keep a connection that nobody serves
            log.exception("a message could not be taken")
            self._break()
        else:
            self._pong(pongs)
            if self.state is WebSocketState.PEER_CLOSED:
                self._leave()

    def _take(self, data: bytes, pongs: list[bytes]) -> None:
        for opcode, payload in self._parser.feed(data):
            if opcode < CLOSE:
                if self._owner is not None:
                    self._owner.take(payload)
            elif opcode == PING:
                pongs.append(frame(PONG, payload))
            elif opcode == CLOSE:
                self._answer = close_code(payload)
                self._become(WebSocketState.PEER_CLOSED)
            if self.state is not WebSocketState.OPEN:
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
        if self.state in (WebSocketState.CLOSING, WebSocketState.CLOSED):
            return
        self.send(close_frame(code, reason))
        if self._has_broken():
            return
        # Nothing more is put behind what waits, so it holds up nothing that must still hear of the end.
        self._become(WebSocketState.CLOSING)
        self.direct_send, self.full = None, False
        self.resume()
        if not self._backlog:
            self._say_goodbye()
            if self._has_broken():
                return
        self._timer = _loop().timer(LINGER_S)
        self._timer.start(self.abort)

    def _has_broken(self) -> bool:
        """Whether what was just tried has shown that the connection is over."""
        return self.state is WebSocketState.CLOSED

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
        except OSError as error:
            self.failed(error)

    def _break(self) -> None:
        """Neither reading nor writing goes on."""
        self._free()
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.lost(None)

    def abort(self) -> None:
        """Free the descriptor now; what waits in the kernel is dropped."""
        if self.state is WebSocketState.CLOSED:
            return
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        except OSError as error:
            self.failed(error)
        self._break()

    def _free(self) -> None:
        if self.state is WebSocketState.CLOSED:
            return
        self._become(WebSocketState.CLOSED)
        self.direct_send, self.full = None, False
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


def _drop(backlog: list[Any], sent: int) -> None:
    """Take the bytes that were sent off the front."""
    count = 0
    while count < len(backlog) and sent >= len(backlog[count]):
        sent -= len(backlog[count])
        count += 1
    del backlog[:count]
    if sent:
        backlog[0] = memoryview(backlog[0])[sent:]
