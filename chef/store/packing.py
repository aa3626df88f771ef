"""Small log rows put together: a log that came line by line takes as little room as one that came whole.

What readers see stays the same: a row holds its entries as they were. A job is packed up to its
`packed_seq`; behind it come rows that more may be added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from chef.domain.logentries import MAX_ENTRY_LINES
from chef.store import logrows
from chef.store.tables import entries, jobs

# Rows that one step looks at, more than can become one: some milliseconds for single lines.
_ROWS = MAX_ENTRY_LINES + 12


def pack_step(connection: Connection, job_id: str, max_bytes: int, *, to_end: bool) -> bool:
    """Put together the next rows of a job's log; returns whether there are more behind them.

    A row gets at most `MAX_ENTRY_LINES` lines and `max_bytes` of output; one that more may be added to
    is left alone until it is full, or `to_end`. The caller commits.
    """
    job = _lock(connection, job_id)
    found = _next_rows(connection, job) if job is not None else []
    if not found:
        return False
    merges = _merges(found, max_bytes)
    done = found[-1].seq
    if _is_log(found[-1]):
        if to_end:
            merges[-1].pack(connection, job.pk)
        done = merges.pop().rows[0].first_seq - 1
    for merge in merges:
        merge.pack(connection, job.pk)
    if done > job.packed_seq:
        connection.execute(update(jobs).where(jobs.c.pk == job.pk).values(packed_seq=done))
    return len(found) == _ROWS


def jobs_to_pack(connection: Connection, newest: int) -> list[str]:
    """Those of the newest jobs whose logs are not packed to their ends, as after a crash."""
    oldest = select(jobs.c.pk).order_by(jobs.c.pk.desc()).limit(newest).subquery()
    query = select(jobs.c.job_id).join(oldest, oldest.c.pk == jobs.c.pk).where(jobs.c.packed_seq < jobs.c.seq)
    return list(connection.scalars(query))


def _lock(connection: Connection, job_id: str) -> Any:
    """The job's row, locked on PostgreSQL; `None` where it is gone, or being written at the moment."""
    query = select(jobs.c.pk, jobs.c.seq, jobs.c.packed_seq).where(jobs.c.job_id == job_id)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    return connection.execute(query).first()


def _next_rows(connection: Connection, job: Any) -> Sequence[Any]:
    """The rows behind `packed_seq`, without the data."""
    sizes = (entries.c.size, entries.c.drawn)
    columns = (entries.c.first_seq, entries.c.first_line, entries.c.last_line, *sizes)
    query = (
        select(entries.c.seq, *columns)
        .where(entries.c.job_pk == job.pk, entries.c.seq > job.packed_seq)
        .order_by(entries.c.seq)
        .limit(_ROWS)
    )
    return connection.execute(query).all()


class _Merge:
    """Log rows that become one."""

    def __init__(self, row: Any) -> None:
        self.rows = [row]
        self._bytes, self._drawn = row.size, row.drawn
        self._first_line = row.first_line
        self._last_line = row.last_line

    def take(self, row: Any, max_bytes: int) -> bool:
        """Add the next row if it follows and there is room for it; returns whether it was added."""
        size, drawn = self._bytes + row.size, self._drawn + row.drawn
        first_line, last_line = min(self._first_line, row.first_line), max(self._last_line, row.last_line)
        fits: bool = (
            row.first_seq == self.rows[-1].seq + 1
            and size + drawn <= max_bytes
            and row.seq - self.rows[0].first_seq < MAX_ENTRY_LINES
            # Readers look no further than this behind the lines that they want.
            and last_line - first_line < MAX_ENTRY_LINES
        )
        if fits:
            self.rows.append(row)
            self._bytes, self._drawn = size, drawn
            self._first_line, self._last_line = first_line, last_line
        return fits

    def pack(self, connection: Connection, job_pk: int) -> None:
        """Write all into the last row and remove the others; a single row stays as it is."""
        if len(self.rows) == 1:
            return
        first, last = self.rows[0], self.rows[-1]
        of_job = entries.c.job_pk == job_pk
        before = entries.c.seq.between(first.seq, last.seq - 1)
        query = select(entries.c.data).where(of_job, entries.c.seq.between(first.seq, last.seq))
        datas = list(connection.scalars(query.order_by(entries.c.seq)))
        connection.execute(delete(entries).where(of_job, before))
        values = {
            "first_seq": first.first_seq,
            "first_line": self._first_line,
            "last_line": self._last_line,
            "size": self._bytes,
            "drawn": self._drawn,
            "data": logrows.joined(datas),
        }
        connection.execute(update(entries).where(of_job, entries.c.seq == last.seq).values(values))


def _merges(found: Sequence[Any], max_bytes: int) -> list[_Merge]:
    """Log rows that become one, in order; each is as long as it can be."""
    merges: list[_Merge] = []
    before: Any = None
    for row in found:
        follows = before is not None and _is_log(before)
        if _is_log(row) and not (follows and merges[-1].take(row, max_bytes)):
            merges.append(_Merge(row))
        before = row
    return merges


def _is_log(row: Any) -> bool:
    # The marker of a gap has no size. It stays alone: another takes its place when the gap grows.
    return row.last_line is not None and bool(row.size or row.drawn)
