"""A terminal to hold ours against: pyte, which follows the same sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

import pyte
import pyte.modes

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m|\x1b\]8;;[^\x1b]*\x1b\\")


def without_colours(text: str) -> str:
    """A line without colours and links."""
    return _COLOURS.sub("", text)


def pieces_of(output: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Output cut at some places."""
    places = sorted({min(cut, len(output)) for cut in cuts} | {0, len(output)})
    return [output[first:last] for first, last in pairwise(places)]


def screen_of_pyte(output: bytes, columns: int, lines: int = 24) -> list[str]:
    """The rows that pyte shows of output, those that scrolled away first, without blanks at their ends."""
    screen = pyte.HistoryScreen(columns, lines, history=1_000_000, ratio=0.5)
    screen.set_mode(pyte.modes.LNM)
    pyte.ByteStream(screen).feed(output)
    gone = ["".join(row[column].data for column in range(columns)) for row in screen.history.top]
    rows = [row.rstrip() for row in [*gone, *screen.display]]
    while rows and not rows[-1]:
        rows.pop()
    return rows
