"""Finished jobs are kept for some days (CHEF_RETENTION_DAYS), then removed, now and every hour."""

from __future__ import annotations

import logging

from chef.domain.clock import Clock
from chef.live.background import BackgroundTask
from chef.store import Store

log = logging.getLogger(__name__)

INTERVAL_S = 3600.0
_RETRY_S = 60.0
_DAY_MS = 24 * 60 * 60 * 1000


class Retention:
    """Removes what ended more than `days` days ago by `clock` (ms); 0 keeps all."""

    def __init__(self, store: Store, days: int, clock: Clock, interval_s: float = INTERVAL_S) -> None:
        self._store = store
        self._days = days
        self._clock = clock
        self._interval_s = interval_s
        self._task = BackgroundTask(self._look, "old jobs cannot be removed now", _RETRY_S)

    def start(self) -> None:
        """Begin with a first look; needs the event loop."""
        if self._days:
            self._task.start(self._interval_s)
            self._task.wake()

    def close(self) -> None:
        """Stop; what is half removed goes on at the next start."""
        self._task.close()

    def run(self) -> int:
        """Remove what is too old now; returns how many jobs it were. Raises StoreUnavailable."""
        return self._store.remove_finished(self._clock() - self._days * _DAY_MS)

    def _look(self) -> None:
        count = self.run()
        if count:
            log.info("removed %d jobs that ended more than %d days ago", count, self._days)
