"""The beginning of a write transaction: the rows that its batches concern, locked, read or known already.

Locks: a transaction locks its projects' rows, in the order of their ids, before it reads a job.
Every writer of a job writes its project, so that alone gives all processes on one database one
order, and no two can wait for each other. SQLite's BEGIN IMMEDIATE locks the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, select, text, tuple_

from chef.domain.batches import Batch
from chef.domain.ledger import Sent
from chef.domain.lines import ShownLine, needs_recent
from chef.domain.model import LogPiece, OwnUpdate, Update
from chef.domain.payloads import line_text
from chef.domain.terminal import MOST_ROWS
from chef.store import rows
from chef.store.limitcounts import count_projects, count_streams
from chef.store.loglines import newest_lines
from chef.store.removalrows import refused_until
from chef.store.statements import CompiledStatement
from chef.store.tables import jobs, projects, sent, streams
from chef.store.testrows import load_states
from chef.store.writetransaction import Overtaken, WriteTransaction

# SQLite takes 32,766 parameters a statement; far fewer keep the parser's cost flat.
_PARAMETERS = 500
# Among so many lines of a job those of one stream are looked for that its terminal can still change.
_RECENT_LINES = 2 * MOST_ROWS

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# A job with its project beside it: one query for both.
_OF_PROJECT = "of_project_"
_JOBS = CompiledStatement(
    select(jobs, projects.c.project_id, *(column.label(_OF_PROJECT + column.name) for column in projects.c))
    .join(projects, jobs.c.project_pk == projects.c.pk)
    .where(jobs.c.job_id.in_(_IDS))
)
_PROJECTS = CompiledStatement(select(projects).where(projects.c.project_id.in_(_IDS)))
_PROJECTS_OF_JOBS = CompiledStatement(
    select(projects.c.project_id)
    .join(jobs, jobs.c.project_pk == projects.c.pk)
    .where(jobs.c.job_id.in_(_IDS))
)
_LOCK_PROJECTS = CompiledStatement(
    select(projects.c.pk)
    .where(projects.c.project_id.in_(_IDS))
    .order_by(projects.c.project_id)
    .with_for_update()
)


def _by_key(table: Table, name: str) -> dict[str, CompiledStatement]:
    """Rows of some jobs by their names, for pairs of both, which are the table's key.

    Of several pairs in a list SQLite makes nothing but a scan of the whole table, which grows with the
    history. Joined one by one, in this order, each is found in the index.
    """
    pairs = select(table).where(tuple_(table.c.job_pk, table.c[name]).in_(_IDS))
    columns = ", ".join(f'{table.name}."{column.name}"' for column in table.c)
    joined = text(
        f"WITH wanted (job_pk, name) AS :ids SELECT {columns} FROM wanted CROSS JOIN {table.name}"  # noqa: S608
        f" ON {table.name}.job_pk = wanted.job_pk AND {table.name}.{name} = wanted.name"
    )
    return {
        "sqlite": CompiledStatement(joined.bindparams(_IDS).columns(*table.c)),
        "postgresql": CompiledStatement(pairs),
    }


_STREAMS = _by_key(streams, "stream")
_SENT = _by_key(sent, "id")


def load_rows(transaction: WriteTransaction, batches: Sequence[Batch]) -> None:
    """Load what the batches concern. Raises Overtaken where a project has appeared since they were locked."""
    items = [item for batch in batches for item in batch.items]
    updates = [item.update for item in items]
    job_ids = {update.job_id for update in updates}
    given = {name for update in updates if (name := update.project_id) is not None}
    locked = None if transaction.dialect == "sqlite" else _lock_projects(transaction, job_ids, given)
    _load_jobs(transaction, job_ids)
    _load_projects(transaction, given)
    if locked is not None and not locked.issuperset(transaction.project_pks.values()):
        raise Overtaken
    _load_streams(transaction, {key for update in updates for key in _streams_of(transaction, update)})
    if pieces := [update for update in updates if isinstance(update, LogPiece)]:
        _load_recent(transaction, pieces)
    if reporting := {update.job_id for update in updates if isinstance(update, Update) and update.report}:
        _load_failed_tests(transaction, reporting)
    if sent_keys := {(item.update.job_id, name) for item in items if (name := item.update_id) is not None}:
        _load_sent(transaction, sent_keys)


def _lock_projects(transaction: WriteTransaction, job_ids: set[str], given: set[str]) -> set[int]:
    """PostgreSQL: lock all projects that exist, in one order for every process; returns their keys."""
    locked: set[int] = set()
    for part in _in_slices(job_ids):
        given = given | {row.project_id for row in _PROJECTS_OF_JOBS.rows(transaction.driver, part)}
    for part in _in_slices(given):
        locked.update(row.pk for row in _LOCK_PROJECTS.rows(transaction.driver, part))
    return locked


def _load_jobs(transaction: WriteTransaction, job_ids: set[str]) -> None:
    for job_id in job_ids & transaction.cache.jobs.keys():
        transaction.job_pks[job_id], job = transaction.cache.jobs[job_id]
        transaction.loaded.jobs[job_id] = job
        _take_cached_project(transaction, job.project_id)
    if unknown := job_ids - transaction.job_pks.keys():
        _read_jobs(transaction, unknown)


def _read_jobs(transaction: WriteTransaction, job_ids: set[str]) -> None:
    for part in _in_slices(job_ids):
        for row in _JOBS.rows(transaction.driver, part):
            transaction.loaded.jobs[row.job_id] = rows.job_of(row)
            transaction.loaded.projects[row.project_id] = rows.project_of(row, _OF_PROJECT)
            transaction.job_pks[row.job_id] = row.pk
            transaction.project_pks[row.project_id] = row.project_pk
    for part in _in_slices(job_ids - transaction.job_pks.keys()):
        transaction.loaded.refused |= refused_until(transaction.driver, part)


def _take_cached_project(transaction: WriteTransaction, project_id: str) -> None:
    pk, project = transaction.cache.projects[project_id]
    transaction.project_pks[project_id] = pk
    transaction.loaded.projects[project_id] = project


def _load_projects(transaction: WriteTransaction, project_ids: set[str]) -> None:
    for project_id in project_ids & transaction.cache.projects.keys():
        _take_cached_project(transaction, project_id)
    unknown = project_ids - transaction.project_pks.keys()
    if not unknown:
        return
    for part in _in_slices(unknown):
        for row in _PROJECTS.rows(transaction.driver, part):
            transaction.loaded.projects[row.project_id] = rows.project_of(row)
            transaction.project_pks[row.project_id] = row.pk
    if not project_ids <= transaction.project_pks.keys():
        transaction.loaded.project_count = count_projects(transaction.driver)


def _streams_of(
    transaction: WriteTransaction, update: Update | LogPiece | OwnUpdate
) -> Sequence[tuple[str, str]]:
    """The streams whose state an update needs: never all of a job, which may have thousands."""
    job_id = update.job_id
    if isinstance(update, Update) and update.type != "log":
        return [(job_id, name) for name in update.integrity] if update.integrity else ()
    if isinstance(update, OwnUpdate):
        return ()
    job = transaction.loaded.jobs.get(job_id)
    return [(job_id, name) for name in (update.stream, *((job and job.claim) or ()))]


def _load_streams(transaction: WriteTransaction, keys: set[tuple[str, str]]) -> None:
    if not keys:
        return
    names = {pk: job_id for job_id, pk in transaction.job_pks.items()}
    for key in keys & transaction.cache.streams.keys():
        transaction.loaded.streams[key] = transaction.cache.streams[key]
    left = keys - transaction.cache.streams.keys()
    stored = [(transaction.job_pks[job_id], name) for job_id, name in left if job_id in transaction.job_pks]
    for part in _in_slices(stored):
        for row in _STREAMS[transaction.dialect].rows(transaction.driver, part):
            transaction.loaded.streams[names[row.job_pk], row.stream] = rows.stream_of(row)
    new = {name for name, _ in left - transaction.loaded.streams.keys()} & transaction.job_pks.keys()
    counts = count_streams(transaction.driver, [transaction.job_pks[name] for name in new])
    transaction.loaded.stream_counts |= {names[pk]: count for pk, count in counts.items()}


def _load_recent(transaction: WriteTransaction, pieces: Sequence[LogPiece]) -> None:
    """The newest lines of streams whose terminal begins to move the cursor."""
    for piece in pieces:
        key = (piece.job_id, piece.stream)
        stream = transaction.loaded.streams.get(key)
        if stream is not None and needs_recent(stream, piece.segments):
            transaction.loaded.recent[key] = _newest_lines(transaction, key, stream.line)


def _newest_lines(transaction: WriteTransaction, key: tuple[str, str], last: int) -> list[ShownLine]:
    job_id, stream = key
    found = newest_lines(transaction.connection, job_id, max(1, last + 1 - _RECENT_LINES), last)
    lines = [(number, line_text(line)) for number, entry, line in found if entry.stream == stream]
    return lines[-MOST_ROWS:]


def _load_failed_tests(transaction: WriteTransaction, job_ids: set[str]) -> None:
    """The tests that failed so far, of jobs that get another test report."""
    pks = {transaction.job_pks[name]: name for name in job_ids & transaction.job_pks.keys()}
    for part in _in_slices(pks):
        for pk, states in load_states(transaction.driver, part).items():
            transaction.loaded.failed_tests[pks[pk]] = states


def _load_sent(transaction: WriteTransaction, keys: set[tuple[str, str]]) -> None:
    names = {pk: job_id for job_id, pk in transaction.job_pks.items()}
    stored = [
        (transaction.job_pks[job_id], sent_id) for job_id, sent_id in keys if job_id in transaction.job_pks
    ]
    for part in _in_slices(stored):
        for row in _SENT[transaction.dialect].rows(transaction.driver, part):
            transaction.loaded.sent[names[row.job_pk], row.id] = Sent(bytes(row.digest), row.seq)


def _in_slices(values: Iterable[Any]) -> Iterator[list[Any]]:
    ordered = sorted(set(values))
    for start in range(0, len(ordered), _PARAMETERS):
        yield ordered[start : start + _PARAMETERS]
