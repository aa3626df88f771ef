"""A store that takes more than CHEF_MAX_STORE_BYTES loses its oldest finished jobs, never a running one.

Looked at once a minute. It is brought down to nine tenths of the limit, some jobs at a time, in the steps of
the store's upkeep.
"""

from __future__ import annotations

import logging

from chef.live.background import BackgroundTask
from chef.metrics import Count
from chef.store import Store

log = logging.getLogger(__name__)

INTERVAL_S = 60.0
_DOWN_TO = 0.9
# PostgreSQL's files stay as large as they are, and have room in them for what comes: more than so much larger
# they have to be again.
_GROWN = 1.02
_AT_ONCE = 20


class StoreLimit:
    """Keeps a store within `limit` bytes (0: any). `size` is what it took when it was last looked at."""

    def __init__(self, store: Store, limit: int, interval_s: float = INTERVAL_S) -> None:
        self._store = store
        self._limit = limit
        self._interval_s = interval_s
        self._task = BackgroundTask(self._look, "the store's size cannot be looked at now")
        self._is_told = False
        self.size = 0
        self.removed = Count()

    def start(self) -> None:
        """Begin with a first look; needs the event loop."""
        self._task.start(self._interval_s)
        self._task.wake()

    def close(self) -> None:
        """Stop; what is half removed goes on at the next start."""
        self._task.close()

    def run(self) -> int:
        """Remove what is too much now; returns how many jobs it were. Raises StoreUnavailable."""
        self.size, trimmed_to = self._store.size(self._limit)
        if not self._limit or self.size <= max(self._limit, trimmed_to * _GROWN):
            self._is_told = False
            return 0
        size, excess, count = self.size, self.size - self._limit * _DOWN_TO, 0
        while excess > 0:
            oldest = self._store.oldest_finished(_AT_ONCE)
            if oldest is None:
                self._tell_full()
                break
            count += self._store.remove_finished(oldest.before)
            self.size, _ = self._store.size(self._limit)
            # Where files stay as large as they are, what was in the rows that went counts.
            excess -= max(oldest.bytes, size - self.size)
            size = self.size
        self._store.note_trimmed(self.size, self._limit)
        self.removed.inc(count)
        return count

    def _tell_full(self) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning("the store takes more than CHEF_MAX_STORE_BYTES, and no job has ended that could go")

    def _look(self) -> None:
        count = self.run()
        if count:
            log.info("removed the %d oldest jobs: more than CHEF_MAX_STORE_BYTES were stored", count)
