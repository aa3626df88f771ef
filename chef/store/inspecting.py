"""A look at a database from outside, changing nothing but a note that a server writes, too: `chef doctor`.

It never makes a database, and never waits for long for a lock.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, text
from sqlalchemy import inspect as inspect_schema
from sqlalchemy.exc import DBAPIError

from chef.domain.clock import now_ms
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store.migrate import narrow_encoding, newest_revision
from chef.store.sizes import Usage, find_usage
from chef.store.store import limits_of
from chef.store.waits import STORE_WAIT_S

_LOCK_WAIT_MS = 500
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""The time limits of PostgreSQL that a transaction of Chef has."""
_WRITE = (
    "INSERT INTO about (name, value) VALUES ('looked', {}) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. Times are in seconds, sizes in bytes.

    `revision` is the schema's, `None` where there is none yet. `commit_s` is how long a commit took,
    `unwritable` why there was none. `ahead_s` is by how much the database's clock is ahead of ours.
    `connections` are those in use, and the most that there can be. `narrow` says where some
    texts cannot be stored.
    """

    kind: str
    connect_s: float
    size: int
    revision: str | None
    commit_s: float | None = None
    unwritable: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    ahead_s: float = 0.0
    connections: tuple[int, int] | None = None
    narrow: str | None = None


class DriverCursor(Protocol):
    """A DB-API cursor, as far as it is used here."""

    def execute(self, statement: str, parameters: Any = ...) -> Any: ...

    def fetchone(self) -> Any: ...


def database_file(settings: Settings) -> Path | None:
    """The file of a SQLite database."""
    kind, _, file = settings.database_url.partition("?")[0].partition(":///")
    return Path(file) if kind == "sqlite" else None


def inspect(settings: Settings) -> Inspection | None:
    """Look at the database, `None` where there is none yet. Raises `StoreUnavailable`."""
    file = database_file(settings)
    try:
        if file is None:
            return _inspect_postgres(settings)
        return _inspect_sqlite(file) if file.exists() else None
    except (DBAPIError, sqlite3.Error) as error:
        raise StoreUnavailable(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]


def newest() -> str:
    """The revision that this version of Chef wants."""
    return newest_revision()


def _inspect_sqlite(file: Path) -> Inspection:
    begun = time.monotonic()
    address = f"file:{quote(str(file))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=_LOCK_WAIT_MS / 1000)) as connection:
        connection.isolation_level = None
        cursor = connection.cursor()
        mode = _one(cursor, "PRAGMA journal_mode")
        connect_s = time.monotonic() - begun
        revision = _revision(cursor, "SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
        connection.execute("PRAGMA synchronous = FULL")
        commit_s, unwritable = _time_commit(cursor, "BEGIN IMMEDIATE", "?") if revision else (None, "")
    size = sum(path.stat().st_size for path in (file, file.with_name(file.name + "-wal")) if path.exists())
    limits = {"a lock of another process": f"{STORE_WAIT_S:g} s"}
    kind = f"SQLite {sqlite3.sqlite_version}, {mode}"
    return Inspection(kind, connect_s, size, revision, commit_s, unwritable, limits)


def _inspect_postgres(settings: Settings) -> Inspection:
    """Over a connection as the server makes them, in a transaction with its time limits."""
    from chef.store.postgres import PostgresServer, is_pooled  # Loads psycopg.

    server, begun = PostgresServer(settings.database_url), time.monotonic()
    with closing(server.connect(begun + STORE_WAIT_S, reading=False)) as connection:
        server.begin(connection, begun + STORE_WAIT_S, durable=True)
        driver: Any = connection.connection.dbapi_connection
        cursor, connect_s = driver.cursor(), time.monotonic() - begun
        narrow = narrow_encoding(connection)
        limits = {name: str(_one(cursor, f"SELECT current_setting('{name}')")) for name in LIMITS}
        before = time.time()
        theirs = float(_one(cursor, "SELECT extract(epoch FROM clock_timestamp())"))
        ahead_s = theirs - (before + time.time()) / 2
        version = _one(cursor, "SELECT current_setting('server_version')").split()[0]
        size = int(_one(cursor, "SELECT pg_database_size(current_database())"))
        used = int(
            _one(cursor, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        )
        most = int(_one(cursor, "SELECT current_setting('max_connections')"))
        revision = _revision(cursor, "SELECT to_regclass('alembic_version')")
        driver.commit()
        server.begin(connection, begun + STORE_WAIT_S, durable=True)
        commit_s, unwritable = _time_commit(cursor, None, "%s") if revision else (None, "")
        kind = f"PostgreSQL {version}{' behind a pooler' if is_pooled(driver) else ''}"
        driver.rollback()
    server.engine.dispose()
    return Inspection(
        kind, connect_s, size, revision, commit_s, unwritable, limits, ahead_s, (used, most), narrow
    )


def usage(settings: Settings) -> list[Usage] | None:
    """How much of each limit is used; `None` where the schema is another one. Raises `StoreUnavailable`."""
    wanted = limits_of(settings), settings.max_store_bytes, now_ms()
    try:
        with _connected(settings) as connection:
            if not inspect_schema(connection).has_table("alembic_version"):
                return None
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return find_usage(connection, *wanted) if revision == newest() else None
    except DBAPIError as error:
        raise StoreUnavailable(_first_line(error)) from error


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    """A connection that is only read from; raises DBAPIError."""
    file = database_file(settings)
    if file is None:
        from chef.store.postgres import PostgresServer

        server, until = PostgresServer(settings.database_url), time.monotonic() + STORE_WAIT_S
        with closing(server.connect(until, reading=True)) as connection:
            server.begin(connection, until, durable=True)
            yield connection
        server.engine.dispose()
        return
    engine = create_engine(f"sqlite:///file:{quote(str(file.absolute()))}?mode=ro&uri=true")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _one(cursor: DriverCursor, query: str) -> Any:
    cursor.execute(query)
    (value,) = cursor.fetchone()
    return value


def _revision(cursor: DriverCursor, table: str) -> str | None:
    cursor.execute(table)
    if (cursor.fetchone() or (None,))[0] is None:
        return None
    cursor.execute("SELECT version_num FROM alembic_version")
    return str((cursor.fetchone() or ("",))[0])


def _time_commit(cursor: DriverCursor, begin: str | None, placeholder: str) -> tuple[float | None, str]:
    """How long it takes until something small is on disk, or why it is not; `begin` where none is implied."""
    begun = time.monotonic()
    try:
        if begin is not None:
            cursor.execute(begin)
        cursor.execute(_WRITE.format(placeholder), (secrets.token_hex(4),))
        cursor.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - either driver's
        return None, _first_line(error)
    return time.monotonic() - begun, ""
