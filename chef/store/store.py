"""The store: SQLite or PostgreSQL behind one class that never blocks the event loop.

`Store.append` is the group commit: one writer, one transaction and one commit for all that wait.
What is returned is on disk. Everything runs in native threads and comes back to the calling
greenlet's loop before anything else happens with it (stack-traps 16 and 21).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import gevent
from gevent import get_hub
from gevent.event import Event
from gevent.hub import Waiter
from gevent.threadpool import ThreadPool
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from chef.domain.ledger import Batch, Receipt, Stored
from chef.domain.lines import StreamState
from chef.domain.model import Entry, Gap, Job, LogEntry
from chef.domain.rules import MAX_ENTRY_LINES
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store import reading
from chef.store.engine import Connections, make_engine
from chef.store.heartbeats import save_heartbeat
from chef.store.loglines import NumberedLine, Outline, Place, find_outline, find_text, newest_lines
from chef.store.migrate import migrate as migrate_engine
from chef.store.reading import ListedJob, ListedProject
from chef.store.removing import Removed
from chef.store.sessions import end_session, find_session, forget_sessions, save_session
from chef.store.trimming import max_row_bytes
from chef.store.upkeep import Upkeep
from chef.store.writerthread import Worker
from chef.store.writing import Overtaken, write
from chef.wire.recovery import Kept

__all__ = ["ListedJob", "ListedProject", "NumberedLine", "Outline", "Place", "Removed", "Store", "migrate"]

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Outcome = Receipt | Exception
Aside = Callable[[Connection], None]
"""Something small that is written in the same commit as the batches that wait."""

# Readers: enough that a slow one (a search) does not hold up the others; SQLite reads in parallel.
_READERS = 4
# Two processes that make the same project or job at once: the second finds it on its next try.
_ATTEMPTS = 5
# How much of the store one step of a replay or a walk reads.
PAGE_BYTES = 128 * 1024
_WALK_LINES = 1000
_FORGET_EVERY_MS = 60_000


def migrate(settings: Settings) -> str:
    """Bring the database to the newest schema; returns the store's epoch."""
    engine = make_engine(settings.sqlalchemy_url)
    try:
        return migrate_engine(engine)
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database cannot be opened: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).partition("\n")[0]


class Store:
    """All that is kept. `epoch` is its identity: another value means another history."""

    def __init__(self, settings: Settings) -> None:
        self.epoch = migrate(settings)
        self._max_line_bytes = settings.max_log_line_bytes
        self._max_log_bytes = settings.max_log_bytes
        self._connections = Connections(make_engine(settings.sqlalchemy_url))
        self._upkeep_connections = Connections(make_engine(settings.sqlalchemy_url, durable=False))
        self._upkeep = Upkeep(self._run_upkeep, max_row_bytes(settings.max_log_bytes), time.monotonic)
        self._on_commit: Callable[[Sequence[Stored]], None] = lambda stored: None
        # What waits for the next commit, what is being committed, and who waits for each.
        self._waiting: list[tuple[Batch | Aside, Any]] = []
        self._committing: list[tuple[Batch | Aside, Any]] = []
        self._idle = Event()
        self._keeper: gevent.Greenlet[..., None] | None = None
        self._wake = Event()
        self._forget_at = 0
        self._closing = False
        self._worker = Worker()
        self._read_pool = ThreadPool(_READERS)

    def on_commit(self, publish: Callable[[Sequence[Stored]], None]) -> None:
        """Have `publish` called with the new entries after each commit, in the order of their seqs.

        It is called before those who wait for the commit go on, and must not wait for anything.
        """
        self._on_commit = publish

    def append(self, batch: Batch) -> Receipt:
        """Store a batch whole; returns when it is on disk. Raises the ChefError that refuses it."""
        return cast("Receipt", self._commit_soon(batch))

    def _commit_soon(self, work: Batch | Aside) -> Receipt | None:
        """Have something written in the next commit; returns when it is on disk."""
        if self._closing:
            raise StoreUnavailable("the server is stopping, nothing was kept")
        waiter: Any = Waiter()
        if not self._waiting and not self._committing:
            # Not before all that came together waits.
            get_hub().loop.run_callback(self._begin_commit)
        self._waiting.append((work, waiter))
        outcome: Outcome | None = waiter.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def on_removal(self, forget: Callable[[Removed], None]) -> None:
        """Have `forget` called with what was removed, in one order with the commits. It must not wait."""
        self._upkeep.on_removal = forget

    def remove_finished(self, before: int) -> int:
        """Remove the jobs that ended before a time (ms) with all that belongs to them.

        Takes its time, so that commits do not wait for it; returns how many jobs it were.
        """
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        done = self._upkeep.remove(before)
        self._keep_up()
        self._wake.set()
        outcome = done.get()
        if isinstance(outcome, Exception):
            raise outcome
        return cast("int", outcome)

    def _begin_commit(self) -> None:
        self._committing, self._waiting = self._waiting, []
        works = [work for work, _ in self._committing]
        self._worker.begin(lambda: self._write(works), self._end_commit)
        self._keep_up()

    def _end_commit(self, outcomes: Sequence[Outcome | None] | None, error: Exception | None) -> None:
        """On the event loop: publish what is on disk, then let those go on who waited for it."""
        committed, self._committing = self._committing, []
        if self._waiting:
            self._begin_commit()
        if outcomes is None:
            outcomes = [error] * len(committed)
        stored = [item for outcome in outcomes if isinstance(outcome, Receipt) for item in outcome.stored]
        self._publish(stored)
        if self._upkeep.note(stored):
            self._wake.set()
        for (_, waiter), outcome in zip(committed, outcomes, strict=True):
            waiter.switch(outcome)
        if self._closing and not self._committing:
            self._idle.set()

    def _keep_up(self) -> None:
        if self._keeper is None:
            self._keeper = gevent.spawn(self._keep_up_for_ever)

    def _keep_up_for_ever(self) -> None:
        while not self._closing:
            self._wake.wait(self._upkeep.pause(commits_wait=bool(self._committing)))
            self._wake.clear()
            if not self._closing:
                self._upkeep.step(commits_wait=bool(self._committing))
        self._upkeep.close()

    def _publish(self, stored: Sequence[Stored]) -> None:
        try:
            self._on_commit(stored)
        except Exception:
            # It is on disk: who sent it must be answered, and the safety poll tells the viewers.
            log.exception("what was stored could not be published")

    def _write(self, works: Sequence[Batch | Aside]) -> Sequence[Outcome | None]:
        """In the writer's thread: one transaction for all that wait."""
        batches = [work for work in works if isinstance(work, Batch)]
        for _ in range(_ATTEMPTS):
            try:
                with self._connections.writing() as connection:
                    receipts = iter(write(connection, batches, self._max_line_bytes, self._max_log_bytes))
                    return [next(receipts) if isinstance(work, Batch) else work(connection) for work in works]
            except (IntegrityError, Overtaken):
                continue
            except StoreUnavailable as error:
                return [error] * len(works)
            except Exception as error:  # noqa: BLE001 - handed to the greenlet that waits
                # What breaks its transaction must not take down those that wait with it.
                if len(works) == 1:
                    return [error]
                return [outcome for work in works for outcome in self._write([work])]
        return [StoreUnavailable()] * len(works)

    def save_heartbeat(self, job_id: str, at: int, every: int) -> bool:
        """Note that a running job's reporter is there; returns whether there is such a job.

        Written at once, but not synced: after a power cut the next heartbeat says it again.
        """
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        return self._run_upkeep(lambda connection: save_heartbeat(connection, job_id, at, every))

    def save_session(self, pid: str, kept: list[Kept], at: int) -> None:
        """Keep the subscriptions of a viewer that asked for recovery; on disk when this returns."""
        forget = at >= self._forget_at
        if forget:
            self._forget_at = at + _FORGET_EVERY_MS

        def save(connection: Connection) -> None:
            save_session(connection, pid, kept, at)
            if forget:
                forget_sessions(connection, at)

        self._commit_soon(save)

    def end_session(self, pid: str, at: int) -> None:
        """Its connection ended: it can come back for two minutes."""
        self._commit_soon(lambda connection: end_session(connection, pid, at))

    def session(self, pid: str, at: int) -> list[Kept] | None:
        """The subscriptions of a viewer that comes back in time, else `None`."""
        return self._read(find_session, pid, at)

    def close(self) -> None:
        """Store what waits, refuse what comes later, close the connections."""
        self._closing = True
        self._wake.set()
        if self._keeper is not None:
            self._keeper.join()
        if self._waiting or self._committing:
            self._idle.wait()
        self._worker.stop()
        self._connections.close()
        self._upkeep_connections.close()

    def is_reachable(self) -> bool:
        """Whether the database answers."""
        try:
            self._read(lambda connection: connection.execute(text("SELECT 1")))
        except StoreUnavailable:
            return False
        return True

    def job(self, job_id: str) -> Job | None:
        return self._read(reading.find_job, job_id)

    def jobs(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[str] | None = None,
        allowed: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[ListedJob]:
        """Jobs, newest first, below the place `before`; `allowed` limits them to some projects."""
        return self._read(
            lambda connection: reading.list_jobs(
                connection,
                project_id=project_id,
                statuses=statuses,
                allowed=allowed,
                before=before,
                limit=limit,
            )
        )

    def projects(
        self, *, allowed: Collection[str] | None = None, before: int | None = None, limit: int = 50
    ) -> list[ListedProject]:
        """Projects, the one with the newest job first, below the place `before`."""
        return self._read(
            lambda connection: reading.list_projects(connection, allowed=allowed, before=before, limit=limit)
        )

    def project(self, project_id: str) -> ListedProject | None:
        return self._read(reading.find_project, project_id)

    def entries(self, job_id: str, after: int) -> list[Entry]:
        """The next entries of a job with a seq above `after`, a page of them; empty at the end."""
        return self._read(reading.entries_after, job_id, after, PAGE_BYTES)

    def project_entries(self, project_id: str, after: int) -> list[Entry]:
        """The next state entries of a project with a project seq above `after`, a page of them."""
        return self._read(reading.project_entries_after, project_id, after, PAGE_BYTES)

    def stream(self, job_id: str, stream: str) -> StreamState:
        """How far a log stream of a job is; a stream that nothing came in is at 0."""
        return self._read(reading.find_stream, job_id, stream) or StreamState()

    def job_and_stream(self, job_id: str, stream: str) -> tuple[Job | None, StreamState]:
        """A job and one of its log streams, as they stand at one moment."""
        return self._read(
            lambda connection: (
                reading.find_job(connection, job_id),
                reading.find_stream(connection, job_id, stream) or StreamState(),
            )
        )

    def job_seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of the jobs that exist."""
        return self._read(reading.seqs_of_jobs, job_ids)

    def project_seqs(self, project_ids: Sequence[str]) -> dict[str, int]:
        """The newest project seq of each of the projects that exist."""
        return self._read(reading.seqs_of_projects, project_ids)

    def lines(self, job_id: str, first: int, last: int) -> list[NumberedLine]:
        """Lines `first` to `last` as they stand now, what was replaced left out."""
        return self._read(newest_lines, job_id, first, last)

    def walk_lines(
        self, job_id: str, first: int, last: int, gap: Gap | None = None
    ) -> Iterator[NumberedLine]:
        """The same for any number of lines, read in steps as they are taken; `gap` is the job's."""
        for start, end in _steps(gap, first, last):
            yield from self.lines(job_id, start, end)

    def walk_entries(self, job_id: str, last: int) -> Iterator[LogEntry]:
        """All log entries up to seq `last` in the order in which they came, read in steps."""
        after = 0
        while after < last and (page := self.entries(job_id, after)):
            yield from (entry for entry in page if isinstance(entry, LogEntry) and entry.seq <= last)
            after = page[-1].seq

    def search(self, job_id: str, needle: str, after: int, limit: int) -> list[NumberedLine]:
        """The first `limit` lines above number `after` that hold `needle`, in any case."""
        found: dict[int, NumberedLine] = {}
        place: tuple[int, int] | None = (after + 1, 0)
        # Entries come by their last line: one that follows may still hold earlier lines than these.
        while place is not None and sum(n <= place[0] - MAX_ENTRY_LINES for n in found) < limit:
            lines, place = self._read(find_text, job_id, needle, after, place, limit)
            found.update((line[0], line) for line in lines)
        return [found[number] for number in sorted(found)][:limit]

    def outline(self, job_id: str, place: Place) -> tuple[Outline, Place | None]:
        """What stands out in the next part of a log; the first place is `(1, 0)`, `None` is the end."""
        return self._read(find_outline, job_id, place)

    def _run_upkeep(self, query: Callable[[Connection], T]) -> T:
        """Run a query in the writer's thread, in a transaction that may be lost in a power cut."""

        def run() -> T:
            with self._upkeep_connections.writing() as connection:
                return query(connection)

        return self._worker.run(run)

    def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in a reader's thread; other greenlets go on meanwhile."""

        def run() -> tuple[T | None, Exception | None]:
            # Returned, since gevent prints what is raised in its threads.
            try:
                with self._connections.reading() as connection:
                    return query(connection, *args, **kwargs), None
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                return None, error

        result, error = self._read_pool.apply(run)
        if error is not None:
            raise error
        return cast("T", result)


def _steps(gap: Gap | None, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The lines from `first` to `last` in parts to be read one by one; a gap takes one part."""
    while first <= last:
        end = min(last, first + _WALK_LINES - 1)
        if gap is not None and gap.first_line <= end and first <= gap.last_line:
            end = min(last, gap.last_line) if first >= gap.first_line else gap.first_line - 1
        yield first, end
        first = end + 1
