"""What was made of a job's or a project's state, kept while that stands: many ask for the same badge."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from chef.domain.batches import Stored
from chef.domain.clock import Clock
from chef.live.rooms import Key

T = TypeVar("T")

KEEP_MS = 1000
"""So long at most: what another process stores is not heard of here, and a running job's time goes on."""

_MOST_KEYS = 1_000
_MOST_OF_A_KEY = 20


class _MadeOnce(NamedTuple, Generic[T]):
    made: T
    until: int


class Recent(Generic[T]):
    """Values by the job or project that they tell of, and by what else they depend on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Key, dict[Hashable, _MadeOnce[T]]] = {}

    def get(self, key: Key, of: Hashable, make: Callable[[], T]) -> T:
        """The value that is kept, or is made now. What is stored while it is made lets it not be kept."""
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _MOST_KEYS:
                self._kept.clear()
            kept = self._kept[key] = {}
        found = kept.get(of)
        if found is not None and found.until > self._clock():
            return found.made
        began = self._clock()
        made = make()
        if len(kept) >= _MOST_OF_A_KEY:
            kept.clear()
        kept[of] = _MadeOnce(made, began + KEEP_MS)
        return made

    def note(self, stored: Sequence[Stored]) -> None:
        """These jobs and their projects are not what they were. Never waits."""
        if self._kept:
            for item in stored:
                self._kept.pop(("job", item.job.job_id), None)
                self._kept.pop(("project", item.job.project_id), None)

    def forget(self, _removed: object) -> None:
        """Jobs and projects are gone."""
        self._kept.clear()  # Also of projects that have lost one of several jobs.
