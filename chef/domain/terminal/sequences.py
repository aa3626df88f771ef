"""Control characters and sequences, and what each does to a canvas. Pure.

Source: ECMA-48, 5th edition, 8.3, whose names stand behind each; for DEC's xterm's "Control
Sequences".
"""

from __future__ import annotations

from collections.abc import Callable

from chef.domain.terminal.canvas import Canvas

Numbers = tuple[int, ...]
"""The parameters of a sequence; 0 where one is left out."""


def _count(numbers: Numbers) -> int:
    return numbers[0] or 1


def _second(numbers: Numbers) -> int:
    return numbers[1] if len(numbers) > 1 else 0


def _vertically(canvas: Canvas, rows: int) -> None:
    """CNL, CPL."""
    canvas.move_rows(rows)
    canvas.column = 0


def _to_place(canvas: Canvas, numbers: Numbers) -> None:
    """CUP, HVP."""
    canvas.to_line(_count(numbers))
    canvas.to_column((_second(numbers) or 1) - 1)


def _scrolling_region(canvas: Canvas, numbers: Numbers) -> None:
    """DECSTBM: rows below the region are a program's own bar. Where the cursor goes then is of no use."""
    canvas.scroll_down_to(_second(numbers))


def _erase_in_line(canvas: Canvas, numbers: Numbers) -> None:
    """EL."""
    if (row := canvas.here) is None:
        return
    if numbers[0] == 1:
        row.erase(0, canvas.column + 1)
    else:
        row.erase_from(canvas.column if numbers[0] == 0 else 0)


def _erase_in_display(canvas: Canvas, numbers: Numbers) -> None:
    """ED. What scrolled away (3) stays."""
    if canvas.here is None or numbers[0] == 3:
        return
    if numbers[0] == 2:
        canvas.clear()
        return
    _erase_in_line(canvas, numbers)
    rows = canvas.rows[canvas.row + 1 :] if numbers[0] == 0 else canvas.rows[canvas.first_row() : canvas.row]
    for row in rows:
        row.erase_from(0)


def _erase_characters(canvas: Canvas, numbers: Numbers) -> None:
    """ECH."""
    if (row := canvas.here) is not None:
        row.erase(canvas.column, canvas.column + _count(numbers))


def _delete_characters(canvas: Canvas, numbers: Numbers) -> None:
    """DCH."""
    if (row := canvas.here) is not None:
        row.delete(canvas.column, _count(numbers))


def _insert_characters(canvas: Canvas, numbers: Numbers) -> None:
    """ICH."""
    if (row := canvas.here) is not None:
        row.insert(canvas.column, _count(numbers))


CONTROLS: dict[str, Callable[[Canvas], None]] = {
    "\n": Canvas.line_feed,
    "\x0b": Canvas.line_feed,
    "\x0c": Canvas.line_feed,
    "\r": Canvas.carriage_return,
    "\b": lambda canvas: canvas.to_column(canvas.column - 1),
    "\t": Canvas.tab,
}
ESCAPES: dict[str, Callable[[Canvas], None]] = {
    "7": Canvas.save,  # DECSC
    "8": Canvas.restore,  # DECRC
    "D": Canvas.index,  # IND
    "E": Canvas.line_feed,  # NEL
    "M": lambda canvas: canvas.move_rows(-1),  # RI
    "c": Canvas.reset,  # RIS
}
SEQUENCES: dict[str, Callable[[Canvas, Numbers], None]] = {
    "A": lambda canvas, numbers: canvas.go_up(_count(numbers)),  # CUU
    "B": lambda canvas, numbers: canvas.move_rows(_count(numbers)),  # CUD
    "e": lambda canvas, numbers: canvas.move_rows(_count(numbers)),  # VPR
    "C": lambda canvas, numbers: canvas.to_column(canvas.column + _count(numbers)),  # CUF
    "a": lambda canvas, numbers: canvas.to_column(canvas.column + _count(numbers)),  # HPR
    "D": lambda canvas, numbers: canvas.to_column(canvas.column - _count(numbers)),  # CUB
    "E": lambda canvas, numbers: _vertically(canvas, _count(numbers)),
    "F": lambda canvas, numbers: _vertically(canvas, -_count(numbers)),
    "G": lambda canvas, numbers: canvas.to_column(_count(numbers) - 1),  # CHA
    "`": lambda canvas, numbers: canvas.to_column(_count(numbers) - 1),  # HPA
    "d": lambda canvas, numbers: canvas.to_line(_count(numbers)),  # VPA
    "H": _to_place,
    "f": _to_place,
    "J": _erase_in_display,
    "K": _erase_in_line,
    "X": _erase_characters,
    "P": _delete_characters,
    "@": _insert_characters,
    "r": _scrolling_region,
    "s": lambda canvas, _numbers: canvas.save(),  # SCOSC
    "u": lambda canvas, _numbers: canvas.restore(),  # SCORC
}
