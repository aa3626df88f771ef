"""Why a job failed, read from its log: the end of it before the job ends, or later all of it in parts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from chef.domain.failure import MAX_STORED, FailureReason, LogReading, SeenLine, failure_of, wanted_lines
from chef.domain.failure.reported import with_reported
from chef.domain.masking import masked_text
from chef.domain.model import FailureLook, Job, Update
from chef.domain.outline import ERROR_LEVELS, is_error
from chef.domain.payloads import line_text
from chef.domain.text import clean_text
from chef.store.loglines import NumberedLine, Place, find_outline, newest_lines
from chef.store.reading import find_job, pk_of_job
from chef.store.tables import entries
from chef.store.testreading import list_cases

END_BYTES = 512 * 1024
"""So much of a log's end is read before its job ends."""

END_LINES = 6_000
"""So many lines of it at most."""

_PART_BYTES = 64 * 1024
_PART_LINES = 500
# Rows are looked at for their sizes, at most so many.
_ROWS = 4096
# Lines behind an error in which the one is looked for that says it.
_BEHIND = 200
_LINE_ENDS = re.compile(r"\r\n|\n|\r")


def look_at_end(
    connection: Connection, job_id: str, pending: Sequence[Update], until: float
) -> FailureLook | None:
    """Why a job fails that is about to, by the end of its log and by what comes before in the same request.

    `None` where that is not certain, or not found out until a time of `time.monotonic`.
    """
    job = find_job(connection, job_id)
    if job is not None and job.ended and job.status != "abandoned":
        return None
    stored = _end_of_log(connection, job) if job is not None else []
    added = _pending_lines(pending, job)
    lines = [*stored, *added]
    reading = LogReading()
    for start in range(0, len(lines), _PART_LINES):
        if time.monotonic() > until:
            return None
        reading.take(lines[start : start + _PART_LINES])
    reason = reading.reason()
    if stored and stored[0].number > 1 and not reading.has_statements:
        found = _first_error(connection, job_id, stored[0].number, until)
        if found is not None:
            reason, lines = found
    if job is not None:
        reason = add_reported(connection, job, reason)
    if reason is None:
        return None
    length = (job.lines if job is not None else 0) + len(added)
    erased_to = job.erased_to if job is not None else 0
    return FailureLook(failure_of(reason, lines), length if added else None, erased_to)


def read_part(connection: Connection, job_id: str, reading: LogReading, first: int) -> int | None:
    """Have `reading` take the lines from number `first` on, a part of them; returns where to go on."""
    last = _end_of_part(connection, job_id, first)
    if last is None:
        return None
    reading.take(map(_seen, newest_lines(connection, job_id, first, last)))
    return last + 1


def add_reported(connection: Connection, job: Job, reason: FailureReason | None) -> FailureReason | None:
    """A reason with the failed tests that the job's reports tell of."""
    if job.tests is None or not job.tests.failed:
        return reason
    failed = list_cases(connection, job.job_id, ("failed",), 0, MAX_STORED.tests)
    return with_reported(reason, job.tests, [one.case for one in failed])


def lines_about(connection: Connection, job_id: str, reason: FailureReason) -> list[SeenLine]:
    """The lines of a log that `failure_of` needs for a reason."""
    first, last = wanted_lines(reason)
    if not reason.line:
        return []
    return [_seen(line) for line in newest_lines(connection, job_id, first, max(last, reason.line + _BEHIND))]


def _seen(line: NumberedLine) -> SeenLine:
    number, entry, text = line
    is_level = entry.level is not None and entry.level.lower() in ERROR_LEVELS
    return SeenLine(number, entry.stream, clean_text(line_text(text)), is_level)


def _end_of_log(connection: Connection, job: Job) -> list[SeenLine]:
    query = (
        select(entries.c.first_line, entries.c.size + entries.c.drawn)
        .where(entries.c.job_pk == pk_of_job(job.job_id), entries.c.last_line.is_not(None))
        .order_by(entries.c.last_line.desc(), entries.c.seq.desc())
        .limit(_ROWS)
    )
    first, size = job.lines + 1, 0
    for first_line, row_size in connection.execute(query):
        size += row_size
        if first <= job.lines and (size > END_BYTES or job.lines - first_line >= END_LINES):
            break
        first = min(first, first_line)
    return [_seen(line) for line in newest_lines(connection, job.job_id, first, job.lines)]


def _pending_lines(pending: Iterable[Update], job: Job | None) -> list[SeenLine]:
    """Lines of log updates that are stored together with the end, as they will be numbered and masked."""
    masks = job.masks if job is not None else ()
    number = job.lines if job is not None else 0
    lines: list[SeenLine] = []
    for update in pending:
        if update.type == "mask" and update.value:
            masks = (*masks, update.value)
        for text in _lines_of(update.message or "") if update.type == "log" else ():
            is_level = (update.level or "").lower() in ERROR_LEVELS
            shown = clean_text(masked_text(text, masks))
            lines.append(SeenLine(number + len(lines) + 1, update.stream, shown, is_level))
    return lines


def _lines_of(message: str) -> list[str]:
    texts = _LINE_ENDS.split(message)
    return texts if texts[-1] else texts[:-1]


def _first_error(
    connection: Connection, job_id: str, before: int, until: float
) -> tuple[FailureReason, list[SeenLine]] | None:
    """The first error of a log above a line, and the lines about it."""
    place: Place | None = (1, 0)
    while place is not None and place[0] < before and time.monotonic() < until:
        outline, place = find_outline(connection, job_id, place)
        for number in outline.errors:
            reason = FailureReason("", (), number, is_error=True)
            lines = lines_about(connection, job_id, reason)
            told = next((line for line in lines if line.number == number), None)
            # A line that was replaced since is none.
            if told is not None and number < before and (told.is_error or is_error(told.text)):
                return reason._replace(summary=told.text), lines
    return None


def _end_of_part(connection: Connection, job_id: str, first: int) -> int | None:
    """The last line of a part that begins with a line; `None` at the log's end."""
    query = (
        select(entries.c.last_line, entries.c.size + entries.c.drawn)
        .where(entries.c.job_pk == pk_of_job(job_id), entries.c.last_line >= first)
        .order_by(entries.c.last_line, entries.c.seq)
        .limit(_PART_LINES)
    )
    last, size = None, 0
    for last_line, row_size in connection.execute(query):
        last, size = last_line, size + row_size
        if size > _PART_BYTES or last_line - first >= _PART_LINES:
            break
    return None if last is None else min(last, first + _PART_LINES - 1) if size <= _PART_BYTES else last
