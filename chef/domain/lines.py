r"""Segments into lines: what belongs to which line, what replaces what. Pure, over bytes.

A terminal's rules, as a build's output relies on them:

- `\r` alone ends a line whose place the next text of that stream takes (a progress bar).
- A body that ends without a newline ends its line; a newline at the very start of the stream's
  next body belongs to that line and makes no empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import repeat
from operator import itemgetter
from typing import Literal, NamedTuple, Self

import msgspec

from chef.domain.segments import OneText, PlainSegments, Segment
from chef.domain.tally import NOTHING, Tally

# Bare newlines that belong to no line of their own, as many bytes as attach() keeps; more is noise.
_MAX_PENDING = 4096

_REPLACES = itemgetter(2)

Tail = Literal["closed", "cr", "open"]


class Line(NamedTuple):
    """One line to store. `pre` are line ends before it that belong to the line before (raw only)."""

    text: bytes
    end: bytes
    replaces: bool
    pre: bytes


# Makes a tuple of its fields without the class's own `__new__`, which is written in Python.
line_of = partial(tuple.__new__, Line)


class PlainLines(OneText[Line]):
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
