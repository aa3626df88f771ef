"""What green runs printed, kept by kind, and the new kinds of lines of failed jobs.

A job waits to be compared from its end on, and again when lines come after it (`jobs.uncompared`).
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select, update

from chef.domain.novelty import GreenKinds, NewKind
from chef.store import logrows
from chef.store.loglines import Place
from chef.store.reading import pk_of_job
from chef.store.tables import entries, green_kinds, jobs, new_kinds
from chef.store.upkeep import Transact
from chef.store.upsert import upsert

# A part of a log takes a reader some milliseconds.
_PART_BYTES = 48 * 1024
_PART_ROWS = 500


class _Green(msgspec.Struct, array_like=True):
    """`GreenKinds` as it is kept: `places` has the place in `runs` for each of the kinds, 8 bytes each."""

    runs: list[int]
    kinds: bytes
    places: bytes


class Novelty(msgspec.Struct, array_like=True, frozen=True):
    """The new kinds of a failed job, the most telling first, of `count`; `runs` green ones were compared."""

    runs: int
    count: int
    kinds: list[NewKind]


Part = list[tuple[list[int], bytes]]
"""Rows of a log: the numbers of the lines of each, and their texts joined by newlines."""


class NoveltyRows:
    """What is kept of new kinds of lines, read by `read` and written by `write`. Raises StoreUnavailable."""

    def __init__(self, read: Transact, write: Transact) -> None:
        self._read = read
        self._write = write

    def waiting(self, limit: int) -> list[str]:
        """The ids of jobs that wait to be compared, the one that began first before others."""
        return self._read(lambda connection: uncompared_jobs(connection, limit))

    def log_parts(self, job_id: str) -> Iterator[Part]:
        """A job's log in parts, older forms of lines among them, read as they are taken."""
        place: Place | None = (1, 0)
        while place is not None:
            start = place
            part, place = self._read(lambda connection: log_part(connection, job_id, start))  # noqa: B023
            yield part

    def green(self, job_id: str) -> GreenKinds:
        """What the newest green runs of a job's kind in its project printed."""
        return self._read(lambda connection: find_green(connection, job_id))

    def learn(self, job_id: str, seq: int, kinds: Iterable[int]) -> None:
        """Keep what a green run printed, unless its log has gone on behind `seq`."""
        self._write(lambda connection: learn(connection, job_id, seq, kinds))

    def save(self, job_id: str, seq: int, novelty: Novelty) -> None:
        """Keep what is new in a failed job, unless its log has gone on behind `seq`."""
        self._write(lambda connection: save_novelty(connection, job_id, seq, novelty))

    def let_go(self, job_id: str, seq: int) -> None:
        """Keep nothing of a job whose log ends at `seq`; it waits no longer."""
        self._write(lambda connection: let_go(connection, job_id, seq))

    def of(self, job_id: str) -> tuple[bool, Novelty | None]:
        """Whether a job waits to be compared, and what was found when it was."""
        return self._read(lambda connection: find_novelty(connection, job_id))


_green = msgspec.msgpack.Decoder(_Green)
_novelty = msgspec.msgpack.Decoder(Novelty)


def uncompared_jobs(connection: Connection, limit: int) -> list[str]:
    """The jobs that wait to be compared, the one that began first before others."""
    query = select(jobs.c.job_id).where(jobs.c.uncompared).order_by(jobs.c.pk).limit(limit)
    return list(connection.scalars(query))


def log_part(connection: Connection, job_id: str, place: Place) -> tuple[Part, Place | None]:
    """The next rows of a log, the first place being `(1, 0)`; and where to go on, `None` at the end."""
    last_line, seq = place
    query = (
        select(entries.c.last_line, entries.c.seq, entries.c.size, entries.c.data)
        .where(
            entries.c.job_pk == pk_of_job(job_id),
            entries.c.last_line >= last_line,
            (entries.c.last_line > last_line) | (entries.c.seq > seq),
        )
        .order_by(entries.c.last_line, entries.c.seq)
        .limit(_PART_ROWS)
    )
    found: Part = []
    size = 0
    for row in connection.execute(query):
        found.append(logrows.texts_of(row.data))
        size += row.size
        if size >= _PART_BYTES:
            return found, (row.last_line, row.seq)
    return found, (row.last_line, row.seq) if len(found) == _PART_ROWS else None


def find_green(connection: Connection, job_id: str) -> GreenKinds:
    """What the newest green runs of a job's kind printed."""
    row = connection.execute(_green_row(connection, job_id)).first()
    return GreenKinds() if row is None else _green_of(row.data)


def find_novelty(connection: Connection, job_id: str) -> tuple[bool, Novelty | None]:
    """Whether a job waits to be compared, and what was found when it was."""
    query = (
        select(jobs.c.uncompared, new_kinds.c.data)
        .outerjoin(new_kinds, new_kinds.c.job_pk == jobs.c.pk)
        .where(jobs.c.job_id == job_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return False, None
    return row.uncompared, None if row.data is None else _novelty.decode(zlib.decompress(row.data))


def learn(connection: Connection, job_id: str, seq: int, kinds: Iterable[int]) -> None:
    """Keep what a green run printed whose log went up to `seq`. The caller commits."""
    row = _still(connection, job_id, seq)
    if row is None:
        return
    key = {"project_pk": row.project_pk, "kind": row.kind or ""}
    _make_green_row(connection, key)
    where = (green_kinds.c.project_pk == row.project_pk) & (green_kinds.c.kind == key["kind"])
    kept = connection.execute(select(green_kinds.c.data).where(where).with_for_update()).one()
    green = _green_of(kept.data)
    green.add(_run_key(row), kinds)
    connection.execute(update(green_kinds).where(where).values(data=_green_data(green)))


def unlearn(connection: Connection, row: Any) -> None:
    """Keep nothing of what a green run printed; `row` is its job's. The caller commits."""
    where = (green_kinds.c.project_pk == row.project_pk) & (green_kinds.c.kind == (row.kind or ""))
    kept = connection.execute(select(green_kinds.c.data).where(where).with_for_update()).first()
    green = GreenKinds() if kept is None else _green_of(kept.data)
    if _run_key(row) in green.runs:
        green.forget(_run_key(row))
        connection.execute(update(green_kinds).where(where).values(data=_green_data(green)))


def _run_key(row: Any) -> int:
    # Keys of removed rows are given again; a time is not.
    return int((row.finished_at << 20) | (row.pk & 0xFFFFF))


def save_novelty(connection: Connection, job_id: str, seq: int, novelty: Novelty) -> None:
    """Keep the new kinds of a failed job whose log went up to `seq`. The caller commits."""
    row = _still(connection, job_id, seq)
    if row is None:
        return
    data = zlib.compress(msgspec.msgpack.encode(novelty))
    statement = upsert(connection.dialect.name, new_kinds, ["job_pk"], ["data"])
    connection.execute(statement, {"job_pk": row.pk, "data": data})


def _still(connection: Connection, job_id: str, seq: int) -> Any:
    """The job's row, from now on compared, if its log ends at `seq`; `None` if more came or it is gone."""
    query = (
        select(jobs.c.pk, jobs.c.project_pk, jobs.c.kind, jobs.c.finished_at)
        .where(jobs.c.job_id == job_id, jobs.c.seq == seq, jobs.c.uncompared, jobs.c.finished_at.is_not(None))
        .with_for_update()
    )
    row = connection.execute(query).first()
    if row is not None:
        connection.execute(update(jobs).where(jobs.c.pk == row.pk).values(uncompared=False))
    return row


def let_go(connection: Connection, job_id: str, seq: int) -> None:
    """A job whose log went up to `seq` waits no longer, and nothing is kept of it. The caller commits."""
    _still(connection, job_id, seq)


def _green_row(connection: Connection, job_id: str) -> Select[Any]:
    job = select(jobs.c.project_pk, jobs.c.kind).where(jobs.c.job_id == job_id)
    row = connection.execute(job).first()
    project_pk, kind = (0, "") if row is None else (row.project_pk, row.kind or "")
    return select(green_kinds.c.data).where(
        green_kinds.c.project_pk == project_pk, green_kinds.c.kind == kind
    )


def _make_green_row(connection: Connection, key: dict[str, Any]) -> None:
    """Have a row that can be locked, so that two processes cannot overwrite each other's runs."""
    statement = upsert(connection.dialect.name, green_kinds, ["project_pk", "kind"], ["kind"])
    connection.execute(statement, key | {"data": _green_data(GreenKinds())})


def _green_of(data: bytes) -> GreenKinds:
    kept = _green.decode(zlib.decompress(data))
    kinds = array("Q", kept.kinds)
    return GreenKinds(kept.runs, dict(zip(kinds, (kept.runs[place] for place in kept.places), strict=True)))


def _green_data(green: GreenKinds) -> bytes:
    places = {run: place for place, run in enumerate(green.runs)}
    in_order = sorted(green.newest.items(), key=lambda item: places[item[1]])
    kept = _Green(
        green.runs,
        array("Q", [kind for kind, _ in in_order]).tobytes(),
        bytes(places[run] for _, run in in_order),
    )
    return zlib.compress(msgspec.msgpack.encode(kept), 1)
