"""The group commit: one writer, one transaction and one commit for all that wait.

The writer is a native thread, since SQLite blocks its thread in a commit. What comes of one is handed back
on the event loop before anything else happens with it (stack-traps 16 and 21).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from gevent import get_hub
from gevent.event import Event
from gevent.hub import Waiter
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from chef.domain.latemasks import LateMasks
from chef.domain.ledger import Batch, Receipt, Stored
from chef.errors import StoreUnavailable
from chef.store.counts import StoreCounts
from chef.store.engine import ConnectionPool
from chef.store.writerthread import WriterThread
from chef.store.writing import Overtaken, write

log = logging.getLogger(__name__)

Outcome = Receipt | Exception
Aside = Callable[[Connection], None]
"""Something small that is written in the same commit as the batches that wait."""

# Two processes that make the same project or job at once: the second finds it on its next try.
_ATTEMPTS = 5


class GroupCommit:
    """Takes what is to be written and commits all that waits at once.

    `after_commit` is called with the new entries of each commit, in the order of their seqs, before those
    that wait for it go on. It must not wait.
    """

    def __init__(
        self,
        thread: WriterThread,
        connections: ConnectionPool,
        max_line_bytes: int,
        max_log_bytes: int,
        counts: StoreCounts,
    ) -> None:
        self._thread = thread
        self._connections = connections
        self._limits = max_line_bytes, max_log_bytes
        self._counts = counts
        self._late_masks = LateMasks()
        self.after_commit: Callable[[Sequence[Stored]], None] = lambda stored: None
        # Each with the greenlet's waiter.
        self._waiting: list[tuple[Batch | Aside, Any]] = []
        self._committing: list[tuple[Batch | Aside, Any]] = []
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
        self._waiting.append((work, waiter))
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

    def close(self) -> None:
        """Refuse what comes from now on; returns when all that waited is written."""
        self._closing = True
        if self._waiting or self._committing:
            self._idle.wait()

    def _begin(self) -> None:
        self._committing, self._waiting = self._waiting, []
        works = [work for work, _ in self._committing]
        self._thread.begin(lambda: self._write(works), self._end)

    def _end(self, outcomes: Sequence[Outcome | None] | None, error: Exception | None) -> None:
        """On the event loop: publish what is on disk, then let those go on that waited for it."""
        committed, self._committing = self._committing, []
        if self._waiting:
            self._begin()
        if outcomes is None:
            outcomes = [error] * len(committed)
        self._publish([item for one in outcomes if isinstance(one, Receipt) for item in one.stored])
        for (_, waiter), outcome in zip(committed, outcomes, strict=True):
            waiter.switch(outcome)
        if self._closing and not self._committing:
            self._idle.set()

    def _publish(self, stored: Sequence[Stored]) -> None:
        try:
            self.after_commit(stored)
        except Exception:
            # It is on disk: its sender must be answered, and the safety poll tells the viewers.
            log.exception("what was stored could not be published")

    def _write(self, works: Sequence[Batch | Aside]) -> Sequence[Outcome | None]:
        """In the writer's thread: one transaction for all that wait."""
        for _ in range(_ATTEMPTS):
            try:
                return self._transaction(works)
            except (IntegrityError, Overtaken):
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
        with self._connections.writing() as connection:
            receipts = iter(write(connection, batches, self._late_masks, *self._limits))
            outcomes = [next(receipts) if isinstance(work, Batch) else work(connection) for work in works]
        self._counts.commits.observe(time.monotonic() - begun)
        return outcomes
