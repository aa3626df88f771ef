"""Whether a peer goes, while nothing is read from it and no greenlet waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import get_hub

from chef.http.connection import Connection

_READABLE = 1


class Departure:
    """Calls `gone`, in the loop, when the peer of a connection closes its side.

    Where the peer sends something before, nobody looks behind that. Nothing else may wait to read meanwhile.
    """

    __slots__ = ("_connection", "_gone", "_watcher")

    def __init__(self, connection: Connection, gone: Callable[[], None]) -> None:
        self._connection = connection
        self._gone = gone
        self._watcher: Any = get_hub().loop.io(connection.descriptor, _READABLE)
        self._watcher.start(self._look)

    def stop(self) -> None:
        """Look no longer."""
        self._watcher.close()

    def _look(self) -> None:
        self._watcher.stop()
        if self._connection.is_gone():
            self.stop()
            self._gone()
