"""A log by its lines: what stands in a range of numbers now, and which lines hold a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, or_, select

from chef.domain.lines import Line
from chef.domain.logentries import MAX_ENTRY_LINES
from chef.domain.model import LogEntry
from chef.store import logrows
from chef.store.reading import pk_of_job
from chef.store.tables import entries

# Rows whose data is read at once.
_ROWS = 64
# A search holds a reader for about this many bytes of output or this many rows.
_SEARCH_BYTES = 4 * 1024 * 1024
_SEARCH_ROWS = 2000

NumberedLine = tuple[int, LogEntry, Line]
"""A line of a log as it stands now: its number, the entry that last wrote it, the line."""

Place = tuple[int, int]
"""How far a walk through a log's rows is: the last line of a row, and its seq."""


class Outline(NamedTuple):
    """The outline of a log: lines that mark groups, with their text, and the numbers of errors."""

    marks: list[tuple[int, str]]
    errors: list[int]


def newest_lines(connection: Connection, job_id: str, first: int, last: int) -> list[NumberedLine]:
    """Lines `first` to `last` as they stand now, what was replaced left out."""
    job_pk = connection.scalar(select(pk_of_job(job_id)))
    if job_pk is None:
        return []
    newest = _Newest(connection, job_pk, first, last)
    newest.read()
    return [newest.lines[number] for number in sorted(newest.lines)]


def lines_at(connection: Connection, job_id: str, numbers: Sequence[int]) -> list[NumberedLine]:
    """The lines with these numbers, ascending, as they stand now."""
    found: list[NumberedLine] = []
    for part in _near_each_other(numbers):
        wanted = set(part)
        found += [one for one in newest_lines(connection, job_id, part[0], part[-1]) if one[0] in wanted]
    return found


class _Newest:
    """The newest form of each line in a range.

    Goes from the newest row to the oldest and reads no row whose lines are all known by then: a
    progress bar of 100,000 forms is one line.
    """

    def __init__(self, connection: Connection, job_pk: int, first: int, last: int) -> None:
        self.lines: dict[int, NumberedLine] = {}
        self._connection = connection
        self._job_pk = job_pk
        self._first = first
        self._last = last
        self._data: dict[int, Any] = {}
        self._fetches = 0

    def read(self) -> None:
        candidates = self._candidates()
        for index, row in enumerate(candidates):
            if self._is_wanted(row, self.lines):
                if row.seq not in self._data:
                    self._fetch(candidates[index:])
                self._take(self._data[row.seq])

    def _candidates(self) -> Sequence[Any]:
        """Rows that may hold lines of the range, newest first, without their data."""
        query = (
            select(entries.c.seq, entries.c.first_line, entries.c.last_line)
            .where(
                entries.c.job_pk == self._job_pk,
                entries.c.last_line >= self._first,
                # No row covers more lines than this, so the index bounds the scan on both sides.
                entries.c.last_line < self._last + MAX_ENTRY_LINES,
                entries.c.first_line <= self._last,
            )
            .order_by(entries.c.seq.desc())
        )
        return self._connection.execute(query).all()

    def _is_wanted(self, row: Any, *known: Any) -> bool:
        numbers = range(max(row.first_line, self._first), min(row.last_line, self._last) + 1)
        return any(all(number not in one for one in known) for number in numbers)

    def _fetch(self, candidates: Iterable[Any]) -> None:
        """Read the first candidate and those behind it that are wanted too, as far as one can tell yet."""
        claimed: set[int] = set()
        seqs: list[int] = []
        for row in candidates:
            # Behind rows with holes in their ranges there is more than could be foreseen.
            if self._is_wanted(row, self.lines, () if self._fetches else claimed):
                seqs.append(row.seq)
                claimed.update(range(row.first_line, row.last_line + 1))
            if len(seqs) == _ROWS:
                break
        self._fetches += 1
        query = select(entries).where(entries.c.job_pk == self._job_pk, entries.c.seq.in_(seqs))
        self._data.update((row.seq, row) for row in self._connection.execute(query))

    def _in_range(self, numbers: Iterable[int]) -> set[int]:
        return {number for number in numbers if self._first <= number <= self._last}

    def _take(self, row: Any) -> None:
        # Numbers alone are read several times faster.
        if self._fetches > 1 and self.lines.keys() >= self._in_range(logrows.log_numbers_of(row)):
            return
        for entry in reversed(logrows.log_entries_of(row)):
            for number, line in zip(reversed(entry.numbers), reversed(entry.lines), strict=True):
                if self._first <= number <= self._last and number not in self.lines:
                    self.lines[number] = (number, entry, line)


def find_text(
    connection: Connection, job_id: str, needle: str, after: int, place: Place, enough: int
) -> tuple[list[NumberedLine], Place | None]:
    """Lines above number `after` whose newest text holds `needle` in any case.

    Looks through some rows behind a place, the first being `(after + 1, 0)`, fewer where they hold
    `enough`; the second value is the place to go on from, `None` at the end.
    """
    hits, place_after = _numbers_with(connection, job_id, needle, after, place, enough)
    wanted = needle.casefold()
    # Lines that were replaced since must not count.
    lines = lines_at(connection, job_id, sorted(set(hits)))
    return [one for one in lines if logrows.holds(one[2].text, wanted)], place_after


def _numbers_with(
    connection: Connection, job_id: str, needle: str, after: int, place: Place, enough: int
) -> tuple[list[int], Place | None]:
    numbers: list[int] = []
    walk = _Walk(connection, job_id, place)
    for row in walk:
        numbers += (number for number in logrows.lines_with(row.data, needle) if number > after)
        if len(numbers) >= enough:
            return numbers, (row.last_line, row.seq)
    return numbers, walk.place


def find_outline(connection: Connection, job_id: str, place: Place) -> tuple[Outline, Place | None]:
    """The outline of some rows behind a place, the first being `(1, 0)`, and the place to go on from.

    Older forms of lines count, too: GitLab's markers are replaced by what they name.
    """
    marks: dict[int, str] = {}
    errors: set[int] = set()
    walk = _Walk(connection, job_id, place)
    for row in walk:
        found = logrows.outline_of(row.data)
        marks.update(found[0])
        errors.update(found[1])
    return Outline(sorted(marks.items()), sorted(errors)), walk.place


class _Walk:
    """The rows of a log behind a place, as many as a reader is held for; `place` is where to go on then."""

    def __init__(self, connection: Connection, job_id: str, place: Place) -> None:
        self._connection = connection
        self._job_id = job_id
        self.place: Place | None = place

    def __iter__(self) -> Iterator[Any]:
        size = count = 0
        found = self._connection.execute(self._query(), execution_options={"stream_results": True})
        try:
            for row in found:
                yield row
                size, count = size + row.size, count + 1
                if size >= _SEARCH_BYTES or count == _SEARCH_ROWS:
                    self.place = (row.last_line, row.seq)
                    return
            self.place = None
        finally:
            found.close()  # Also where the caller has enough: else the server keeps a cursor.

    def _query(self) -> Select[Any]:
        last_line, seq = self.place or (1, 0)
        return (
            select(entries.c.last_line, entries.c.seq, entries.c.size, entries.c.data)
            .where(
                entries.c.job_pk == pk_of_job(self._job_id),
                # Many entries can end in one line: those that replace it. The first condition is for
                # SQLite, which finds no way into the index through the second.
                entries.c.last_line >= last_line,
                or_(entries.c.last_line > last_line, entries.c.seq > seq),
            )
            .order_by(entries.c.last_line, entries.c.seq)
            .limit(_SEARCH_ROWS)
        )


def _near_each_other(numbers: Sequence[int]) -> list[list[int]]:
    """Ascending numbers in parts that are cheap to read as one range each."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number < parts[-1][0] + MAX_ENTRY_LINES:
            parts[-1].append(number)
        else:
            parts.append([number])
    return parts
