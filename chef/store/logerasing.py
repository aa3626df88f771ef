"""The log of a job erased, while the job stays: its numbers go on, and a marker stands in the log's place."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, delete, func, insert, null, select, update

from chef.domain.lines import Line
from chef.domain.model import REMOVED_MARKER, Gap, Job, LogEntry, StateEntry
from chef.store import logrows, rows
from chef.store.tables import entries, jobs, new_kinds, streams

_ROWS = 500


def erase_log(connection: Connection, job_pk: int, job: Job) -> Gap | None:
    """Erase the lines of a job and all that was taken from them; returns the gap, `None` where nothing is.

    What streams add up to stays, so that uploads go on at their offsets and a verdict on integrity is what
    it was: that all had arrived. The caller has locked the job's project, and commits.
    """
    # The log waits to be compared no more, nor is the result kept of a comparison that runs.
    connection.execute(delete(new_kinds).where(new_kinds.c.job_pk == job_pk))
    gap, marker = _find_gap(connection, job_pk, job)
    _close_streams(connection, job_pk)
    if marker is not None:
        connection.execute(delete(entries).where(_is_of_log(job_pk)))
        values = logrows.log_values(marker) | {"job_pk": job_pk, "size": 0}
        connection.execute(insert(entries).values(values))
    if job.ended:
        _leave_out_failures(connection, job_pk)
    after = replace(job, log_bytes=0, gap=gap or job.gap, failure=None)
    values = rows.job_values(after) | {"uncompared": False}
    connection.execute(update(jobs).where(jobs.c.pk == job_pk).values(values))
    return gap


def _is_of_log(job_pk: int) -> ColumnElement[bool]:
    return (entries.c.job_pk == job_pk) & entries.c.last_line.is_not(None)


def _find_gap(connection: Connection, job_pk: int, job: Job) -> tuple[Gap | None, LogEntry | None]:
    """The gap that the whole log becomes, and its marker; nothing where there is nothing but a marker."""
    sums = (func.min(entries.c.first_seq), func.max(entries.c.seq), func.sum(entries.c.size))
    first_seq, last_seq, size = connection.execute(select(*sums).where(_is_of_log(job_pk))).one()
    if not size and (first_seq is None or job.gap is not None):
        return None, None
    before = job.gap
    gap = Gap(
        first_seq=min(first_seq, before.first_seq) if before else first_seq,
        last_seq=last_seq,
        first_line=1,
        last_line=job.lines,
        bytes=int(size) + (before.bytes if before else 0),
        head_bytes=0,
    )
    return gap, _marker(connection, job_pk, gap)


def _marker(connection: Connection, job_pk: int, gap: Gap) -> LogEntry:
    """The line that stands in the log's place, as its last one."""
    newest = select(entries).where(_is_of_log(job_pk)).order_by(entries.c.seq.desc()).limit(1)
    last = logrows.log_entries_of(connection.execute(newest).one())[-1]
    # The newest line of a stream may still be replaced under its number.
    taken = set(connection.scalars(select(streams.c.line).where(streams.c.job_pk == job_pk)))
    free = (number for number in range(gap.last_line, 0, -1) if number not in taken)
    text = f"{REMOVED_MARKER}{gap.lines} lines, {gap.bytes} bytes]".encode()
    line = Line(text, b"\n", False, b"")
    return LogEntry(gap.last_seq, next(free, gap.last_line), last.at, last.stream, None, (line,))


def _close_streams(connection: Connection, job_pk: int) -> None:
    """What streams show is gone: a line that is open goes on as another one."""
    of_job = streams.c.job_pk == job_pk
    connection.execute(update(streams).where(of_job).values(shown=null()))
    connection.execute(update(streams).where(of_job, streams.c.tail == "open").values(tail="closed"))


def _leave_out_failures(connection: Connection, job_pk: int) -> None:
    """Endings say without lines of the log that the job failed."""
    states = select(entries).where(entries.c.job_pk == job_pk, entries.c.last_line.is_(None))
    for row in connection.execute(states).all():
        (entry,) = rows.entries_of(row)
        if isinstance(entry, StateEntry) and any('"failure"' in payload for _, payload in entry.events):
            events = tuple((name, _without_failure(payload)) for name, payload in entry.events)
            data = rows.entry_values(replace(entry, events=events), row.project_pk)["data"]
            same = (entries.c.job_pk == job_pk) & (entries.c.seq == row.seq)
            connection.execute(update(entries).where(same).values(data=data))


def _without_failure(payload: str) -> str:
    fields: dict[str, Any] = msgspec.json.decode(payload)
    fields.pop("failure", None)
    return msgspec.json.encode(fields).decode()
