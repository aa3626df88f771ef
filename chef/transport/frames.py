"""WebSocket frames (RFC 6455) as a server reads and writes them. Pure: no socket, no waiting.

Section numbers in comments are RFC 6455's.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, Final

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_CONTINUATION = 0x0
_OPCODES: Final = frozenset((_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))

# Close codes (7.4.1).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, NOT_UTF8, POLICY, TOO_BIG = 1000, 1001, 1002, 1007, 1008, 1009
# Those that may stand in a close frame: 1004 to 1006 and 1015 may not, 1016 to 2999 mean nothing yet.
_SENDABLE_CODES: Final = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)))

# A viewer's messages are small; a peer that cuts one into more pieces than this wants to keep us busy.
MAX_FRAGMENTS = 64
_MAX_CONTROL_BYTES = 125
_NO_MASK = bytes(4)

Message = tuple[int, Any]
"""An opcode with what came: `str` of TEXT, else `bytes`."""


class BrokenRule(Exception):
    """A peer broke the protocol or a limit; `code` is that with which the connection is closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes) -> bytes:
    """A server's frame: whole and unmasked, so that one can go to all."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 0x10000:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def payloads(frames: bytes) -> Iterator[bytes]:
    """The payloads of server's frames that were joined: the reverse of `frame`, again and again."""
    at, end = 0, len(frames)
    while at < end:
        size, start = frames[at + 1], at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(frames[at + 2 : start], "big")
        at = start + size
        yield frames[start:at]


def close_frame(code: int | None, reason: str = "") -> bytes:
    """A close frame; without a code it says nothing."""
    if code is None:
        return frame(CLOSE, b"")
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode()[: _MAX_CONTROL_BYTES - 2])


def close_code(payload: bytes) -> int | None:
    """The code of a close frame that came, `None` where it has none. Raises BrokenRule (5.5.1, 7.4)."""
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or code not in _SENDABLE_CODES:
        raise BrokenRule(PROTOCOL_ERROR, "a close frame with a wrong code")
    _decoded(payload[2:])
    return code


def unmask(data: bytes, mask: bytes) -> bytes:
    """A client's bytes without their mask: one XOR of two large numbers, not a loop over bytes (5.3)."""
    if mask == _NO_MASK:
        return data
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BrokenRule(NOT_UTF8, "text that is not UTF-8") from None


class FrameParser:
    """A client's bytes into messages, as they come. `max_bytes` bounds one message, whole or in pieces."""

    __slots__ = ("_buffer", "_fragments", "_max_bytes", "_needed")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # The beginning of a frame that is not whole yet, and how long it must be before we look again.
        self._buffer: bytearray | None = None
        self._needed = 0
        self._fragments: _Fragments | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes. Raises BrokenRule where the rest is of no use."""
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data, self._buffer = bytes(self._buffer), None
        at, end = 0, len(data)
        while at < end:
            start, size = self._head(data, at, end)
            if start + size > end:
                self._buffer, self._needed = bytearray(data[at:]), start + size - at
                return
            mask, stop = data[start - 4 : start], start + size
            message = self._take(data[at], unmask(data[start:stop], mask))
            at = stop
            if message is not None:
                yield message

    def _head(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        """Where a frame's payload begins and how long it is; beyond the end where that is not known yet.

        Whatever can be refused is refused here, before a byte of the payload is kept (5.2).
        """
        if end - at < 2:
            return at + 2, 0
        first, second = data[at], data[at + 1]
        opcode, size, start = first & 0x0F, second & 0x7F, at + 6
        if first & 0x70:
            raise BrokenRule(PROTOCOL_ERROR, "a reserved bit is set")
        if opcode not in _OPCODES:
            raise BrokenRule(PROTOCOL_ERROR, "an unknown opcode")
        if not second & 0x80:
            raise BrokenRule(PROTOCOL_ERROR, "a frame that is not masked")
        if opcode >= CLOSE:
            if size > _MAX_CONTROL_BYTES or not first & 0x80:
                raise BrokenRule(PROTOCOL_ERROR, "a control frame that is long or in pieces")
            return start, size
        if size >= 126:
            extended = at + (4 if size == 126 else 10)
            start = extended + 4
            if end < extended:
                return extended, 0
            size = int.from_bytes(data[at + 2 : extended], "big")
        self._check_place(opcode, first & 0x80, size)
        return start, size

    def _check_place(self, opcode: int, is_final: int, size: int) -> None:
        """Whether a data frame may come now, and is not too much (5.4)."""
        before = self._fragments
        if (opcode == _CONTINUATION) is (before is None):
            raise BrokenRule(PROTOCOL_ERROR, "a piece of a message out of turn")
        if size + (before.size if before else 0) > self._max_bytes:
            raise BrokenRule(TOO_BIG, f"a message can have {self._max_bytes} bytes")
        if before is not None and before.count >= MAX_FRAGMENTS and not is_final:
            raise BrokenRule(TOO_BIG, f"a message can have {MAX_FRAGMENTS} pieces")

    def _take(self, first: int, payload: bytes) -> Message | None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return opcode, payload
        if first & 0x80 and self._fragments is None:
            return opcode, _decoded(payload) if opcode == TEXT else payload
        if self._fragments is None:
            self._fragments = _Fragments(opcode)
        whole = self._fragments
        whole.add(payload, is_final=bool(first & 0x80))
        if not first & 0x80:
            return None
        self._fragments = None
        return whole.opcode, whole.joined()


class _Fragments:
    """The pieces of one message. Text is decoded as it comes, so that wrong bytes end it at once."""

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.size = self.count = 0
        self._parts: list[Any] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")() if opcode == TEXT else None

    def add(self, payload: bytes, *, is_final: bool) -> None:
        self.size += len(payload)
        self.count += 1
        part: Any = payload
        if self._decoder is not None:
            try:
                part = self._decoder.decode(payload, final=is_final)
            except UnicodeDecodeError:
                raise BrokenRule(NOT_UTF8, "text that is not UTF-8") from None
        if part:
            self._parts.append(part)

    def joined(self) -> Any:
        return ("" if self.opcode == TEXT else b"").join(self._parts)
