"""The store: SQLite or PostgreSQL behind one class that never blocks the event loop.

It puts the parts together: the group commit, the queries and the upkeep. Everything runs in native threads
and comes back to the calling greenlet's loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from chef.domain.batches import Batch, Receipt, Stored
from chef.domain.limits import StoredLimits
from chef.errors import StoreLocked, StoreUnavailable
from chef.settings.config import Settings
from chef.store.controls import note_control
from chef.store.databasefile import read_only
from chef.store.engine import make_engine, once_more
from chef.store.erasures import Erasures
from chef.store.groupcommit import GroupCommit
from chef.store.heartbeats import save_heartbeat
from chef.store.housekeeper import Housekeeper
from chef.store.migrate import migrate as migrate_engine
from chef.store.novelty import NoveltyRows
from chef.store.opening import open_database
from chef.store.outbox import OutboxRows
from chef.store.pulse import Pulse, Trouble
from chef.store.queries import Queries
from chef.store.removing import Removed
from chef.store.sessions import end_session, forget_sessions, save_session
from chef.store.shares import ShareRows
from chef.store.sizes import note_trimmed
from chef.store.storethreads import StoreThreads
from chef.store.trimming import max_row_bytes
from chef.store.upkeep import Upkeep
from chef.store.waits import START_LOCK_WAIT_MS, STORE_WAIT_S
from chef.wire.recovery import Kept

if TYPE_CHECKING:
    from chef.store.notifications import PostgresBroadcast

T = TypeVar("T")

_FORGET_EVERY_MS = 60_000


def limits_of(settings: Settings) -> StoredLimits:
    """The limits of what is stored."""
    return StoredLimits(
        settings.max_jobs_per_hour, settings.max_projects, settings.max_streams, settings.max_phases
    )


def migrate(settings: Settings) -> str:
    """Bring the database to the newest schema; returns the store's epoch."""
    engine = make_engine(settings.database_url, lock_wait_ms=START_LOCK_WAIT_MS)
    try:
        return migrate_engine(engine)
    except SQLAlchemyError as error:
        reason = read_only(settings.database_url) or f"the database cannot be opened: {_first_line(error)}"
        raise StoreUnavailable(reason) from error
    finally:
        engine.dispose()


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).partition("\n")[0]


class Store(Queries):
    """All that is kept. `epoch` is its identity: another value means another history."""

    def __init__(self, settings: Settings) -> None:
        self.epoch = migrate(settings)
        self._database = open_database(settings)
        super().__init__(self._database)
        self._upkeep_connections = self._database.upkeep_connections
        self._thread = StoreThreads()
        limits = settings.max_log_line_bytes, settings.max_log_bytes
        self._commits = GroupCommit(
            self._thread, self._connections, *limits, self.counts, limits_of(settings)
        )
        self._commits.after_commit = self._note
        self._upkeep = Upkeep(self._run_upkeep, max_row_bytes(settings.max_log_bytes), time.monotonic)
        self._housekeeper = Housekeeper(self._upkeep, lambda: self._commits.is_busy)
        self._pulse = Pulse(self._read, self._write_soon, lambda: self._commits.has_failed)
        self.novelty = NoveltyRows(self._read, self._run_upkeep)
        self.shares = ShareRows(self._read, self._commits.commit)
        self.outbox = OutboxRows(
            self._read, lambda query: self._write_soon(query, STORE_WAIT_S), self._commits.commit
        )
        self.erasures = Erasures(
            self._connections,
            self._upkeep_connections,
            self._commits.late_masks,
            self._run_soon,
            self._run_upkeep,
        )
        self.erasures.is_waited_for = lambda: self._closing or self._commits.waiting + self._soon > 0
        self._publish: Callable[[Sequence[Stored]], None] = lambda stored: None
        self._forget_at = 0
        self._soon = 0
        self._closing = False

    def on_commit(self, publish: Callable[[Sequence[Stored]], None]) -> None:
        """Have `publish` called with the new entries after each commit, in the order of their seqs.

        It is called before those that wait for the commit go on, and must not wait for anything.
        """
        self._publish = publish

    def broadcast(self) -> PostgresBroadcast | None:
        """What carries messages to the other processes of this store, where it can."""
        if self._connections.server is None or not self._database.listens:
            return None
        from chef.store.notifications import PostgresBroadcast  # Loads psycopg.

        return PostgresBroadcast(self._connections.server, self.epoch)

    def on_removal(self, forget: Callable[[Removed], None]) -> None:
        """Have `forget` called with what was removed, in one order with the commits. It must not wait."""
        self._upkeep.on_removal = forget

    def _note(self, stored: Sequence[Stored]) -> None:
        self._housekeeper.note(stored)
        self._publish(stored)

    def append(self, batch: Batch) -> Receipt:
        """Store a batch whole; returns when it is on disk. Raises the ChefError that refuses it."""
        return cast("Receipt", self._commits.commit(batch))

    @property
    def waiting(self) -> int:
        """How many writes wait for their commit."""
        return self._commits.waiting

    def remove_finished(self, before: int) -> int:
        """Remove the jobs that ended before a time (ms) with all that belongs to them.

        Takes its time, so that commits do not wait for it; returns how many jobs it were.
        """
        return self._housekeeper.remove_finished(before)

    def note_trimmed(self, size: int, limit: int) -> None:
        """Jobs were removed because the store took more than a limit of bytes; now it takes `size`."""
        self._run_upkeep(lambda connection: note_trimmed(connection, size, limit))

    def save_heartbeat(self, job_id: str, at: int, every: int) -> bool:
        """Note that a running job's reporter is there; returns whether there is such a job.

        Written at once, but not synced: after a power cut the next heartbeat says it again.
        """
        return self._write_soon(
            lambda connection: save_heartbeat(connection, job_id, at, every), STORE_WAIT_S
        )

    def note_control(self, job_id: str, at: int, *, is_stop: bool) -> int:
        """Have other processes told that a job's stop request or questions have changed.

        It is not synced: after a power cut they learn when they next look at the job.
        """
        return self._write_soon(
            lambda connection: note_control(connection, job_id, at, is_stop=is_stop), STORE_WAIT_S
        )

    def trouble(self) -> Trouble | None:
        """What keeps the store from its work at the moment; known after `HEALTH_WAIT_S` at the latest."""
        return self._pulse.look()

    def save_session(self, pid: str, kept: list[Kept], at: int) -> None:
        """Keep the subscriptions of a viewer that asked for recovery; on disk when this returns."""
        forget = at >= self._forget_at
        if forget:
            self._forget_at = at + _FORGET_EVERY_MS

        def save(connection: Connection) -> None:
            save_session(connection, pid, kept, at)
            if forget:
                forget_sessions(connection, at)

        self._commits.commit(save)

    def end_session(self, pid: str, at: int) -> None:
        """Its connection ended: it can come back for two minutes."""
        self._commits.commit(lambda connection: end_session(connection, pid, at))

    def close(self) -> None:
        """Store what waits, refuse what comes later, close the connections."""
        self._closing = True
        self._commits.close()
        self._housekeeper.close()
        self._thread.stop()
        self._readers.stop()
        self.erasures.close()
        self._database.close()

    def _run_upkeep(self, query: Callable[[Connection], T]) -> T:
        """Run a query in the writer's thread, in a transaction that may be lost in a power cut."""
        return self._thread.run(lambda: self._unsynced(query, None))

    def _unsynced(self, query: Callable[[Connection], T], until: float | None) -> T:
        def write() -> T:
            with self._upkeep_connections.writing(until, durable=False) as connection:
                return query(connection)

        return once_more(write)

    def _write_soon(self, query: Callable[[Connection], T], within: float) -> T:
        """The same within some seconds."""
        return self._run_soon(lambda until: self._unsynced(query, until), within)

    def _run_soon(self, work: Callable[[float], T], within: float) -> T:
        """Do something in the writer's thread, again and again while another process holds the lock.

        `work` is told until when (`time.monotonic`) it has time.
        """
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        until = time.monotonic() + within
        self._soon += 1
        locked: StoreLocked | None = None
        try:
            while True:
                try:
                    return self._thread.run(lambda: work(until), until - time.monotonic())
                except StoreLocked as error:
                    locked = error
                    if time.monotonic() >= until:
                        raise
        except TimeoutError:
            raise locked or self._commits.late() from None
        finally:
            self._soon -= 1
