"""One row of a terminal: its cells and their styles, and what can be done to them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from chef.domain.terminal.style import PLAIN, Style, linked, styled

MOST_COLUMNS = 16 * 1024
"""No row is longer: what is written beyond is left out."""

# Rather than note more, what is noted is put into the cells.
_MOST_NOTED = 64
_Written = tuple[int, Sequence[str], Style]
_TAB = 8
_PART = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\]8;;([^\x1b]*)\x1b\\|([^\x1b]+)|\x1b")


class Row:
    """A row that is being changed. `number` is that of its line in the log, `None` while it has none.

    A cell is a character with what combines with it; a wide one is followed by an empty cell. What is
    written is only noted until somebody needs the cells: most of it is written over before anybody does.
    """

    __slots__ = ("_begins", "_cells", "_end", "_noted", "_styles", "_text", "number")

    def __init__(self, number: int | None = None, text: str = "") -> None:
        self.number = number
        self._text = text
        self._cells: list[str] | None = None
        # The style of each cell; `None` where all are plain.
        self._styles: list[Style] | None = None
        # What is written and in no cell yet. From `_begins` on it fills the row from its start to `_end`.
        self._noted: list[_Written] = []
        self._begins = self._end = 0

    @property
    def cells(self) -> list[str]:
        """Its cells, read from its text when they are first needed."""
        if self._cells is None:
            self._cells, self._styles = _read(self._text)
        if self._noted:
            noted, self._noted = self._noted, []
            self._begins = self._end = -1
            for column, cells, style in noted:
                self._put(column, cells, style)
        return self._cells

    @property
    def width(self) -> int:
        """How many cells it has."""
        return len(self.cells)

    @property
    def was(self) -> str:
        """Its text before anything was done to it."""
        return self._text

    def write(self, column: int, text: str, style: Style) -> int:
        """Write text over what stands at a column; returns the column behind it."""
        cells: Sequence[str] = text
        if not text.isascii():
            begins, cells = _cells_of(text)
            if begins and 0 < column <= self.width:
                self._combine(column - 1, begins)
        if column + len(cells) > MOST_COLUMNS:
            cells = cells[: max(0, MOST_COLUMNS - column)]
        end = column + len(cells)
        if column == 0:
            self._begins = len(self._noted)
        elif column != self._end:
            self._begins = -1
        self._noted.append((column, cells, style))
        self._end = end
        if len(self._noted) > _MOST_NOTED:
            _ = self.cells
        return end

    def tab(self, column: int) -> None:
        """Fill with a tab what is between a column and the next stop, where nothing stands there yet."""
        stop = next_stop(column)
        if column >= self.width and stop <= MOST_COLUMNS:
            self._put(column, ["\t", *[""] * (stop - column - 1)], PLAIN)

    def erase_from(self, column: int) -> None:
        """Erase the row from a column to its end."""
        if column == 0:
            self._noted = []
        elif column == self._end and self._begins >= 0:
            del self._noted[: self._begins]
        else:
            self.erase(column, self.width)
            return
        # All that stands in the row now is noted.
        self._cells, self._styles = [], None
        self._begins, self._end = 0, column

    def erase(self, first: int, last: int) -> None:
        """Blank the cells from `first` to before `last`; at the end of the row they are none."""
        own = self.cells
        last = min(last, len(own))
        if first >= last:
            return
        self._split_wide(first, last)
        if last == len(own):
            self._cut(first)
        else:
            own[first:last] = " " * (last - first)
            self._set_styles(first, last, PLAIN)

    def _put(self, column: int, cells: Sequence[str], style: Style) -> None:
        own = self.cells
        if column > len(own):
            self._pad(own, column)
        end = column + len(cells)
        self._split_wide(column, end)
        own[column:end] = cells
        self._set_styles(column, end, style)

    def _combine(self, column: int, marks: str) -> None:
        """Add to the character before what combines with it."""
        place = column if self.cells[column] else column - 1
        self.cells[place] += marks

    def is_blank(self, column: int) -> bool:
        """Whether nothing is to be seen at a column."""
        own = self.cells
        return column >= len(own) or own[column] == " "

    def move_end(self, column: int, other: Row) -> None:
        """Move the cells from a column on to another row, in place of all that it has."""
        cells = self.cells[column:]
        other.erase_from(0)
        other._cells, other._styles = cells, self._styles and self._styles[column:]
        self._cut(column)

    def delete(self, column: int, count: int) -> None:
        """Take cells out; those behind them move up."""
        own = self.cells
        self._spread_tabs()
        self._split_wide(column, column + count)
        del own[column : column + count]
        if self._styles is not None:
            del self._styles[column : column + count]

    def insert(self, column: int, count: int) -> None:
        """Put blank cells in; those behind them move away."""
        count = min(count, MOST_COLUMNS - self.width)
        if count > 0 and column < self.width:
            self._spread_tabs()
            if not self.cells[column]:
                self._split_wide(column, column + 1)
            self.cells[column:column] = " " * count
            if self._styles is not None:
                self._styles[column:column] = [PLAIN] * count

    def drawn(self) -> str:
        """Its text with colours and links, without plain blanks at its end."""
        if self._cells is None and not self._noted:
            return self._text
        own = self.cells
        if self._styles is None:
            return "".join(own).rstrip(" ")
        parts: list[str] = []
        for style, run in groupby(zip(self._styles, own, strict=True), key=_style_of):
            text = "".join([cell for _, cell in run])
            parts.append(_drawn(text, style))
        while parts and not parts[-1].strip(" "):
            parts.pop()
        return "".join(parts)

    def _pad(self, own: list[str], column: int) -> None:
        missing = column - len(own)
        own.extend(" " * missing)
        if self._styles is not None:
            self._styles.extend([PLAIN] * missing)

    def _cut(self, column: int) -> None:
        del self.cells[column:]
        if self._styles is not None:
            del self._styles[column:]

    def _set_styles(self, first: int, last: int, style: Style) -> None:
        if self._styles is None:
            if style is PLAIN or style == PLAIN:
                return
            self._styles = [PLAIN] * len(self.cells)
        self._styles[first:last] = [style] * (last - first)

    def _spread_tabs(self) -> None:
        """Put blanks in place of tabs, before they are moved away from their stops."""
        own = self.cells
        is_tab = False
        for place, cell in enumerate(own):
            is_tab = cell == "\t" or (is_tab and not cell)
            if is_tab:
                own[place] = " "

    def _split_wide(self, first: int, last: int) -> None:
        """Blank what is left of a wide character or a tab that is written over at one end."""
        own = self.cells
        place = first
        while 0 < place < len(own) and not own[place]:
            own[place] = " "
            place -= 1
        if place < first:
            own[place] = " "
        while last < len(own) and not own[last]:
            own[last] = " "
            last += 1


def _style_of(pair: tuple[Style, str]) -> Style:
    return pair[0]


def _drawn(text: str, style: Style) -> str:
    if style is PLAIN or style == PLAIN:
        return text
    if style.codes:
        text = f"\x1b[{style.codes}m{text}\x1b[0m"
    return f"\x1b]8;;{style.link}\x1b\\{text}\x1b]8;;\x1b\\" if style.link else text


def _read(text: str) -> tuple[list[str], list[Style] | None]:
    """The cells of a row that was drawn before, and their styles."""
    if "\x1b" not in text:
        return _list_of(text, 0), None
    cells: list[str] = []
    styles: list[Style] = []
    style = PLAIN
    for found in _PART.finditer(text):
        codes, address, part = found.groups()
        if codes is not None:
            style = styled(style, codes)
        elif address is not None:
            style = linked(style, address)
        elif part:
            new = _list_of(part, len(cells))
            cells += new
            styles += [style] * len(new)
    return cells, styles


def next_stop(column: int) -> int:
    """The column that a tab goes to."""
    return (column // _TAB + 1) * _TAB


def _list_of(text: str, column: int) -> list[str]:
    """The cells of a text that begins at a column."""
    first, *others = text.split("\t")
    cells = list(first) if first.isascii() else _cells_of(first)[1]
    for part in others:
        stop = next_stop(column + len(cells)) - column
        cells += ["\t", *[""] * (stop - len(cells) - 1)]
        cells += part if part.isascii() else _cells_of(part)[1]
    return cells


def _cells_of(text: str) -> tuple[str, list[str]]:
    """A text's cells, a wide character in two; before them what combines with the character before it."""
    begins = ""
    cells: list[str] = []
    for character in text:
        width = _width(character)
        if width > 0:
            cells += [character, ""] if width == 2 else [character]
        elif cells:
            cells[-1 if cells[-1] else -2] += character
        else:
            begins += character
    return begins, cells


@lru_cache(8192)
def _width(character: str) -> int:
    if character.isascii():
        return 1
    from wcwidth import wcwidth  # only where a stream that moves the cursor has more than ASCII

    return max(0, wcwidth(character))
