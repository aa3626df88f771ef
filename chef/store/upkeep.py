"""The steps between commits, some milliseconds each: texts written, logs put together, old jobs removed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from gevent.event import AsyncResult
from sqlalchemy import Connection

from chef.domain.batches import Stored
from chef.domain.logentries import MAX_ENTRY_LINES
from chef.domain.model import LogEntry
from chef.errors import StoreUnavailable
from chef.store.packing import jobs_to_pack, pack_step
from chef.store.removing import Removed, remove_step
from chef.store.textindex import index_step

log = logging.getLogger(__name__)
T = TypeVar("T")

# So many small rows of a job are worth a step while more come: single lines fill a row with it.
PACK_ROWS = 512
# A log that nothing came to for so long is put together to its end.
QUIET_S = 5.0
# Jobs that ended wait so long for their texts to be written: those of many are one step.
TEXTS_S = 2.0
# While commits wait, steps are so far apart that they take a small part of the writer's time.
_APART_S = 0.025
_RETRY_S = 5.0
# After a crash: the newest jobs are those that were being written.
_UNFINISHED_JOBS = 200


class Transact(Protocol):
    """Runs a query in the writer's thread, in a transaction, while other greenlets go on."""

    def __call__(self, query: Callable[[Connection], T]) -> T: ...


@dataclass(slots=True)
class _RemovalByAge:
    """A greenlet waits until the jobs that ended before a time (ms) are gone, to be told how many."""

    finished_before: int
    count: int = 0
    done: AsyncResult[int | Exception] = field(default_factory=AsyncResult)


class Upkeep:
    """Chooses the next step and takes it. `clock` is in seconds; nothing here waits but for `run`."""

    def __init__(self, run: Transact, max_row_bytes: int, clock: Callable[[], float]) -> None:
        self._run = run
        self._max_row_bytes = max_row_bytes
        self._clock = clock
        self._swept = False
        # When the texts of jobs that ended are due. Some may be left of an earlier process.
        self._texts_at: float | None = 0.0
        # Job and when its log last changed, the one that is quiet for longest first.
        self._changed: dict[str, float] = {}
        self._rows: dict[str, int] = {}
        self._full: dict[str, None] = {}
        self._removals: list[_RemovalByAge] = []
        self._removed_last = False
        self._wrote_texts = False
        self._not_before = 0.0
        self.on_removal: Callable[[Removed], None] = lambda removed: None

    def note(self, stored: Iterable[Stored]) -> bool:
        """New entries are on disk: remember whose log now has small rows.

        Returns whether a step may be due sooner than `pause` said before.
        """
        is_sooner = False
        for item in stored:
            if self._texts_at is None and item.job.ended:
                is_sooner |= not self._has_work
                self._texts_at = self._clock() + TEXTS_S
            if isinstance(item.entry, LogEntry) and self._is_small(item.entry):
                is_sooner |= self._note_small_row(item.job.job_id)
        return is_sooner

    def _note_small_row(self, job_id: str) -> bool:
        had_work, full_before = self._has_work, len(self._full)
        self._changed.pop(job_id, None)
        self._changed[job_id] = self._clock()
        rows = self._rows[job_id] = self._rows.get(job_id, 0) + 1
        if rows >= PACK_ROWS:
            self._full[job_id] = None
        return not had_work or len(self._full) > full_before

    @property
    def _has_work(self) -> bool:
        return bool(self._changed) or self._texts_at is not None

    def _is_small(self, entry: LogEntry) -> bool:
        return len(entry.lines) * 2 <= MAX_ENTRY_LINES and entry.raw_bytes * 2 <= self._max_row_bytes

    def remove(self, finished_before: int) -> AsyncResult[int | Exception]:
        """Have the jobs removed that ended before a time (ms)."""
        removal = _RemovalByAge(finished_before)
        self._removals.append(removal)
        return removal.done

    def pause(self, *, commits_wait: bool = False) -> float | None:
        """Seconds until a step is due, later while commits wait; `None` while there is nothing to do."""
        now = self._clock()
        wait = max(0.0, self._not_before + (_APART_S if commits_wait else 0.0) - now)
        if self._full or self._removals or not self._swept:
            return wait
        due = [time for time in (self._texts_at, self._quiet_at) if time is not None]
        return max(wait, min(due) - now) if due else None

    def step(self, *, commits_wait: bool) -> None:
        """Take the next step if one is due; while commits wait only now and then."""
        if self.pause(commits_wait=commits_wait) != 0:
            return
        self._not_before = self._clock()
        try:
            self._take_step()
        except Exception as error:  # noqa: BLE001 - commits must go on, whatever this is
            log.warning("the store's upkeep waits: %s", error)
            self._not_before = self._clock() + _RETRY_S
        else:
            self._not_before = self._clock()

    def _take_step(self) -> None:
        if not self._swept:
            found = self._run(lambda connection: jobs_to_pack(connection, _UNFINISHED_JOBS))
            self._changed = dict.fromkeys(found, 0.0) | self._changed
            self._swept = True
        elif self._is_past(self._texts_at) and not (self._wrote_texts and self._has_others_due):
            self._wrote_texts = True
            self._texts_at = 0.0 if self._run(index_step) else None
        elif self._removals and not (self._removed_last and self._full):
            self._wrote_texts, self._removed_last = False, True
            self._remove(self._removals[0])
        else:
            self._wrote_texts = self._removed_last = False
            self._pack(next(iter(self._full or self._changed)))

    def _is_past(self, due: float | None) -> bool:
        return due is not None and due <= self._clock()

    @property
    def _has_others_due(self) -> bool:
        """Whether a log or a removal waits as well."""
        return bool(self._full or self._removals) or self._is_past(self._quiet_at)

    @property
    def _quiet_at(self) -> float | None:
        """When the log that is quiet for longest is put together to its end."""
        return next(iter(self._changed.values())) + QUIET_S if self._changed else None

    def _pack(self, name: str) -> None:
        was_full = name in self._full
        more = False
        try:
            more = self._run(
                lambda connection: pack_step(connection, name, self._max_row_bytes, to_end=not was_full)
            )
        finally:
            # If it failed, it is tried again when more comes.
            self._full.pop(name, None)
            self._rows.pop(name, None)
            if more:
                self._full[name] = None
            elif not was_full:
                self._changed.pop(name, None)

    def _remove(self, removal: _RemovalByAge) -> None:
        try:
            removed = self._run(lambda connection: remove_step(connection, removal.finished_before))
        except Exception as error:
            self._removals.remove(removal)
            removal.done.set(error)
            raise
        removal.count += len(removed.jobs)
        self.on_removal(removed)
        if not removed.more:
            self._removals.remove(removal)
            removal.done.set(removal.count)

    def close(self) -> None:
        """Let those greenlets go on that wait for a removal: it will not be done."""
        for removal in self._removals:
            removal.done.set(StoreUnavailable("the server is stopping"))
        self._removals.clear()
