"""Events beside a log: of no seq, not stored, worthless once there is a newer one of that name and job.

A follower gets those that it has not had when it is at the end of the log, so that they come in no order
with what is in it, and pass by no place of it.
"""

from __future__ import annotations

from chef.live.events import Event

COMES_BACK = -1
"""The number of a follower that comes back and is told anew: it is behind all notes."""

_MOST_REMOVALS = 1000


class Notes:
    """The newest note of each job and name, numbered in the order in which they came.

    `newest` is the last number.
    What was removed is noted beside that, of the last thousand jobs: it holds whatever comes later.
    """

    __slots__ = ("_kept", "_removals", "newest")

    def __init__(self) -> None:
        self.newest = 0
        self._kept: dict[tuple[str, str], tuple[int, Event]] = {}
        # And whether a follower is told of it that comes back.
        self._removals: dict[str, tuple[int, Event, bool]] = {}

    def put(self, job_id: str, event: Event) -> None:
        """Take a note, in place of the job's earlier one of the same name."""
        self.newest += 1
        self._kept[job_id, event.name] = self.newest, event

    def put_removal(self, name: str, event: Event, *, again: bool) -> None:
        """Take the note that something was removed; `again`: for followers, too, that come back."""
        self.newest += 1
        self._removals.pop(name, None)
        self._removals[name] = self.newest, event, again
        if len(self._removals) > _MOST_REMOVALS:
            del self._removals[next(iter(self._removals))]

    def drop(self, job_id: str) -> None:
        """There is nothing more to be said of a job."""
        for key in [key for key in self._kept if key[0] == job_id]:
            del self._kept[key]

    def clear(self) -> None:
        """Nothing of what was said holds any more, but what was removed."""
        self._kept.clear()

    def after(self, number: int) -> list[Event]:
        """The notes behind a number that still hold."""
        if number == self.newest:
            return []
        removals = [
            (kept, event)
            for kept, event, again in self._removals.values()
            if kept > number and (again or number != COMES_BACK)
        ]
        notes = [(kept, event) for kept, event in self._kept.values() if kept > number]
        return [event for _, event in sorted(removals + notes)]
