"""Who waits for the end of a job, without a greenlet each: told when it ends, when the time is over, or
when the server stops.

One `EndWatch` follows a job for all that wait for its end. It reads the job only when an entry that may have
ended it has come, and once for all.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import gevent
from gevent import get_hub

from chef.domain.model import Job, StateEntry
from chef.errors import StoreUnavailable
from chef.live.events import Published
from chef.live.feed import RETRY_S
from chef.live.hub import Hub
from chef.live.rooms import Member, Room

_ENDINGS = ("completed", "error")


class Reason(Enum):
    """Why somebody waits no longer."""

    ENDED = "ended"
    """The job has ended, or was removed."""
    LATE = "late"
    """The time is over."""
    CLOSING = "closing"
    """The server stops."""


Told = Callable[[Reason, Job | None, dict[Any, Any]], None]
"""Called once, in the loop or a greenlet, and must not wait. The job is that at its end, else `None`; the
dict is shared by all that are told together, for what is the same for them."""


class WaiterList(Protocol):
    """Whatever tells some waiters."""

    def remove(self, waiter: Waiter) -> None:
        """One of them waits no longer."""
        ...


class Waiter:
    """A client that waits for the end of a job, or for other news of it."""

    __slots__ = ("_timer", "_told", "watch")

    def __init__(self, watch: WaiterList, seconds: float, told: Told) -> None:
        self.watch = watch
        self._told = told
        self._timer: Any = get_hub().loop.timer(seconds)
        self._timer.start(self._late)

    def tell(self, reason: Reason, job: Job | None, shared: dict[Any, Any]) -> None:
        """Tell it, and let go of it."""
        self._timer.close()
        self._told(reason, job, shared)

    def leave(self) -> None:
        """It waits no longer, and is told nothing."""
        self._timer.close()
        self.watch.remove(self)

    def _late(self) -> None:
        self.watch.remove(self)
        self.tell(Reason.LATE, None, {})


class EndWatch(Member):
    """Follows one job for all that wait for its end."""

    def __init__(self, room: Room, position: int, hub: Hub, forget: Callable[[EndWatch], None]) -> None:
        super().__init__(room, position)
        self.waiters: dict[Waiter, None] = {}
        self._hub = hub
        self._forget = forget
        self._life = room.life
        self._looks = False
        self._looks_again = False

    def wake(self) -> None:
        """Look at what is new: at each entry where the ring has it, else at the job. Never waits."""
        if self._hub.closed:
            self._tell(Reason.CLOSING, None)
        elif self._may_have_ended():
            self._looks_again = True
            if not self._looks:
                self._looks = True
                gevent.spawn(self._look)

    def _may_have_ended(self) -> bool:
        page = self.room.ring.after(self.position) or ()
        was_removed, self._life = self._life != self.room.life, self.room.life
        is_known = not page or page[-1].position >= self.room.head
        is_unseen = self.position < self.room.head and not (page and is_known)
        self.position = self.room.head
        return was_removed or is_unseen or any(map(_ends, page))

    def _look(self) -> None:
        try:
            while self._looks_again and self.waiters:
                self._looks_again = False
                self._look_once()
        finally:
            self._looks = False

    def _look_once(self) -> None:
        try:
            job = self._hub.store.job(self.room.key[1])
        except StoreUnavailable:
            gevent.sleep(RETRY_S)
            self._looks_again = True
            return
        if job is None or job.ended:
            self._tell(Reason.ENDED, job)

    def _tell(self, reason: Reason, job: Job | None) -> None:
        waiters, self.waiters = self.waiters, {}
        self._forget(self)
        shared: dict[Any, Any] = {}
        for waiter in waiters:
            waiter.tell(reason, job, shared)

    def remove(self, waiter: Waiter) -> None:
        """One of them waits no longer."""
        self.waiters.pop(waiter, None)
        if not self.waiters:
            self._forget(self)


def _ends(published: Published) -> bool:
    """Whether an entry may be a job's end."""
    entry = published.entry
    return isinstance(entry, StateEntry) and any(name in _ENDINGS for name, _ in entry.events)


class EndWatches:
    """All that wait for the end of a job, in this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._watches: dict[str, EndWatch] = {}

    def __len__(self) -> int:
        return sum(len(watch.waiters) for watch in self._watches.values())

    def add(self, room: Room, seq: int, seconds: float, told: Told) -> Waiter:
        """Wait for the end of a job that had not ended at `seq`, which was read within the room's context.

        `told` is called after `seconds` at the latest, and not before this has returned.
        """
        job_id = room.key[1]
        watch = self._watches.get(job_id)
        if watch is None or watch.room is not room:
            watch = self._watches[job_id] = EndWatch(room, seq, self._hub, self._forget)
            room.join(watch)
        waiter = Waiter(watch, seconds, told)
        watch.waiters[waiter] = None
        room.raise_head(seq)
        room.flush_soon()  # What came before it joined, or that the server stops, is seen then.
        return waiter

    def _forget(self, watch: EndWatch) -> None:
        if self._watches.get(watch.room.key[1]) is watch:
            del self._watches[watch.room.key[1]]
        watch.leave()
