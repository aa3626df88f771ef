"""The group commit: one writer, one transaction and one commit for all that wait.

The writer is a native thread, since SQLite blocks its thread in a commit. What comes of one is handed back
on the event loop before anything else happens with it (stack-traps 16 and 21).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gevent import get_hub
from gevent.event import Event
from gevent.hub import Waiter
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from chef.domain.batches import Batch, Receipt, Stored
from chef.domain.latemasks import LateMasks
from chef.domain.limits import StoredLimits
from chef.errors import ConnectionLost, StoreLocked, StoreUnavailable
from chef.store.counts import StoreCounts
from chef.store.engine import ConnectionPool
from chef.store.faults import LOCKED, refusal, unsure
from chef.store.storethreads import StoreThreads
from chef.store.waits import LOCK_TRY_MS, STORE_WAIT_S
from chef.store.working import ThreadLook, thread_id
from chef.store.writetransaction import Overtaken
from chef.store.writing import write

log = logging.getLogger(__name__)

Outcome = Receipt | Exception
Aside = Callable[[Connection], None]
"""Something small that is written in the same commit as the batches that wait."""

# Two processes that make the same project or job at once: the second finds it on its next try.
_ATTEMPTS = 5
_LOOK_EVERY_S = 0.25


class _Pending(Struct, eq=False):
    """What a greenlet waits for, until a time (`time.monotonic`) at which it is refused."""

    work: Batch | Aside
    waiter: Any
    until: float
    answered: bool = False

    def answer(self, outcome: Outcome | None) -> None:
        """On the event loop: let the greenlet go on, once."""
        if not self.answered:
            self.answered = True
            self.waiter.switch(outcome)


class GroupCommit:
    """Takes what is to be written and commits all that waits at once.

    Nobody waits for long. While another process holds the lock, the writer tries again and again; whoever has
    waited for `STORE_WAIT_S` by then is refused, and so is everybody while the thread hangs. While it works
    nobody is.

    `after_commit` is called with the new entries of each commit, in the order of their seqs, before those
    that wait for it go on. It must not wait.
    """

    def __init__(
        self,
        thread: StoreThreads,
        connections: ConnectionPool,
        max_line_bytes: int,
        max_log_bytes: int,
        counts: StoreCounts,
        limits: StoredLimits,
    ) -> None:
        self._thread = thread
        self._connections = connections
        self._limits = max_line_bytes, max_log_bytes, limits
        self._counts = counts
        self.late_masks = LateMasks()
        self.after_commit: Callable[[Sequence[Stored]], None] = lambda stored: None
        self._waiting: list[_Pending] = []
        self._committing: list[_Pending] = []
        self._watch: Any = None
        self._is_watched = False
        # Whether somebody who waits for what is being written was told that it is not kept.
        self._is_given_up = False
        self._writer = 0
        self._look = ThreadLook()
        self._is_locked = False
        # Whether the newest commit came to nothing.
        self.has_failed = False
        self._idle = Event()
        self._closing = False

    @property
    def is_busy(self) -> bool:
        """Whether a commit runs at this moment."""
        return bool(self._committing)

    def commit(self, work: Batch | Aside) -> Receipt | None:
        """Have something written in the next commit; returns when it is on disk. Raises its refusal."""
        if self._closing:
            raise StoreUnavailable("the server is stopping, nothing was kept")
        waiter: Any = Waiter()
        if not self._waiting and not self._committing:
            # Not before all that came together waits.
            get_hub().loop.run_callback(self._begin)
        self._waiting.append(_Pending(work, waiter, time.monotonic() + STORE_WAIT_S))
        outcome: Outcome | None = waiter.get()
        if isinstance(outcome, Exception):
            if isinstance(outcome, StoreUnavailable):
                self._counts.errors.labels("write").inc()
            raise outcome
        return outcome

    @property
    def waiting(self) -> int:
        """How many wait to be written, or are being written at this moment."""
        return len(self._waiting) + len(self._committing)

    def late(self) -> StoreUnavailable:
        """The refusal of something that the thread has not begun with in time."""
        return refusal(LOCKED if self._is_locked else None, reading=False)

    def close(self) -> None:
        """Refuse what comes from now on; returns when all that waited is written."""
        self._closing = True
        if self._waiting or self._committing:
            self._idle.wait()
        if self._watch is not None:
            self._watch.close()

    def _begin(self) -> None:
        self._committing, self._waiting = self._waiting, []
        self._is_given_up = False
        works = [pending.work for pending in self._committing]
        if not self._is_watched:
            self._watch_over()
        self._thread.begin(partial(self._write, works), self._end)

    def _end(self, outcomes: Sequence[Outcome | None] | None, error: Exception | None) -> None:
        """On the event loop: publish what is on disk, then let those go on that waited for it."""
        committed, self._committing = self._committing, []
        if outcomes is None:
            outcomes = [error] * len(committed)
        failures = [one for one in outcomes if isinstance(one, StoreUnavailable)]
        self.has_failed = bool(failures)
        self._is_locked = any(isinstance(one, StoreLocked) for one in failures) if failures else False
        if self._is_locked:
            committed, outcomes = self._try_again(committed, outcomes)
        if self._waiting:
            self._begin()
        self._publish([item for one in outcomes if isinstance(one, Receipt) for item in one.stored])
        for pending, outcome in zip(committed, outcomes, strict=True):
            pending.answer(outcome)
        if self._closing and not self._committing:
            self._idle.set()

    def _try_again(
        self, committed: Sequence[_Pending], outcomes: Sequence[Outcome | None]
    ) -> tuple[list[_Pending], list[Outcome | None]]:
        """Have those that met a lock and still have time wait again, before the others that wait.

        Returns the rest, and what came of it.
        """
        now = time.monotonic()
        again = [
            isinstance(outcome, StoreLocked) and now < pending.until
            for pending, outcome in zip(committed, outcomes, strict=True)
        ]
        self._waiting[:0] = [pending for pending, waits in zip(committed, again, strict=True) if waits]
        return (
            [pending for pending, waits in zip(committed, again, strict=True) if not waits],
            [outcome for outcome, waits in zip(outcomes, again, strict=True) if not waits],
        )

    def _watch_over(self) -> None:
        """Look now and then whether what is being written takes too long, until nothing is any more."""
        if self._watch is None:
            self._watch = get_hub().loop.timer(_LOOK_EVERY_S, _LOOK_EVERY_S)
        self._is_watched = True
        self._watch.start(self._look_after)

    def _look_after(self) -> None:
        if self._committing:
            self._refuse_late()
        else:
            self._is_watched = False
            self._watch.stop()

    def _refuse_late(self) -> None:
        """Let those go on that have waited too long while the thread waits itself, for a lock or a disk.

        The thread has nothing to do with those that wait for their turn. What it writes at the moment is
        given up before its commit; only where that hangs itself it may be kept after all.
        """
        now = time.monotonic()
        if self._look.has_worked(self._writer) and not self._is_locked:
            # A large body is written, which is no reason to refuse it, or what comes behind it. To try for a
            # lock again and again is no such work.
            for pending in (*self._waiting, *self._committing):
                pending.until = max(pending.until, now + 2 * _LOOK_EVERY_S)
            return
        late = [pending for pending in self._waiting if now >= pending.until]
        if late:
            self._waiting = [pending for pending in self._waiting if now < pending.until]
            for pending in late:
                pending.answer(self.late())
        for pending in self._committing:
            if now >= pending.until + LOCK_TRY_MS / 1000:
                self._is_given_up = True
                pending.answer(unsure())

    def _publish(self, stored: Sequence[Stored]) -> None:
        try:
            self.after_commit(stored)
        except Exception:
            # It is on disk: its sender must be answered, and the safety poll tells the viewers.
            log.exception("what was stored could not be published")

    def _write(self, works: Sequence[Batch | Aside]) -> Sequence[Outcome | None]:
        """In the writer's thread: one transaction for all that wait."""
        if not self._writer:
            self._writer = thread_id()
        for _ in range(_ATTEMPTS):
            try:
                return self._transaction(works)
            except (IntegrityError, Overtaken, ConnectionLost):
                continue
            except StoreUnavailable as error:
                return [error] * len(works)
            except Exception as error:  # noqa: BLE001 - handed to the greenlet that waits
                # An update that breaks its transaction must not take down those that wait with it.
                if len(works) == 1:
                    return [error]
                return [outcome for work in works for outcome in self._write([work])]
        return [StoreUnavailable()] * len(works)

    def _transaction(self, works: Sequence[Batch | Aside]) -> Sequence[Outcome | None]:
        batches = [work for work in works if isinstance(work, Batch)]
        begun = time.monotonic()
        # Whoever waits for longest stands first.
        until = self._committing[0].until if self._committing else None
        with self._connections.writing(until) as connection:
            receipts = iter(write(connection, batches, self.late_masks, *self._limits))
            outcomes = [next(receipts) if isinstance(work, Batch) else work(connection) for work in works]
            if self._is_given_up:
                raise unsure()
        self._counts.commits.observe(time.monotonic() - begun)
        return outcomes
