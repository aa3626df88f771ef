"""A second look at the logs of failed jobs, at all of each, once nothing more comes.

The first one was before the end (chef.live.failurelooks), at the log's last part. Uploads of a log may end
later than the job, five minutes at most. What is found is kept with the job without an event, as a verdict on
its integrity is; it is read again by whoever was told that lines came.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import gevent

from chef.domain.batches import Batch, Item, Stored
from chef.domain.clock import Clock
from chef.domain.failure import LogReading, failure_of
from chef.domain.model import Job, LogEntry, SavedFailure
from chef.domain.wiretypes import Failure
from chef.errors import ChefError
from chef.live.reviews import ReviewQueue
from chef.store import Store
from chef.store.failurelog import END_BYTES, END_LINES

log = logging.getLogger(__name__)

QUIET_MS = 2000
"""So long nothing came to a log before it is read again."""

# A part takes some milliseconds of a reader's thread; others have their turn between them.
_APART_S = 0.01


class FailureReviews:
    """Reads again the logs of jobs that failed here, and keeps what it finds; `clock` is in ms."""

    def __init__(self, store: Store, clock: Clock, quiet_ms: int = QUIET_MS) -> None:
        self._store = store
        self._clock = clock
        self._queue = ReviewQueue(clock, quiet_ms, self._review)

    def note(self, stored: Sequence[Stored]) -> None:
        """Entries were stored: remember the failed jobs among theirs of which all is not read yet."""
        for item in stored:
            if item.job.status == "failed" and _is_unread(item):
                self._queue.add(item.job.job_id)

    def close(self) -> None:
        """Stop; logs that wait are not read again."""
        self._queue.close()

    def _review(self, job_id: str) -> None:
        try:
            job = self._store.job(job_id)
            if job is None or job.status != "failed":
                return
            failure = self._read(job)
            if failure != job.failure:
                self._store.append(Batch((Item(SavedFailure(job_id, failure, job.gap)),), self._clock()))
        except ChefError as error:
            log.warning("why job %s failed cannot be found out now: %s", job_id, error)
        except Exception:
            log.exception("why job %s failed cannot be found out", job_id)

    def _read(self, job: Job) -> Failure | None:
        reading = LogReading()
        line: int | None = 1
        while line is not None:
            if job.gap is not None and job.gap.first_line <= line <= job.gap.last_line:
                line = job.gap.last_line
            line = self._store.read_part(job.job_id, reading, line)
            gevent.sleep(_APART_S)
        reason = self._store.add_reported(job, reading.reason())
        return None if reason is None else failure_of(reason, self._store.lines_about(job.job_id, reason))


def _is_unread(item: Stored) -> bool:
    """Whether there is more in a failed job's log than what was read before its end."""
    job = item.job
    # After the end come lines, and reports of tests.
    if isinstance(item.entry, LogEntry) or item.entry.seq > job.state_seq:
        return True
    return bool(job.lines) and (job.failure is None or job.log_bytes > END_BYTES or job.lines > END_LINES)
