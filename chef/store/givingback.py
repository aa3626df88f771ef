"""Connections that nobody needs are given back: small plans of PostgreSQL have twenty for everybody."""

from __future__ import annotations

import time

import gevent

from chef.store.engine import ConnectionPool

KEPT_S = 60.0
"""How long a connection is kept that nobody uses."""
_LOOK_EVERY_S = 10.0


class GivingBack:
    """Closes the connections of a pool that were not used for a minute; looks now and then."""

    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections
        self._greenlet = gevent.spawn(self._look_for_ever)

    def close(self) -> None:
        """Look no more."""
        self._greenlet.kill()

    def _look_for_ever(self) -> None:
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            self._connections.give_back(time.monotonic() - KEPT_S)
