"""Opening a store's database: a SQLite file, or a PostgreSQL server, with what looks after either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chef.settings.config import Settings
from chef.store.databasefile import DatabaseFile
from chef.store.engine import ConnectionPool, make_engine
from chef.store.givingback import GivingBack
from chef.store.silence import SilenceWatch

# Enough that a slow one (a search) does not hold up the others; SQLite reads in parallel.
_SQLITE_READERS = 4
# One that writes and one that reads.
_FEWEST = 2


class Watch(Protocol):
    """Something that looks after a database until it is closed."""

    def close(self) -> None:
        """Look no more."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """Connections, and those whose commits may be lost in a power cut; how many may read at a time.

    `listens` says whether one connection is for messages to other processes.
    """

    connections: ConnectionPool
    upkeep_connections: ConnectionPool
    readers: int
    listens: bool
    watches: tuple[Watch, ...]

    @property
    def is_server(self) -> bool:
        """Whether it can be silent."""
        return self.connections.server is not None

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self.connections.close()
        self.upkeep_connections.close()
        for watch in self.watches:
            watch.close()


def open_database(settings: Settings) -> Database:
    """The database of `DATABASE_URL`, which is there."""
    return _open_server(settings) if settings.is_postgres else _open_file(settings.database_url)


def _open_file(url: str) -> Database:
    file = DatabaseFile(url)
    durable = ConnectionPool(make_engine(url), check=file.check)
    quick = ConnectionPool(make_engine(url, durable=False), check=file.check)
    return Database(durable, quick, _SQLITE_READERS, listens=False, watches=(file,))


def _open_server(settings: Settings) -> Database:
    from chef.store.postgres import PostgresServer  # Loads psycopg.

    server = PostgresServer(settings.database_url)
    pool = ConnectionPool(server.engine, server)
    # Where Redis does not carry them.
    listens = settings.redis_url is None and settings.store_connections > _FEWEST
    # Each thread has a connection, and the writer's has one.
    readers = settings.store_connections - 1 - listens
    return Database(pool, pool, readers, listens, (GivingBack(pool), SilenceWatch(pool, server)))
