"""The only write path: updates in, stored, then published.

`record` returns when everything is on disk. The store calls the hub with the new entries in the order
of their commits, so that nothing unstored is ever seen and every viewer gets one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from chef.domain import rules
from chef.domain.batches import Batch, Item, Receipt, Stored
from chef.domain.clock import Clock
from chef.domain.limits import CODES as LIMIT_CODES
from chef.domain.model import Abandonment, FailureLook, Heartbeat, LogPiece, Update
from chef.errors import ChefError
from chef.live.failurelooks import ends_failed
from chef.metrics import Metrics
from chef.store import Store
from chef.wire.digest import content_digest

Publish = Callable[[Sequence[Stored]], None]
Look = Callable[[Sequence[Update | LogPiece]], Mapping[int, FailureLook]]


class Tracker:
    """Takes updates for a store. `clock` gives the time that updates are stamped with (ms)."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        clock: Clock,
        *publish: Publish,
        pace: Publish = lambda stored: None,
        look: Look = lambda updates: {},
    ) -> None:
        """`publish` are told of what each commit stored, in this order; they must not wait.

        `pace` is told after that, for each writer by itself, and holds it up as long as it sees fit.
        `look` finds out why jobs fail that some updates may end, before these are stored.
        """
        self._store = store
        self._accepted = metrics.updates.labels("accepted")
        self._duplicates = metrics.updates.labels("duplicate")
        self._lines = metrics.lines
        self._refused = metrics.refused
        self._clock = clock
        self._publish = publish
        self._pace = pace
        self._look = look
        store.on_commit(self._tell)

    def _tell(self, stored: Sequence[Stored]) -> None:
        for publish in self._publish:
            publish(stored)

    def record(self, updates: Iterable[Update | LogPiece], allowed: frozenset[str] | None = None) -> Receipt:
        """Store updates, all or none, and publish them.

        `allowed` are the projects that the writer may write, `None` for all. Raises Invalid, Conflict,
        Forbidden, OffsetPastEnd or StoreUnavailable; then nothing of them is kept.
        """
        updates = tuple(updates)
        items = [_item(update) for update in updates]
        for update in updates:  # A plain loop: every update pays for it.
            if ends_failed(update):
                for place, look in self._look(updates).items():
                    items[place] = replace(items[place], look=look)
                break
        try:
            receipt = self._store.append(Batch(tuple(items), self._clock(), allowed))
        except ChefError as refusal:
            if refusal.code in LIMIT_CODES:
                self._refused.labels(refusal.code).inc()
            raise
        for counter, count in (
            (self._accepted, receipt.accepted),
            (self._duplicates, receipt.duplicates),
            (self._lines, receipt.lines),
        ):
            if count:
                counter.inc(count)
        self._pace(receipt.stored)
        return receipt

    def log_offset(self, piece: LogPiece, allowed: frozenset[str] | None = None) -> int:
        """How far the stream is that a log body is about to go to.

        `piece` is its empty beginning; raises what `record` would raise of it at this moment.
        """
        job, stream = self._store.job_and_stream(piece.job_id, piece.stream)
        at = self._clock()
        if job is None:
            job = rules.start(piece, at, 0, allowed)
        else:
            rules.check_same_project(job, piece, 0, allowed)
        rules.check_log_body(job, piece, stream, at)
        return stream.offset

    def abandon(self, job_ids: Iterable[str], silent_since: int) -> int:
        """End those of some jobs as abandoned that run and of which nothing was heard since a time (ms).

        Returns how many that were. Raises StoreUnavailable.
        """
        items = tuple(Item(Abandonment(job_id, silent_since)) for job_id in job_ids)
        return self._store.append(Batch(items, self._clock())).accepted

    def heartbeat(self, heartbeat: Heartbeat, allowed: frozenset[str] | None = None) -> int:
        """Note that a build's reporter is there; returns the job's seq, which it leaves as it is.

        A job that does not exist yet is made by a progress update without a word, and one that was abandoned
        taken up again by such. Raises what `record` does, and Conflict `job_finished` after the job's end.
        """
        at = self._clock()
        job = self._store.job(heartbeat.job_id)
        if job is None or job.status == "abandoned":
            first = Update("progress", heartbeat.job_id, heartbeat.project_id)
            seq = self.record([first], allowed).seqs[heartbeat.job_id]
        else:
            rules.check_same_project(job, heartbeat, 0, allowed)
            rules.check_running(job, 0)
            seq = job.seq
        if not self._store.save_heartbeat(heartbeat.job_id, at, heartbeat.every):
            # It ended just now, or was removed: the next look at it says so.
            return self.heartbeat(heartbeat, allowed)
        return seq


def _item(update: Update | LogPiece) -> Item:
    if isinstance(update, Update) and update.id is not None:
        return Item(update, content_digest(update))
    return Item(update)
