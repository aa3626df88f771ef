"""How much a store takes, and how much of its limits is used, read as other queries are."""

from __future__ import annotations

from chef.domain.limits import StoredLimits
from chef.store import sizes
from chef.store.threads import StoreReader


class SizeQueries(StoreReader):
    """Each query sees the store as it is at one moment. All raise `StoreUnavailable`."""

    def size(self, limit: int) -> tuple[int, int]:
        """How many bytes it takes, and how many it took when jobs were last removed for this limit."""
        return self._read(
            lambda connection: (sizes.store_bytes(connection), sizes.trimmed_to(connection, limit))
        )

    def oldest_finished(self, count: int) -> sizes.Oldest | None:
        """The jobs that ended first, about `count`; `None` where none has ended."""
        return self._read(sizes.oldest_finished, count)

    def usage(self, limits: StoredLimits, max_bytes: int, at: int) -> list[sizes.Usage]:
        """How much of each limit of the whole store is used at a time (ms)."""
        return self._read(sizes.find_usage, limits, max_bytes, at)
