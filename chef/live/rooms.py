"""The followers of one log, and the order in which they are served."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from gevent.event import Event as Wakeup

from chef.domain.model import Kind
from chef.live.deliveries import Deliveries
from chef.live.events import Event, Form
from chef.live.feed import Feed, JobLoader, ProjectLoader
from chef.live.lanes import InLane, Lane
from chef.live.notes import Notes
from chef.store import Store

log = logging.getLogger(__name__)

Key = tuple[Kind, str]
"""The name of a room: a job or a project, and its id."""

RING_BYTES = 512 * 1024


class Member(ABC):
    """A follower of a room, from a position on. `position` is that of the last entry it had.

    `stays` tells whether it may also follow another log that gets the name of one that was removed.
    """

    stays = True

    def __init__(self, room: Room, position: int) -> None:
        self.room = room
        self.position = position

    @abstractmethod
    def wake(self) -> None:
        """The room's head has moved. Must not wait."""

    def hear(self, _note: Event) -> None:
        """Be told now what others are told when they have had all before it: this one leaves."""
        self.wake()

    def leave(self) -> None:
        """Follow no longer."""
        self.room.leave(self)


class Room(Feed):
    """One log and its followers.

    `flush` has the room served in the next pass, `drop` is called when nobody follows it any more.
    """

    def __init__(
        self,
        store: Store,
        key: Key,
        flush: Callable[[Room], None],
        drop: Callable[[Room], None],
        deliveries: Deliveries,
    ) -> None:
        kind, name = key
        loader = JobLoader(store, name) if kind == "job" else ProjectLoader(store, name)
        super().__init__(loader, RING_BYTES, deliveries)
        self.key = key
        self.notes = Notes()
        self.members: dict[Member, None] = {}
        # Set at the end of the turn in which members are being served; `None` while none are.
        self.served: Wakeup | None = None
        # Each member stands in a lane or apart; `members` has both.
        self._lanes: dict[int, Lane] = {}
        self._apart: dict[Member, None] = {}
        self._guests = 0
        self._flush = flush
        self._drop = drop

    def flush_soon(self) -> None:
        self._flush(self)

    def restart(self, head: int, farewell: Event | None = None) -> None:
        """The log was removed, and one that goes up to `head` has its name: all begin at its beginning.

        Followers that leave are told `farewell`.
        """
        super().restart(head)
        self.notes.clear()
        self._lanes.clear()  # Nobody is served with what is being handed out.
        for member in list(self.members):
            member.position = 0
            if not member.stays:
                if farewell is not None:
                    member.hear(farewell)
                member.leave()

    def forget_entries(self) -> None:
        """A part of the log was erased: nobody is served any more with what is being handed out."""
        for lane in self._lanes.values():
            lane.disband()
        self._lanes.clear()
        super().forget_entries()

    def __enter__(self) -> Room:
        """Keep the room while a member is about to join, so that it misses nothing meanwhile."""
        self._guests += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._guests -= 1
        self._drop_if_empty()

    def join(self, member: Member) -> None:
        """Wake this member, too, from now on."""
        if member.position < self.head:
            self.deliveries.replays.inc()
        self.members[member] = None
        self._apart[member] = None

    def leave(self, member: Member) -> None:
        """Wake it no longer; the room goes with its last member."""
        self.members.pop(member, None)
        self._apart.pop(member, None)
        self._drop_if_empty()

    def line_up(self, member: Member, cursor: InLane, form: Form) -> Lane | None:
        """The lane that a cursor at the head stands in from now on, if that is where the lane is."""
        lane = self._lanes.get(id(form))
        if lane is None or lane.is_empty:
            # Never an empty one again: it may still be handing out what it had when the last one left.
            lane = self._lanes[id(form)] = Lane(self, form, member.position, self.notes.newest)
        elif not lane.takes(member.position):
            return None
        lane.add(cursor)
        self._apart.pop(member, None)
        return lane

    def stand_apart(self, member: Member) -> None:
        """A cursor has left its lane and goes on by itself."""
        if member in self.members:
            self._apart[member] = None

    def serve(self) -> Iterator[None]:
        """Give all members what is new. Yields where others may have their turn."""
        served = self.served = Wakeup()
        try:
            yield from self._serve()
        finally:
            self.served = None
            served.set()

    def _serve(self) -> Iterator[None]:
        for lane in list(self._lanes.values()):
            try:
                yield from lane.serve()
                yield from lane.tell(self.notes)
            except Exception:
                log.exception("viewers cannot be served together, so each is by itself")
                lane.disband()
        for member in list(self._apart):
            if member in self._apart:
                _wake(member)
                yield

    @property
    def behind(self) -> int:
        """How many members have not had all that is stored."""
        head = self.head
        in_lanes = sum(len(lane) for lane in self._lanes.values() if lane.position < head)
        return in_lanes + sum(member.position < head for member in self._apart)

    def end(self) -> None:
        """Nobody follows: let go of everything that refers back to the room."""
        self.ended = True
        self._lanes.clear()

    def _drop_if_empty(self) -> None:
        if not self.members and not self._guests:
            self._drop(self)


def _wake(member: Member) -> None:
    try:
        member.wake()
    except Exception:
        # The others must not wait for ever because one cannot be served.
        log.exception("a viewer cannot be served and is given up")
        member.leave()
