"""The rows of a terminal and its cursor while output is shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chef.domain.terminal.row import MOST_COLUMNS, Row, next_stop
from chef.domain.terminal.state import MOST_ROWS, CursorPlace, DrawnRow, NumberedRow, TerminalState
from chef.domain.terminal.style import PLAIN

HEIGHT = 24
"""The rows of the screen that is assumed where a sequence names a row by its place on it."""

# DEC's special graphics have these in place of ` to ~.
_DRAWING = dict(zip(range(0x60, 0x7F), "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", strict=True))
_MARK = re.compile(r"section_(?:start|end):\d{1,12}:[\w.-]+")
# No terminal is taken for narrower.
_FEWEST_COLUMNS = 40
_SHORTEST_MARK = len("section_end:1:a")


class Canvas:
    """Rows that are being changed, and the cursor; `chef.domain.terminal.sequences` has what can be done."""

    def __init__(self, state: TerminalState) -> None:
        self.rows = [Row(number, text) for number, text in state.rows]
        self.row, self.column, self.style = state.cursor
        self.saved = state.saved
        self.top = state.top
        self.bottom = state.bottom
        self.alternate = state.alternate
        self.drawing = state.drawing
        # The cursor is in no row of the log, but where a program keeps a bar of its own.
        self.is_outside = state.outside
        self._columns = state.columns
        self._height = state.height
        # The texts of rows that were written over, where they begin or end a part of the log.
        self._passed: dict[int, list[str]] = {}

    @property
    def here(self) -> Row | None:
        """The row of the cursor; `None` where nothing that is written is for the log."""
        return None if self.alternate or self.is_outside else self.rows[self.row]

    def write(self, text: str) -> None:
        """Write text where the cursor is."""
        if (row := self.here) is not None:
            if self.drawing:
                text = text.translate(_DRAWING)
            self.column = row.write(self.column, text, self.style)
            if self._columns:
                self._wrap()

    # The cursor

    def index(self) -> None:
        """One row down; a new one at the end."""
        if self.here is not None:
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append(Row())

    def carriage_return(self) -> None:
        """To the beginning of the row. GitLab's markers are written over by what they name."""
        row = self.rows[self.row]
        if self.column > _SHORTEST_MARK and (mark := _MARK.match(row.drawn())):
            self._passed.setdefault(self.row, []).append(mark.group())
        self.column = 0

    def line_feed(self) -> None:
        """To the beginning of the next row, as a terminal does for programs that are in no raw mode."""
        self.column = 0
        self.index()

    def tab(self) -> None:
        """To the next stop."""
        if (row := self.here) is not None:
            row.tab(self.column)
        self.to_column(next_stop(self.column))

    def to_column(self, column: int) -> None:
        """To a column, the nearest one that there may be."""
        self.column = min(max(0, column), MOST_COLUMNS)

    def to_row(self, row: int) -> None:
        """To a row; those down to it are made where they are missing."""
        if self.alternate:
            return
        self.is_outside = False
        self.row = max(0, row)
        while self.row >= len(self.rows):
            self.rows.append(Row())

    def move_rows(self, count: int) -> None:
        """Up or down, at most to the bottom of the screen."""
        self.to_row(min(self.row + count, self._last_row()))

    def go_up(self, count: int) -> None:
        """Rows up from a text that may have filled several, which tells how wide the terminal is."""
        if self.column >= (count + 1) * _FEWEST_COLUMNS and self.here is not None:
            self._find_columns(count + 1)
        self.move_rows(-count)

    def _find_columns(self, count: int) -> None:
        """Find out how wide the terminal is, if the text up to the cursor is `count` rows without line ends.

        Rust's indicatif (uv) fills each row up to the margin with blanks, relies on it that the next text
        begins a row, and goes up as many rows as there are. Each of them is then as wide as the terminal.
        """
        row, columns = self.rows[self.row], self.column // count
        margins = range(columns, self.column + 1, columns)
        is_filled = self.column % count == 0 and row.width > self.column - columns
        if is_filled and all(row.is_blank(margin - 1) for margin in margins):
            self._columns = columns
            self._wrap()

    def _wrap(self) -> None:
        """Where a row is filled up to the margin with blanks, what is behind it is the next row."""
        while self.column > self._columns and (row := self.rows[self.row]).is_blank(self._columns - 1):
            column = self.column - self._columns
            self.index()
            row.move_end(self._columns, self.rows[self.row])
            self.column = column

    def to_line(self, line: int) -> None:
        """To a row by its place on the screen, counted from 1."""
        self.is_outside = self.bottom is not None and line > self.bottom
        if self.is_outside:
            self._height = max(self._height, line)
        elif line == self.bottom:
            self.to_row(len(self.rows) - 1)  # What is written there scrolls.
        else:
            self.to_row(min(self.first_row() + line - 1, self._last_row()))

    def scroll_down_to(self, line: int) -> None:
        """Let the screen scroll to a place on it, 0 for all of it; below are a program's own bars."""
        is_whole = 0 < self._height <= line
        self.bottom = None if is_whole else line or None
        self.is_outside = False

    def first_row(self) -> int:
        """The row at the top of the screen."""
        return max(self.top or 0, len(self.rows) - HEIGHT)

    def _last_row(self) -> int:
        """The row at the bottom of the screen, which may not be there yet."""
        return max(len(self.rows), self.first_row() + HEIGHT) - 1

    def save(self) -> None:
        """Remember where the cursor is."""
        self.saved = CursorPlace(self.row, self.column, self.style)

    def restore(self) -> None:
        """Go back to where the cursor was."""
        if self.saved is not None:
            self.to_row(self.saved.row)
            self.column, self.style = self.saved.column, self.saved.style

    # The screen

    def clear(self) -> None:
        """Erase the screen. The first time the rows so far stay, and a screen begins below them."""
        if self.here is None:
            return
        if self.top is not None:
            for row in self.rows[self.first_row() :]:
                row.erase_from(0)
            return
        if self.rows[-1].width:
            self.rows.append(Row())
        self.top = self.row = len(self.rows) - 1

    def reset(self) -> None:
        """Begin as a terminal does that was just opened."""
        self.alternate = self.is_outside = False
        self.clear()
        self.style, self.drawing, self.bottom = PLAIN, False, None

    # The result

    def drawn(self, next_number: int, *, always: bool) -> tuple[tuple[NumberedRow, ...], list[DrawnRow]]:
        """All rows as they are now, new lines with their numbers, and the rows that are other than before."""
        changes: list[DrawnRow] = []
        rows: list[NumberedRow] = []
        texts = [row.drawn() for row in self.rows]
        last = self._last_line(texts)
        for place, (row, text) in enumerate(zip(self.rows, texts, strict=True)):
            number = row.number
            forms = [one for one in self._passed.get(place, ()) if one != text]
            shown = always and place == self.row and not changes
            if number is None and (place <= last or shown or forms):
                number, next_number = next_number, next_number + 1
                forms.append(text)
                changes.append(DrawnRow(number, False, forms.pop(0)))
            elif number is not None and (shown or forms or text != row.was):
                forms.append(text)
            changes += (DrawnRow(number, True, form) for form in forms if number is not None)
            rows.append((number, text))
        return tuple(rows), changes

    def _last_line(self, texts: Sequence[str]) -> int:
        """The last row that is a line."""
        place = len(texts) - 1
        while place >= self.row and self.rows[place].number is None and not texts[place]:
            place -= 1
        return max(place, self.row - 1)

    def state(self, rows: tuple[NumberedRow, ...], held: bytes) -> TerminalState:
        """What is kept for the next piece of output: of the rows the newest."""
        gone, saved = max(0, len(rows) - MOST_ROWS), self.saved
        return TerminalState(
            rows[gone:],
            CursorPlace(max(0, self.row - gone), self.column, self.style),
            saved and saved._replace(row=max(0, saved.row - gone)),
            None if self.top is None or self.top < gone else self.top - gone,
            self.bottom,
            self.alternate,
            self.drawing,
            held,
            self.is_outside,
            self._columns,
            self._height,
        )
