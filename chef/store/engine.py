"""Connections: one SQLAlchemy engine, plain connections that any thread may take and give back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from chef.errors import StoreUnavailable
from chef.store.prepared import run_text

# How long a statement waits for a lock that another process holds before it is refused (503).
LOCK_TIMEOUT_MS = 5000
_CONNECT_TIMEOUT_S = 5


def make_engine(url: str, *, durable: bool = True) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`.

    What is committed over one that is not `durable` may be lost in a power cut, as long as nothing was
    committed later over one that is: enough for what can be done again, and far cheaper.
    The pool is ours (`Connections`): SQLAlchemy's waits on `threading` locks, which under gevent
    belong to greenlets, while ours is used from native threads.
    """
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite if durable else _prepare_quick_sqlite)
        return engine
    options = f"-c lock_timeout={LOCK_TIMEOUT_MS} -c synchronous_commit={'on' if durable else 'off'}"
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "options": options, "keepalives_idle": 20},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by us: pysqlite's own way begins none before a SELECT, and a deferred
    # one that turns into a writer can fail at once where BEGIN IMMEDIATE waits its turn.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    # A checkpoint syncs twice; the pages that every commit writes are then copied once for more of them.
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _prepare_quick_sqlite(connection: Any, record: Any) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous = NORMAL").close()


class Connections:
    """Open connections that nobody uses at the moment; a broken one is not kept."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Its ends are atomic; a look and then a pop of a list would not be, in several threads.
        self._idle: deque[Connection] = deque()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a read-only view of one moment."""
        sqlite = self.engine.dialect.name == "sqlite"
        with self._transaction(
            "BEGIN" if sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
        ) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back on an error."""
        sqlite = self.engine.dialect.name == "sqlite"
        with self._transaction("BEGIN IMMEDIATE" if sqlite else None) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str | None) -> Iterator[Connection]:
        connection = None
        try:
            connection = self._take_idle() or self.engine.connect()
            with connection.begin():
                if begin:
                    run_text(connection, begin)
                yield connection
        except BaseException as error:
            if connection is not None:
                _discard(connection)
            if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError):
                # The others were opened to the same server; a restart broke them all.
                self._close_idle()
                raise StoreUnavailable from error
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        self._close_idle()
        self.engine.dispose()

    def _take_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _close_idle(self) -> None:
        while (connection := self._take_idle()) is not None:
            _discard(connection)


def _discard(connection: Connection) -> None:
    try:
        connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        pass  # It was broken already; that is why it goes.
