"""The greenlets that tell one target what waits for it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import gevent
from gevent.pool import Pool

from chef.domain.clock import Clock
from chef.domain.forecast import Estimate
from chef.domain.model import Job
from chef.errors import ChefError
from chef.metrics import CountByLabel
from chef.outbox.channel import NotifyChannel
from chef.outbox.guard import NoAddress, place_of
from chef.outbox.places import wait_after
from chef.outbox.queue import TargetQueue
from chef.outbox.sending import GuardedSender, TargetSilent
from chef.outbox.telling import Telling, gap_after, given_up, next_word, notice_id, told_of
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request, Word
from chef.store.outbox import FORGET_MS, OutboxRows

log = logging.getLogger(__name__)

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
class OutboxParts:
    """The parts that all tellers share: the store's rows and epoch, the time (ms), a job's link and estimate.

    `is_held`: whether this process may tell at the moment.
    """

    rows: OutboxRows
    epoch: str
    clock: Clock
    link: Callable[[str], str]
    estimate: Callable[[Job], Estimate | None]
    is_held: Callable[[], bool]
    counts: OutboxCounts


class TargetTeller:
    """Tells one target what is in its queue, as long as it is not closed."""

    def __init__(self, queue: TargetQueue, shared: OutboxParts) -> None:
        self.queue = queue
        self._channel = queue.channel
        self._shared = shared
        self._sender = GuardedSender(queue.channel.named)
        # A place with a limit fails and answers again every second: that is said once a minute.
        self._quiet_until = 0.0
        self._is_late = False
        self._pool = Pool(AT_ONCE)
        self._task = gevent.spawn(self._run_for_ever)

    def stop(self) -> None:
        """Begin with nothing more."""
        self._task.kill()

    def close(self, within: float) -> None:
        """Stop; what is in flight has so many seconds."""
        self.stop()
        self._pool.join(within)
        self._pool.kill()
        self._sender.close()

    def _run_for_ever(self) -> None:
        queue = self.queue
        while True:
            queue.woken.clear()
            telling, until = queue.next(time.monotonic())
            if telling is None:
                queue.woken.wait(None if until is None else max(0.0, until - time.monotonic()))
                continue
            telling.busy = True
            # Before another one is looked for: a place that failed is asked by one at a time.
            queue.places.enter(telling.place)
            self._pool.spawn(self._tell, telling, telling.place)

    def _tell(self, telling: Telling, entered: str) -> None:
        try:
            self._tell_next(telling)
        except ChefError as error:
            telling.due_at = time.monotonic() + _SAVE_AGAIN_S
            log.warning("%s cannot be told now: %s", self._channel.label, error)
        finally:
            self.queue.places.leave(entered)
            telling.busy = False
            self.queue.woken.set()

    def _tell_next(self, telling: Telling) -> None:
        job, word = telling.job, next_word(self._channel, telling)
        if word is None:
            self.queue.drop(telling)
        elif not self._shared.is_held():
            telling.due_at = time.monotonic() + _SAVE_AGAIN_S
        elif _gives_way(self._channel, job, self._shared.rows):
            telling.told = given_up(self._channel, telling, job, word)
            self._keep(telling)
        elif self._begin(telling):
            notice = self._notice(telling, job, word)
            outcome = self._outcome(telling, notice)
            if outcome is not None:
                self._end(telling, notice, outcome)

    def _begin(self, telling: Telling) -> bool:
        """Keep that a first message may be sent, where the target could not tell that it came before."""
        told = telling.told
        if self._channel.knows_repeats or told.handle is not None or told.begun:
            return True
        telling.told = replace(told, begun=True, is_open=True)
        if self._save(telling):
            return True
        telling.told, telling.due_at = told, time.monotonic() + _SAVE_AGAIN_S
        return False

    def _notice(self, telling: Telling, job: Job, word: Word) -> Notice:
        shared = self._shared
        estimate = None if job.ended else shared.estimate(job)
        name = notice_id(self._channel, job, word, shared.epoch)
        link, now = shared.link(job.job_id), shared.clock()
        return Notice(job, word, estimate, link, now, name, telling.unsure, telling.failed_before)

    def _outcome(self, telling: Telling, notice: Notice) -> Outcome | None:
        """The outcome of telling it; `None` where the place is not to be asked now."""
        try:
            return self._channel.tell(notice, telling.told.handle, partial(self._send, telling))
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
            log.error("%s: a fault (%s)\n%s", self._channel.label, type(error).__name__, where)
            return Rejected("a fault of the server")

    def _send(self, telling: Telling, request: Request) -> Answer:
        place = str(place_of(request.url))
        if place != telling.place:
            telling.place, now = place, time.monotonic()
            until = self.queue.places.wait_until(place, now)
            if until is None or until > now:
                raise Postponed(until or now + _SAVE_AGAIN_S)
        self._shared.counts.tried.labels(self._channel.kind).inc()
        return self._sender.send(request)

    def _end(self, telling: Telling, notice: Notice, outcome: Outcome) -> None:
        """Go by what came of telling a notice: put it off, or keep what was told and what comes next."""
        job, word, now = notice.job, notice.word, time.monotonic()
        if isinstance(outcome, NotNow) and self._shared.clock() - job.state_at > FORGET_MS:
            outcome = Rejected(f"not taken for a day ({outcome.reason})")
        if isinstance(outcome, NotNow):
            self._put_off(telling, outcome, now)
            return
        if self.queue.places.succeed(telling.place) and self._is_late:
            self._is_late = False
            log.info("%s answers again", self._channel.label)
        if isinstance(outcome, Delivered):
            self._shared.counts.sent.labels(self._channel.kind).inc()
            telling.told = told_of(self._channel, telling, job, word, outcome.handle)
        else:
            self._shared.counts.failed.labels(self._channel.kind).inc()
            telling.told = given_up(self._channel, telling, job, word, until_end=outcome.until_end)
            self._refuse(outcome, job)
        telling.unsure, telling.told_at, telling.failures = False, now, 0
        if self._channel.updates or word == Word.PROGRESS:
            telling.due_at = now + gap_after(self._channel, telling.told.requests, _remaining_s(notice))
        self._keep(telling)

    def _put_off(self, telling: Telling, outcome: NotNow, now: float) -> None:
        until, is_first = self.queue.places.fail(telling.place, now, outcome.after_s)
        telling.failures += 1
        telling.due_at = max(until, now + wait_after(telling.failures))
        if is_first and now >= self._quiet_until:
            self._quiet_until, self._is_late = now + _QUIET_S, True
            log.warning("%s is told later: %s", self._channel.label, outcome.reason)

    def _refuse(self, outcome: Rejected, job: Job) -> None:
        log.warning("%s refuses job %s: %s", self._channel.label, job.job_id, outcome.reason)
        if outcome.for_good:
            self.queue.stop()
            log.warning("%s is told nothing any more until the server starts again", self._channel.label)
            self._shared.rows.close_all(self.queue.key.pk)

    def _keep(self, telling: Telling) -> None:
        """Keep what was told, however long the store is away: it must not be told again."""
        is_open = next_word(self._channel, telling) is not None
        telling.told = replace(telling.told, is_open=is_open)
        while True:
            try:
                self._save(telling)
                break
            except ChefError as error:
                log.warning("what %s was told cannot be kept now: %s", self._channel.label, error)
                gevent.sleep(_SAVE_AGAIN_S)
        self.queue.settle(telling)

    def _save(self, telling: Telling) -> bool:
        return self._shared.rows.save(self.queue.key.pk, telling.job.job_id, telling.told)


def _gives_way(channel: NotifyChannel, job: Job, rows: OutboxRows) -> bool:
    """Whether a later job has taken a job's place."""
    return channel.shares_places and rows.has_later(job, partial(channel.gives_way, job))


def _remaining_s(notice: Notice) -> float | None:
    estimate = notice.estimate
    return None if estimate is None or estimate.remaining is None else estimate.remaining.median / 1000
