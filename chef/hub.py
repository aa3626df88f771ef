"""Every viewer is a cursor on a log: late, live, slow or back again, there is one path to it.

A room is one job's or one project's log as this process knows it: how far it goes (`head`) and its
newest entries (`ring`). A cursor is a viewer's position in it. Whenever a room's head moves or a
viewer's socket drains, the cursor advances: out of the ring if that reaches back far enough, else out
of the store, until it is at the head or the viewer takes no more. Order, exactly-once and bounded
memory follow from that; a ring only saves reading.

Nearly all cursors of a room are at its end. Those that take events in one form stand in a `Lane`, which
has one position for all: what is new is joined once, and handed to each as the same bytes.

Everything here runs on the event loop's thread. Only what is named `load…` waits for the store.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

import gevent
from gevent.event import Event as Wakeup

from chef.errors import StoreUnavailable
from chef.events import Form, Published, events_of
from chef.ledger import Stored
from chef.model import Kind, StateEntry
from chef.store import Removed, Store

log = logging.getLogger(__name__)

Key = tuple[Kind, str]

RING_BYTES = 512 * 1024
# Without a doorbell (another process wrote, Redis was away) a viewer waits at most this long.
SAFETY_POLL_S = 2.0
# Viewers served between two looks at the sockets, so that reads and POSTs run in between.
_SLICE = 64
# Long enough to go through the poll: `sleep(0)` would let callbacks alone run.
_BREATH_S = 1e-6
# So long is a writer held up at most while its viewers are served (`Hub.pace`).
PACE_S = 0.05
# What a viewer is handed at once. The first entry is handed whole, however large.
CHUNK_BYTES = 64 * 1024
_RETRY_S = 1.0


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
            gevent.sleep(_RETRY_S)
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


class Hub:
    """All rooms of this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rooms: dict[Key, Room] = {}
        self._dirty: dict[Room, None] = {}
        self.closed = False
        self._flush = Wakeup()
        self._tasks: list[gevent.Greenlet[..., None]] = []

    def publish(self, stored: Sequence[Stored]) -> None:
        """New entries are on disk. Never waits: viewers are served by the flusher right after."""
        for item in stored:
            job = item.job
            self._append(("job", job.job_id), item, "job")
            if isinstance(item.entry, StateEntry):
                self._append(("project", job.project_id), item, "project")

    def forget(self, removed: Removed) -> None:
        """Jobs and projects are gone, with their names free for others. Never waits."""
        keys: list[Key] = [("job", name) for name in removed.jobs]
        keys += [("project", name) for name in removed.projects]
        for key in keys:
            room = self._rooms.get(key)
            if room is not None:
                room.restart(0)

    def _append(self, key: Key, item: Stored, prefix: str) -> None:
        room = self._rooms.get(key)
        if room is not None:
            room.append(Published(item.entry, item.job.job_id, item.job.project_id, prefix))
            self.flush_soon(room)

    def room(self, key: Key) -> Room:
        """The room of a job or project, made when there is none. Use it as a context while joining."""
        self._start()
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = JobRoom(self, key) if key[0] == "job" else ProjectRoom(self, key)
        return room

    def drop(self, room: Room) -> None:
        """Forget a room that nobody follows."""
        if self._rooms.get(room.key) is room:
            del self._rooms[room.key]
            room.end()

    @property
    def rooms(self) -> int:
        """How many logs are followed in this process."""
        return len(self._rooms)

    def viewers(self, key: Key) -> int:
        """How many follow a job or project in this process."""
        room = self._rooms.get(key)
        return len(room.members) if room else 0

    def flush_soon(self, room: Room) -> None:
        """Wake the room's members in the next pass: what comes together leaves together."""
        self._dirty[room] = None
        self._flush.set()

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [gevent.spawn(self._flush_for_ever), gevent.spawn(self._poll_for_ever)]

    def close(self) -> None:
        """Serve nobody any more; who waits in `Reader.wait` goes on and finds `closed`."""
        self.closed = True
        gevent.killall(self._tasks)
        self._tasks = []
        for member in _members(list(self._rooms.values())):
            member.wake()

    def _flush_for_ever(self) -> None:
        """Serve rooms that have news, a slice of each in turn: a large one does not hold up a small one."""
        serving: dict[Room, Iterator[int]] = {}
        served = 0
        while True:
            if not serving and not self._dirty:
                self._flush.wait()
                gevent.sleep(0)  # Who waited for the same commit is answered first.
            self._flush.clear()
            for room in [room for room in self._dirty if room not in serving]:
                del self._dirty[room]
                serving[room] = room.serve()
            for room, turns in list(serving.items()):
                count = next(turns, None)
                if count is None:
                    del serving[room]
                else:
                    served += count
            if served >= _SLICE:
                served = 0
                gevent.sleep(_BREATH_S)

    def pace(self, stored: Iterable[Stored]) -> None:
        """Hold up who wrote this while its viewers are still being served what came before, a little.

        Whoever writes in a tight loop would else be ahead of its own viewers for ever. Others do not wait.
        """
        keys: set[Key] = {("job", item.job.job_id) for item in stored}
        keys |= {("project", item.job.project_id) for item in stored}
        rooms = [room for key in keys if (room := self._rooms.get(key)) is not None]
        deadline = time.monotonic() + PACE_S
        for served in [room.served for room in rooms if room.served is not None]:
            served.wait(max(deadline - time.monotonic(), 0))

    def _poll_for_ever(self) -> None:
        """The safety poll: find what other processes wrote. Costs one query for all rooms."""
        while True:
            gevent.sleep(SAFETY_POLL_S)
            try:
                self.load_heads()
            except StoreUnavailable:
                log.warning("the store does not answer: viewers wait")
            except Exception:  # Without the poll what a doorbell lost would never be found.
                log.exception("the heads of logs could not be read")

    def load_heads(self) -> None:
        """Read how far each followed log is in the store, and wake who is behind."""
        known = {key: room.head for key, room in self._rooms.items()}
        job_ids = [name for kind, name in self._rooms if kind == "job"]
        project_ids = [name for kind, name in self._rooms if kind == "project"]
        heads: dict[Key, int] = {}
        for part in _slices(job_ids):
            heads |= {("job", name): seq for name, seq in self.store.job_seqs(part).items()}
        for part in _slices(project_ids):
            heads |= {("project", name): seq for name, seq in self.store.project_seqs(part).items()}
        for key, head_before in known.items():
            head = heads.get(key, 0)
            room = self._rooms.get(key)
            if room is not None and head < head_before:
                # A log never gets shorter: another process removed it.
                room.restart(head)
            self.raise_head(key, head)

    def raise_head(self, key: Key, head: int) -> None:
        """Somebody says that a log goes up to `head`: wake those who follow it and are behind."""
        room = self._rooms.get(key)
        if room is not None:
            room.raise_head(head)


def _wake(member: Member) -> None:
    try:
        member.wake()
    except Exception:
        # The others must not wait for ever because one cannot be served.
        log.exception("a viewer cannot be served and is given up")
        member.leave()


def _members(rooms: Iterable[Room]) -> Iterable[Member]:
    return [member for room in rooms for member in room.members]


def _slices(names: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def _take_turns(serving: Iterable[int]) -> None:
    """Serve, and let reads, POSTs and what else came have a turn after each slice of viewers."""
    served = 0
    for count in serving:
        served += count
        if served >= _SLICE:
            served = 0
            gevent.sleep(_BREATH_S)


class Lane:
    """The cursors of a room that have had all up to one position and take events in one form.

    It moves on before its cursors are handed what is new; one that cannot take it stands apart, at the
    position where the lane was.
    """

    __slots__ = ("_handing", "_room", "cursors", "form", "loading", "position")

    def __init__(self, room: Room, form: Form) -> None:
        self._room = room
        self.form = form
        self.cursors: dict[Cursor, None] = {}
        self.position = 0
        self.loading = False
        # While a chunk is handed out: where the lane was, and who has not had the chunk yet.
        self._handing: tuple[int, Sequence[Cursor]] = (0, ())

    def serve(self) -> Iterator[int]:
        """Hand out what the ring has. Yields as `Room.serve` does."""
        room = self._room
        # What comes meanwhile is served in the next round: others have waited for their turn in this one.
        until = room.head
        while self.cursors and self.position < until and not self.loading:
            page = room.after(self.position)
            if page is None:
                self.loading = True
                gevent.spawn(self._load)
            elif page:
                yield from self._hand_out(page)
            else:
                room.fill()
                return

    def disband(self) -> None:
        """Have each cursor go on by itself."""
        for cursor in list(self.cursors):
            cursor.step_out(self.position)

    def _hand_out(self, page: Sequence[Published]) -> Iterator[int]:
        """Hand a page to all, in chunks."""
        first = 0
        while first < len(page) and self.cursors:
            last, size = first + 1, page[first].size
            while last < len(page) and size + page[last].size <= CHUNK_BYTES:
                size += page[last].size
                last += 1
            chunk = [frame for published in page[first:last] for frame in published.frames(self.form)]
            frames = self.form.join(chunk)
            behind, self.position = self.position, self._room.position_of(page[last - 1])
            yield from self._hand(frames, behind)
            first = last

    def had(self, cursor: Cursor) -> int:
        """The position of what a cursor has had: behind the lane's where others are served before it."""
        behind, unserved = self._handing
        return behind if cursor in unserved else self.position

    def _hand(self, frames: Sequence[Any], behind: int) -> Iterator[int]:
        cursors = list(self.cursors)
        for start in range(0, len(cursors), _SLICE):
            for cursor in cursors[start : start + _SLICE]:
                if cursor.lane is not self:
                    continue  # It left while others were served.
                sink = cursor.sink
                try:
                    if sink.ready():
                        sink.send(frames)
                    else:
                        cursor.step_out(behind)
                except Exception:
                    log.exception("a viewer cannot be served and is given up")
                    cursor.leave()
            self._handing = (behind, cursors[start + _SLICE :])
            yield min(_SLICE, len(cursors) - start)

    def _load(self) -> None:
        """Catch up from the store, once for all: what came at once was more than the ring holds."""
        room = self._room
        try:
            while self.cursors and self.position < room.head and room.after(self.position) is None:
                life, page = room.life, room.load(self.position)
                if life != room.life:
                    return
                if not page:
                    # The head is further than the store: the history was removed.
                    self.position = room.head
                _take_turns(self._hand_out(page))
        except StoreUnavailable:
            gevent.sleep(_RETRY_S)
        finally:
            self.loading = False
            room.hub.flush_soon(room)


class Cursor(Member):
    """A viewer's position in a room, pushed forward as its connection takes frames.

    In a lane (`lane`) its position is the lane's; else it goes on by itself.
    """

    __slots__ = ("_drained", "_loading", "_position", "lane", "sink")

    def __init__(self, room: Room, position: int, sink: Sink) -> None:
        self.lane: Lane | None = None
        self.sink = sink
        self._loading = False
        self._drained: Wakeup | None = None
        super().__init__(room, position)

    @property
    def position(self) -> int:
        return self._position if self.lane is None else self.lane.position

    @position.setter
    def position(self, position: int) -> None:
        self._position = position
        if self.lane is not None:
            self.step_out(position)

    def step_out(self, position: int) -> None:
        """Leave the lane, having had all up to this position."""
        lane, self.lane = self.lane, None
        self._position = position
        if lane is not None:
            lane.cursors.pop(self, None)
            self.room.stand_apart(self)

    def wake(self) -> None:
        """Send what the viewer has not had, as far as its connection takes it. Never waits."""
        if self._drained is not None:
            self._drained.set()
        room = self.room
        if self._loading or self.lane is not None or self not in room.members:
            return
        while self._position < room.head:
            if not self.sink.ready() or self not in room.members:
                return
            page = room.after(self._position)
            if page is None:
                self._loading = True
                self._drained = Wakeup()
                gevent.spawn(self._load, self._drained)
                return
            if not page:
                room.fill()
                return
            self._send_whole(page)
        if self.sink.ready() and self in room.members:
            self.lane = room.line_up(self, self.sink.form)

    def finish(self) -> None:
        """Send now what is in the ring and would be sent in the next turn."""
        if self.lane is not None:
            self.step_out(self.lane.had(self))
        if self.room.after(self._position) is not None:
            self.wake()

    def leave(self) -> None:
        if self.lane is not None:
            self.step_out(self.lane.position)
        super().leave()
        if self._drained is not None:
            self._drained.set()  # A load that waits for the connection ends.

    def _send_whole(self, page: Sequence[Published]) -> None:
        for published in page:
            if self.room.before(published) < self.position:
                self._send_rest(published)
            else:
                self.sink.send(published.frames(self.sink.form))
            self.position = self.room.position_of(published)
            if not self.sink.ready():
                return

    def _send_rest(self, published: Published) -> None:
        """The part of an entry after a position in the middle of it."""
        form = self.sink.form
        events = events_of([published], self.position, form.batch)
        self.sink.send(form.join([form.encode(event) for event in events]))

    def _load(self, drained: Wakeup) -> None:
        """Catch up from the store, a page at a time, as fast as the connection drains."""
        try:
            while self in self.room.members and self.position < self.room.head:
                if self.room.after(self.position) is not None:
                    break
                self._load_page(drained)
        except StoreUnavailable:
            gevent.sleep(_RETRY_S)
        finally:
            self._loading, self._drained = False, None
        self.wake()

    def _load_page(self, drained: Wakeup) -> None:
        while not self.sink.ready():
            drained.clear()
            drained.wait()
            if self not in self.room.members:
                return
        life = self.room.life
        page = self.room.load(self.position)
        if life != self.room.life:
            return
        if not page or self not in self.room.members:
            # The head is further than the store: the history was removed. There is nothing to wait for.
            self.position = self.room.head
            return
        form = self.sink.form
        self.sink.send(
            form.join([form.encode(event) for event in events_of(page, self.position, form.batch)])
        )
        self.position = self.room.position_of(page[-1])


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
