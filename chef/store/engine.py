"""Connections: one SQLAlchemy engine, plain connections that any thread may take and give back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from chef.errors import ConnectionLost, StoreLocked
from chef.store.databasefile import FileCheck
from chef.store.faults import SILENT, refusal, unavailable, unsure
from chef.store.leases import Lease, Leases, SilentServer
from chef.store.statements import Driver
from chef.store.waits import LOCK_TRY_MS, STORE_WAIT_S

if TYPE_CHECKING:
    from chef.store.postgres import PostgresServer


def make_engine(url: str, *, durable: bool = True, lock_wait_ms: int | None = None) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`.

    What is committed over one that is not `durable` may be lost in a power cut, as long as nothing was
    committed later over one that is: enough for what can be done again, and far cheaper.
    On SQLite a statement waits `lock_wait_ms` for a lock that another process holds, or as long as is usual.
    The pool is ours (`ConnectionPool`). SQLAlchemy's works as well, also from native threads under gevent,
    but takes 20 µs for each transaction where ours takes 8: it makes a `Connection` each time.
    """
    if url.startswith("sqlite"):
        # By name, as psycopg has them: so a row's values are handed to either driver as they are.
        arguments = {"check_same_thread": False, "timeout": (lock_wait_ms or LOCK_TRY_MS) / 1000}
        engine = create_engine(url, poolclass=NullPool, paramstyle="named", connect_args=arguments)
        event.listen(engine, "connect", _prepare_sqlite if durable else _prepare_quick_sqlite)
        return engine
    from chef.store.postgres import PostgresServer  # Loads psycopg.

    return PostgresServer(url).engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by us: pysqlite's own way begins none before a SELECT, and a deferred
    # one that turns into a writer can fail at once where BEGIN IMMEDIATE waits its turn.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    # A checkpoint syncs twice; the pages that every commit writes are then copied once for more of them.
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _prepare_quick_sqlite(connection: Any, record: Any) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous = NORMAL").close()
    # What upkeep deletes is overwritten with zeros.
    connection.execute("PRAGMA secure_delete = ON").close()


@contextmanager
def overwriting(connection: Connection) -> Iterator[None]:
    """What is deleted meanwhile is overwritten with zeros, on SQLite."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = Driver(connection)
    before = driver.execute("PRAGMA secure_delete").fetchone()[0]
    driver.execute("PRAGMA secure_delete = ON")
    yield
    driver.execute(f"PRAGMA secure_delete = {before}")


T = TypeVar("T")

Idle = deque[tuple[Connection, float]]
"""Connections, each with the time of `time.monotonic` at which it was given back."""


class ConnectionPool:
    """Open connections that no thread uses at the moment; a broken one is not kept.

    Those that write are apart from those that read: one writer has the same one for all it does.
    """

    def __init__(
        self, engine: Engine, server: PostgresServer | None = None, check: FileCheck | None = None
    ) -> None:
        """`check` looks for SQLite's files before each transaction, and after each that writes."""
        self.engine = engine
        self.server = server
        self.leases = Leases()
        self._check = check
        # Its ends are atomic; a look and then a pop of a list would not be, in several threads.
        self._readers: Idle = deque()
        self._writers: Idle = deque()
        self._closed = False

    def reading(self, until: float | None = None) -> AbstractContextManager[Connection]:
        """A connection in a read-only view of one moment, until a time of `time.monotonic`."""
        if self.server is None:
            return self._file_transaction(self._readers, "BEGIN")
        return self._server_transaction(self.server, self._readers, until)

    def writing(
        self, until: float | None = None, *, durable: bool = True
    ) -> AbstractContextManager[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back on an error.

        `until` and `durable` are for PostgreSQL.
        """
        if self.server is None:
            return self._file_transaction(self._writers, "BEGIN IMMEDIATE")
        return self._server_transaction(self.server, self._writers, until, durable=durable)

    @contextmanager
    def without_transaction(self) -> Iterator[Connection]:
        """A connection for statements that may be in no transaction; it is not kept."""
        connection = None
        try:
            if self.server is None:
                connection = self.engine.connect()
            else:
                until = time.monotonic() + STORE_WAIT_S
                connection = _take(self._writers) or self.server.connect(until, reading=False)
                Driver(connection).raw.autocommit = True
            yield connection
        except DBAPIError as error:
            raise unavailable(error, reading=False) from error
        finally:
            if connection is not None:
                _discard(connection)

    @contextmanager
    def _file_transaction(self, idle: Idle, begin: str) -> Iterator[Connection]:
        connection, reading = None, idle is self._readers
        try:
            if self._check is not None:
                self._check(reading=reading)
            connection = _take(idle) or self.engine.connect()
            Driver(connection).execute(begin)
            yield connection
            commit(connection)
            if self._check is not None and not reading:
                self._check(reading=False)
        except BaseException as error:
            if connection is not None:
                _discard(connection)
            self._refuse(error, idle)
            raise
        self._give(idle, connection)

    @contextmanager
    def _server_transaction(
        self, server: PostgresServer, idle: Idle, until: float | None, *, durable: bool = True
    ) -> Iterator[Connection]:
        lease, committing = self._lease(idle, until), False
        connection = _take(idle)
        had_waited = connection is not None
        try:
            connection = connection or server.connect(lease.until, reading=idle is self._readers)
            lease.holds(connection)
            server.begin(connection, lease.until, durable=durable)
            yield connection
            committing = True
            commit(connection)
        except BaseException as error:
            self.leases.end(lease)
            is_lost = had_waited and lease.driver.closed
            if connection is not None:
                _discard(connection)
            if committing and idle is self._writers and isinstance(error, OperationalError):
                self.close_idle()
                raise unsure() from error
            if lease.interrupted:
                raise refusal(SILENT, reading=idle is self._readers) from error
            self._refuse(error, idle, is_lost=is_lost)
            raise
        self.leases.end(lease)
        if lease.interrupted:
            _discard(connection)
        else:
            self._give(idle, connection)

    def _lease(self, idle: Idle, until: float | None) -> Lease:
        try:
            return self.leases.take(until)
        except SilentServer:
            raise refusal(SILENT, reading=idle is self._readers) from None

    def _refuse(self, error: BaseException, idle: Idle, *, is_lost: bool = False) -> None:
        """Raise what an error of the database means to those that asked for something."""
        if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError):
            told = unavailable(error, reading=idle is self._readers)
            if not isinstance(told, StoreLocked):
                # The others were opened to the same server; a restart broke them all.
                self.close_idle()
            raise (ConnectionLost(told.detail) if is_lost else told) from error

    def _give(self, idle: Idle, connection: Connection) -> None:
        if self._closed:
            connection.close()
        else:
            idle.append((connection, time.monotonic()))

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        self.close_idle()
        self.engine.dispose()

    def close_idle(self) -> None:
        """Close what no thread uses."""
        for idle in (self._readers, self._writers):
            while (connection := _take(idle)) is not None:
                _discard(connection)

    def give_back(self, before: float) -> None:
        """Close the connections that nobody has used since a time of `time.monotonic`."""
        for idle in (self._readers, self._writers):
            # The one that was used last is taken first, so those at the other end are the oldest.
            while (found := _oldest(idle)) is not None:
                connection, since = found
                if since >= before:
                    idle.appendleft(found)
                    break
                connection.close()


def once_more(work: Callable[[], T]) -> T:
    """Do something in a transaction, and again on a new connection where the one that had waited was broken.

    A restart of the server breaks all of them, and a firewall those that nobody used.
    """
    try:
        return work()
    except ConnectionLost:
        return work()


def _take(idle: Idle) -> Connection | None:
    try:
        return idle.pop()[0]
    except IndexError:
        return None


def _oldest(idle: Idle) -> tuple[Connection, float] | None:
    try:
        return idle.popleft()
    except IndexError:
        return None


def commit(connection: Connection) -> None:
    """End a transaction that was begun without Core, whether or not Core was used within it."""
    if connection.in_transaction():
        connection.commit()
    else:
        Driver(connection).commit()


def _discard(connection: Connection) -> None:
    try:
        connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        pass  # It was broken already; that is why it goes.
