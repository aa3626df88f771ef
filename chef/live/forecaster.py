"""How long running jobs still take: the history of each kind is read once, and each job asked once at a time.

Everybody who asks within a while gets the same estimate, which says when it was made: a viewer counts down
from there by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from chef.domain.batches import Stored
from chef.domain.clock import Clock
from chef.domain.etas import running_job
from chef.domain.filtering import filter_text
from chef.domain.forecast import Estimate, ForecastModel, Interval, build_model, estimate
from chef.domain.model import Job
from chef.domain.removals import Removal
from chef.errors import StoreUnavailable
from chef.live.sharedreads import SharedReads
from chef.store import Store

log = logging.getLogger(__name__)

CHECK_S = 3.0
"""So old a history may be where another process has ended a run, or removed one."""
MOST_KINDS = 1000
MOST_JOBS = 5000
# An estimate is asked for again after a twentieth of the time that is left, within these bounds (ms).
_PART, _SHORTEST_MS, _LONGEST_MS = 20, 1000, 15_000

KindKey = tuple[str, str | None]
"""A project and a kind of runs; `None`: any."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _KnownKind:
    """The model of a kind, with the keys of the runs that it is from, and when that was looked at (s)."""

    keys: tuple[int, ...]
    model: ForecastModel
    checked_at: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """An estimate, of what, and until when (ms) it is good."""

    model: ForecastModel
    phase: tuple[int, str]
    estimate: Estimate | None
    since: int
    until: int


class Forecaster:
    """Estimates for a store's running jobs. `clock` gives the time (ms)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kinds: dict[KindKey, _KnownKind] = {}
        self._asked: dict[str, _Asked] = {}
        self._reads = SharedReads(self._read)
        self.computed = 0

    def note(self, stored: Iterable[Stored]) -> None:
        """A run may have completed: its kind is looked at again before it is asked. Never waits."""
        for item in stored:
            if item.job.status == "completed" and self._kinds:
                for kind in {_kind_of(item.job), (item.job.project_id, None)}:
                    if kind in self._kinds:
                        self._kinds[kind].checked_at = -CHECK_S

    def forget(self, removal: Removal) -> None:
        """A job or a project was erased: nothing is known from it. Never waits."""
        if removal.job_id is not None:
            self._asked.pop(removal.job_id, None)
        for kind, known in self._kinds.items():
            if kind[0] == removal.project_id:
                known.checked_at = -CHECK_S

    def estimate(self, job: Job) -> Estimate | None:
        """How long a job still takes, where its history tells; waits for the store where it must."""
        running = running_job(job)
        if running is None:
            return None
        try:
            model = self._model(_kind_of(job))
        except StoreUnavailable:
            return None  # A job is shown without it, too.
        now, phase = self._clock(), (job.state_seq, job.phase)
        asked = self._asked.get(job.job_id)
        if asked and asked.model is model and asked.phase == phase and asked.since <= now < asked.until:
            return asked.estimate
        self.computed += 1
        found = estimate(model, running, now)
        _keep(self._asked, job.job_id, _Asked(model, phase, found, now, now + _good_for(found)), MOST_JOBS)
        return found

    def usual_phases(self, job: Job) -> dict[str, Interval]:
        """The usual durations of the phases of a job's kind, also for a job that has ended."""
        try:
            return self._model(_kind_of(job)).phases
        except StoreUnavailable:
            return {}

    def last(self, job: Job) -> Estimate | None:
        """The newest estimate that somebody got of a job."""
        asked = self._asked.get(job.job_id)
        return None if asked is None else asked.estimate

    def _model(self, kind: KindKey) -> ForecastModel:
        known = self._kinds.get(kind)
        if known is None or time.monotonic() - known.checked_at >= CHECK_S:
            known = self._reads(kind)
        return known.model

    def _read(self, kind: KindKey) -> _KnownKind:
        begun = time.monotonic()
        known = self._kinds.get(kind)
        history = self._store.history(*kind, known.keys if known else ())
        if known is None or history.runs is not None:
            known = _KnownKind(history.keys, build_model(history.runs or ()), begun)
        else:
            known.checked_at = begun
        _keep(self._kinds, kind, known, MOST_KINDS)
        return known


def _kind_of(job: Job) -> KindKey:
    return job.project_id, filter_text(job.meta.get("kind"))


def _good_for(found: Estimate | None) -> int:
    """For how long (ms) an estimate is good without news of its job."""
    if found is None or found.remaining is None:
        return _LONGEST_MS
    return min(max(found.remaining.median // _PART, _SHORTEST_MS), _LONGEST_MS)


def _keep(kept: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep a value as the newest; beyond so many the oldest goes."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
