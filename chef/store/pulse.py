"""Whether the store does its work: it is read and written, however many ask, and nobody waits for long."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import gevent
from sqlalchemy import Connection, delete, insert, text

from chef.errors import StoreUnavailable
from chef.store.faults import LOCKED
from chef.store.tables import about
from chef.store.upsert import upsert
from chef.store.waits import HEALTH_TRY_S, HEALTH_WAIT_S

_NAME = "looked"
# What an update may write: whoever holds a lock on one of them holds up updates.
_TABLES = "projects, jobs, entries, streams, sent"
# Once it could not be written, as much as an update may take has to find room again.
_SMALL, _LARGE = 8, 64 * 1024


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps the store from its work: it cannot be reached at all, or not be written; and why."""

    kind: Literal["unreachable", "unwritable"]
    detail: str


class Read(Protocol):
    """Runs a query in a reader's thread."""

    def __call__(self, query: Callable[[Connection], Any]) -> Any: ...


class WriteSoon(Protocol):
    """Runs a query in the writer's thread, within some seconds."""

    def __call__(self, query: Callable[[Connection], Any], within: float) -> Any: ...


class Pulse:
    """Looks at a store by reading and writing it. All who ask at a time share a look."""

    def __init__(self, read: Read, write: WriteSoon, has_failed: Callable[[], bool]) -> None:
        """`has_failed` tells whether the newest commit came to nothing."""
        self._read = read
        self._write = write
        self._has_failed = has_failed
        self._bytes = _SMALL
        self._looking: gevent.Greenlet[..., Trouble | None] | None = None

    def look(self) -> Trouble | None:
        """What is wrong, `None` where nothing is; after `HEALTH_WAIT_S` a store that is silent is."""
        if self._looking is None:
            self._looking = gevent.spawn(self._look)
        looking = self._looking
        looking.join(HEALTH_WAIT_S)
        if not looking.ready():
            return Trouble("unreachable", "the store does not answer now")
        return looking.value

    def _look(self) -> Trouble | None:
        try:
            return self._find_trouble()
        finally:
            self._looking = None

    def _find_trouble(self) -> Trouble | None:
        until = time.monotonic() + HEALTH_TRY_S
        if self._has_failed():
            self._bytes = _LARGE
        trouble = self._write_until(until)
        if trouble is not None and trouble.reason is None:
            trouble = self._write_until(until)  # A connection that a restart broke is no trouble.
        self._bytes = _SMALL if trouble is None else _LARGE
        if trouble is None or trouble.reason != LOCKED:  # What waits for a lock may keep all readers busy.
            try:
                self._read(lambda connection: connection.execute(text("SELECT 1")))
            except StoreUnavailable as error:
                return Trouble("unreachable", error.detail)
        return None if trouble is None else Trouble("unwritable", trouble.detail)

    def _write_until(self, until: float) -> StoreUnavailable | None:
        try:
            self._write(self._touch, until - time.monotonic())
        except StoreUnavailable as error:
            return error
        return None

    def _touch(self, connection: Connection) -> None:
        """Do what the next update will have to do: get at the tables, and write a page."""
        dialect, value = connection.dialect.name, secrets.token_hex(self._bytes // 2)
        if dialect == "sqlite":
            # Another value each time: SQLite leaves alone what is as it was.
            connection.execute(upsert(dialect, about, ["name"], ["value"]), {"name": _NAME, "value": value})
            return
        connection.execute(text(f"LOCK TABLE {_TABLES} IN ROW EXCLUSIVE MODE"))
        # A row of its own: else a process that is cut off in between would hold up the looks of the others.
        name = f"{_NAME} {secrets.token_hex(8)}"
        connection.execute(insert(about).values(name=name, value=value))
        connection.execute(delete(about).where(about.c.name == name))
