"""Who follows a log: a position in a room, and what there is to do when the room's head moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gevent.event import Event as Wakeup

from chef.live.events import Form, events_of

if TYPE_CHECKING:
    from chef.live.rooms import Room


class Sink(Protocol):
    """Where a cursor's frames go: one viewer's connection."""

    @property
    def form(self) -> Form:
        """How its viewer takes events."""
        ...

    def ready(self) -> bool:
        """Whether it takes more now. Once it does again it wakes its cursors."""
        ...

    def send(self, frames: Sequence[Any]) -> None:
        """Take these frames; never waits."""
        ...


class Member(ABC):
    """Someone who follows a room from a position on. `position` is that of the last entry it had.

    `stays` tells whether it may also follow another log that gets the name of one that was removed.
    """

    stays = True

    def __init__(self, room: Room, position: int) -> None:
        self.room = room
        self.position = position

    @abstractmethod
    def wake(self) -> None:
        """The room's head has moved. Must not wait."""

    def leave(self) -> None:
        """Follow no longer."""
        self.room.leave(self)


class Reader(Member):
    """A position in a room that its owner reads from, at its own pace (event streams).

    `had` tells how many events of the next entry are known already, where that has several.
    """

    def __init__(self, room: Room, position: int, had: int = 0) -> None:
        super().__init__(room, position)
        self._woken = Wakeup()
        self._had, self._had_life = had, room.life

    def wake(self) -> None:
        self._woken.set()

    def wait(self, timeout: float) -> bool:
        """Wait until there is something to read; False when `timeout` seconds went by without."""
        self._woken.clear()
        if self.position < self.room.head:
            return True
        return bool(self._woken.wait(timeout)) and self.position < self.room.head

    def load(self, batch: bool = False) -> list[Any]:
        """The events after the position, a page of them; empty at the end."""
        life = self.room.life
        page = self.room.after(self.position) or self.room.load(self.position)
        if life != self.room.life:
            return []
        events = list(events_of(page, self.position, batch))
        if events and self._had and life == self._had_life:
            had, self._had = self._had, 0
            # The place of an entry's last event is the entry's own: of one event nothing can be had.
            events = [one for index, one in enumerate(events) if index >= had or one.place.isdigit()]
        if page:
            self.position = self.room.position_of(page[-1])
        return events
