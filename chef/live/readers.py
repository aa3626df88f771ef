"""A position in a log that its owner reads from at its own pace: event streams."""

from __future__ import annotations

from collections.abc import Sequence

from gevent.event import Event as Wakeup

from chef.access.levels import Level
from chef.live.events import Event, Published, events_of, shown_events
from chef.live.rooms import Member, Room


class Reader(Member):
    """A position in a room that its owner reads from, at its own pace (event streams).

    `skip` tells how many events of the next entry are known already, where that has several. Events are as
    far as `level` shows them.
    """

    def __init__(self, room: Room, position: int, skip: int = 0, level: Level = "log") -> None:
        super().__init__(room, position)
        self._level = level
        self._woken = Wakeup()
        self._skip, self._skip_life = skip, room.life
        self._told = room.notes.newest
        self._first: list[Event] = []

    def wake(self) -> None:
        self._woken.set()

    def wait(self, timeout: float) -> bool:
        """Wait until there is something to read; False when `timeout` seconds went by without."""
        self._woken.clear()
        if self._has_news():
            return True
        return bool(self._woken.wait(timeout)) and self._has_news()

    def _has_news(self) -> bool:
        return bool(self._first) or self.position < self.room.head or self._told != self.room.notes.newest

    def hear(self, note: Event) -> None:
        self.say_first(note)
        self.wake()

    def say_first(self, note: Event) -> None:
        """Have this reader alone read something beside the log."""
        self._first = [note]

    def notes(self) -> list[Event]:
        """What is said beside the log and was not read yet."""
        first, self._first = self._first, []
        events, self._told = self.room.notes.after(self._told), self.room.notes.newest
        told = list(shown_events(self._level, [*first, *events]))
        self.room.deliveries.events.inc(len(told))
        return told

    def load(self, batch: bool = False) -> list[Event]:
        """The events after the position, a page of them or more; empty at the end."""
        while page := self.room.page(self.position):
            events = self._events_of(page, batch)
            if events:
                return events
        return []

    def _events_of(self, page: Sequence[Published], batch: bool) -> list[Event]:
        """Go on behind a page; none of its events may be shown."""
        events = list(events_of(page, self.position, batch))
        if events and self._skip and self.room.life == self._skip_life:
            skip, self._skip = self._skip, 0
            # The place of an entry's last event is the entry's own: that one is never skipped.
            events = [one for index, one in enumerate(events) if index >= skip or one.place.isdigit()]
        self.position = page[-1].position
        events = list(shown_events(self._level, events))
        self.room.deliveries.events.inc(len(events))
        return events
