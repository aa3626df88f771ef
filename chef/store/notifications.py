"""LISTEN and NOTIFY: short messages to all processes on one PostgreSQL database, over one connection each.

NOTIFY within the transaction of an update would hold a lock of the whole server until the transaction is on
disk, so that commits of all processes would wait for each other. Sent afterwards it costs a commit nothing.
https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import gevent
import psycopg
from gevent import get_hub
from gevent.event import AsyncResult, Event

from chef.store.postgres import PostgresServer, Session, is_pooled

# So long a statement of this connection may take: until then other processes learn by themselves.
_TIMEOUT_S = 5
_NOTIFY = "SELECT pg_notify(%s, message) FROM unnest(%s::text[]) message"


class NoAnswer(Exception):
    """PostgreSQL took a statement and did not answer it in time."""


class BehindPooler(Exception):
    """A connection pooler stands between; there, LISTEN is of no use or holds one of few connections."""


class PostgresBroadcast:
    """One connection that listens and notifies; one greenlet, that of `listen`, has all to do with it."""

    service = "PostgreSQL"

    def __init__(self, server: PostgresServer, epoch: str) -> None:
        self._server = server
        # Channels are of a database, which may have several stores, each in a schema.
        self._channel = f"chef_{epoch}"
        self._outbox: deque[tuple[Sequence[bytes], AsyncResult[None]]] = deque()
        self._wake = Event()
        self._listens = False

    def publish(self, messages: Sequence[bytes]) -> None:
        if not self._listens:
            raise NoAnswer("there is no connection now")
        sent: AsyncResult[None] = AsyncResult()
        self._outbox.append((messages, sent))
        self._wake.set()
        sent.get()

    def listen(self, begun: Callable[[], None], hear: Callable[[bytes], None]) -> str:
        try:
            with self._connection() as connection:
                self._listens = True
                begun()
                self._serve(connection, hear)
        except BehindPooler as found:
            return str(found)

    def _serve(self, connection: Session, hear: Callable[[bytes], None]) -> NoReturn:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._outbox:
                self._send(connection)
            for notification in connection.notifies(timeout=0):
                hear(notification.payload.encode())

    def close(self) -> None:
        """The connection ends with `listen`."""

    @contextmanager
    def _connection(self) -> Iterator[Session]:
        """A connection that listens; whenever something comes, `_wake` is set."""
        connection = self._server.open()
        try:
            with _in_time():
                self._prepare(connection)
            watcher = get_hub().loop.io(connection.fileno(), 1)
            watcher.start(self._wake.set)
            try:
                yield connection
            finally:
                watcher.stop()
                watcher.close()
                self._end()
        finally:
            connection.close()

    def _prepare(self, connection: Session) -> None:
        if is_pooled(connection):
            raise BehindPooler("a connection pooler is before it")
        # A notification is nothing that has to be on disk, and this connection is idle by its nature.
        connection.execute("SET synchronous_commit = off; SET application_name = 'chef doorbell'")
        connection.execute(
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
        )
        connection.execute(f'LISTEN "{self._channel}"')

    def _send(self, connection: Session) -> None:
        messages, sent = self._outbox.popleft()
        try:
            with _in_time():
                connection.execute(_NOTIFY, [self._channel, [message.decode() for message in messages]])
        except BaseException as error:
            sent.set_exception(error)
            if connection.broken or not isinstance(error, psycopg.Error):
                raise
        else:
            sent.set()

    def _end(self) -> None:
        self._listens = False
        while self._outbox:
            _, sent = self._outbox.popleft()
            sent.set_exception(NoAnswer("the connection is lost"))


@contextmanager
def _in_time() -> Iterator[None]:
    with gevent.Timeout(_TIMEOUT_S, NoAnswer(f"no answer for {_TIMEOUT_S} s")):
        yield
