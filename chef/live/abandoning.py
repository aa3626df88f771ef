"""Builds of which nothing is heard any more are abandoned (CHEF_ABANDON_HOURS), now and every 5 minutes."""

from __future__ import annotations

import logging

import gevent

from chef.domain.clock import Clock
from chef.live.background import BackgroundTask
from chef.live.tracker import Tracker
from chef.store import Store

log = logging.getLogger(__name__)

INTERVAL_S = 300.0
# So many end in one commit, and between two of those the updates of others have their turn.
_AT_ONCE = 20
_APART_S = 0.025
_HOUR_MS = 60 * 60 * 1000


class Abandoning:
    """Ends jobs that were silent for `hours` by `clock` (ms); 0 ends none."""

    def __init__(
        self, store: Store, tracker: Tracker, hours: int, clock: Clock, interval_s: float = INTERVAL_S
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._hours = hours
        self._clock = clock
        self._interval_s = interval_s
        self._task = BackgroundTask(self._look, "silent jobs cannot be ended now")

    def start(self) -> None:
        """Begin with a first look; needs the event loop."""
        if self._hours:
            self._task.start(self._interval_s)
            self._task.wake()

    def close(self) -> None:
        """Stop; the next start looks again."""
        self._task.close()

    def run(self) -> int:
        """End what is silent for too long now; returns how many jobs it were. Raises StoreUnavailable."""
        since = self._clock() - self._hours * _HOUR_MS
        count = 0
        while job_ids := self._store.silent_jobs(since, _AT_ONCE):
            ended = self._tracker.abandon(job_ids, since)
            count += ended
            if not ended:  # Another process is doing the same: it goes on.
                break
            gevent.sleep(_APART_S)
        return count

    def _look(self) -> None:
        count = self.run()
        if count:
            log.info("abandoned %d jobs of which nothing was heard for %d hours", count, self._hours)
