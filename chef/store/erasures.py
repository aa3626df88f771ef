"""What is erased of a store, and the files cleaned of it: all that writes, for `Store.erasures`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from chef.domain.latemasks import LateMasks
from chef.domain.masking import forget_forms
from chef.greenlets import SideThread
from chef.store import erasing, removalrows
from chef.store.engine import ConnectionPool, once_more, overwriting
from chef.store.erasing import Allowed, Erasure
from chef.store.scrubbing import Cleanness, scrub
from chef.store.textindex import merge_step
from chef.store.upkeep import Transact
from chef.store.waits import STORE_WAIT_S

T = TypeVar("T")


class RunSoon(Protocol):
    """Does something in the writer's thread, within some seconds; it is told until when."""

    def __call__(self, work: Callable[[float], T], within: float) -> T: ...


class Erasures:
    """Erases. What is erased is on disk when a method returns; all raise StoreUnavailable.

    `is_waited_for` tells whether somebody waits for the store to be written.
    """

    def __init__(
        self,
        connections: ConnectionPool,
        unsynced: ConnectionPool,
        late_masks: LateMasks,
        run_soon: RunSoon,
        upkeep: Transact,
    ) -> None:
        self._connections = connections
        self._unsynced = unsynced
        self._late_masks = late_masks
        self._run_soon = run_soon
        self._upkeep = upkeep
        self._thread = SideThread()
        self.is_waited_for: Callable[[], bool] = lambda: False

    def job(self, job_id: str, allowed: Allowed, at: int) -> Erasure | None:
        """Erase a job, whether or not it runs; `None` where there is none.

        `allowed` are the projects that the caller may write. Raises Forbidden.
        """
        return self._erase(lambda connection: erasing.erase_job(connection, job_id, allowed, at))

    def logs(self, job_id: str, allowed: Allowed, at: int) -> Erasure | None:
        """Erase a job's log, the same way."""
        return self._erase(lambda connection: erasing.erase_logs(connection, job_id, allowed, at))

    def project(self, project_id: str, at: int) -> Erasure | None:
        """Erase a project's newest jobs, the same way; `more` goes on with the others."""
        return self._erase(lambda connection: erasing.erase_project(connection, project_id, at))

    def more(self, at: int) -> Erasure | None:
        """Erase further jobs of projects that are being erased; `None` once there are none."""
        return self._erase(lambda connection: erasing.erase_more(connection, at))

    def _erase(self, query: Callable[[Connection], Erasure | None]) -> Erasure | None:
        def run(until: float) -> Erasure | None:
            erasure = once_more(lambda: self._transact(query, until))
            if erasure is not None:
                # Only this thread knows them.
                self._late_masks.forget(erasure.removed.jobs)
                forget_forms()
            return erasure

        return self._run_soon(run, STORE_WAIT_S)

    def _transact(self, query: Callable[[Connection], Erasure | None], until: float) -> Erasure | None:
        with self._connections.writing(until) as connection, overwriting(connection):
            return query(connection)

    def forget_told(self, at: int) -> None:
        """Leave out what viewers and senders have been told of what was erased."""
        self._upkeep(lambda connection: removalrows.forget_told(connection, at))

    def note_clean(self, mark: str) -> bool:
        """Nothing that was removed up to `mark` is in the files; returns whether there was no more since."""
        return self._upkeep(lambda connection: removalrows.note_clean(connection, mark))

    def merge_texts(self, *, begins: bool) -> bool:
        """Take a step towards an index of texts without what was removed; returns whether there are more."""
        return self._upkeep(lambda connection: merge_step(connection, begins=begins))

    def scrub(self) -> Cleanness:
        """Clean the files of what was removed, as far as it holds nobody up for long."""

        def run() -> Cleanness:
            with self._unsynced.without_transaction() as connection:
                return scrub(connection, self.is_waited_for)

        return self._thread.run(run)

    def close(self) -> None:
        """End with what is being cleaned."""
        self._thread.close()
