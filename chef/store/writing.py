"""One write transaction: load what the batches concern, let the ledger decide, write what changed.

Locks: a transaction locks its projects' rows, in the order of their ids, before it reads a job.
Every writer of a job writes its project, so that alone gives all processes on one database one
order, and no two can wait for each other. SQLite's BEGIN IMMEDIATE locks the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    Connection,
    Table,
    bindparam,
    insert,
    null,
    select,
    text,
    true,
    tuple_,
    update,
)

from chef.domain.latemasks import LateMasks
from chef.domain.ledger import Batch, Item, Ledger, Project, Receipt, Sent
from chef.domain.limits import NO_LIMITS, StoredLimits
from chef.domain.lines import ShownLine, needs_recent
from chef.domain.model import Job, LogPiece, OwnUpdate, Update
from chef.domain.payloads import line_text
from chef.domain.terminal import MOST_ROWS
from chef.store import rows
from chef.store.limitcounts import count_projects, count_streams
from chef.store.loglines import newest_lines
from chef.store.removalrows import refused_until
from chef.store.rowcache import cached_rows
from chef.store.statements import CompiledStatement, Driver
from chef.store.tables import entries, jobs, projects, sent, streams
from chef.store.testrows import load_states, save_reports
from chef.store.trimming import max_row_bytes, trim_log
from chef.store.upsert import upsert


class Overtaken(Exception):
    """The rows that this transaction found, or did not find, have changed since: begin it again."""


# SQLite takes 32,766 parameters a statement; far fewer keep the parser's cost flat.
_PARAMETERS = 500
# Among so many lines of a job those of one stream are looked for that its terminal can still change.
_RECENT_LINES = 2 * MOST_ROWS


def write(
    connection: Connection,
    batches: Sequence[Batch],
    late_masks: LateMasks,
    max_line_bytes: int,
    max_log_bytes: int,
    limits: StoredLimits = NO_LIMITS,
) -> list[Receipt | Exception]:
    """Take each batch whole or refuse it, and write all that were taken. The caller commits."""
    ledger = Ledger(max_line_bytes, max_row_bytes(max_log_bytes), late_masks, limits)
    transaction = _Transaction(connection, ledger)
    transaction.load(batches)
    outcomes: list[Receipt | Exception] = [transaction.ledger.take(batch) for batch in batches]
    transaction.save()
    transaction.trim(max_log_bytes)
    transaction.remember(max_log_bytes)
    return outcomes


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ROW_PK: BindParameter[Any] = bindparam("row_pk")
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
_INSERT_PROJECT = CompiledStatement(insert(projects).returning(projects.c.pk))
_INSERT_JOB = CompiledStatement(insert(jobs).returning(jobs.c.pk))
_INSERT_ENTRIES = CompiledStatement(insert(entries))
_INSERT_SENT = CompiledStatement(insert(sent))
_UPDATE_PROJECT = CompiledStatement(update(projects).where(projects.c.pk == _ROW_PK))
_UPDATE_JOB = CompiledStatement(update(jobs).where(jobs.c.pk == _ROW_PK))
_HAVE_COMPARED = CompiledStatement(update(jobs).where(jobs.c.pk == _ROW_PK).values(uncompared=true()))
_FORGET_SHOWN = CompiledStatement(update(streams).where(streams.c.job_pk == _ROW_PK).values(shown=null()))
_NEWEST_JOB = CompiledStatement(
    update(projects).where(projects.c.pk == _ROW_PK).values(newest_job_pk=bindparam("new_newest_job_pk"))
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


@cache
def _upsert_streams(dialect: str) -> CompiledStatement:
    changed = [column.name for column in streams.c if not column.primary_key]
    return CompiledStatement(upsert(dialect, streams, ["job_pk", "stream"], changed))


def _in_slices(values: Iterable[Any]) -> Iterator[list[Any]]:
    ordered = sorted(set(values))
    for start in range(0, len(ordered), _PARAMETERS):
        yield ordered[start : start + _PARAMETERS]


def _name_what_moved(values: dict[str, Any], known: Job, job: Job) -> None:
    """Leave indexed columns out of a job's values that are as they were, and add those that are not.

    Naming an indexed column writes its indexes anew, also with the value that it has.
    """
    if (job.status, job.finished_at) == (known.status, known.finished_at):
        del values["status"], values["finished_at"]
    if job.meta is not known.meta:
        before = rows.filter_values(known)
        values |= {name: text for name, text in rows.filter_values(job).items() if text != before[name]}
    if known.ended and (known.status, known.message, known.meta) != (job.status, job.message, job.meta):
        values["searchable"] = False


class _Transaction:
    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self.ledger = ledger
        self._connection = connection
        self._job_pks: dict[str, int] = {}
        self._project_pks: dict[str, int] = {}
        self._detail_bytes: dict[str, int] = {}
        self._driver = Driver(connection)
        self._dialect = connection.dialect.name
        self._cache = cached_rows(connection, self._driver)

    def load(self, batches: Sequence[Batch]) -> None:
        items = [item for batch in batches for item in batch.items]
        job_ids = {item.update.job_id for item in items}
        given = {name for item in items if (name := item.project_id) is not None}
        locked = None if self._dialect == "sqlite" else self._lock_projects(job_ids, given)
        self._load_jobs(job_ids)
        self._load_projects(given)
        if locked is not None and not locked.issuperset(self._project_pks.values()):
            raise Overtaken
        self._load_streams({key for item in items for key in self._streams_of(item.update)})
        self._load_recent(items)
        self._load_failed_tests(items)
        self._load_sent({(item.update.job_id, item.update_id) for item in items if item.update_id})

    def _lock_projects(self, job_ids: set[str], given: set[str]) -> set[int]:
        """PostgreSQL: lock all projects that exist, in one order for every process; returns their keys."""
        locked: set[int] = set()
        for part in _in_slices(job_ids):
            given = given | {row.project_id for row in _PROJECTS_OF_JOBS.rows(self._driver, part)}
        for part in _in_slices(given):
            locked.update(row.pk for row in _LOCK_PROJECTS.rows(self._driver, part))
        return locked

    def _load_jobs(self, job_ids: set[str]) -> None:
        for job_id in job_ids & self._cache.jobs.keys():
            self._job_pks[job_id], job = self._cache.jobs[job_id]
            self.ledger.loaded.jobs[job_id] = job
            self._take_cached_project(job.project_id)
        for part in _in_slices(job_ids - self._job_pks.keys()):
            for row in _JOBS.rows(self._driver, part):
                self.ledger.loaded.jobs[row.job_id] = rows.job_of(row)
                self.ledger.loaded.projects[row.project_id] = rows.project_of(row, _OF_PROJECT)
                self._job_pks[row.job_id] = row.pk
                self._project_pks[row.project_id] = row.project_pk
        for part in _in_slices(job_ids - self._job_pks.keys()):
            self.ledger.loaded.refused |= refused_until(self._driver, part)

    def _take_cached_project(self, project_id: str) -> None:
        pk, project = self._cache.projects[project_id]
        self._project_pks[project_id] = pk
        self.ledger.loaded.projects[project_id] = project

    def _load_projects(self, project_ids: set[str]) -> None:
        for project_id in project_ids & self._cache.projects.keys():
            self._take_cached_project(project_id)
        for part in _in_slices(project_ids - self._project_pks.keys()):
            for row in _PROJECTS.rows(self._driver, part):
                self.ledger.loaded.projects[row.project_id] = rows.project_of(row)
                self._project_pks[row.project_id] = row.pk
        if not project_ids <= self._project_pks.keys():
            self.ledger.loaded.project_count = count_projects(self._driver)

    def _streams_of(self, update: Update | LogPiece | OwnUpdate) -> Iterator[tuple[str, str]]:
        """The streams whose state an update needs: never all of a job, which may have thousands."""
        job_id = update.job_id
        if isinstance(update, OwnUpdate):
            return
        if isinstance(update, LogPiece) or update.type == "log":
            yield job_id, update.stream
            job = self.ledger.loaded.jobs.get(job_id)
            yield from ((job_id, name) for name in (job and job.claim) or ())
        else:
            yield from ((job_id, name) for name in update.integrity or ())

    def _load_streams(self, keys: set[tuple[str, str]]) -> None:
        if not keys:
            return
        names = {pk: job_id for job_id, pk in self._job_pks.items()}
        for key in keys & self._cache.streams.keys():
            self.ledger.loaded.streams[key] = self._cache.streams[key]
        left = keys - self._cache.streams.keys()
        stored = [(self._job_pks[job_id], name) for job_id, name in left if job_id in self._job_pks]
        for part in _in_slices(stored):
            for row in _STREAMS[self._dialect].rows(self._driver, part):
                self.ledger.loaded.streams[names[row.job_pk], row.stream] = rows.stream_of(row)
        new = {name for name, _ in left - self.ledger.loaded.streams.keys()} & self._job_pks.keys()
        counts = count_streams(self._driver, [self._job_pks[name] for name in new])
        self.ledger.loaded.stream_counts |= {names[pk]: count for pk, count in counts.items()}

    def _load_recent(self, items: Sequence[Item]) -> None:
        """The newest lines of streams whose terminal begins to move the cursor."""
        for piece in (item.update for item in items if isinstance(item.update, LogPiece)):
            key = (piece.job_id, piece.stream)
            stream = self.ledger.loaded.streams.get(key)
            if stream is not None and needs_recent(stream, piece.segments):
                self.ledger.loaded.recent[key] = self._newest_lines(key, stream.line)

    def _newest_lines(self, key: tuple[str, str], last: int) -> list[ShownLine]:
        job_id, stream = key
        found = newest_lines(self._connection, job_id, max(1, last + 1 - _RECENT_LINES), last)
        lines = [(number, line_text(line)) for number, entry, line in found if entry.stream == stream]
        return lines[-MOST_ROWS:]

    def _load_failed_tests(self, items: Sequence[Item]) -> None:
        """The tests that failed so far, of jobs that get another test report."""
        reporting = {
            item.update.job_id for item in items if isinstance(item.update, Update) and item.update.report
        }
        pks = {self._job_pks[name]: name for name in reporting & self._job_pks.keys()}
        for part in _in_slices(pks):
            for pk, states in load_states(self._driver, part).items():
                self.ledger.loaded.failed_tests[pks[pk]] = states

    def _load_sent(self, keys: set[tuple[str, str | None]]) -> None:
        if not keys:
            return
        names = {pk: job_id for job_id, pk in self._job_pks.items()}
        stored = [(self._job_pks[job_id], sent_id) for job_id, sent_id in keys if job_id in self._job_pks]
        for part in _in_slices(stored):
            for row in _SENT[self._dialect].rows(self._driver, part):
                self.ledger.loaded.sent[names[row.job_pk], row.id] = Sent(bytes(row.digest), row.seq)

    def save(self) -> None:
        """Write what the ledger changed. Does nothing where every batch was refused."""
        self._save_projects()
        self._save_jobs()
        self._save_entries()
        self._have_compared()
        self._forget_shown()
        self._save_streams()
        self._save_sent()
        save_reports(self._driver, self.ledger.changed.reports, self._job_pks)

    def trim(self, max_log_bytes: int) -> None:
        """Cut back the logs that are now beyond their limit."""
        for job_id, job in self.ledger.changed.jobs.items():
            trim_log(self._connection, self._job_pks[job_id], job, max_log_bytes)

    def remember(self, max_log_bytes: int) -> None:
        """Keep what was written for the next transaction of this connection."""
        changed, cache = self.ledger.changed, self._cache
        for project_id, project in changed.projects.items():
            cache.projects[project_id] = self._project_pks[project_id], project
        for job_id, job in changed.jobs.items():
            if job.log_bytes > max_log_bytes:
                cache.jobs.pop(job_id, None)  # It was trimmed, and is not what the ledger has.
            else:
                cache.keep_job(self._job_pks[job_id], job, self._detail_bytes[job_id])
        for (job_id, name), stream in changed.streams.items():
            if job_id in self._job_pks:
                cache.keep_stream(job_id, name, stream)
        cache.shrink()

    def _save_projects(self) -> None:
        changed = self.ledger.changed.projects
        # Sorted, so that two processes that make the same projects cannot wait for each other.
        for project_id, project in sorted(changed.items()):
            if project_id not in self._project_pks:
                self._project_pks[project_id] = self._insert_project(project)
        if changed:
            values = [
                rows.project_values(row) | {"row_pk": self._project_pks[name]}
                for name, row in changed.items()
            ]
            self._update(_UPDATE_PROJECT, values)

    def _update(self, statement: CompiledStatement, values: Sequence[dict[str, Any]]) -> None:
        """Write to rows that are there, as far as this transaction has found: else nothing of it is kept."""
        if statement.run(self._driver, values) != len(values):
            raise Overtaken

    def _insert_project(self, project: Project) -> int:
        values = rows.project_values(project) | {"project_id": project.project_id}
        return _INSERT_PROJECT.key(self._driver, values)

    def _save_jobs(self) -> None:
        newest: dict[int, int] = {}
        # By the columns that they name: one statement for each.
        updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for job_id, job in self.ledger.changed.jobs.items():
            values = rows.job_values(job)
            self._detail_bytes[job_id] = len(values["details"])
            if job_id in self._job_pks:
                _name_what_moved(values, self.ledger.loaded.jobs[job_id], job)
                values["row_pk"] = self._job_pks[job_id]
                updates.setdefault(tuple(values), []).append(values)
            else:
                project_pk = self._project_pks[job.project_id]
                values |= rows.filter_values(job) | {"job_id": job_id, "project_pk": project_pk}
                newest[project_pk] = self._job_pks[job_id] = _INSERT_JOB.key(self._driver, values)
        for many in updates.values():
            self._update(_UPDATE_JOB, many)
        for project_pk, job_pk in newest.items():
            _NEWEST_JOB.run(self._driver, [{"row_pk": project_pk, "new_newest_job_pk": job_pk}])

    def _save_entries(self) -> None:
        if self.ledger.stored:
            _INSERT_ENTRIES.run(
                self._driver,
                [
                    rows.entry_values(stored.entry, self._project_pks[stored.job.project_id])
                    | {"job_pk": self._job_pks[stored.job.job_id]}
                    for stored in self.ledger.stored
                ],
            )

    def _have_compared(self) -> None:
        """Logs of jobs that have ended, or go on after it, wait to be compared with others."""
        ended = {stored.job.job_id for stored in self.ledger.stored if stored.job.ended}
        if ended:
            _HAVE_COMPARED.run(self._driver, [{"row_pk": self._job_pks[name]} for name in ended])

    def _forget_shown(self) -> None:
        """What the terminals of a job show has its secrets, and goes with them."""
        changed = self.ledger.changed
        ended = {name for name, job in changed.jobs.items() if job.ended and self.ledger.late_masks.of(name)}
        if not ended:
            return
        for key, stream in changed.streams.items():
            if key[0] in ended:
                changed.streams[key] = replace(stream, open=None, terminal=None)
        _FORGET_SHOWN.run(self._driver, [{"row_pk": self._job_pks[name]} for name in ended])
        self._cache.forget_streams(ended)

    def _save_streams(self) -> None:
        changed = self.ledger.changed.streams.items()
        values = [
            rows.stream_values(stream) | {"job_pk": self._job_pks[job_id], "stream": name}
            for (job_id, name), stream in changed
            if job_id in self._job_pks
        ]
        if values:
            _upsert_streams(self._dialect).run(self._driver, values)

    def _save_sent(self) -> None:
        values = [
            {"job_pk": self._job_pks[job_id], "id": sent_id, "digest": row.digest, "seq": row.seq}
            for (job_id, sent_id), row in self.ledger.changed.sent.items()
        ]
        if values:
            _INSERT_SENT.run(self._driver, values)
