"""The limit of a job's log: beyond it the head and the newest tail are kept, a marker stands between.

Runs within the transaction that appends, so that a log is never stored beyond its limit. Whole rows
are removed, several at once, so that most appends remove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Select, delete, insert, select, update

from chef.domain.lines import Line
from chef.domain.logentries import MAX_ENTRY_BYTES, MAX_ENTRY_LINES
from chef.domain.model import REMOVED_MARKER, Gap, Job, LogEntry
from chef.store import logrows, rows
from chef.store.tables import entries, jobs, streams

# A log is cut back by a sixteenth of its limit, or by this, and its rows are no larger than that.
_STEPS = 16
_STEP_BYTES = 1024 * 1024
# Rows whose sizes are read at once.
_ROWS = 500


def max_row_bytes(max_log_bytes: int) -> int:
    """How much output one row may hold, so that a small limit is kept as exactly as a large one."""
    return min(MAX_ENTRY_BYTES, max_log_bytes // _STEPS)


def trim_log(connection: Connection, job_pk: int, job: Job, max_bytes: int) -> None:
    """Remove from the middle of a log beyond `max_bytes` what is too much, but never its newest row."""
    _Trim(connection, job_pk, job, max_bytes).run()


class _Trim:
    """One removal: behind the head it takes row after row until there is room for some more output."""

    def __init__(self, connection: Connection, job_pk: int, job: Job, max_bytes: int) -> None:
        self._connection = connection
        self._job_pk = job_pk
        self._job = job
        self._head_limit = max_bytes // 2
        self._excess = job.log_bytes - max_bytes + min(_STEP_BYTES, max_bytes // _STEPS)
        # Where the limit was lowered the head is cut again, else the gap grows at its end.
        self._old = job.gap if job.gap and job.gap.head_bytes <= self._head_limit else None
        self._head_bytes = self._old.head_bytes if self._old else 0
        self._head_line = self._old.first_line - 1 if self._old else 0
        self._removed: list[Any] = []

    def run(self) -> None:
        newest = self._newest_seq()
        for row in self._log_rows(self._old.last_seq if self._old else 0):
            if row.seq == newest or not (self._keep_in_head(row) or self._remove(row)):
                break
        if self._removed:
            self._store()

    def _log_rows(self, after: int) -> Iterator[Any]:
        """Seqs, lines and sizes of the log's rows behind a seq, in order."""
        sizes = (entries.c.size, entries.c.drawn)
        columns = (entries.c.first_seq, entries.c.first_line, entries.c.last_line, *sizes)
        query = self._select(entries.c.seq, *columns).order_by(entries.c.seq).limit(_ROWS)
        while found := self._connection.execute(query.where(entries.c.seq > after)).all():
            yield from found
            after = found[-1].seq

    def _select(self, *columns: Any) -> Select[Any]:
        return select(*columns).where(entries.c.job_pk == self._job_pk, entries.c.last_line.is_not(None))

    def _newest_seq(self) -> int:
        newest = self._select(entries.c.seq).order_by(entries.c.seq.desc()).limit(1)
        return int(self._connection.scalar(newest) or 0)

    def _keep_in_head(self, row: Any) -> bool:
        if self._old or self._removed or self._head_bytes + row.size + row.drawn > self._head_limit:
            return False
        self._head_bytes += row.size + row.drawn
        self._head_line = max(self._head_line, row.last_line)
        return True

    def _remove(self, row: Any) -> bool:
        before_old_gap = self._job.gap is not None and row.seq <= self._job.gap.last_seq
        if self._excess <= 0 and not before_old_gap:
            return False
        self._removed.append(row)
        self._excess -= row.size + row.drawn
        return True

    def _store(self) -> None:
        gap = self._gap()
        marker = self._marker(gap)
        first = self._old.last_seq if self._old else gap.first_seq
        self._connection.execute(
            delete(entries).where(
                entries.c.job_pk == self._job_pk,
                entries.c.seq.between(first, gap.last_seq),
                entries.c.last_line.is_not(None),
            )
        )
        values = logrows.log_values(marker) | {"job_pk": self._job_pk, "size": 0}
        self._connection.execute(insert(entries).values(values))
        removed = sum(row.size + row.drawn for row in self._removed)
        job = replace(self._job, log_bytes=self._job.log_bytes - removed, gap=gap)
        self._connection.execute(update(jobs).where(jobs.c.pk == self._job_pk).values(rows.job_values(job)))

    def _gap(self) -> Gap:
        before = self._job.gap
        lines = [row.last_line for row in self._removed] + ([before.last_line] if before else [])
        return Gap(
            first_seq=self._old.first_seq if self._old else self._removed[0].first_seq,
            last_seq=self._removed[-1].seq,
            first_line=self._head_line + 1,
            last_line=max(lines),
            bytes=sum(row.size for row in self._removed) + (before.bytes if before else 0),
            head_bytes=self._head_bytes,
        )

    def _marker(self, gap: Gap) -> LogEntry:
        """The line that stands in the gap, as the last one that was removed."""
        last = self._log_row_up_to(gap.last_seq)
        before = self._log_row_up_to(gap.first_seq - 1)
        open_line = before is not None and not before.lines[-1].raw.endswith(b"\n")
        text = f"{REMOVED_MARKER}{gap.lines} lines, {gap.bytes} bytes]".encode()
        line = Line(text, b"\n", False, b"\n" if open_line else b"")
        at, stream = (last.at, last.stream) if last else (self._job.updated_at, "stdout")
        return LogEntry(gap.last_seq, self._free_line(gap), at, stream, None, (line,))

    def _log_row_up_to(self, seq: int) -> LogEntry | None:
        """The last entry of the newest log row up to a seq."""
        query = self._select(entries).where(entries.c.seq <= seq).order_by(entries.c.seq.desc()).limit(1)
        found = self._connection.execute(query).first()
        return logrows.log_entries_of(found)[-1] if found else None

    def _free_line(self, gap: Gap) -> int:
        """The last number in the gap that no line has which is kept or may come.

        Lines of the gap may have been replaced since, and the newest line of a stream may still be.
        """
        query = select(streams.c.line).where(streams.c.job_pk == self._job_pk)
        taken = set(self._connection.scalars(query))
        for number in range(gap.last_line, gap.first_line - 1, -1):
            if number not in taken and not self._is_kept(number, gap.last_seq):
                return number
        return gap.last_line

    def _is_kept(self, number: int, after: int) -> bool:
        query = self._select(entries.c.seq).where(
            entries.c.seq > after,
            entries.c.last_line >= number,
            entries.c.last_line < number + MAX_ENTRY_LINES,
            entries.c.first_line <= number,
        )
        return self._connection.execute(query.limit(1)).first() is not None
