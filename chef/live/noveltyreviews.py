"""After a job's end: what a green one printed is learned, and a failed one compared with it.

It waits until nothing more comes to the log, then reads it in parts, each of which takes some milliseconds in
native threads. Nothing of it is in the way of an update. A job waits in the store (chef.store.novelty), so
that the next process goes on where this one was stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial

import gevent

from chef.domain.batches import Stored
from chef.domain.clock import Clock
from chef.domain.model import Job
from chef.domain.novelty import LineKinds, NewKind, NewKinds, kind_of
from chef.errors import StoreUnavailable
from chef.greenlets import SideThread
from chef.live.background import BackgroundTask
from chef.live.reviews import ReviewQueue
from chef.store import Store
from chef.store.novelty import Novelty, Part

log = logging.getLogger(__name__)

QUIET_MS = 3000
"""So long nothing came to a log before it is compared."""

# Others have their turn between two parts.
_APART_S = 0.01
# The time between two looks for jobs that another process left behind.
_SWEEP_S = 60.0
_SWEPT = 200


class NoveltyReviews:
    """Compares jobs that ended here, and those that another process left behind; `clock` is in ms."""

    def __init__(self, store: Store, thread: SideThread, clock: Clock, quiet_ms: int = QUIET_MS) -> None:
        self._store = store
        self._rows = store.novelty
        self._thread = thread
        self._queue = ReviewQueue(clock, quiet_ms, self._review)
        self._sweeper = BackgroundTask(self._sweep, "jobs that wait to be compared are looked for later")

    def start(self) -> None:
        """Look for jobs that wait, now and then."""
        self._sweeper.start(_SWEEP_S)
        self._sweeper.wake()

    def note(self, stored: Sequence[Stored]) -> None:
        """Entries were stored: remember those of jobs that have ended. Never waits."""
        for item in stored:
            if item.job.status in ("completed", "failed"):
                self._queue.add(item.job.job_id)

    def close(self) -> None:
        """Stop; jobs that wait do so in the store."""
        self._queue.close()
        self._sweeper.close()

    def _sweep(self) -> None:
        for job_id in self._rows.waiting(_SWEPT):
            self._queue.add(job_id)

    def _review(self, job_id: str) -> None:
        try:
            job = self._store.job(job_id)
            if job is not None and job.ended:
                self._compare(job)
        except StoreUnavailable as error:
            log.warning("job %s cannot be compared now: %s", job_id, error)
        except Exception:
            log.exception("job %s cannot be compared", job_id)

    def _compare(self, job: Job) -> None:
        if job.status == "completed" and job.gap is None:
            self._rows.learn(job.job_id, job.seq, self._kinds(job))
        elif job.status == "failed":
            self._rows.save(job.job_id, job.seq, self._novelty(job))
        else:
            self._rows.let_go(job.job_id, job.seq)

    def _kinds(self, job: Job) -> set[int]:
        known, kinds = LineKinds(), set[int]()
        for part in self._parts(job):
            self._thread.run(partial(_learn_part, known, kinds, part))
        return kinds

    def _novelty(self, job: Job) -> Novelty:
        green = self._rows.green(job.job_id)
        if not green.runs:
            return Novelty(0, 0, [])
        found = NewKinds(green)
        for part in self._parts(job):
            self._thread.run(partial(_compare_part, found, part))
        ranked = self._thread.run(found.ranked)
        kinds = self._as_they_stand(job, ranked)
        return Novelty(len(green.runs), found.count - len(ranked) + len(kinds), kinds)

    def _as_they_stand(self, job: Job, kinds: list[NewKind]) -> list[NewKind]:
        """Without those whose first line was replaced since by another, as a progress bar's forms are."""
        numbers = sorted({kind.line for kind in kinds})
        lines = {number: line.text for number, _, line in self._store.lines_at(job.job_id, numbers)}
        return [
            kind
            for kind in kinds
            if kind.line in lines and kind_of(lines[kind.line]) == kind_of(kind.text.encode())
        ]

    def _parts(self, job: Job) -> Iterator[Part]:
        for part in self._rows.log_parts(job.job_id):
            yield part
            gevent.sleep(_APART_S)


def _learn_part(known: LineKinds, kinds: set[int], part: Part) -> None:
    for _, texts in part:
        kinds.update(known.of(texts))


def _compare_part(found: NewKinds, part: Part) -> None:
    for numbers, texts in part:
        found.take(numbers, texts)
