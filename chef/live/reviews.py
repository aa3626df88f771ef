"""Jobs whose logs are looked at again, one after the other, once nothing has come to them for a while."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent.event import Event

from chef.domain.clock import Clock

# More jobs than that do not wait: the oldest are left as they are.
_MOST_WAITING = 1000


class ReviewQueue:
    """Calls `review` with each job that was named, `quiet_ms` after it was named last; `clock` is in ms."""

    def __init__(self, clock: Clock, quiet_ms: int, review: Callable[[str], None]) -> None:
        self._clock = clock
        self._quiet_ms = quiet_ms
        self._review = review
        # Job and when it may be read, the one that waits longest first.
        self._due: dict[str, int] = {}
        self._wake = Event()
        self._task: gevent.Greenlet[..., None] | None = None

    def add(self, job_id: str) -> None:
        """Have a job reviewed; the time begins anew if it waits already. Never waits."""
        self._due.pop(job_id, None)
        self._due[job_id] = self._clock() + self._quiet_ms
        while len(self._due) > _MOST_WAITING:
            del self._due[next(iter(self._due))]
        if self._task is None:
            self._task = gevent.spawn(self._work_for_ever)
        self._wake.set()

    def close(self) -> None:
        """Stop; jobs that wait are not reviewed."""
        if self._task is not None:
            self._task.kill()

    def _work_for_ever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._due:
                job_id, at = next(iter(self._due.items()))
                wait_ms = at - self._clock()
                if wait_ms > 0:
                    gevent.sleep(min(wait_ms, self._quiet_ms) / 1000)
                    continue
                del self._due[job_id]
                self._review(job_id)
