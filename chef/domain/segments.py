r"""A log body into segments: where a line ends, what is cut. Pure, over bytes.

`\n` and `\r\n` end a line, and so does `\r` alone. A body comes in pieces, and what its stream had before is
known only inside the store's transaction: here the ends are found, `chef.domain.lines` joins the segments to
the stream.
"""

from __future__ import annotations

import re
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeVar, overload

from chef.domain.terminal import moves_cursor

_END = re.compile(rb"\r\n?|\n")

T = TypeVar("T", bound=tuple[object, ...])
_SIZE = itemgetter(2)


class Segment(NamedTuple):
    r"""Text up to and including one line end. `size` is what it took of the body, in bytes.

    `text` is what is kept: at most the line limit plus the note on how much was cut.
    `end` is `\n`, `\r\n`, `\r`, or empty at the end of a body. `crc` is the CRC-32 of all its bytes
    where `text` does not have them all.
    """

    text: bytes
    end: bytes
    size: int
    crc: int | None = None


class OneText(Sequence[T]):
    r"""Plain lines as the one text that they are: whole, each ended by `\n`, none in another's place.

    Most of what comes is such, many thousands a second, and on its way into the store nobody looks at a
    single line. Code that does gets the single ones.
    """

    __slots__ = ("_count", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._count = data.count(b"\n")

    @property
    def texts(self) -> bytes:
        """The texts of all, joined by newlines."""
        return self.data[:-1]

    @abstractmethod
    def _all(self) -> Iterator[T]:
        """The single ones, one by one."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        return self._all()

    def __reversed__(self) -> Iterator[T]:
        return reversed(tuple(self._all()))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return tuple(self._all())[place]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OneText):
            return type(self) is type(other) and self.data == other.data
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class PlainSegments(OneText[Segment]):
    """Plain lines as segments; at least one."""

    __slots__ = ()

    def _all(self) -> Iterator[Segment]:
        for text in self.texts.split(b"\n"):
            yield Segment(text, b"\n", len(text) + 1)


class Segmenter:
    """Cuts a body that arrives in pieces into segments, holding at most one line's limit."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._kept = bytearray()
        self._size = 0
        self._crc: int | None = None

    @property
    def held(self) -> int:
        """Bytes of an unfinished line that were fed and are in no segment yet."""
        return self._size

    @property
    def text(self) -> bytes:
        """What of the unfinished line is kept."""
        return bytes(self._kept)

    def feed(self, data: bytes) -> Sequence[Segment]:
        """Take the next bytes; return the segments that they end.

        Bytes that move a terminal's cursor are not for lines, but for the terminal: nothing of them is held,
        and a segment of them may have line ends within its text.
        """
        if self._size == len(self._kept) and moves_cursor(data):
            data = bytes(self._kept) + data
            self._kept.clear()
            self._size = 0
            parts = (data[start : start + self._limit] for start in range(0, len(data), self._limit))
            return [Segment(part, b"", len(part)) for part in parts]
        return self.feed_lines(data)

    def feed_lines(self, data: bytes) -> Sequence[Segment]:
        """The same without a terminal: each segment is a line, or the beginning of one."""
        # Of a line that is held whole, and so not too long yet, the rest makes a plain line.
        if b"\r" not in data and self._size == len(self._kept):
            end = data.rfind(b"\n") + 1
            whole = bytes(self._kept) + data[:end]
            if end and not self._is_any_cut(whole):
                self._kept.clear()
                self._size = 0
                self._hold(data[end:])
                return PlainSegments(whole)
        return self._feed_any(data)

    def _is_any_cut(self, lines: bytes) -> bool:
        """Whether one of these whole lines is longer than the limit."""
        begin = 0
        while len(lines) - begin > self._limit:
            begin = lines.rfind(b"\n", begin, begin + self._limit + 1) + 1
            if not begin:
                return True
        return False

    def _feed_any(self, data: bytes) -> list[Segment]:
        segments: list[Segment] = []
        position = 0
        for found in _END.finditer(data):
            self._hold(self._drawn(data[position : found.start()], segments))
            segments.append(self._cut(found.group()))
            position = found.end()
        self._hold(self._drawn(data[position:], segments))
        return segments

    def _drawn(self, text: bytes, segments: list[Segment]) -> bytes:
        """Of a text that would be too long and moves the cursor, no byte is cut: it becomes several segments.

        Many bytes may be few characters on a screen. Returns what is left to be held.
        """
        if self._size + len(text) <= self._limit or not moves_cursor(bytes(self._kept) + text):
            return text
        text = bytes(self._kept) + text
        self._kept.clear()
        self._size, self._crc = 0, None
        while len(text) > self._limit:
            part, text = text[: self._limit], text[self._limit :]
            segments.append(Segment(part, b"", len(part)))
        return text

    def finish(self) -> list[Segment]:
        """End the body: what is held becomes a last segment without a line end."""
        return [self._cut(b"")] if self._size else []

    def _hold(self, text: bytes) -> None:
        self._size += len(text)
        # One byte more than the limit is enough to know that there was more, and four more
        # to find the border of the character that the limit falls into.
        room = self._limit + 4 - len(self._kept)
        if room > 0:
            self._kept += text[:room]
        if self._size > len(self._kept):
            crc = zlib.crc32(self._kept) if self._crc is None else self._crc
            self._crc = zlib.crc32(memoryview(text)[max(0, room) :], crc)

    def _cut(self, end: bytes) -> Segment:
        text, size = bytes(self._kept), self._size
        crc = None
        if size > self._limit:
            crc = zlib.crc32(end, zlib.crc32(text) if self._crc is None else self._crc)
            text = cut(text, size, self._limit)
        self._kept.clear()
        self._size = 0
        self._crc = None
        return Segment(text, end, size + len(end), crc)


def cut(text: bytes, size: int, limit: int) -> bytes:
    """A line as it is kept: whole within the limit, else its beginning and how much is not here.

    `text` needs four bytes beyond the limit, to show where a character ends.
    """
    if size <= limit:
        return text
    kept = _at_character_border(text, limit)
    return kept + f"… [cut: {size - len(kept)} bytes]".encode()


def _at_character_border(text: bytes, limit: int) -> bytes:
    """The longest start of `text` within `limit` bytes that splits no UTF-8 character."""
    cut = limit
    # A continuation byte is 10xxxxxx; a character has at most three of them.
    while cut > limit - 4 and cut > 0 and cut < len(text) and text[cut] & 0xC0 == 0x80:
        cut -= 1
    return text[:cut]


def segment_text(message: str, max_line_bytes: int) -> Sequence[Segment]:
    """Segments of a `log` update's message: a whole text, so its last line is ended where it is not."""
    # Carriage returns alone end nothing, but an update that was taken has a line.
    if not message.endswith(("\n", "\r")) or not message.strip("\r"):
        message += "\n"
    return Segmenter(max_line_bytes).feed_lines(message.encode())


def body_bytes(segments: Iterable[Segment]) -> int:
    """How many bytes of a body some segments took."""
    if isinstance(segments, PlainSegments):
        return len(segments.data)
    return sum(map(_SIZE, segments))


class WithinCutLine(ValueError):
    """The stored part of a body ends within a line of which not all bytes were kept."""


def skip(segments: Sequence[Segment], count: int) -> Sequence[Segment]:
    """Drop the first `count` bytes (the stream has them already), splitting a segment if need be.

    Raises WithinCutLine where that segment's rest is not at hand.
    """
    if count <= 0:
        return segments
    if isinstance(segments, PlainSegments):
        return PlainSegments(segments.data[count:]) if count < len(segments.data) else []
    for index, (text, end, size, crc) in enumerate(segments):
        if not count:
            return segments[index:]
        if count < size:
            if crc is not None:
                raise WithinCutLine
            rest = size - count
            # The first byte of a line end of two may be there already.
            return [Segment(text[count:], end[max(0, len(end) - rest) :], rest), *segments[index + 1 :]]
        count -= size
    return []
