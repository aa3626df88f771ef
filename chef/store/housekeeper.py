"""The greenlet that has the store's upkeep done, a step now and then, between commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import gevent
from gevent.event import Event

from chef.domain.batches import Stored
from chef.errors import StoreUnavailable
from chef.store.upkeep import Upkeep


class Housekeeper:
    """Takes the steps of `upkeep` when they are due. `commits_wait` tells whether one would be in the way."""

    def __init__(self, upkeep: Upkeep, commits_wait: Callable[[], bool]) -> None:
        self._upkeep = upkeep
        self._commits_wait = commits_wait
        self._wake = Event()
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self._closing = False

    def note(self, stored: Sequence[Stored]) -> None:
        """New entries are on disk; the first ones begin the work."""
        self._start()
        if self._upkeep.note(stored):
            self._wake.set()

    def remove_finished(self, before: int) -> int:
        """Have the jobs removed that ended before a time (ms); returns how many, when they are gone."""
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        done = self._upkeep.remove(before)
        self._start()
        self._wake.set()
        outcome = done.get()
        if isinstance(outcome, Exception):
            raise outcome
        return cast("int", outcome)

    def close(self) -> None:
        """End with the step that is being taken."""
        self._closing = True
        self._wake.set()
        if self._greenlet is not None:
            self._greenlet.join()

    def _start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._work_for_ever)

    def _work_for_ever(self) -> None:
        while not self._closing:
            self._wake.wait(self._upkeep.pause(commits_wait=self._commits_wait()))
            self._wake.clear()
            if not self._closing:
                self._upkeep.step(commits_wait=self._commits_wait())
        self._upkeep.close()
