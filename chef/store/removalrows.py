"""Rows that tell of what was erased: for viewers of all processes, for senders, and for what is still to do.

A removal is told for a minute, longer than any process waits before it looks; then its ids go, too. Of a job
that was erased while it ran a digest of its id is kept, so that its sender cannot send all of it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update

from chef.domain.model import Gap
from chef.domain.removals import ERASED_FOR_MS, Removal
from chef.store.numbers import last_number, next_number
from chef.store.statements import CompiledStatement, Driver
from chef.store.tables import about, erased, removals
from chef.store.upsert import upsert

TOLD_FOR_MS = 60_000
"""So long a removal can be told of."""

# Rows of `about`: what is to be cleaned out of the files, and projects of which jobs are left to erase.
_UNCLEAN = "unclean"
_PROJECT = "erase "
_AT_ONCE = 500

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ERASED = CompiledStatement(select(erased).where(erased.c.digest.in_(_IDS)))
_gap = msgspec.json.Decoder(tuple[int, int, int, int, int, int])


def _digest(job_id: str) -> bytes:
    return hashlib.sha256(job_id.encode()).digest()[:16]


def refuse_updates(connection: Connection, job_ids: Iterable[str], at: int) -> None:
    """Have no more updates taken of these jobs, from a time (ms) on for a day."""
    values = [{"digest": _digest(job_id), "until": at + ERASED_FOR_MS} for job_id in job_ids]
    if values:
        connection.execute(upsert(connection.dialect.name, erased, ["digest"], ["until"]), values)


def refused_until(driver: Driver, job_ids: Sequence[str]) -> dict[str, int]:
    """Those of some jobs, a few hundred, of which no updates are taken, and until when (ms)."""
    names = {_digest(job_id): job_id for job_id in job_ids}
    return {names[bytes(row.digest)]: row.until for row in _ERASED.rows(driver, list(names))}


def note_removals(connection: Connection, found: Sequence[Removal], at: int) -> list[Removal]:
    """Have removals told, and the files cleaned; returns them with their numbers. The caller commits."""
    first = next_number(connection, removals)
    numbered = [msgspec.structs.replace(one, number=first + place) for place, one in enumerate(found)]
    connection.execute(insert(removals), [_values(one, at) for one in numbered])
    unclean = {"name": _UNCLEAN, "value": f"{numbered[-1].number} {at}"}
    connection.execute(upsert(connection.dialect.name, about, ["name"], ["value"]), unclean)
    forget_told(connection, at)
    return numbered


def _values(removal: Removal, at: int) -> dict[str, Any]:
    gap = removal.gap
    return {
        "number": removal.number,
        "at": at,
        "project_id": removal.project_id,
        "job_id": removal.job_id,
        "gap": None if gap is None else msgspec.json.encode(msgspec.structs.astuple(gap)).decode(),
    }


def forget_told(connection: Connection, at: int) -> None:
    """Leave out what all were told by now; the newest number stays. The caller commits."""
    told = removals.c.at < at - TOLD_FOR_MS
    connection.execute(delete(removals).where(told, removals.c.number < last_removal(connection)))
    blank = {"project_id": None, "job_id": None, "gap": None}
    connection.execute(update(removals).where(told, removals.c.project_id.is_not(None)).values(blank))
    connection.execute(delete(erased).where(erased.c.until < at))


def last_removal(connection: Connection) -> int:
    """The number of the newest removal; 0 before the first one."""
    return last_number(connection, removals)


def removals_after(connection: Connection, number: int) -> list[Removal]:
    """The removals behind a number that are still told, in order, some hundred."""
    behind = removals.c.number > number
    query = select(removals).where(behind, removals.c.project_id.is_not(None)).order_by(removals.c.number)
    return [
        Removal(row.number, row.project_id, row.job_id, Gap(*_gap.decode(row.gap)) if row.gap else None)
        for row in connection.execute(query.limit(_AT_ONCE))
    ]


# What is still to do


def unclean_since(connection: Connection) -> tuple[str, int] | None:
    """A mark and the time (ms) of the newest removal whose bytes may still be in the files."""
    value = connection.scalar(select(about.c.value).where(about.c.name == _UNCLEAN))
    return None if value is None else (value, int(value.partition(" ")[2]))


def note_clean(connection: Connection, mark: str) -> bool:
    """The files have nothing of what was removed up to a mark; returns whether there was no more since."""
    done = delete(about).where(about.c.name == _UNCLEAN, about.c.value == mark)
    return connection.execute(done).rowcount == 1


def note_project(connection: Connection, project_id: str, last_pk: int) -> None:
    """A project is being erased: its jobs up to a key. The caller commits."""
    values = {"name": _PROJECT + _digest(project_id).hex()[:24], "value": f"{last_pk} {project_id}"}
    connection.execute(upsert(connection.dialect.name, about, ["name"], ["value"]), values)


def projects_to_erase(connection: Connection) -> list[tuple[str, int]]:
    """The projects that are being erased, each with the key of the last job that goes."""
    query = select(about.c.value).where(about.c.name.like(_PROJECT + "%"))
    found = [value.partition(" ") for value in connection.scalars(query)]
    return [(project_id, int(last_pk)) for last_pk, _, project_id in found]


def forget_project(connection: Connection, project_id: str) -> None:
    """A project is erased. The caller commits."""
    name = _PROJECT + _digest(project_id).hex()[:24]
    connection.execute(delete(about).where(about.c.name == name))
