"""The state of a stream's terminal between two pieces of output: values. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from chef.domain.terminal.style import PLAIN, Style

MOST_ROWS = 200
"""How many rows, counted from the newest, can still change."""

NumberedRow = tuple[int | None, str]
"""A row as it is kept: its line's number in the log, `None` where it is none yet; its text with colours."""


class CursorPlace(NamedTuple):
    """Where a cursor is, both counted from 0, and in which style it writes."""

    row: int
    column: int
    style: Style


class TerminalState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a stream's terminal shows.

    `rows` are the newest ones; `cursor` is within them, and so is `saved`. `top` is the row with which a
    screen begins that was cleared, `bottom` the last place on the screen that scrolls; the cursor is
    `outside` where it is below that. `alternate` tells that another screen is shown, `drawing` that letters
    stand for line drawing. `held` is an escape sequence or a character that has not ended yet. `columns` is
    how wide the terminal is, where a program gave that away, else 0; `height` is the lowest place on the
    screen at which a program kept a bar, else 0.
    """

    rows: tuple[NumberedRow, ...] = ((None, ""),)
    cursor: CursorPlace = CursorPlace(0, 0, PLAIN)
    saved: CursorPlace | None = None
    top: int | None = None
    bottom: int | None = None
    alternate: bool = False
    drawing: bool = False
    held: bytes = b""
    outside: bool = False
    columns: int = 0
    height: int = 0


class DrawnRow(NamedTuple):
    """A row that changed: its line's number, whether there was such a line, and its text with colours."""

    number: int
    replaces: bool
    text: str
