"""The outbox: one process tells all targets of what happens in the projects' logs.

It holds a lease in the store. What is stored here is told at once, from memory; what other processes store,
and what was stored while nobody told, is found in the projects' entries behind the place up to which they
were looked at. That place goes on only together with a row for all that is still to be told, so that it can
be left at any moment: by a kill, or to another process.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256

import gevent
from gevent.event import Event

from chef.domain.batches import Stored
from chef.domain.model import Job, StateEntry
from chef.domain.removals import Removal
from chef.errors import ChefError
from chef.outbox.channel import NotifyChannel
from chef.outbox.owner import is_gone, own_name
from chef.outbox.queue import TargetQueue
from chef.outbox.teller import OutboxParts, TargetTeller
from chef.outbox.values import Word
from chef.store import Removed
from chef.store.outbox import MOST_PROJECTS, TargetKey, ToldRow, ToTell

log = logging.getLogger(__name__)

LEASE_S = 15.0
_RENEW_S = 5.0
_ASK_S = 3.0
# What comes together is looked at together.
_TOGETHER_S = 0.2
_LOOK_S = 2.0
_FORGET_S = 3600.0
# What is in flight when the server leaves.
_GRACE_S = 2.0
# As long as there are more in memory, no more are read from the store.
_FEW = 100
_KEPT_AT_ONCE = 200


class Notifier:
    """Tells channels of jobs, while this process holds the lease. `parts` are what their tellers share."""

    def __init__(self, channels: Sequence[NotifyChannel], parts: OutboxParts) -> None:
        self._channels = channels
        self._parts = parts
        self._rows = parts.rows
        self._owner = own_name()
        self._is_live = any(channel.is_live for channel in channels)
        self._queues: list[TargetQueue] = []
        self._tellers: list[TargetTeller] = []
        self._changed: dict[str, Job] = {}
        self._wake = Event()
        self._held_until = 0.0
        self._renew_at = 0.0
        self._forget_at = 0.0
        self._task: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin; needs the event loop. Targets are told of what is stored from when this has returned."""
        with suppress(ChefError):
            self._hold()
        self._task = gevent.spawn(self._run_for_ever)

    def close(self) -> None:
        """Tell nobody any more, and let another process go on at once."""
        if self._task is None:
            return
        self._task.kill()
        self._let_go()

    @property
    def is_held(self) -> bool:
        """Whether it is this process that tells at the moment."""
        return time.monotonic() < self._held_until

    def waiting(self) -> dict[str, int]:
        """How many jobs wait to be told of, by kind of target, as far as that is here."""
        found = dict.fromkeys((channel.kind for channel in self._channels), 0)
        for queue in self._queues:
            found[queue.channel.kind] += queue.waiting
        return found

    def note(self, stored: Sequence[Stored]) -> None:
        """Entries were stored: remember whose state has changed. Never waits."""
        if not self._queues:
            return
        for item in stored:
            if (self._is_live or item.job.ended) and isinstance(item.entry, StateEntry):
                self._changed[item.job.job_id] = item.job
                self._wake.set()

    def forget(self, removal: Removal) -> None:
        """A job or a project was erased: nothing is told of it any more. Never waits."""
        if removal.gap is None:
            self._forget({removal.job_id} - {None}, {removal.project_id} if removal.job_id is None else set())

    def forget_removed(self, removed: Removed) -> None:
        """The same for jobs that were removed by age. Never waits."""
        self._forget(set(removed.jobs), set(removed.projects))

    def _forget(self, job_ids: set[str | None], project_ids: set[str]) -> None:
        def is_gone(job: Job) -> bool:
            return job.job_id in job_ids or job.project_id in project_ids

        self._changed = {name: job for name, job in self._changed.items() if not is_gone(job)}
        for queue in self._queues:
            queue.forget(is_gone)

    def _run_for_ever(self) -> None:
        is_well = True
        while True:
            try:
                self._step()
                is_well = True
            except ChefError as error:
                if is_well:
                    log.warning("targets cannot be told now: %s", error)
                is_well = False
                gevent.sleep(_ASK_S)
            except Exception:
                log.exception("targets cannot be told")
                gevent.sleep(_ASK_S)

    def _step(self) -> None:
        if not self._hold():
            gevent.sleep(_ASK_S)
            return
        self._take_changed()
        self._look()
        for queue in self._queues:
            self._refill(queue)
        until = time.monotonic() + _LOOK_S
        while (left := until - time.monotonic()) > 0:
            if self._wake.wait(left):
                gevent.sleep(_TOGETHER_S)
                self._wake.clear()
                self._take_changed()

    def _hold(self) -> bool:
        """Take the lease, or hold it on; whether it is ours. The queues begin and end with it."""
        now = time.monotonic()
        if now < self._renew_at and self.is_held:
            return True
        at = self._parts.clock()
        until = at + int(LEASE_S * 1000)
        if not self._rows.hold(self._owner, at, until, is_gone):
            if self._queues:
                log.warning("another process tells the targets now")
                self._end_queues()
            return False
        self._held_until, self._renew_at = now + LEASE_S, now + _RENEW_S
        if not self._queues:
            self._begin_queues(at)
        elif now >= self._forget_at:
            self._keys(at)
        if now >= self._forget_at and self._rows.forget(at):
            self._forget_at = now + _FORGET_S
        return True

    def _begin_queues(self, at: int) -> None:
        keys = self._keys(at)
        self._queues = [TargetQueue(channel, key) for channel, key in zip(self._channels, keys, strict=True)]
        self._tellers = [TargetTeller(queue, self._parts) for queue in self._queues]

    def _keys(self, at: int) -> list[TargetKey]:
        digests = [sha256(channel.key.encode()).hexdigest() for channel in self._channels]
        return self._rows.begin(digests, at)

    def _end_queues(self, within: float = 0.0) -> None:
        tellers, self._tellers, self._queues, self._changed = self._tellers, [], [], {}
        for teller in tellers:
            teller.stop()
        until = time.monotonic() + within
        for teller in tellers:
            teller.close(max(0.0, until - time.monotonic()))

    def _let_go(self) -> None:
        was_held = self.is_held
        self._end_queues(_GRACE_S)
        self._held_until = 0.0
        if was_held:
            try:
                self._rows.let_go()
            except ChefError as error:
                log.warning("the lease of the targets ends by itself: %s", error)

    def _take_changed(self) -> None:
        changed, self._changed = self._changed, {}
        if changed:
            self._take(changed.values(), self._queues)

    def _look(self) -> None:
        """Look at what is new in the projects, and keep up to where that was."""
        more = True
        while more and self._queues:
            moved = self._rows.moved()
            newest = {job.job_id: job for one in moved for job in one.jobs}
            to_tell = self._take(newest.values(), self._queues)
            if moved and not (self._keep(to_tell) and self._rows.go_on(moved)):
                self._held_until = 0.0  # Another process has the lease.
                return
            more = any(one.more for one in moved) or len(moved) == MOST_PROJECTS

    def _keep(self, to_tell: list[ToTell]) -> bool:
        """Keep what is to be told, in parts that hold up no commit for long."""
        for start in range(0, len(to_tell), _KEPT_AT_ONCE):
            if not self._rows.keep(to_tell[start : start + _KEPT_AT_ONCE]):
                return False
        kept = defaultdict[int, set[str]](set)
        for one in to_tell:
            kept[one.target_pk].add(one.job_id)
        for queue in self._queues:
            if queue.key.pk in kept:
                queue.note_kept(kept[queue.key.pk])
        return True

    def _refill(self, queue: TargetQueue) -> None:
        """Read what waits in the store alone, once from its first to its last, where little is in memory."""
        while queue.has_more and queue.waiting < _FEW:
            jobs, behind = self._rows.open(queue.key.pk, queue.behind)
            if not queue.behind:
                queue.left_out = False
            # What was told is read again: some may have been told since they were found.
            self._take(jobs, [queue])
            queue.behind = behind
            if not behind:
                # What was left out meanwhile may stand before the place where it was read.
                queue.has_more = queue.left_out
                return

    def _take(self, jobs: Iterable[Job], queues: Sequence[TargetQueue]) -> list[ToTell]:
        """Hand jobs as they stand to those of some queues that they concern.

        Returns what must be kept to be told.
        """
        pairs = [(job, queue) for job in jobs for queue in _concerned(job, queues)]
        failed_before = {
            job.job_id: self._failed_before(job) for job in {job.job_id: job for job, _ in pairs}.values()
        }
        told = self._told(pairs)
        # From here on nothing waits: what the store has of a job that is in no queue stays true.
        return [
            ToTell(queue.key.pk, job.job_id, job.state_seq)
            for job, queue in pairs
            if queue.take(job, told.get((job.job_id, queue.key.pk)), failed_before[job.job_id])
        ]

    def _told(self, pairs: Sequence[tuple[Job, TargetQueue]]) -> dict[tuple[str, int], ToldRow]:
        """What the store has of jobs that are in no queue, those among them that leave one meanwhile."""
        told = dict[tuple[str, int], ToldRow]()
        read = set[tuple[str, int]]()
        while unread := {(job.job_id, queue.key.pk) for job, queue in pairs if not queue.knows(job)} - read:
            told |= self._rows.told({job_id for job_id, _ in unread})
            read |= unread
        return told

    def _failed_before(self, job: Job) -> int:
        is_asked = any(Word.RECOVERED in channel.words for channel in self._channels)
        return self._rows.failed_before(job) if is_asked and job.status == "completed" else 0


def _concerned(job: Job, queues: Sequence[TargetQueue]) -> list[TargetQueue]:
    """The queues that have to look at a job: in the others it waits already as it stands now."""
    if not job.ended:
        queues = [queue for queue in queues if not queue.renew(job)]
    return [queue for queue in queues if queue.concerns(job)]
