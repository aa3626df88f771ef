"""What targets are told of jobs, as it is kept: who tells them, how far that is, what is still to be told.

One process at a time tells all targets: it holds a lease, and what it writes is written only while it does.
It goes through each project's state entries; a place of a project is kept together with all that is still to
be told up to there, so that nothing is lost with the process. Rows of a job go with it (store.removing).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from chef.domain.filtering import filter_text, plain_text
from chef.domain.model import Job
from chef.store import rows
from chef.store.reading import whole_jobs
from chef.store.tables import (
    entries,
    jobs,
    outbox_leases,
    outbox_projects,
    outbox_targets,
    outbox_tellings,
    projects,
)
from chef.store.upkeep import Transact
from chef.store.upsert import upsert

LEASE = "outbox"

FORGET_MS = 24 * 60 * 60 * 1000
"""What is older is told to nobody any more; a target that was in no setting for so long begins anew."""

MOST_PROJECTS = 100
_ENTRIES = 1000
_JOBS = 500
_FORGOTTEN = 500
_LATER = 100


class TargetKey(NamedTuple):
    """A target in the store, and from when on (ms) it is told."""

    pk: int
    since: int


class ToTell(NamedTuple):
    """A state of a job that is to be told to a target."""

    target_pk: int
    job_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What a target was told of a job: up to which state (`seq`), which words, how often.

    `handle` is of the message that it is edited by. `begun`: the first one may have been sent. `is_open`:
    there is more to be told.
    """

    seq: int = 0
    words: int = 0
    requests: int = 0
    handle: str | None = None
    begun: bool = False
    is_open: bool = False


NOTHING_TOLD = ToldRow()


@dataclass(frozen=True, slots=True)
class Moved:
    """A part of a project's entries: its jobs, whether each is a recovery, and the place behind it."""

    project_pk: int
    seq: int
    jobs: tuple[Job, ...]
    more: bool


class OutboxRows:
    """What is kept for the targets. All raise StoreUnavailable; false is where the lease is another's.

    `write` may lose what it wrote in a power cut, `commit` not.
    """

    def __init__(
        self, read: Transact, write: Transact, commit: Callable[[Callable[[Connection], None]], object]
    ) -> None:
        self._owner = ""
        self._read = read
        self._write = write
        self._commit = commit

    def hold(self, owner: str, now: int, until: int, is_gone: Callable[[str], bool]) -> bool:
        """Take the lease for a process, or hold it on, unless one has it that is not known to be gone."""
        self._owner = owner
        return self._write(lambda connection: hold(connection, self._owner, now, until, is_gone))

    def let_go(self) -> None:
        """Leave the lease to others."""
        self._write(lambda connection: let_go(connection, self._owner))

    def begin(self, digests: Sequence[str], now: int) -> list[TargetKey]:
        """The targets with these digests, in a setting now. New ones begin now, not with what was before."""
        return self._write(lambda connection: begin(connection, digests, now))

    def moved(self) -> list[Moved]:
        """Of the projects in which something is new, the next part of each."""
        return self._read(find_moved)

    def told(self, job_ids: Collection[str]) -> dict[tuple[str, int], ToldRow]:
        """What was told of some jobs, by job and target."""
        return self._read(lambda connection: find_told(connection, job_ids))

    def failed_before(self, job: Job) -> int:
        """How many jobs of the same project, kind and branch failed since the last one that completed."""
        return self._read(lambda connection: count_failed_before(connection, job))

    def has_later(self, job: Job, is_same: Callable[[Job], bool]) -> bool:
        """Whether there is a later job of the same project, kind and commit for which this holds, too."""
        return self._read(lambda connection: has_later(connection, job, is_same))

    def open(self, target_pk: int, behind: int) -> tuple[list[Job], int]:
        """The next jobs of which something is to be told to a target, and the place behind them."""
        return self._read(lambda connection: find_open(connection, target_pk, behind))

    def keep(self, to_tell: Sequence[ToTell]) -> bool:
        """Keep what is still to be told, some hundred at most."""
        return self._write(lambda connection: keep(connection, self._owner, to_tell))

    def go_on(self, places: Sequence[Moved]) -> bool:
        """Keep that all up to these places was looked at, once what of it is to be told is kept."""
        return self._write(lambda connection: go_on(connection, self._owner, places))

    def save(self, target_pk: int, job_id: str, told: ToldRow) -> bool:
        """Keep what was told, on disk."""
        held = list[bool]()
        self._commit(lambda connection: held.append(save(connection, self._owner, target_pk, job_id, told)))
        return held[-1]  # A commit may be tried several times.

    def close_all(self, target_pk: int) -> None:
        """Nothing that waits is told to a target any more."""
        mine = (outbox_tellings.c.target_pk == target_pk) & outbox_tellings.c.is_open
        self._write(lambda connection: connection.execute(delete(outbox_tellings).where(mine)))

    def forget(self, now: int) -> bool:
        """Forget some of what is kept for targets that are in no setting any more; whether that was all."""
        return self._write(lambda connection: forget(connection, now))


def hold(connection: Connection, owner: str, now: int, until: int, is_gone: Callable[[str], bool]) -> bool:
    """Take or hold the lease. The caller commits."""
    row = connection.execute(
        select(outbox_leases).where(outbox_leases.c.name == LEASE).with_for_update()
    ).first()
    # A clock that was ahead must not keep it for long.
    is_valid = row is not None and now < row.until <= now + 10 * (until - now)
    if row is not None and row.owner != owner and is_valid and not is_gone(row.owner):
        return False
    statement = upsert(connection.dialect.name, outbox_leases, ["name"], ["owner", "until"])
    connection.execute(statement, {"name": LEASE, "owner": owner, "until": until})
    return True


def let_go(connection: Connection, owner: str) -> None:
    """Let the lease end, if it is this owner's. The caller commits."""
    mine = (outbox_leases.c.name == LEASE) & (outbox_leases.c.owner == owner)
    connection.execute(update(outbox_leases).where(mine).values(until=0))


def _holds(connection: Connection, owner: str) -> bool:
    """Whether the lease is this owner's. Without a lock: commits of updates ask it, and must not wait."""
    query = select(outbox_leases.c.owner).where(outbox_leases.c.name == LEASE)
    return bool(connection.scalar(query) == owner)


def begin(connection: Connection, digests: Sequence[str], now: int) -> list[TargetKey]:
    """Have the rows of targets. The caller commits."""
    newest = connection.scalar(select(func.max(outbox_targets.c.seen_at)))
    if newest is None or newest < now - FORGET_MS:
        connection.execute(delete(outbox_projects))
        places = select(projects.c.pk, projects.c.seq)
        connection.execute(insert(outbox_projects).from_select(["project_pk", "seq"], places))
    statement = upsert(connection.dialect.name, outbox_targets, ["digest"], ["digest"])
    new = [{"digest": digest, "since": now, "seen_at": now} for digest in digests]
    connection.execute(statement, new)
    is_late = outbox_targets.c.seen_at < now - FORGET_MS
    since = case((is_late, now), else_=outbox_targets.c.since)
    named = outbox_targets.c.digest.in_(digests)
    connection.execute(update(outbox_targets).where(named).values(since=since, seen_at=now))
    found = {row.digest: row for row in connection.execute(select(outbox_targets).where(named))}
    return [TargetKey(found[digest].pk, found[digest].since) for digest in digests]


# Made once, as what is asked every two seconds.
_PLACE = func.coalesce(outbox_projects.c.seq, 0)
_MOVED = (
    select(projects.c.pk, projects.c.seq, _PLACE.label("place"))
    .outerjoin(outbox_projects, outbox_projects.c.project_pk == projects.c.pk)
    .where(projects.c.seq > _PLACE)
    .limit(MOST_PROJECTS)
)
_PROJECT: BindParameter[int] = bindparam("project")
_OF_PART = select(entries.c.job_pk).where(
    entries.c.project_pk == _PROJECT, entries.c.project_seq.between(bindparam("first"), bindparam("last"))
)
# Jobs that are being removed are of no project that can be told of.
_CHANGED = whole_jobs().where(jobs.c.pk.in_(_OF_PART), jobs.c.project_pk == _PROJECT)


def find_moved(connection: Connection) -> list[Moved]:
    """Of the projects in which something is new, the next part of each."""
    return [_moved_part(connection, row) for row in connection.execute(_MOVED).all()]


def _moved_part(connection: Connection, row: Any) -> Moved:
    last = min(row.seq, row.place + _ENTRIES)
    found = connection.execute(_CHANGED, {"project": row.pk, "first": row.place + 1, "last": last})
    return Moved(row.pk, last, tuple(map(rows.job_of, found)), last < row.seq)


def find_told(connection: Connection, job_ids: Collection[str]) -> dict[tuple[str, int], ToldRow]:
    """What was told of some jobs, by job and target."""
    query = (
        select(jobs.c.job_id, outbox_tellings)
        .join(outbox_tellings, outbox_tellings.c.job_pk == jobs.c.pk)
        .where(jobs.c.job_id.in_(job_ids))
    )
    return {(row.job_id, row.target_pk): _told_of(row) for row in connection.execute(query)}


def _told_of(row: Any) -> ToldRow:
    return ToldRow(row.seq, row.words, row.requests, row.handle, row.begun, row.is_open)


def count_failed_before(connection: Connection, job: Job) -> int:
    """How many jobs of its project, kind and branch failed before it, behind the newest that completed."""
    this = select(jobs.c.pk, jobs.c.project_pk).where(jobs.c.job_id == job.job_id)
    row = connection.execute(this).first()
    if row is None:
        return 0
    same = (
        jobs.c.project_pk == row.project_pk,
        jobs.c.pk < row.pk,
        jobs.c.kind == filter_text(job.meta.get("kind")),
        jobs.c.branch == filter_text(job.meta.get("branch")),
    )
    green = select(jobs.c.pk).where(*same, jobs.c.status == "completed").order_by(jobs.c.pk.desc()).limit(1)
    behind = connection.scalar(green) or 0
    failed = select(func.count()).where(*same, jobs.c.status == "failed", jobs.c.pk > behind)
    return connection.execute(failed).scalar_one()


def has_later(connection: Connection, job: Job, is_same: Callable[[Job], bool]) -> bool:
    """Whether there is a later job of the same project, kind and commit for which this holds, too."""
    this = select(jobs.c.pk, jobs.c.project_pk).where(jobs.c.job_id == job.job_id)
    row = connection.execute(this).first()
    commit = plain_text(job.meta.get("commit"))
    if row is None or commit is None:
        return False
    later = whole_jobs().where(
        jobs.c.project_pk == row.project_pk,
        jobs.c.pk > row.pk,
        # Not by the index of kinds: later ones are fewer than those of a kind.
        func.coalesce(jobs.c.kind, "") == (filter_text(job.meta.get("kind")) or ""),
        _has_bytes(connection, commit.encode()),
    )
    found = connection.execute(later.order_by(jobs.c.pk.desc()).limit(_LATER))
    return any(is_same(rows.job_of(one)) for one in found)


def _has_bytes(connection: Connection, part: bytes) -> ColumnElement[bool]:
    """Jobs in whose details these bytes are: all others are left out before they are read."""
    if connection.dialect.name == "sqlite":
        return func.instr(jobs.c.details, part) > 0
    return jobs.c.details.contains(part, autoescape=False)


def find_open(connection: Connection, target_pk: int, behind: int) -> tuple[list[Job], int]:
    """The next jobs, in the order of their keys, of which something is to be told to a target."""
    mine = (outbox_tellings.c.target_pk == target_pk) & outbox_tellings.c.is_open
    waiting = select(outbox_tellings.c.job_pk).where(mine, outbox_tellings.c.job_pk > behind)
    pks = connection.scalars(waiting.order_by(outbox_tellings.c.job_pk).limit(_JOBS)).all()
    # Of jobs that are being removed nothing is told: their project is none.
    found = connection.execute(whole_jobs().where(jobs.c.pk.in_(pks)).order_by(jobs.c.pk))
    return [rows.job_of(row) for row in found], pks[-1] if pks else 0


def keep(connection: Connection, owner: str, to_tell: Sequence[ToTell]) -> bool:
    """Keep that states of jobs are to be told, unless they were told meanwhile. The caller commits."""
    if not _holds(connection, owner):
        return False
    names = {one.job_id for one in to_tell}
    found = connection.execute(select(jobs.c.job_id, jobs.c.pk).where(jobs.c.job_id.in_(names)))
    pks = {row.job_id: row.pk for row in found}
    there = [one for one in to_tell if one.job_id in pks]
    if there:
        keys = [{"job_pk": pks[one.job_id], "target_pk": one.target_pk} for one in there]
        statement = upsert(connection.dialect.name, outbox_tellings, ["job_pk", "target_pk"], [])
        connection.execute(statement, [key | _values(replace(NOTHING_TOLD, is_open=True)) for key in keys])
        connection.execute(
            _OPEN, [{"job": pks[one.job_id], "target": one.target_pk, "state": one.seq} for one in there]
        )
    return True


_OPEN = (
    update(outbox_tellings)
    .where(
        outbox_tellings.c.job_pk == bindparam("job"),
        outbox_tellings.c.target_pk == bindparam("target"),
        outbox_tellings.c.seq < bindparam("state"),
    )
    .values(is_open=True)
)


def go_on(connection: Connection, owner: str, places: Sequence[Moved]) -> bool:
    """Keep up to where projects were looked at. The caller commits."""
    if not _holds(connection, owner):
        return False
    still = select(projects.c.pk).where(projects.c.pk.in_([place.project_pk for place in places]))
    pks = set(connection.scalars(still))
    kept = [{"project_pk": one.project_pk, "seq": one.seq} for one in places if one.project_pk in pks]
    if kept:
        connection.execute(_keep_places(connection.dialect.name), kept)
    return True


@cache
def _keep_places(dialect: str) -> Executable:
    return upsert(dialect, outbox_projects, ["project_pk"], ["seq"])


def save(connection: Connection, owner: str, target_pk: int, job_id: str, told: ToldRow) -> bool:
    """Keep what was told. The caller commits."""
    if not _holds(connection, owner):
        return False
    pk = connection.scalar(select(jobs.c.pk).where(jobs.c.job_id == job_id))
    if pk is not None:
        values = _values(told)
        statement = upsert(connection.dialect.name, outbox_tellings, ["job_pk", "target_pk"], values)
        connection.execute(statement, {"job_pk": pk, "target_pk": target_pk} | values)
    return True


def _values(told: ToldRow) -> dict[str, Any]:
    return {name: getattr(told, name) for name in ("is_open", "seq", "words", "requests", "handle", "begun")}


def forget(connection: Connection, now: int) -> bool:
    """Delete some rows of targets that are in no setting, then those themselves. The caller commits."""
    gone = select(outbox_targets.c.pk).where(outbox_targets.c.seen_at < now - FORGET_MS)
    pk = connection.scalar(gone.limit(1))
    if pk is None:
        return True
    of_target = outbox_tellings.c.target_pk == pk
    some = connection.scalars(select(outbox_tellings.c.job_pk).where(of_target).limit(_FORGOTTEN)).all()
    connection.execute(delete(outbox_tellings).where(of_target, outbox_tellings.c.job_pk.in_(some)))
    if not some:
        connection.execute(delete(outbox_targets).where(outbox_targets.c.pk == pk))
    return False
