"""What waits to be told to one target, and the greenlets that tell it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import gevent
from gevent.event import Event
from gevent.pool import Pool

from chef.domain.clock import Clock
from chef.domain.forecast import Estimate
from chef.domain.model import Job
from chef.errors import ChefError
from chef.metrics import CountByLabel
from chef.outbox.channel import NotifyChannel
from chef.outbox.guard import NoAddress, place_of
from chef.outbox.places import TargetPlaces, wait_after
from chef.outbox.sending import GuardedSender, TargetSilent
from chef.outbox.telling import (
    Telling,
    due_at_end,
    gap_after,
    given_up,
    next_word,
    notice_id,
    told_before,
    told_of,
    turn_of,
)
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request, Word
from chef.store.outbox import FORGET_MS, OutboxRows, TargetKey, ToldRow

log = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Jobs of one target in memory; what more there are wait in the store."""
AT_ONCE = 4
"""Requests to one target."""
_SAVE_AGAIN_S = 1.0
_QUIET_S = 60.0


class Postponed(Exception):
    """Its place is not to be asked now, but at a time (`time.monotonic`) or once another is answered."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until


class OutboxCounts:
    """Notices by the kind of their targets."""

    def __init__(self) -> None:
        self.sent = CountByLabel("kind")
        self.failed = CountByLabel("kind")
        self.tried = CountByLabel("kind")


@dataclass(frozen=True, slots=True)
class QueueParts:
    """What all queues share: the store's rows and epoch, the time (ms), a job's link and estimate.

    `is_held`: whether this process may tell at the moment.
    """

    rows: OutboxRows
    epoch: str
    clock: Clock
    link: Callable[[str], str]
    estimate: Callable[[Job], Estimate | None]
    is_held: Callable[[], bool]
    counts: OutboxCounts


class TargetQueue:
    """One target's. It goes on from what the store has; `stopped` once the target takes nothing any more."""

    def __init__(self, channel: NotifyChannel, key: TargetKey, shared: QueueParts) -> None:
        self.channel = channel
        self.key = key
        self.stopped = False
        # Whether the store has more than is here, and behind which job.
        self.has_more = True
        self.behind = 0
        self._shared = shared
        self._sender = GuardedSender(channel.named)
        self._places = TargetPlaces()
        # A place with a limit fails and answers again every second: that is said once a minute.
        self._quiet_until = 0.0
        self._is_late = False
        # Those of running jobs stay here, so that nothing is read again; those in `_waiting` are to be told.
        self._tellings: dict[str, Telling] = {}
        self._waiting: dict[str, Telling] = {}
        self._wake = Event()
        self._pool = Pool(AT_ONCE)
        self._task = gevent.spawn(self._run_for_ever)

    @property
    def waiting(self) -> int:
        """How many jobs wait to be told of, as far as they are in memory."""
        return len(self._waiting)

    def stop(self) -> None:
        """Begin with nothing more."""
        self._task.kill()

    def close(self, within: float) -> None:
        """Stop; what is in flight has so many seconds."""
        self.stop()
        self._pool.join(within)
        self._pool.kill()
        self._sender.close()

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
        """Whether a running job waits here, and is in the store: then it waits as it stands now.

        So targets that are away cost next to nothing while a job goes on.
        """
        telling = self._waiting.get(job.job_id)
        if telling is None or job.ended or not telling.told.is_open or not self.knows(job):
            return False
        if job.state_seq >= telling.job.state_seq:
            telling.job, telling.recovered = job, False
        return True

    def take(self, job: Job, told: ToldRow | None, *, recovered: bool) -> bool:
        """A job stands so now; returns whether something is to be told that the store does not know of.

        `told` is what the store has. Where there are too many, it is not kept here, and `has_more`.
        """
        telling = self._newest(job, told, recovered=recovered)
        if job.job_id in self._waiting and not job.ended:
            return not telling.told.is_open
        is_due = next_word(self.channel, telling) is not None
        if job.job_id not in self._tellings and (is_due or not job.ended):
            if len(self._tellings) >= MOST_WAITING:
                self.has_more = self.has_more or is_due
                return is_due and not telling.told.is_open
            self._tellings[job.job_id] = telling
        if is_due:
            self._wait(telling)
        return is_due and not telling.told.is_open

    def _newest(self, job: Job, told: ToldRow | None, *, recovered: bool) -> Telling:
        """What is known here of a job, brought up to date, else a new one."""
        if self.knows(job):
            telling = self._tellings[job.job_id]
            if job.state_seq >= telling.job.state_seq:
                telling.job, telling.recovered = job, recovered
            return telling
        self._tellings.pop(job.job_id, None)
        self._waiting.pop(job.job_id, None)
        row = told_before(job, self.key.since)
        if told is not None:
            row = replace(told, words=told.words | row.words)
        telling = Telling(job, recovered, row, unsure=row.begun)
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

    def _wait(self, telling: Telling) -> None:
        if telling.job.ended:
            telling.due_at = due_at_end(self.channel, telling)
        self._waiting[telling.job.job_id] = telling
        self._wake.set()

    def _run_for_ever(self) -> None:
        while True:
            self._wake.clear()
            telling, until = self._next(time.monotonic())
            if telling is None:
                self._wake.wait(None if until is None else max(0.0, until - time.monotonic()))
                continue
            telling.busy = True
            # Before another one is looked for: a place that failed is asked by one at a time.
            self._places.enter(telling.place)
            self._pool.spawn(self._tell, telling, telling.place)

    def _next(self, now: float) -> tuple[Telling | None, float | None]:
        """What may be told now, or when something may be: ends first, then what has waited longest.

        So one that the target cannot take holds up no other.
        """
        ready, first = None, None
        for telling in self._waiting.values():
            place = self._places.wait_until(telling.place, now)
            if telling.busy or place is None:
                continue
            at = max(telling.due_at, place)
            if at > now:
                first = at if first is None else min(first, at)
            elif ready is None or turn_of(telling) < turn_of(ready):
                ready = telling
        return ready, first

    def _tell(self, telling: Telling, entered: str) -> None:
        try:
            self._tell_next(telling)
        except ChefError as error:
            telling.due_at = time.monotonic() + _SAVE_AGAIN_S
            log.warning("%s cannot be told now: %s", self.channel.label, error)
        finally:
            self._places.leave(entered)
            telling.busy = False
            self._wake.set()

    def _tell_next(self, telling: Telling) -> None:
        job, word = telling.job, next_word(self.channel, telling)
        if word is None:
            self._drop(telling)
        elif not self._shared.is_held():
            telling.due_at = time.monotonic() + _SAVE_AGAIN_S
        elif _gives_way(self.channel, job, self._shared.rows):
            telling.told = given_up(self.channel, telling, job, word)
            self._keep(telling)
        elif self._begin(telling):
            notice = self._notice(telling, job, word)
            outcome = self._outcome(telling, notice)
            if outcome is not None:
                self._end(telling, notice, outcome)

    def _begin(self, telling: Telling) -> bool:
        """Keep that a first message may be sent, where the target could not tell that it came before."""
        told = telling.told
        if self.channel.knows_repeats or told.handle is not None or told.begun:
            return True
        telling.told = replace(told, begun=True, is_open=True)
        if self._save(telling):
            return True
        telling.told, telling.due_at = told, time.monotonic() + _SAVE_AGAIN_S
        return False

    def _notice(self, telling: Telling, job: Job, word: Word) -> Notice:
        shared = self._shared
        estimate = None if job.ended else shared.estimate(job)
        name = notice_id(self.channel, job, word, shared.epoch)
        return Notice(job, word, estimate, shared.link(job.job_id), shared.clock(), name, telling.unsure)

    def _outcome(self, telling: Telling, notice: Notice) -> Outcome | None:
        """What came of telling it; `None` where the place is not to be asked now."""
        try:
            return self.channel.tell(notice, telling.told.handle, partial(self._send, telling))
        except Postponed as postponed:
            telling.due_at = postponed.until
            return None
        except TargetSilent as error:
            telling.unsure = telling.unsure or error.is_sent
            return NotNow(None, str(error))
        except NoAddress as error:
            return Rejected(str(error)) if error.is_forbidden else NotNow(None, str(error))
        except Exception as error:  # noqa: BLE001 - a fault in a channel; its text may hold a secret
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s: a fault (%s)\n%s", self.channel.label, type(error).__name__, where)
            return Rejected("a fault of the server")

    def _send(self, telling: Telling, request: Request) -> Answer:
        place = str(place_of(request.url))
        if place != telling.place:
            telling.place, now = place, time.monotonic()
            until = self._places.wait_until(place, now)
            if until is None or until > now:
                raise Postponed(until or now + _SAVE_AGAIN_S)
        self._shared.counts.tried.labels(self.channel.kind).inc()
        return self._sender.send(request)

    def _end(self, telling: Telling, notice: Notice, outcome: Outcome) -> None:
        job, word, now, kind = notice.job, notice.word, time.monotonic(), self.channel.kind
        if isinstance(outcome, NotNow) and self._shared.clock() - job.state_at > FORGET_MS:
            outcome = Rejected(f"not taken for a day ({outcome.reason})")
        if isinstance(outcome, NotNow):
            until, is_first = self._places.fail(telling.place, now, outcome.after_s)
            telling.failures += 1
            telling.due_at = max(until, now + wait_after(telling.failures))
            if is_first and now >= self._quiet_until:
                self._quiet_until, self._is_late = now + _QUIET_S, True
                log.warning("%s is told later: %s", self.channel.label, outcome.reason)
            return
        if self._places.succeed(telling.place) and self._is_late:
            self._is_late = False
            log.info("%s answers again", self.channel.label)
        if isinstance(outcome, Delivered):
            self._shared.counts.sent.labels(kind).inc()
            telling.told = told_of(self.channel, telling, job, word, outcome.handle)
        else:
            self._shared.counts.failed.labels(kind).inc()
            telling.told = given_up(self.channel, telling, job, word, until_end=outcome.until_end)
            self._refuse(outcome, job)
        telling.unsure, telling.told_at, telling.failures = False, now, 0
        if self.channel.updates or word == Word.PROGRESS:
            telling.due_at = now + gap_after(self.channel, telling.told.requests, _remaining_s(notice))
        self._keep(telling)

    def _refuse(self, outcome: Rejected, job: Job) -> None:
        log.warning("%s refuses job %s: %s", self.channel.label, job.job_id, outcome.reason)
        if outcome.for_good:
            self.stopped = True
            log.warning("%s is told nothing any more until the server starts again", self.channel.label)
            self._tellings.clear()
            self._waiting.clear()
            self._shared.rows.close_all(self.key.pk)

    def _keep(self, telling: Telling) -> None:
        """Keep what was told, however long the store is away: it must not be told again."""
        is_open = next_word(self.channel, telling) is not None
        telling.told = replace(telling.told, is_open=is_open)
        while True:
            try:
                self._save(telling)
                break
            except ChefError as error:
                log.warning("what %s was told cannot be kept now: %s", self.channel.label, error)
                gevent.sleep(_SAVE_AGAIN_S)
        if next_word(self.channel, telling) is None:
            self._drop(telling)
        elif self._tellings.get(telling.job.job_id) is telling:  # It may have been erased meanwhile.
            self._wait(telling)

    def _save(self, telling: Telling) -> bool:
        return self._shared.rows.save(self.key.pk, telling.job.job_id, telling.told)

    def _drop(self, telling: Telling) -> None:
        job = telling.job
        if self._tellings.get(job.job_id) is telling:
            self._waiting.pop(job.job_id, None)
            if job.ended:
                del self._tellings[job.job_id]


def _gives_way(channel: NotifyChannel, job: Job, rows: OutboxRows) -> bool:
    """Whether a later job has taken a job's place."""
    return channel.shares_places and rows.has_later(job, partial(channel.gives_way, job))


def _remaining_s(notice: Notice) -> float | None:
    estimate = notice.estimate
    return None if estimate is None or estimate.remaining is None else estimate.remaining.median / 1000
