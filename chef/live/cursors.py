"""A viewer's position in a log, pushed forward as its connection takes frames."""

from __future__ import annotations

from collections.abc import Sequence

import gevent
from gevent.event import Event as Wakeup

from chef.errors import StoreUnavailable
from chef.live.events import Encoded, Event, Published, encoded_in, events_of
from chef.live.feed import RETRY_S
from chef.live.lanes import Lane
from chef.live.rooms import Member, Room
from chef.live.sinks import Sink


class Cursor(Member):
    """A viewer's position in a room, pushed forward as its connection takes frames.

    In a lane (`lane`) its position is the lane's; else it goes on by itself.
    """

    __slots__ = ("_drained", "_loading", "_position", "_told", "lane", "sink")

    def __init__(self, room: Room, position: int, sink: Sink, told: int | None = None) -> None:
        """`told` is the number of the newest note that the viewer has had, `None` if it is the room's."""
        self.lane: Lane | None = None
        self.sink = sink
        self._loading = False
        self._drained: Wakeup | None = None
        self._told = room.notes.newest if told is None else told
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
            self._told = lane.told
            lane.remove(self)
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
            page = room.ring.after(self._position)
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
            self._hear_notes()
            self.lane = room.line_up(self, self, self.sink.form)

    def _hear_notes(self) -> None:
        """Send what is said beside the log, as far as the viewer has not had it."""
        notes = self.room.notes
        events, self._told = notes.after(self._told), notes.newest
        if events:
            self._send_events(events)

    def hear(self, note: Event) -> None:
        told = encoded_in(self.sink.form, [note])
        if told.events and self.sink.ready():
            self.sink.send(told.frames)

    def finish(self) -> None:
        """Send now what is in the ring and would be sent in the next turn."""
        if self.lane is not None:
            self.step_out(self.lane.had(self))
        if self.room.ring.after(self._position) is not None:
            self.wake()

    def leave(self) -> None:
        if self.lane is not None:
            self.step_out(self.lane.position)
        super().leave()
        if self._drained is not None:
            self._drained.set()  # A load that waits for the connection ends.

    def _send_whole(self, page: Sequence[Published]) -> None:
        for published in page:
            if published.before < self.position:
                self._send_rest([published])
            else:
                self._send(published.encoded(self.sink.form))
            self.position = published.position
            if not self.sink.ready():
                return

    def _send_rest(self, page: Sequence[Published]) -> None:
        """The part of a page after a position that may be in the middle of its first entry."""
        self._send_events(list(events_of(page, self.position, self.sink.form.batch)))

    def _send_events(self, events: Sequence[Event]) -> None:
        self._send(encoded_in(self.sink.form, events))

    def _send(self, encoded: Encoded) -> None:
        if encoded.events:
            self.sink.send(encoded.frames)
            self.room.deliveries.events.inc(encoded.events)

    def _load(self, drained: Wakeup) -> None:
        """Catch up from the store, a page at a time, as fast as the connection drains."""
        room = self.room
        try:
            while self in room.members and self.position < room.head:
                if room.ring.after(self.position) is not None:
                    break
                self._load_page(drained)
        except StoreUnavailable:
            gevent.sleep(RETRY_S)
        finally:
            self._loading, self._drained = False, None
        self.wake()

    def _load_page(self, drained: Wakeup) -> None:
        while not self.sink.ready():
            drained.clear()
            drained.wait()
            if self not in self.room.members:
                return
        page = self.room.page(self.position)
        if page is None:
            return
        if not page or self not in self.room.members:
            # The head is further than the store: the history was removed. There is nothing to wait for.
            self.position = self.room.head
            return
        self._send_rest(page)
        self.position = page[-1].position
