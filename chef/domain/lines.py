r"""Log text into lines: where a line ends, what replaces what, what is cut. Pure, over bytes.

A terminal's rules, as a build's output relies on them:

- `\n` and `\r\n` end a line.
- `\r` alone ends a line whose place the next text of that stream takes (a progress bar).
- A body that ends without a newline ends its line; a newline at the very start of the stream's
  next body belongs to that line and makes no empty one.

Two steps, because a body arrives in pieces and the stream's state is known only inside the store's
transaction: `Segmenter` finds the ends, `attach` joins the segments to what the stream had before.
"""

from __future__ import annotations

import re
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Literal, NamedTuple, Self, TypeVar, overload

import msgspec

from chef.domain.crc import crc32_of_both

_END = re.compile(rb"\r\n?|\n")
# What attach() keeps of bare newlines that belong to no line of their own; more is noise.
_MAX_PENDING = 4096

# Of a segment that is not cut: all bytes that it stands for.
_BYTES = itemgetter(0, 1)
_SIZE, _CRC = itemgetter(2), itemgetter(3)
_REPLACES = itemgetter(2)

T = TypeVar("T", bound=tuple[object, ...])
Tail = Literal["closed", "cr", "open"]


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


class Line(NamedTuple):
    """One line to store. `pre` are line ends before it that belong to the line before (raw only)."""

    text: bytes
    end: bytes
    replaces: bool
    pre: bytes


# Makes a tuple of its fields without the class's own `__new__`, which is written in Python.
line_of = partial(tuple.__new__, Line)


class _Plain(Sequence[T]):
    r"""Plain lines as the one text that they are: whole, each ended by `\n`, none in another's place.

    Most of what comes is such, many thousands a second, and on its way into the store nobody looks at a
    single line. Who does gets what these stand for.
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
        """What this stands for, one by one."""

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
        if isinstance(other, _Plain):
            return type(self) is type(other) and self.data == other.data
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class PlainSegments(_Plain[Segment]):
    """Plain lines as segments; at least one."""

    __slots__ = ()

    def _all(self) -> Iterator[Segment]:
        for text in self.texts.split(b"\n"):
            yield Segment(text, b"\n", len(text) + 1)


class PlainLines(_Plain[Line]):
    """Plain lines to store; at least one."""

    __slots__ = ()

    def _all(self) -> Iterator[Line]:
        return map(line_of, zip(self.texts.split(b"\n"), repeat(b"\n"), repeat(False), repeat(b"")))

    def parts(self, most: int) -> list[Self]:
        """The same in parts of at most so many lines."""
        return list(map(type(self), _lines_up_to(most).findall(self.data)))


@cache
def _lines_up_to(most: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:[^\n]*\n){1,%d}" % most)


class Tally(NamedTuple):
    r"""What all bytes of a stream's bodies add up to, however they were cut into bodies and lines.

    `lines` counts `\n`, and what follows the last one as one more: that is `unfinished`.
    """

    lines: int = 0
    crc: int = 0
    unfinished: bool = False

    def plus(self, segments: Sequence[Segment]) -> Tally:
        """The tally when these were added."""
        if isinstance(segments, PlainSegments):
            lines = self.lines - self.unfinished + len(segments)
            return Tally(lines, zlib.crc32(segments.data, self.crc), False)
        if set(map(_CRC, segments)) == {None}:
            return self._plus_whole(segments)
        cuts = [index for index, segment in enumerate(segments) if segment.crc is not None]
        tally, start = self, 0
        for index in cuts:
            tally = tally._plus_whole(segments[start:index])._plus_cut(segments[index])
            start = index + 1
        return tally._plus_whole(segments[start:])

    def _plus_whole(self, segments: Sequence[Segment]) -> Tally:
        data = b"".join(chain.from_iterable(map(_BYTES, segments)))
        if not data:
            return self
        unfinished = not data.endswith(b"\n")
        lines = self.lines - self.unfinished + data.count(b"\n") + unfinished
        return Tally(lines, zlib.crc32(data, self.crc), unfinished)

    def _plus_cut(self, segment: Segment) -> Tally:
        lines = self.lines + (not self.unfinished)
        crc = crc32_of_both(self.crc, segment.crc or 0, segment.size)
        return Tally(lines, crc, not segment.end.endswith(b"\n"))


NOTHING = Tally()


class StreamState(msgspec.Struct, frozen=True):
    """Where one stream of a job stands: bytes taken of its bodies, its newest line, how that ended.

    `pending` are line ends that came after the newest line and make no line themselves. `tally` is
    unknown (`None`) of streams that began before tallies were kept.
    """

    offset: int = 0
    line: int = 0
    tail: Tail = "closed"
    pending: bytes = b""
    tally: Tally | None = NOTHING


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

    def feed(self, data: bytes) -> Sequence[Segment]:
        """Take the next bytes; return the segments that they end."""
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
        segments = []
        position = 0
        for found in _END.finditer(data):
            self._hold(data[position : found.start()])
            segments.append(self._cut(found.group()))
            position = found.end()
        self._hold(data[position:])
        return segments

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
            kept = _at_character_border(text, self._limit)
            text = kept + f"… [cut: {size - len(kept)} bytes]".encode()
        self._kept.clear()
        self._size = 0
        self._crc = None
        return Segment(text, end, size + len(end), crc)


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
    return Segmenter(max_line_bytes).feed(message.encode())


def attach(
    state: StreamState, segments: Sequence[Segment], next_line: int
) -> tuple[Sequence[Line], StreamState]:
    """Join segments to a stream. Returns the lines to store and the stream's new state.

    `next_line` is the number that the job's next new line gets; a line with `replaces` takes the
    number of the stream's newest line instead. Lines are numbered over all streams of a job.
    """
    tally = None if state.tally is None else state.tally.plus(segments)
    if state.tail == "closed" and not state.pending and isinstance(segments, PlainSegments):
        lines = PlainLines(segments.data)
        offset = state.offset + len(segments.data)
        return lines, StreamState(offset, next_line + len(lines) - 1, "closed", b"", tally)
    return _attach_any(state, segments, next_line, tally)


def _attach_any(
    state: StreamState, segments: Iterable[Segment], next_line: int, tally: Tally | None
) -> tuple[list[Line], StreamState]:
    lines: list[Line] = []
    offset, newest, tail, pending = state.offset, state.line, state.tail, state.pending
    for text, end, size, _ in segments:
        offset += size
        if not text and _belongs_to_the_line_before(tail, end):
            pending = (pending + end)[:_MAX_PENDING]
            tail = _tail_after_bare_end(tail, end)
            continue
        replaces = tail == "cr"
        if not replaces:
            newest = next_line
            next_line += 1
        lines.append(Line(text, end, replaces, pending))
        pending = b""
        tail = "cr" if end == b"\r" else "closed" if end else "open"
    return lines, StreamState(offset, newest, tail, pending, tally)


def raw_bytes(lines: Sequence[Line]) -> int:
    """How many bytes of output some lines stand for."""
    if isinstance(lines, PlainLines):
        return len(lines.data)
    if not lines:
        return 0
    texts, ends, _, pre = zip(*lines, strict=True)
    return len(b"".join(texts)) + len(b"".join(ends)) + len(b"".join(pre))


def replacing(lines: Iterable[Line]) -> int:
    """How many of some lines take the place of the one before."""
    return 0 if isinstance(lines, PlainLines) else sum(map(_REPLACES, lines))


def in_parts(lines: Sequence[Line], most: int) -> Sequence[Sequence[Line]]:
    """Some lines in parts of at most so many."""
    if isinstance(lines, PlainLines):
        return lines.parts(most)
    return [tuple(lines[start : start + most]) for start in range(0, len(lines), most)]


def _belongs_to_the_line_before(tail: Tail, end: bytes) -> bool:
    r"""Whether a line end without text makes no line: after `\r`, after an open line, or a bare `\r`."""
    return end == b"\r" or (tail != "closed" and end != b"")


def _tail_after_bare_end(tail: Tail, end: bytes) -> Tail:
    if end != b"\r":
        return "closed"
    return "closed" if tail == "closed" else "cr"


def body_bytes(segments: Iterable[Segment]) -> int:
    """How many bytes of a body some segments took."""
    if isinstance(segments, PlainSegments):
        return len(segments.data)
    return sum(map(_SIZE, segments))


class WithinCutLine(ValueError):
    """What is stored already ends within a line of which not all bytes were kept."""


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
