"""The native threads that read a store, while greenlets go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from gevent.threadpool import ThreadPool
from sqlalchemy import Connection

from chef.errors import StoreUnavailable
from chef.store.counts import StoreCounts
from chef.store.engine import ConnectionPool

P = ParamSpec("P")
T = TypeVar("T")


class StoreReader:
    """Runs queries over its connections, as many at a time as it has threads."""

    def __init__(self, connections: ConnectionPool, threads: int) -> None:
        self.counts = StoreCounts()
        self._connections = connections
        self._read_pool = ThreadPool(threads)

    def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in a reader's thread; other greenlets go on meanwhile."""

        def run() -> tuple[T | None, Exception | None]:
            # Returned, since gevent prints what is raised in its threads.
            try:
                with self._connections.reading() as connection:
                    return query(connection, *args, **kwargs), None
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                return None, error

        result, error = self._read_pool.apply(run)
        if error is not None:
            if isinstance(error, StoreUnavailable):
                self.counts.errors.labels("read").inc()
            raise error
        return cast("T", result)
