"""The native threads that read a store, while greenlets go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from chef.errors import StoreUnavailable
from chef.store.counts import StoreCounts
from chef.store.engine import once_more
from chef.store.faults import SILENT, refusal
from chef.store.opening import Database
from chef.store.storethreads import StoreThreads
from chef.store.waits import GIVE_UP_S, STORE_WAIT_S

P = ParamSpec("P")
T = TypeVar("T")


class StoreReader:
    """Runs queries over its connections, as many at a time as it has threads.

    A server that is silent is waited for `STORE_WAIT_S`.
    """

    def __init__(self, database: Database) -> None:
        self.counts = StoreCounts()
        self._connections = database.connections
        self._readers = StoreThreads(database.readers)
        self._gives_up_after = STORE_WAIT_S + GIVE_UP_S if database.is_server else None

    def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in a reader's thread; other greenlets go on meanwhile."""
        until = time.monotonic() + STORE_WAIT_S

        def read() -> T:
            with self._connections.reading(until) as connection:
                return query(connection, *args, **kwargs)

        try:
            return self._readers.run(lambda: once_more(read), self._gives_up_after)
        except TimeoutError:
            self.counts.errors.labels("read").inc()
            raise refusal(SILENT, reading=True) from None
        except StoreUnavailable:
            self.counts.errors.labels("read").inc()
            raise
