"""One PostgreSQL server, as `DATABASE_URL` names it, with or without a connection pooler before it.

A pooler such as PgBouncer refuses all startup parameters but a few, and in transaction mode gives each
transaction to another connection of the server: settings and prepared statements of a session are somebody
else's then. So each transaction there begins by saying its time limits, and nothing is prepared. Without a
pooler the session says them once, and a transaction only where it has less time left.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from chef.store.statements import Driver

# Seconds until a server that does not answer is given up; fewer where another one can be asked.
_CONNECT_TIMEOUT_S = 5
_CONNECT_TIMEOUT_OF_SEVERAL_S = 2
# Unless the URL says otherwise: a peer that is gone is noticed (milliseconds; seconds).
_DEFAULTS = {"tcp_user_timeout": "5000", "keepalives_idle": "20", "keepalives_interval": "5"}
# Whatever the database keeps texts in, and PGCLIENTENCODING says. Poolers know it, as they know no other.
_TEXTS = {"client_encoding": "UTF8"}
# The server gives up a statement before its connection is given up, so that we hear why; and a lock
# before the statement that waits for it, since both at once say that the statement took too long.
_SERVER_FIRST_MS = 250
_LOCK_FIRST_MS = 50
# The limit of a session's statements: of transactions that begin as soon as they are asked for.
_SESSION_MS = 3000
_LEAST_MS = 100
# The writer gives up a lock earlier, does what else there is, and tries again while there is time.
_LOCK_TRY_MS = 1000
# A session whose client has vanished holds its locks and its place no longer than this (milliseconds).
_ORPHAN_MS = 5000
_IDLE_MS = 120_000
_IDLE_TIMEOUT_SINCE = 140_000
_AGAIN_S = 0.2
# A refusal by the server itself reads "connection to … failed: FATAL:  …", in the server's language;
# psycopg gives errors of a connection attempt no SQLSTATE.
_REFUSED_BY_SERVER = re.compile(r"failed: \S+:  ")
_FOR_GOOD = re.compile(r"authentication|password|does not exist|pg_hba|no such|unsupported|not permitted")


# All that a transaction reads is of one moment.
_OF_READERS = psycopg.IsolationLevel.REPEATABLE_READ

Session = psycopg.Connection[Any]


class PostgresServer:
    """Makes connections to one database and begins their transactions, in any thread."""

    def __init__(self, url: str) -> None:
        self._conninfo = _conninfo(url)
        self._local = threading.local()
        # The URL names the dialect alone: libpq reads that of the database, with all that it knows.
        self.engine = create_engine("postgresql+psycopg://", poolclass=NullPool, use_native_hstore=False)
        event.listen(self.engine, "do_connect", self._connect)

    def connect(self, until: float, *, reading: bool) -> Connection:
        """A connection for transactions of `begin`; those of one that is `reading` see one moment each.

        A server that has no place for it, or is starting, is asked again until a time of `time.monotonic`.
        """
        self._local.until = until
        try:
            connection = self.engine.connect()
        finally:
            del self._local.until
        try:
            _prepare(connection.connection.dbapi_connection, reading)
        except BaseException:
            connection.invalidate()
            raise
        return connection

    def open(self) -> Session:
        """A connection for statements that are no transactions together; yields to gevent while it waits."""
        return psycopg.connect(self._conninfo, autocommit=True)

    def ask(self) -> None:
        """Connect and ask something; returns when there is an answer, also one that is a refusal."""
        try:
            with self.open() as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            pass

    def begin(self, connection: Connection, until: float, *, durable: bool) -> None:
        """Begin a transaction that has to be over at a time of `time.monotonic`.

        What one that is not `durable` commits may be lost in a power cut.
        """
        left = int((until - time.monotonic()) * 1000) - _SERVER_FIRST_MS
        driver: Any = connection.connection.dbapi_connection
        pooled = driver.prepare_threshold is None
        if pooled or not durable or left < _SESSION_MS:
            reading = driver.isolation_level == _OF_READERS
            limits = _limits("LOCAL ", max(_LEAST_MS, left), reading=reading, durable=durable)
            Driver(connection).execute(limits)

    def _connect(self, _dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> Any:
        until = getattr(self._local, "until", time.monotonic() + _CONNECT_TIMEOUT_S)
        while True:
            try:
                return psycopg.connect(self._conninfo, **parameters)
            except psycopg.OperationalError as error:
                if not _may_be_over_soon(error) or time.monotonic() + _AGAIN_S > until:
                    raise
                time.sleep(_AGAIN_S)


def _prepare(driver: Any, reading: bool) -> None:
    driver.autocommit = True
    if is_pooled(driver):
        driver.prepare_threshold = None
    else:
        driver.execute(_limits("", _SESSION_MS, reading=reading, durable=True))
        if driver.info.server_version >= _IDLE_TIMEOUT_SINCE:
            driver.execute(f"SET idle_session_timeout={_IDLE_MS}")
        if reading:
            # A plan for any value walks all jobs of a branch to find the few of an outcome.
            driver.execute("SET plan_cache_mode=force_custom_plan")
    driver.autocommit = False
    # Whatever the database's own default is: with another one, processes that write at once would fail.
    driver.isolation_level = _OF_READERS if reading else psycopg.IsolationLevel.READ_COMMITTED


def _limits(scope: str, milliseconds: int, *, reading: bool, durable: bool) -> str:
    """Statements that set the time limits of a session (`scope` is empty) or a transaction (`LOCAL `)."""
    lock = milliseconds - _LOCK_FIRST_MS
    return (
        f"SET {scope}statement_timeout={milliseconds};"
        f"SET {scope}lock_timeout={lock if reading else min(lock, _LOCK_TRY_MS)};"
        f"SET {scope}idle_in_transaction_session_timeout={_ORPHAN_MS};"
        f"SET {scope}synchronous_commit={'on' if durable else 'off'}"
    )


def _conninfo(url: str) -> str:
    """The URL as libpq takes it, with our defaults where it says nothing."""
    given = conninfo_to_dict(url)
    several = "," in str(given.get("host", "")) or "," in str(given.get("hostaddr", ""))
    limit = _CONNECT_TIMEOUT_OF_SEVERAL_S if several else _CONNECT_TIMEOUT_S
    return make_conninfo("", **({"connect_timeout": limit} | _DEFAULTS | given | _TEXTS))


def is_pooled(driver: Session) -> bool:
    """Whether a pooler stands between: it names itself, and not the server's process, to be cancelled."""
    found = driver.execute("SELECT pg_backend_pid()").fetchone()
    return found is None or found[0] != driver.info.backend_pid


def _may_be_over_soon(error: psycopg.OperationalError) -> bool:
    text = str(error)
    return bool(_REFUSED_BY_SERVER.search(text)) and not _FOR_GOOD.search(text)
