"""Lines that came together, as entries of a log: of bounded size, without a gap in their numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chef.domain.lines import Line
from chef.domain.model import Job, LogEntry

# One entry is one row and one replay step: small enough to send whole, large enough to compress.
MAX_ENTRY_LINES = 500
MAX_ENTRY_BYTES = 64 * 1024


def log_entries(
    job: Job, lines: Iterable[Line], newest: int, at: int, stream: str, level: str | None, max_bytes: int
) -> list[LogEntry]:
    """Lines into entries of bounded size; `newest` is the number of the stream's newest line before.

    A line that reaches back over lines of other streams begins an entry and what follows it the
    next one, so that an entry's line numbers have no gap.
    """
    entries: list[LogEntry] = []
    part: list[Line] = []
    first_line = last_line = size = 0
    next_line, next_seq = job.lines + 1, job.seq + 1

    def close() -> None:
        nonlocal next_seq
        if part:
            entries.append(LogEntry(next_seq, first_line, at, stream, level, tuple(part)))
            next_seq += len(part)
            part.clear()

    for line in lines:
        if not line.replaces:
            newest, next_line = next_line, next_line + 1
        elif line.number:
            newest = line.number
        full = len(part) >= MAX_ENTRY_LINES or size + len(line.text) + len(line.pre) > max_bytes
        again = newest == last_line and line.replaces and not line.number
        if not part or full or not (again or newest == last_line + 1):
            close()
            first_line, size = newest, 0
        part.append(line)
        last_line = newest
        size += len(line.text) + len(line.pre)
    close()
    return entries


def plain_entries(
    job: Job, parts: Iterable[Sequence[Line]], at: int, stream: str, level: str | None
) -> list[LogEntry]:
    """The same for parts that are no larger than an entry, of lines of which none replaces another."""
    entries: list[LogEntry] = []
    next_seq, next_line = job.seq + 1, job.lines + 1
    for part in parts:
        entries.append(LogEntry(next_seq, next_line, at, stream, level, part))
        next_seq += len(part)
        next_line += len(part)
    return entries
