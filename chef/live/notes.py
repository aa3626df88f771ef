"""Events beside a log: of no seq, not stored, and worthless once there is a newer one of the same job.

A follower gets those that it has not had when it is at the end of the log, so that they come in no order
with what is in it, and pass by no place of it.
"""

from __future__ import annotations

from chef.live.events import Event


class Notes:
    """The newest note of each job, numbered in the order in which they came. `newest` is the last number."""

    __slots__ = ("_kept", "newest")

    def __init__(self) -> None:
        self.newest = 0
        self._kept: dict[str, tuple[int, Event]] = {}

    def put(self, job_id: str, event: Event) -> None:
        """Take a note, in place of the job's earlier one."""
        self.newest += 1
        self._kept.pop(job_id, None)
        self._kept[job_id] = self.newest, event

    def drop(self, job_id: str) -> None:
        """There is nothing more to be said of a job."""
        self._kept.pop(job_id, None)

    def clear(self) -> None:
        """Nothing of what was said holds any more."""
        self._kept.clear()

    def after(self, number: int) -> list[Event]:
        """The notes behind a number that are still worth anything."""
        if number == self.newest:
            return []
        return [event for kept, event in self._kept.values() if kept > number]
