r"""Segments into lines: what belongs to which line, what replaces what. Pure, over bytes.

A terminal's rules, as a build's output relies on them:

- `\r` alone ends a line whose place the next text of that stream takes (a progress bar).
- A body that ends without a newline leaves its line open: what follows continues it under its number, and a
  newline alone ends it and makes no empty one.
- A stream that moves the cursor has a terminal (`chef.domain.terminal`): a line is what it shows of a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import repeat
from operator import itemgetter
from typing import Literal, NamedTuple, Self

import msgspec
from msgspec.structs import replace

from chef.domain.segments import OneText, PlainSegments, Segment, cut
from chef.domain.tally import NOTHING, Tally
from chef.domain.terminal import (
    MOST_ROWS,
    TerminalState,
    draw,
    is_at_rest,
    moves_cursor,
    terminal_of,
    unended,
)

MAX_LINE_BYTES = 64 * 1024
# Bytes that belong to no line of their own, as many as attach() keeps waiting.
_MAX_PENDING = 4096
_PART_BYTES = 64 * 1024

_TEXT, _REPLACES, _DRAWN = itemgetter(0), itemgetter(2), itemgetter(5)

Tail = Literal["closed", "cr", "open"]


class Line(NamedTuple):
    """One line to store. `pre` are bytes before it that belong to no line of their own (raw only).

    One that replaces another has that one's number: that of the stream's newest line, or `number` where it
    is not 0. Where it is `drawn`, `text` is what a terminal shows, and the bytes it stands for are all
    in `pre`.
    """

    text: bytes
    end: bytes
    replaces: bool
    pre: bytes
    number: int = 0
    drawn: bool = False

    @property
    def raw(self) -> bytes:
        """The bytes of output that it stands for."""
        return self.pre if self.drawn else self.pre + self.text + self.end


# Makes a tuple of its fields without the class's own `__new__`, which is written in Python.
line_of = partial(tuple.__new__, Line)


class PlainLines(OneText[Line]):
    """Plain lines to store; at least one."""

    __slots__ = ()

    def _all(self) -> Iterator[Line]:
        texts = self.texts.split(b"\n")
        return map(line_of, zip(texts, repeat(b"\n"), repeat(False), repeat(b""), repeat(0), repeat(False)))

    def parts(self, most: int) -> list[Self]:
        """The same in parts of at most so many lines."""
        return list(map(type(self), _lines_up_to(most).findall(self.data)))


@cache
def _lines_up_to(most: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:[^\n]*\n){1,%d}" % most)


class OpenLine(NamedTuple):
    """The text of a line that has not ended; what is beyond the limit is counted in `size` alone."""

    text: bytes
    size: int


class StreamState(msgspec.Struct, frozen=True):
    """Where one stream of a job stands: bytes taken of its bodies, its newest line, how that ended.

    `pending` are bytes that came after the newest line and make no line themselves. `tally` is
    unknown (`None`) of streams that began before tallies were kept. `open` is the newest line where what
    follows continues it, `terminal` what is shown of a stream that has moved the cursor.
    """

    offset: int = 0
    line: int = 0
    tail: Tail = "closed"
    pending: bytes = b""
    tally: Tally | None = NOTHING
    open: OpenLine | None = None
    terminal: TerminalState | None = None

    @property
    def shown_bytes(self) -> int:
        """About how many bytes of what it shows are kept."""
        rows = self.terminal.rows if self.terminal else ()
        return (len(self.open.text) if self.open else 0) + sum(len(text) for _, text in rows)


ShownLine = tuple[int, str]
"""A line's number, and its text with colours."""


def needs_recent(state: StreamState, segments: Sequence[Segment]) -> bool:
    """Whether `attach` has to know the stream's newest lines: its terminal begins to move the cursor."""
    return state.terminal is None and state.line > 0 and _moves(segments, _begun(state))


def attach(
    state: StreamState,
    segments: Sequence[Segment],
    next_line: int,
    limit: int = MAX_LINE_BYTES,
    recent: Sequence[ShownLine] = (),
) -> tuple[Sequence[Line], StreamState]:
    """Join segments to a stream. Returns the lines to store and the stream's new state.

    `next_line` is the number that the job's next new line gets; lines are numbered over all streams of a
    job. `limit` is how long a line may be (bytes). `recent` are the stream's newest lines where
    `needs_recent` asks for them, at most `MOST_ROWS`.
    """
    if state.terminal is not None and _scrolls_away(state.terminal, segments):
        state = replace(state, terminal=None)
    if state.terminal is not None or _moves(segments, _begun(state)):
        return _attach_drawn(state, segments, next_line, limit, recent)
    return attach_plain(state, segments, next_line, limit)


def attach_plain(
    state: StreamState, segments: Sequence[Segment], next_line: int, limit: int = MAX_LINE_BYTES
) -> tuple[Sequence[Line], StreamState]:
    """The same for segments that move no cursor, or that are for nobody's terminal."""
    tally = _tally_after(state, segments)
    if state.tail == "closed" and not state.pending and isinstance(segments, PlainSegments):
        lines = PlainLines(segments.data)
        offset, newest = state.offset + len(segments.data), next_line + len(lines) - 1
        return lines, StreamState(offset, newest, "closed", b"", tally, terminal=state.terminal)
    joint = _Joint(state, next_line, limit)
    for segment in segments:
        joint.take(segment)
    return joint.lines, joint.state(tally)


def _tally_after(state: StreamState, segments: Sequence[Segment]) -> Tally | None:
    return None if state.tally is None else state.tally.plus(segments)


class _Joint:
    """A stream while segments are joined to it."""

    def __init__(self, state: StreamState, next_line: int, limit: int) -> None:
        self.lines: list[Line] = []
        self._offset, self._newest, self._tail = state.offset, state.line, state.tail
        self._pending, self._open, self._terminal = state.pending, state.open, state.terminal
        self._next_line = next_line
        self._limit = limit

    def state(self, tally: Tally | None) -> StreamState:
        return StreamState(
            self._offset, self._newest, self._tail, self._pending, tally, self._open, self._terminal
        )

    def take(self, segment: Segment) -> None:
        text, end, size, _ = segment
        self._offset += size
        if not text and _belongs_to_the_line_before(self._tail, end):
            self._pending = (self._pending + end)[:_MAX_PENDING]
            self._tail, self._open = _tail_after_bare_end(self._tail, end), None
            return
        if self._open is None:
            self._begin(text, end, size - len(end))
        else:
            self._continue(self._open, text, end, size - len(end))
        self._pending = b""
        self._tail = "cr" if end == b"\r" else "closed" if end else "open"

    def _begin(self, text: bytes, end: bytes, size: int) -> None:
        replaces = self._tail == "cr"
        if not replaces:
            self._newest = self._next_line
            self._next_line += 1
        if end:
            self.lines.append(Line(text, end, replaces, self._pending))
            return
        shown = _without_unended(text)
        if shown == text:
            self.lines.append(Line(text, b"", replaces, self._pending))
        else:
            self.lines.append(Line(shown, b"", replaces, self._pending + text, 0, True))
        self._open = OpenLine(text[: self._limit], size)

    def _continue(self, begun: OpenLine, text: bytes, end: bytes, size: int) -> None:
        whole = OpenLine((begun.text + text)[: self._limit + 4], begun.size + size)
        shown = cut(whole.text, whole.size, self._limit)
        if not end:
            shown = _without_unended(shown)
        self.lines.append(Line(shown, b"", True, self._pending + text + end, 0, True))
        self._open = None if end else whole


def _moves(segments: Sequence[Segment], begun: bytes = b"") -> bool:
    if not isinstance(segments, PlainSegments):
        data = begun + b"".join(map(_TEXT, segments))
        # The rest of a piece that moved the cursor has its line ends still in it.
        return b"\n" in data or moves_cursor(data)
    return moves_cursor(begun + segments.data if begun else segments.data)


def _without_unended(text: bytes) -> bytes:
    """The text of a line that has not ended, without an escape sequence that has not ended either."""
    begun = unended(text)
    return text[: -len(begun)] if begun else text


def _begun(state: StreamState) -> bytes:
    """The escape sequence that ends the stream's open line and has not ended itself."""
    return unended(state.open.text) if state.open else b""


def _scrolls_away(terminal: TerminalState, segments: Sequence[Segment]) -> bool:
    """Whether so many plain lines follow that nothing of a terminal can change any more."""
    many = isinstance(segments, PlainSegments) and len(segments) >= MOST_ROWS
    return many and is_at_rest(terminal) and not _moves(segments)


def _attach_drawn(
    state: StreamState,
    segments: Sequence[Segment],
    next_line: int,
    limit: int,
    recent: Sequence[ShownLine],
) -> tuple[list[Line], StreamState]:
    """Show segments on the stream's terminal: each row that is another then is a line."""
    tally = _tally_after(state, segments)
    data = b"".join([segment.text + segment.end for segment in segments])
    offset = state.offset + sum(segment.size for segment in segments)
    terminal = state.terminal or terminal_of(recent, _column_after(state), _begun(state))
    lines: list[Line] = []
    newest, pending = state.line, state.pending
    # In parts, so that no line stands for more bytes than fit into an entry.
    for start in range(0, len(data), _PART_BYTES):
        part = data[start : start + _PART_BYTES]
        pending += part
        terminal, rows = draw(terminal, part, next_line, always=len(pending) > _MAX_PENDING)
        for number, replaces, text in rows:
            lines.append(_drawn_line(text, limit, pending, number if replaces else 0))
            pending = b""
            newest, next_line = max(newest, number), max(next_line, number + 1)
    return lines, StreamState(offset, newest, "closed", pending, tally, terminal=terminal)


def _drawn_line(text: str, limit: int, pending: bytes, number: int) -> Line:
    """A row of a terminal as a line; `number` is that of the line whose place it takes, 0 for a new one."""
    encoded = text.encode()
    return Line(cut(encoded[: limit + 4], len(encoded), limit), b"", number > 0, pending, number, True)


def _column_after(state: StreamState) -> int | None:
    """Where a stream without a terminal writes: a column of its newest line, `None` for a new line."""
    if state.tail == "cr":
        return 0
    return -1 if state.open is not None else None


def raw_bytes(lines: Sequence[Line]) -> int:
    """How many bytes of output some lines stand for."""
    if isinstance(lines, PlainLines):
        return len(lines.data)
    if not lines:
        return 0
    if any(map(_DRAWN, lines)):
        return sum(len(line.raw) for line in lines)
    texts, ends, _, pre, _, _ = zip(*lines, strict=True)
    return len(b"".join(texts)) + len(b"".join(ends)) + len(b"".join(pre))


def drawn_bytes(lines: Sequence[Line]) -> int:
    """How many bytes the texts of drawn lines take beside the output, with one for the end of each."""
    if isinstance(lines, PlainLines):
        return 0
    return sum(len(line.text) + 1 for line in lines if line.drawn)


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
