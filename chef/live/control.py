"""Stop requests and questions: stored, told to followers, and to build machines that wait for them.

They are no part of a job's log: they have no seq, and followers get them as notes (chef.live.notes). What
another process stored is found by a look at a few numbered rows, once a second while anybody follows or waits
here, so that a build on another process learns of it in time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import gevent

from chef.domain.batches import Batch, Item, Stored
from chef.domain.clock import Clock
from chef.domain.control import AskToStop, ControlStep
from chef.domain.controlpayloads import QuestionsEvent, StopEvent, question_json, stop_json
from chef.domain.model import Job, Kind, StateEntry
from chef.domain.wiretypes import encode
from chef.errors import ChefError, Forbidden
from chef.live.background import BackgroundTask
from chef.live.events import Event
from chef.live.hub import Hub
from chef.live.waiting import Reason, Told, Waiter
from chef.store import Store

log = logging.getLogger(__name__)

LOOK_S = 1.0


class _JobWatch:
    """All that wait for news of one job."""

    def __init__(self, job_id: str, watches: dict[str, _JobWatch]) -> None:
        self.waiters: dict[Waiter, None] = {}
        self._job_id = job_id
        self._watches = watches

    def remove(self, waiter: Waiter) -> None:
        """One of them waits no longer."""
        self.waiters.pop(waiter, None)
        if not self.waiters and self._watches.get(self._job_id) is self:
            del self._watches[self._job_id]


class Control:
    """The stop requests and questions of one store. `is_on` is `CHEF_CONTROL`."""

    def __init__(self, store: Store, hub: Hub, clock: Clock, *, is_on: bool) -> None:
        self.is_on = is_on
        self._store = store
        self._hub = hub
        self._clock = clock
        self._watches: dict[str, _JobWatch] = {}
        self._last = 0
        # Behind the last that was looked for: those of this process, which are told already.
        self._told: set[int] = set()
        self._task = BackgroundTask(self._look_if_followed, "stop requests of other processes wait")

    def start(self) -> None:
        """Begin to look for what other processes store; needs the event loop."""
        if self.is_on:
            self._last = self._store.last_control()
            self._task.start(LOOK_S)
            self._hub.on_close = self._end_waiting

    def close(self) -> None:
        """Tell nobody any more."""
        self._task.close()
        self._end_waiting()

    def check(self) -> None:
        """Raise Forbidden while nothing may be controlled."""
        if not self.is_on:
            raise Forbidden(
                "builds cannot be stopped or answered here: CHEF_CONTROL=true on the server allows it",
                code="control_off",
            )

    @property
    def waiting(self) -> int:
        """How many requests of build machines wait here."""
        return sum(len(watch.waiters) for watch in self._watches.values())

    def take(self, step: ControlStep, allowed: frozenset[str] | None) -> Job:
        """Store a step and tell of it; returns the job as it stands then.

        Raises NotFound, Forbidden, Conflict and StoreUnavailable. What changes nothing is told to nobody.
        """
        receipt = self._store.append(Batch((Item(step),), self._clock(), allowed))
        job = self._store.job(step.job_id)
        if job is None:
            raise Forbidden("the job was removed just now")
        if receipt.accepted:
            is_stop = isinstance(step, AskToStop)
            self._tell(job, is_stop=is_stop)
            self._tell_others(job, is_stop=is_stop)
        return job

    def _tell_others(self, job: Job, *, is_stop: bool) -> None:
        try:
            self._told.add(self._store.note_control(job.job_id, self._clock(), is_stop=is_stop))
        except ChefError:
            # It is stored: other processes learn of it when they next look at the job.
            log.warning("other processes learn late that job %s has news", job.job_id)

    def _tell(self, job: Job, *, is_stop: bool) -> None:
        if not job.ended:
            kinds: tuple[tuple[Kind, str], ...] = (("job", job.job_id), ("project", job.project_id))
            for kind, name in kinds:
                self._hub.tell((kind, name), job.job_id, control_event(kind, job, is_stop=is_stop))
        self.wake(job.job_id)

    # --- waiting ---------------------------------------------------------------------------

    def wait(self, job_id: str, seconds: float, told: Told) -> Waiter:
        """Wait for the next change of a job or its end; `told` is called after `seconds` at the latest.

        Whoever waits looks at the job after this: what came before is told to nobody.
        """
        watch = self._watches.get(job_id)
        if watch is None:
            watch = self._watches[job_id] = _JobWatch(job_id, self._watches)
        waiter = Waiter(watch, seconds, told)
        watch.waiters[waiter] = None
        return waiter

    def wake(self, job_id: str) -> None:
        """Have those that wait for news of a job look at it. Never waits."""
        watch = self._watches.pop(job_id, None)
        if watch is None:
            return
        reason = Reason.CLOSING if self._hub.closed else Reason.LATE
        for waiter in list(watch.waiters):
            waiter.tell(reason, None, {})

    def note(self, stored: Iterable[Stored]) -> None:
        """Jobs have changed: whoever waits for one that has ended is told. Never waits."""
        if not self.is_on:
            return
        for item in stored:
            if item.job.ended:
                self.wake(item.job.job_id)
                if isinstance(item.entry, StateEntry) and _has_open_question(item.job):
                    # Whoever asked may wait at another process.
                    gevent.spawn(self._tell_others, item.job, is_stop=False)

    def _end_waiting(self) -> None:
        for job_id in list(self._watches):
            self.wake(job_id)

    # --- other processes -------------------------------------------------------------------

    def look(self) -> None:
        """Tell of what other processes have stored since the last look. Raises StoreUnavailable."""
        while found := self._store.controls_after(self._last):
            for change in found:
                if change.number not in self._told:
                    self._tell(change.job, is_stop=change.is_stop)
            self._last = found[-1].number
            self._told = {number for number in self._told if number > self._last}

    def _look_if_followed(self) -> None:
        if self._hub.rooms or self._watches:
            self.look()


def _has_open_question(ended: Job) -> bool:
    """Whether a job that has ended left a question open."""
    return any(question.is_open(ended.finished_at or ended.updated_at) for question in ended.questions)


def control_event(kind: Kind, job: Job, *, is_stop: bool) -> Event:
    """The event that tells followers of a job or its project of a stop request, or of questions."""
    if is_stop and job.stop is not None:
        stop = StopEvent(job.job_id, job.project_id, stop_json(job.stop))
        return Event(f"{kind}:stop", 0, encode(stop), "")
    asked = [question_json(question) for question in job.questions]
    return Event(f"{kind}:questions", 0, encode(QuestionsEvent(job.job_id, job.project_id, asked)), "")
