"""The jobs that one target is to be told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from gevent.event import Event

from chef.domain.model import Job
from chef.outbox.channel import NotifyChannel
from chef.outbox.places import TargetPlaces
from chef.outbox.telling import Telling, due_at_end, next_word, told_before, turn_of
from chef.outbox.values import Word
from chef.store.outbox import TargetKey, ToldRow

MOST_WAITING = 1000
"""Jobs of one target in memory; what more there are wait in the store."""


class TargetQueue:
    """The jobs of one target. It goes on from what the store has.

    `stopped` once the target takes nothing any more; `woken` is set when there may be more to tell.
    """

    def __init__(self, channel: NotifyChannel, key: TargetKey) -> None:
        self.channel = channel
        self.key = key
        self.places = TargetPlaces()
        self.stopped = False
        self.woken = Event()
        # Whether the store has more than is here, behind which job that is read next, and whether something
        # has found no room here since the first of them was read.
        self.has_more = True
        self.behind = 0
        self.left_out = False
        # Those of running jobs stay here, so that nothing is read again; those in `_waiting` are to be told.
        self._tellings: dict[str, Telling] = {}
        self._waiting: dict[str, Telling] = {}

    @property
    def waiting(self) -> int:
        """How many jobs wait to be told of, as far as they are in memory."""
        return len(self._waiting)

    def concerns(self, job: Job) -> bool:
        """Whether something could be told of a job as it stands."""
        words = self.channel.words
        if self.stopped or job.state_at < self.key.since or not self.channel.concerns(job):
            return False
        is_asked = job.status in words or (job.status == "completed" and Word.RECOVERED in words)
        return self.channel.is_live or (job.ended and is_asked)

    def knows(self, job: Job) -> bool:
        """Whether what was told of a job is in memory: of this one, not of one before it with its id."""
        telling = self._tellings.get(job.job_id)
        return telling is not None and telling.job.created_at == job.created_at

    def renew(self, job: Job) -> bool:
        """Whether a job, which runs, waits here and is in the store: then it waits as it stands now.

        So targets that are away cost next to nothing while a job goes on.
        """
        telling = self._waiting.get(job.job_id)
        if telling is None or not telling.told.is_open or telling.job.created_at != job.created_at:
            return False
        if job.state_seq >= telling.job.state_seq:
            telling.job, telling.failed_before = job, 0
        return True

    def take(self, job: Job, told: ToldRow | None, failed_before: int) -> bool:
        """A job stands so now; returns whether something is to be told that the store does not know of.

        `told` is what the store has, `failed_before` as in Telling. Where there are too many, it is not kept
        here, and `has_more`.
        """
        telling = self._newest(job, told, failed_before)
        if job.job_id in self._waiting and not job.ended:
            return not telling.told.is_open
        is_due = next_word(self.channel, telling) is not None
        if job.job_id not in self._tellings and (is_due or not job.ended):
            if len(self._tellings) >= MOST_WAITING:
                if is_due:
                    self.has_more = self.left_out = True
                return is_due and not telling.told.is_open
            self._tellings[job.job_id] = telling
        if is_due:
            self.put(telling)
        return is_due and not telling.told.is_open

    def _newest(self, job: Job, told: ToldRow | None, failed_before: int) -> Telling:
        """The telling of a job that is here, brought up to date, else a new one."""
        if self.knows(job):
            telling = self._tellings[job.job_id]
            if job.state_seq >= telling.job.state_seq:
                telling.job, telling.failed_before = job, failed_before
            return telling
        self._tellings.pop(job.job_id, None)
        self._waiting.pop(job.job_id, None)
        row = told_before(job, self.key.since)
        if told is not None:
            row = replace(told, words=told.words | row.words)
        telling = Telling(job, failed_before, row, unsure=row.begun)
        if self.channel.updates and (row.requests or row.begun):
            # It is not known when that was: before this process began, perhaps just before.
            telling.told_at = time.monotonic()
            telling.due_at = telling.told_at + self.channel.gap_s
        return telling

    def note_kept(self, job_ids: Iterable[str]) -> None:
        """The store knows that something is to be told of these jobs."""
        for job_id in job_ids:
            telling = self._waiting.get(job_id)
            # One that is being told may be kept as closed at this moment.
            if telling is not None and not telling.busy:
                telling.told = replace(telling.told, is_open=True)

    def forget(self, concerns: Callable[[Job], bool]) -> None:
        """Jobs are gone: nothing is told of them. Never waits."""
        for job_id in [one for one, telling in self._tellings.items() if concerns(telling.job)]:
            del self._tellings[job_id]
            self._waiting.pop(job_id, None)

    def put(self, telling: Telling) -> None:
        """It is to be told, when it is due."""
        if telling.job.ended:
            telling.due_at = due_at_end(self.channel, telling)
        self._waiting[telling.job.job_id] = telling
        self.woken.set()

    def next(self, now: float) -> tuple[Telling | None, float | None]:
        """The telling whose turn it is now, or when there is one: ends first, then by waiting time.

        So one that the target cannot take holds up no other.
        """
        ready, first = None, None
        for telling in self._waiting.values():
            place = self.places.wait_until(telling.place, now)
            if telling.busy or place is None:
                continue
            at = max(telling.due_at, place)
            if at > now:
                first = at if first is None else min(first, at)
            elif ready is None or turn_of(telling) < turn_of(ready):
                ready = telling
        return ready, first

    def settle(self, telling: Telling) -> None:
        """Something was told and kept: it waits for the next, if anything is to be told next."""
        if next_word(self.channel, telling) is None:
            self.drop(telling)
        elif self._tellings.get(telling.job.job_id) is telling:  # It may have been erased meanwhile.
            self.put(telling)

    def drop(self, telling: Telling) -> None:
        """Nothing is to be told of it now; that of a job that has ended is not needed any more."""
        job = telling.job
        if self._tellings.get(job.job_id) is telling:
            self._waiting.pop(job.job_id, None)
            if job.ended:
                del self._tellings[job.job_id]

    def stop(self) -> None:
        """The target takes nothing any more, until the server starts again."""
        self.stopped = True
        self._tellings.clear()
        self._waiting.clear()
