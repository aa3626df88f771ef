r"""A terminal for the output of a stream: bytes in, rows that changed out. Pure.

A line of the log is a row. Output changes rows: within a row (backspace, CHA, CUB, CUF, EL, ECH, DCH, ICH)
and, above it, the newest `MOST_ROWS` (CUU, CUD, CNL, CPL, ED, RI, save and restore). Rows that scrolled away
stay as they were last seen; what an alternate screen shows is left out.

Nobody knows how wide and high the terminal is that a log comes from. So a row is as long as its text, and a
screen of some height is assumed where a sequence names a row by its place on the screen.

Source: ECMA-48, 5th edition; xterm's "Control Sequences" for private modes and for how strings end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from chef.domain.terminal.canvas import Canvas
from chef.domain.terminal.frames import without_superseded
from chef.domain.terminal.row import Row
from chef.domain.terminal.sequences import CONTROLS, ESCAPES, SEQUENCES, Numbers
from chef.domain.terminal.state import CursorPlace, DrawnRow, NumberedRow, TerminalState
from chef.domain.terminal.style import PLAIN, linked, styled

# An escape sequence that has not ended yet is waited for, up to so many bytes.
_MOST_HELD = 4096

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<parameters>[0-?]{0,256})[ -/]{0,8}(?P<final>[@-~])"
    r"|\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\|(?=\x1b))"
    # Any other string ends with ST, or is broken off by the next escape.
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\|(?=\x1b))"
    r"|\x1b(?P<escape>[()*+][0-~]|[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNENDED = re.compile(r"\x1b(?:\[[0-?]{0,256}[ -/]{0,8}|[\]PX^_][^\x07\x1b]*\x1b?|[()*+])?\Z")
# Without one of these EL 0 erases nothing, and EL 2 beside `\r` nothing that `\r` does not: the next text of
# a stream takes the place of the whole line.
_MOVES = re.compile(
    rb"\x08|(?<![\r\n])\x1b\[2K(?!\r)"
    rb"|\x1b(?:[78DEMc]|\([0A]|\[(?:\?(?:47|1047|1049)[hl]|1K|[0-9;]*[@-HJLMPSTXZ`abdefrsu]))"
)
_ALTERNATE = frozenset(("?47", "?1047", "?1049"))


def moves_cursor(data: bytes) -> bool:
    """Whether output has anything that a terminal takes as a movement of the cursor or an erasure."""
    return (b"\x1b" in data or b"\x08" in data) and _MOVES.search(data) is not None


def unended(data: bytes) -> bytes:
    """The escape sequence at the end of output that has not ended yet."""
    text = data[-_MOST_HELD:].decode("latin-1")
    start = _start_of_unended(text)
    return b"" if start is None else text[start:].encode("latin-1")


def terminal_of(lines: Sequence[tuple[int, str]], column: int | None, held: bytes = b"") -> TerminalState:
    """The terminal of a stream that had none, from its newest lines: their numbers and texts.

    The cursor is at a `column` of the last one (-1: behind its text), or, for `None`, in a new row. `held` is
    an escape sequence that has begun there.
    """
    rows: tuple[NumberedRow, ...] = tuple((number, _as_drawn(text)) for number, text in lines)
    if column is None or not rows:
        rows, column = (*rows, (None, "")), 0
    elif column < 0:
        column = Row(*rows[-1]).width
    return TerminalState(rows, CursorPlace(len(rows) - 1, column, PLAIN), held=held)


def _as_drawn(text: str) -> str:
    """A line that came without a terminal, as one shows it."""
    return draw(TerminalState(), text.encode(), 0)[0].rows[0][1] if _CONTROL.search(text) else text


def is_at_rest(state: TerminalState) -> bool:
    """Whether what follows begins a new row at the end, plain, as without a terminal."""
    cursor = CursorPlace(len(state.rows) - 1, 0, PLAIN)
    fresh = TerminalState(state.rows, cursor, state.saved, columns=state.columns)
    return state == fresh and state.rows[-1] == (None, "")


def draw(
    state: TerminalState, data: bytes, next_number: int, *, always: bool = False
) -> tuple[TerminalState, list[DrawnRow]]:
    """Show output; returns the terminal after it and the rows that changed, in their order.

    New rows get the numbers from `next_number` on. A row without text at the end is no line yet; where
    nothing changed, the row of the cursor is returned if there must `always` be one.
    """
    canvas = Canvas(state)
    text, held = _whole_part(without_superseded(state.held + data))
    _show(canvas, text)
    rows, changes = canvas.drawn(next_number, always=always)
    return canvas.state(rows, held), changes


def _whole_part(data: bytes) -> tuple[str, bytes]:
    """The output that can be shown now, and a character or a sequence that has begun at its end.

    Bytes that are no UTF-8 are U+FFFD.
    """
    size = _size_of_begun_character(data)
    text, held = data[: len(data) - size].decode("utf-8", "replace"), data[len(data) - size :]
    start = _start_of_unended(text)
    if start is not None and len(begun := text[start:].encode()) <= _MOST_HELD:
        text, held = text[:start], begun + held
    return text, held


def _size_of_begun_character(data: bytes) -> int:
    for size in range(1, min(4, len(data)) + 1):
        byte = data[-size]
        if byte & 0xC0 != 0x80:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return size if length > size else 0
    return 0


def _start_of_unended(text: str) -> int | None:
    """Where an escape sequence begins that has not ended yet."""
    start = text.rfind("\x1b")
    if start > 0 and start == len(text) - 1:
        # It may be the first half of ST, behind a string.
        before = text.rfind("\x1b", 0, start)
        if before >= 0 and _UNENDED.match(text, before):
            return before
    return start if start >= 0 and _UNENDED.match(text, start) else None


def _show(canvas: Canvas, text: str) -> None:
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "text":
            canvas.write(token.group())
        elif kind == "final":
            _sequence(canvas, token["parameters"], token["final"])
        elif kind == "control":
            if (control := CONTROLS.get(token.group())) is not None:
                control(canvas)
        elif kind == "escape":
            _escape(canvas, token["escape"])
        elif kind == "command":
            _command(canvas, token["command"])


def _sequence(canvas: Canvas, parameters: str, final: str) -> None:
    if final == "m":
        if parameters[:1] not in ("?", ">", "<", "="):
            canvas.style = styled(canvas.style, parameters)
    elif final in SEQUENCES:
        if (numbers := _numbers(parameters)) is not None:
            SEQUENCES[final](canvas, numbers)
    elif parameters in _ALTERNATE and final in "hl":
        canvas.alternate = final == "h"


def _escape(canvas: Canvas, escape: str) -> None:
    if escape[0] == "(":
        canvas.drawing = escape == "(0"
    elif (action := ESCAPES.get(escape)) is not None:
        action(canvas)


def _command(canvas: Canvas, command: str) -> None:
    """OSC 8, a link; all others are for a terminal's window."""
    kind, _, rest = command.partition(";")
    if kind == "8":
        canvas.style = linked(canvas.style, rest.partition(";")[2])


@lru_cache(1024)
def _numbers(parameters: str) -> Numbers | None:
    """The parameters of a sequence, 0 for those left out; `None` where they are no numbers."""
    if not parameters.replace(";", "0").isdigit() and parameters:
        return None
    return tuple(int(one[:6]) if one else 0 for one in parameters.split(";"))
