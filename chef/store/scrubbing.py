"""The files cleaned of what was removed: deleted bytes stay in them until something else takes their place.

SQLite: VACUUM writes the database anew, since `secure_delete` leaves copies that moved from page to page, and
a checkpoint that truncates empties the write-ahead log. PostgreSQL: VACUUM FULL writes each table anew; a
plain VACUUM frees the bytes for others and leaves them where they are; the planner's samples of what was in
the rows go as well. Both keep writers waiting, so they are
given up where that would take long, and done later. Sources: sqlite.org/lang_vacuum.html,
sqlite.org/pragma.html (secure_delete), and PostgreSQL's documentation of VACUUM.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from chef.store.columnstats import rewrite_samples, sample_anew
from chef.store.statements import Driver
from chef.store.tables import metadata

SQLITE_BYTES, TABLE_BYTES = 256 * 1024**2, 1024**3
"""A SQLite database, or a table of PostgreSQL, that is larger is not written anew while Chef serves.

The longer part of SQLite's VACUUM cannot be interrupted: it takes some 7 ms a megabyte.
"""
PATIENCE_S = 1.0
"""So long commits wait at most before the files are cleaned another time."""

# PostgreSQL's VACUUM FULL keeps readers out as well. Requests are refused after five seconds.
_FULL_MS, _LOCK_MS = 4000, 1000
_SNAPSHOTS_S = 2.0
_STEP_OPERATIONS = 20_000


class Cleanness(Enum):
    """How far the files are clean."""

    CLEAN = "nothing of what was removed is left"
    LATER = "the store was busy"
    TOO_LARGE = "the store is too large to be written anew while it is in use"


def scrub(connection: Connection, commits_wait: Callable[[], bool], *, whole: bool = False) -> Cleanness:
    """Clean the files over a connection without a transaction, in a thread of its own.

    `commits_wait` tells whether this keeps a commit waiting. `whole`: however large the store is, and
    whoever waits.
    """
    if connection.dialect.name == "sqlite":
        return _scrub_sqlite(Driver(connection), commits_wait, whole)
    return _scrub_postgresql(Driver(connection), whole)


# SQLite


def _scrub_sqlite(driver: Driver, commits_wait: Callable[[], bool], whole: bool) -> Cleanness:
    _checkpoint(driver)
    if _sqlite_bytes(driver) > SQLITE_BYTES and not whole:
        return Cleanness.TOO_LARGE
    driver.raw.set_progress_handler(None if whole else _Patience(commits_wait), _STEP_OPERATIONS)
    try:
        driver.execute("VACUUM")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and "interrupted" in str(error.orig):
            return Cleanness.LATER
        raise
    finally:
        driver.raw.set_progress_handler(None, _STEP_OPERATIONS)
    return Cleanness.CLEAN if _checkpoint(driver) else Cleanness.LATER


def _checkpoint(driver: Driver) -> bool:
    """Empty the write-ahead log; returns whether it is empty, which readers may prevent."""
    busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _sqlite_bytes(driver: Driver) -> int:
    pages, size = (driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


class _Patience:
    """Called by SQLite now and then while it works; interrupts it once commits have waited for too long."""

    def __init__(self, commits_wait: Callable[[], bool]) -> None:
        self._commits_wait = commits_wait
        self._since: float | None = None

    def __call__(self) -> bool:
        if not self._commits_wait():
            self._since = None
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since > PATIENCE_S


# PostgreSQL

_OLDER = """\
WITH seen (xid) AS (
  SELECT unnest(ARRAY[backend_xid, backend_xmin]) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
  UNION ALL SELECT transaction FROM pg_prepared_xacts
  UNION ALL SELECT xmin FROM pg_replication_slots
) SELECT count(*) FROM seen WHERE xid IS NOT NULL AND age(xid) >= age(%(now)s::text::xid)"""


def _scrub_postgresql(driver: Driver, whole: bool) -> Cleanness:
    if not _others_have_forgotten(driver):
        return Cleanness.LATER
    limits = (0, 0) if whole else (_FULL_MS, _LOCK_MS)
    driver.execute(f"SET statement_timeout = {limits[0]}")
    driver.execute(f"SET lock_timeout = {limits[1]}")
    try:
        found = _rewrite_tables(driver, whole)
        return _rewrite_samples(driver) if found is Cleanness.CLEAN else found
    finally:
        driver.execute("RESET statement_timeout")
        driver.execute("RESET lock_timeout")


def _rewrite_tables(driver: Driver, whole: bool) -> Cleanness:
    found = Cleanness.CLEAN
    for table in metadata.sorted_tables:
        if _table_bytes(driver, table) > TABLE_BYTES and not whole:
            found = Cleanness.TOO_LARGE
        else:
            try:
                driver.execute(f"VACUUM FULL {table.name}")
                sample_anew(driver, table.name)
            except DBAPIError as error:
                if not _gave_up(error):
                    raise
                found = Cleanness.LATER if found is Cleanness.CLEAN else found
    return found


def _rewrite_samples(driver: Driver) -> Cleanness:
    if not _others_have_forgotten(driver):
        return Cleanness.LATER
    try:
        rewrite_samples(driver)
    except DBAPIError as error:
        if not _gave_up(error):
            raise
        return Cleanness.LATER
    return Cleanness.CLEAN


def _gave_up(error: DBAPIError) -> bool:
    """Whether it waited too long for a lock, or took too long (class 55, 57014)."""
    return str(getattr(error.orig, "sqlstate", "")) in ("55P03", "57014")


def _table_bytes(driver: Driver, table: Table) -> int:
    query = f"SELECT pg_total_relation_size('{table.name}'::regclass)"
    return int(driver.execute(query).fetchone()[0])


def _others_have_forgotten(driver: Driver) -> bool:
    """Wait until no transaction can see any more what was removed before: else it is copied as well.

    One that writes makes others see as far back as it has begun.
    """
    now: Any = driver.execute("SELECT txid_current() % 4294967296").fetchone()[0]
    until = time.monotonic() + _SNAPSHOTS_S
    while driver.execute(_OLDER, {"now": now}).fetchone()[0]:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
