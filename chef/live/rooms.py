"""One job's or one project's log as this process knows it, and those who follow it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import gevent
from gevent.event import Event as Wakeup

from chef.domain.model import Kind, StateEntry
from chef.errors import StoreUnavailable
from chef.live.cursors import RETRY_S, Cursor
from chef.live.events import Form, Published
from chef.live.lanes import Lane
from chef.live.members import Member

if TYPE_CHECKING:
    from chef.live.hub import Hub

log = logging.getLogger(__name__)

Key = tuple[Kind, str]
"""What a room is of: a job or a project, and its id."""

RING_BYTES = 512 * 1024


class Room(ABC):
    """One log and those who follow it.

    `head` is the highest position known to be stored. The ring holds the newest entries without a
    hole; its end may lag behind `head` where another process wrote, until `fill` has read them.
    """

    def __init__(self, hub: Hub, key: Key) -> None:
        self.hub = hub
        self.key = key
        self.members: dict[Member, None] = {}
        # Each member stands in a lane or apart; `members` has both.
        self._lanes: dict[int, Lane] = {}
        self._apart: dict[Member, None] = {}
        # Set at the end of the turn in which members are being served; `None` while none are.
        self.served: Wakeup | None = None
        self.head = 0
        # Counts the logs that had this name: what was read of an earlier one is not for its members.
        self.life = 0
        self._guests = 0
        self._ring: list[Published] = []
        self._positions: list[int] = []
        # Where the ring ends, also while it is empty; unknown until someone has seen the store.
        self._end: int | None = None
        self._bytes = 0
        self._filling = False

    @abstractmethod
    def position_of(self, published: Published) -> int:
        """Where an entry ends in this room's order."""

    @abstractmethod
    def before(self, published: Published) -> int:
        """The position right before an entry."""

    @abstractmethod
    def load(self, after: int) -> list[Published]:
        """Read the next page after a position from the store; waits."""

    def append(self, published: Published) -> None:
        """Take a new entry into the ring, once and in order; anything else only moves the head."""
        position = self.position_of(published)
        self.head = max(self.head, position)
        if self._end is not None and position <= self._end:
            return
        if self._end is not None and self.before(published) != self._end:
            # Something between was written elsewhere. The store has it; the ring begins anew.
            self._ring, self._positions, self._bytes = [], [], 0
        self._ring.append(published)
        self._positions.append(position)
        self._end = position
        self._bytes += published.size
        self._trim()

    def _trim(self) -> None:
        drop = 0
        while self._bytes > RING_BYTES and drop < len(self._ring) - 1:
            self._bytes -= self._ring[drop].size
            drop += 1
        if drop:
            del self._ring[:drop], self._positions[:drop]

    def after(self, position: int) -> Sequence[Published] | None:
        """The ring's entries after a position; `None` where the ring does not reach back that far."""
        begin = self.before(self._ring[0]) if self._ring else self._end
        if begin is None or position < begin:
            return None
        return self._ring[bisect_right(self._positions, position) :]

    def raise_head(self, head: int) -> None:
        """Somebody saw the store at `head`: wake those who are behind it."""
        if self._end is None:
            self._end = head
        if head > self.head:
            self.head = head
            self.hub.flush_soon(self)

    def restart(self, head: int) -> None:
        """The log was removed, and one that goes up to `head` has its name: all begin at its beginning."""
        self.life += 1
        self.head, self._end = head, 0
        self._ring, self._positions, self._bytes = [], [], 0
        self._lanes.clear()  # Who is served meanwhile is no longer in it.
        for member in list(self.members):
            member.position = 0
            if not member.stays:
                member.leave()
        self.hub.flush_soon(self)

    def fill(self) -> None:
        """Read what another process wrote into the ring, once for all members."""
        if not self._filling:
            self._filling = True
            gevent.spawn(self._load_into_ring)

    def _load_into_ring(self) -> None:
        try:
            while self.members and self._end is not None and self._end < self.head:
                life = self.life
                page = self.load(self._end)
                if life != self.life:
                    continue
                if not page:
                    break
                for published in page:
                    self.append(published)
                self.hub.flush_soon(self)
        except StoreUnavailable:
            gevent.sleep(RETRY_S)
            self.hub.flush_soon(self)
        finally:
            self._filling = False

    def __enter__(self) -> Room:
        """Keep the room while a member is about to join, so that it misses nothing meanwhile."""
        self._guests += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._guests -= 1
        self._drop_if_empty()

    def join(self, member: Member) -> None:
        self.members[member] = None
        self._apart[member] = None

    def leave(self, member: Member) -> None:
        self.members.pop(member, None)
        self._apart.pop(member, None)
        self._drop_if_empty()

    def line_up(self, cursor: Cursor, form: Form) -> Lane | None:
        """The lane that a cursor at the head stands in from now on, if that is where the lane is."""
        lane = self._lanes.get(id(form))
        if lane is None or not lane.cursors:
            # Never an empty one again: it may still be handing out what it had when the last one left.
            lane = self._lanes[id(form)] = Lane(self, form)
            lane.position = cursor.position
        elif lane.position != cursor.position or lane.loading:
            return None
        lane.cursors[cursor] = None
        self._apart.pop(cursor, None)
        return lane

    def stand_apart(self, cursor: Cursor) -> None:
        """A cursor has left its lane and goes on by itself."""
        if cursor in self.members:
            self._apart[cursor] = None

    def serve(self) -> Iterator[int]:
        """Give all members what is new. Yields how many were served where others may have their turn."""
        served = self.served = Wakeup()
        try:
            yield from self._serve()
        finally:
            self.served = None
            served.set()

    def _serve(self) -> Iterator[int]:
        for lane in list(self._lanes.values()):
            try:
                yield from lane.serve()
            except Exception:
                log.exception("viewers cannot be served together, so each is by itself")
                lane.disband()
        for member in list(self._apart):
            if member in self._apart:
                _wake(member)
                yield 1

    def end(self) -> None:
        """Nobody follows: let go of what refers back to the room."""
        self._lanes.clear()

    def _drop_if_empty(self) -> None:
        if not self.members and not self._guests:
            self.hub.drop(self)


class JobRoom(Room):
    """A job's log, in the order of its seq."""

    project_id: str | None = None

    def position_of(self, published: Published) -> int:
        return published.entry.seq

    def before(self, published: Published) -> int:
        return published.entry.first_seq - 1

    def restart(self, head: int) -> None:
        self.project_id = None
        super().restart(head)

    def load(self, after: int) -> list[Published]:
        job_id = self.key[1]
        entries = self.hub.store.entries(job_id, after)
        if entries and self.project_id is None:
            job = self.hub.store.job(job_id)
            self.project_id = job.project_id if job else None
        return [Published(entry, job_id, self.project_id or "", "job") for entry in entries]


class ProjectRoom(Room):
    """The progress and endings of a project's jobs, in the order of its project seq."""

    def position_of(self, published: Published) -> int:
        return cast("StateEntry", published.entry).project_seq

    def before(self, published: Published) -> int:
        return self.position_of(published) - 1

    def load(self, after: int) -> list[Published]:
        entries = self.hub.store.project_entries(self.key[1], after)
        return [Published(entry, "", self.key[1], "project") for entry in entries]


def _wake(member: Member) -> None:
    try:
        member.wake()
    except Exception:
        # The others must not wait for ever because one cannot be served.
        log.exception("a viewer cannot be served and is given up")
        member.leave()
