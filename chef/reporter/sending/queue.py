"""Updates that wait to be sent, in the order of the output. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

_BATCH_UPDATES = 100
_MANY_UPDATES = 500
# Of more passing updates than this that come at once the newest is enough.
_PASSING_AT_ONCE = 10


class QueuedUpdate:
    """An update on its way. `number` is its place in the order of the output.

    Those that are `passing` and wait one after the other are sent together, and of many the newest is
    enough. A field may be a function, which is asked when the update is sent for the first time.
    """

    __slots__ = ("fields", "number", "passing")

    def __init__(self, number: int, fields: dict[str, Any], passing: bool = False) -> None:
        self.number = number
        self.fields = fields
        self.passing = passing

    @property
    def is_end(self) -> bool:
        return self.fields["type"] in ("completed", "error", "cancelled")

    @property
    def was_sent(self) -> bool:
        """Whether it may have arrived: then it stays as it is."""
        return "id" in self.fields

    @property
    def is_dispensable(self) -> bool:
        """Whether little is lost with it: later ones say as much."""
        return self.fields["type"] == "progress" and "meta" not in self.fields and not self.was_sent

    def make_final(self, identity: str) -> None:
        """From here on it is sent as it is, as often as need be."""
        fields = {name: value() if callable(value) else value for name, value in self.fields.items()}
        self.fields = {name: value for name, value in fields.items() if value is not None}
        self.fields["id"] = identity

    def keeps_phase_of(self, other: QueuedUpdate) -> bool:
        """Whether it may come in place of the other: the same phase, or none of its own."""
        return "phase" not in self.fields or self.fields["phase"] == other.fields.get("phase")


class UpdateQueue:
    """The updates that wait. `dropped` is how many were left out because there were too many.

    Updates get ids that begin with `prefix`. Threads that share a queue share a lock, too.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.dropped = 0
        self._waiting: deque[QueuedUpdate] = deque()
        self._count = 0
        self._due_below = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first_number(self) -> float:
        """The place of the oldest update in the order of the output."""
        return float(self._waiting[0].number) if self._waiting else float("inf")

    @property
    def has_end(self) -> bool:
        """Whether the end of the job waits."""
        return any(update.is_end for update in self._waiting)

    def add(self, update: QueuedUpdate) -> None:
        """Let an update wait; one that passes may take the place of those before it."""
        companions = self._passing_before(update) if update.passing else []
        for one in companions:
            # Output between them would be a request each time.
            one.number = update.number
        if len(companions) >= _PASSING_AT_ONCE:
            update.fields = {**self._waiting.pop().fields, **update.fields}
        elif len(self._waiting) >= _MANY_UPDATES:
            self._drop_one()
        self._waiting.append(update)

    def begin_round(self, below: int) -> None:
        """Updates with a number below this one are being sent, and are not held up any more."""
        self._due_below = below

    def due(self, below: float) -> list[QueuedUpdate]:
        """The oldest updates with a number below this one, made final; not more than fit into a request."""
        due = [one for one in self._waiting if one.number < below][:_BATCH_UPDATES]
        for update in due:
            if not update.was_sent:
                self._count += 1
                update.make_final(self.prefix + str(self._count))
        return due

    def remove(self, updates: list[QueuedUpdate]) -> None:
        """They have arrived, or never will."""
        for update in updates:
            if update in self._waiting:
                self._waiting.remove(update)

    def _passing_before(self, update: QueuedUpdate) -> list[QueuedUpdate]:
        """Those that wait just before it and may be sent with it."""
        found = []
        for one in reversed(self._waiting):
            is_due = one.number < self._due_below or one.was_sent
            if is_due or not one.passing or not update.keeps_phase_of(one):
                break
            found.append(one)
        return found

    def _drop_one(self) -> None:
        for update in self._waiting:
            if update.is_dispensable:
                self._waiting.remove(update)
                self.dropped += 1
                return
