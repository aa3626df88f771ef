"""Jobs, logs and projects erased: told to viewers at once, then cleaned out of the store's files.

A transaction takes what is erased out of sight. The rest is done beside the requests: rows are deleted in
steps, and the files cleaned when no commit has to wait long for that (chef.store.scrubbing). What a process
leaves behind the next one finds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
from gevent.event import Event as Wakeup

from chef.domain.clock import Clock
from chef.errors import ChefError
from chef.live.hub import Hub
from chef.live.removals import Removals
from chef.store import Allowed, Cleanness, Erasure, Removed, Store
from chef.store.removalrows import TOLD_FOR_MS

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""How often it looks for what another process has left behind, and for what could not be cleaned."""

# So long another process is given to clean what it has erased.
_OTHERS_MS = 120_000
_APART_S = 0.01
_AGAIN_S = 10.0


class Eraser:
    """Erases at somebody's wish. `ring` tells other processes that something was; it must not wait."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        removals: Removals,
        clock: Clock,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._hub = hub
        self._removals = removals
        self._clock = clock
        self._ring = ring
        self._task: gevent.Greenlet[..., None] | None = None
        self._wake, self._answered = Wakeup(), Wakeup()
        # Erasures are numbered here: how many there were, and up to which one `cleanness` is known.
        self._asked = self._done = 0
        self._cleanness = Cleanness.CLEAN
        # Something may be told still that is told to nobody any more.
        self._told_at: int | None = 0

    def start(self) -> None:
        """Begin to look for what is left of an earlier process; needs the event loop."""
        if self._task is None:
            self._task = gevent.spawn(self._clean_for_ever)

    def close(self) -> None:
        """Stop; the next start goes on."""
        if self._task is not None:
            self._task.kill()

    def erase_job(self, job_id: str, allowed: Allowed) -> Erasure | None:
        """Erase a job that the caller may write; `None` where there is none.

        Raises Forbidden and StoreUnavailable.
        """
        return self._tell(self._store.erasures.job(job_id, allowed, self._clock()))

    def erase_logs(self, job_id: str, allowed: Allowed) -> Erasure | None:
        """Erase a job's log, the same way."""
        return self._tell(self._store.erasures.logs(job_id, allowed, self._clock()))

    def erase_project(self, project_id: str) -> Erasure | None:
        """Erase a project's newest jobs at once, the others soon; `None` where there is no such project."""
        return self._tell(self._store.erasures.project(project_id, self._clock()))

    def wait(self, seconds: float) -> Cleanness | None:
        """Wait until what was erased so far is cleaned out of the files, or cannot be for now.

        `None` where that takes longer than `seconds`.
        """
        asked, until = self._asked, time.monotonic() + seconds
        while self._done < asked:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._answered.clear()
            self._answered.wait(left)
        return self._cleanness

    @property
    def is_unclean(self) -> bool:
        """Whether the files may still have something of what this process has erased."""
        return self._done < self._asked or self._cleanness is not Cleanness.CLEAN

    def _tell(self, erasure: Erasure | None) -> Erasure | None:
        if erasure is None:
            return None
        self._hub.forget(Removed((), erasure.removed.projects))
        self._removals.take(erasure.removals)
        if erasure.removals:
            self._told_at = self._clock()
            self._ring()
        self._asked += 1
        self.start()
        self._wake.set()
        return erasure

    def _clean_for_ever(self) -> None:
        while True:
            try:
                self._clean()
                self._forget_told()
            except ChefError as error:
                log.warning("what was erased cannot be cleaned out of the files now: %s", error)
                self._answer(self._asked, Cleanness.LATER)
            except Exception:
                log.exception("what was erased cannot be cleaned out of the files")
                self._answer(self._asked, Cleanness.LATER)
            if self._done >= self._asked:
                self._wake.clear()
                self._wake.wait(_AGAIN_S if self._cleanness is Cleanness.LATER else LOOK_S)

    def _clean(self) -> None:
        asked = self._asked
        unclean = self._store.unclean_since()
        if unclean is None:
            self._answer(asked, Cleanness.CLEAN)
            return
        if asked == self._done and self._clock() - unclean[1] < _OTHERS_MS and not self.is_unclean:
            return  # Another process is at it.
        while (erasure := self._store.erasures.more(self._clock())) is not None:
            self._hub.forget(Removed((), erasure.removed.projects))
            self._removals.take(erasure.removals)
            gevent.sleep(_APART_S)
        mark = (self._store.unclean_since() or unclean)[0]
        self._store.remove_finished(0)
        self._merge_texts()
        cleanness = self._store.erasures.scrub()
        if cleanness is Cleanness.CLEAN and not self._store.erasures.note_clean(mark):
            self._wake.set()  # More was erased since.
            return
        if cleanness is not Cleanness.CLEAN:
            log.warning("what was erased is not cleaned out of the files yet: %s", cleanness.value)
        self._answer(asked, cleanness)

    def _merge_texts(self) -> None:
        begins = True
        while self._store.erasures.merge_texts(begins=begins):
            begins = False
            gevent.sleep(_APART_S)

    def _answer(self, asked: int, cleanness: Cleanness) -> None:
        self._done, self._cleanness = asked, cleanness
        self._answered.set()

    def _forget_told(self) -> None:
        now = self._clock()
        if self._told_at is not None and now - self._told_at > TOLD_FOR_MS:
            self._told_at = None
            self._store.erasures.forget_told(now)
