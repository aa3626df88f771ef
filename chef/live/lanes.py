"""Cursors that are at the end of a log together: what is new is joined once for all of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import gevent

from chef.errors import StoreUnavailable
from chef.live.events import Form, Published, encoded_in
from chef.live.feed import RETRY_S, Feed
from chef.live.notes import Notes
from chef.live.sinks import Sink, Wire

log = logging.getLogger(__name__)

SLICE = 64
"""Viewers served between two looks at the clock."""
TURN_S = 0.001
"""So long others wait at most for a lane's viewers: then reads and POSTs run in between."""
BREATH_S = 1e-6
"""Long enough to go through the poll: `sleep(0)` would let callbacks alone run."""
CHUNK_BYTES = 64 * 1024
"""The bytes that a viewer is handed at once. The first entry is handed whole, however large."""


class InLane(Protocol):
    """A cursor as its lane sees it."""

    sink: Sink

    def step_out(self, position: int) -> None:
        """Leave the lane and go on alone from this position."""
        ...

    def leave(self) -> None:
        """Follow no longer."""
        ...


class Lane:
    """The cursors of a log that have had all up to one position and take events in one form.

    It moves on before its cursors are handed what is new; one that cannot take it stands apart, at the
    position where the lane was. `told` is the number of the newest note that all have had.
    """

    __slots__ = (
        "_behind",
        "_cursors",
        "_feed",
        "_form",
        "_loading",
        "_places",
        "_unserved",
        "_wires",
        "position",
        "told",
    )

    def __init__(self, feed: Feed, form: Form, position: int, told: int = 0) -> None:
        self._feed = feed
        self._form = form
        # Each cursor has a place, with its connection beside it. Places move only when nothing is handed out.
        self._places: dict[InLane, int] = {}
        self._cursors: list[InLane | None] = []
        self._wires: list[Wire | None] = []
        self.position = position
        self.told = told
        self._loading = False
        # While a chunk is handed out: where the lane was, and the places that have not had the chunk yet.
        self._behind = position
        self._unserved = range(0)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def is_empty(self) -> bool:
        """Whether no cursor is in it."""
        return not self._places

    def takes(self, position: int) -> bool:
        """Whether a cursor at this position may join now."""
        return position == self.position and not self._loading

    def add(self, cursor: InLane) -> None:
        """Serve this cursor, too, from the lane's position on."""
        self._places[cursor] = len(self._cursors)
        self._cursors.append(cursor)
        self._wires.append(cursor.sink.wire)

    def remove(self, cursor: InLane) -> None:
        """Serve it no longer."""
        place = self._places.pop(cursor, None)
        if place is not None:
            self._cursors[place] = self._wires[place] = None

    def had(self, cursor: InLane) -> int:
        """The position of what a cursor has had: behind the lane's where others are served before it."""
        return self._behind if self._places[cursor] in self._unserved else self.position

    def disband(self) -> None:
        """Have each cursor go on by itself."""
        for cursor in list(self._places):
            cursor.step_out(self.had(cursor))

    def serve(self) -> Iterator[None]:
        """Hand out what the ring has. Yields as `Room.serve` does."""
        feed = self._feed
        # Entries that come meanwhile wait for the next round: others have waited for their turn in this one.
        until = feed.head
        while self._places and self.position < until and not self._loading:
            page = feed.ring.after(self.position)
            if page is None:
                self._loading = True
                gevent.spawn(self._load)
            elif page:
                yield from self._hand_out(page)
            else:
                feed.fill()
                return

    def tell(self, notes: Notes) -> Iterator[None]:
        """Hand out the notes that the cursors have not had. Yields as `Room.serve` does.

        Not while the lane is behind: they are handed out when it is not any more.
        """
        newest, events = notes.newest, notes.after(self.told)
        if not self._places or self._loading or self.position < self._feed.head:
            return
        told = encoded_in(self._form, events)
        if told.events:
            yield from self._hand(told.frames, self.position, told.events)
        self.told = newest

    def _hand_out(self, page: Sequence[Published]) -> Iterator[None]:
        """Hand a page to all, in chunks."""
        for frames, position, events in _chunks(page, self._form):
            behind, self.position = self.position, position
            if events:
                yield from self._hand(frames, behind, events)
            if not self._places:
                return

    def _hand(self, frames: Sequence[Any], behind: int, events: int) -> Iterator[None]:
        """Hand frames, which are so many events, to all that are in the lane now."""
        self._close_up()
        count = len(self._cursors)
        self._behind = behind
        for start in range(0, count, SLICE):
            places = range(start, min(start + SLICE, count))
            if len(frames) == 1 and isinstance(frames[0], bytes):
                self._send(places, frames[0])
            else:
                for place in places:
                    self._hand_one(place, frames)
            self._unserved = range(places.stop, count)
            yield
        # Whoever could not take it has left, and whoever joined meanwhile has a place behind those served.
        self._feed.deliveries.events.inc(events * max(0, len(self._places) + count - len(self._cursors)))

    def _close_up(self) -> None:
        """Give up the places of those that have left, once they are the most."""
        if len(self._cursors) > 2 * len(self._places):
            cursors, self._places, self._cursors, self._wires = list(self._places), {}, [], []
            for cursor in cursors:
                self.add(cursor)

    def _send(self, places: range, data: bytes) -> None:
        """Send one text of bytes to many, with as little as can be between one system call and the next."""
        wires, size = self._wires, len(data)
        for place in places:
            wire = wires[place]
            if wire is None or (send := wire.direct_send) is None:
                self._hand_one(place, (data,))
                continue
            try:
                sent = send(data)
            except OSError as error:
                sent = wire.failed(error)
            if sent != size:
                wire.keep(data, sent)

    def _hand_one(self, place: int, frames: Sequence[Any]) -> None:
        """Hand frames to the cursor at a place, however it takes them."""
        cursor = self._cursors[place]
        if cursor is None:
            return  # It left while others were served.
        try:
            if not cursor.sink.ready():
                cursor.step_out(self._behind)
                return
            cursor.sink.send(frames)
            if cursor in self._places:
                self._wires[place] = cursor.sink.wire  # A connection that polled has one now.
        except Exception:
            log.exception("a viewer cannot be served and is given up")
            cursor.leave()

    def _load(self) -> None:
        """Catch up from the store, once for all: what came at once was more than the ring holds."""
        feed = self._feed
        try:
            while self._places and self.position < feed.head and feed.ring.after(self.position) is None:
                page = feed.page(self.position)
                if page is None:
                    return
                if not page:
                    # The head is further than the store: the history was removed.
                    self.position = feed.head
                _take_turns(self._hand_out(page))
        except StoreUnavailable:
            gevent.sleep(RETRY_S)
        finally:
            self._loading = False
            feed.flush_soon()


def _chunks(page: Sequence[Published], form: Form) -> Iterator[tuple[Sequence[Any], int, int]]:
    """A page's frames in parts of at most `CHUNK_BYTES` or of one entry.

    With each comes where it ends, and of how many events it is: none where the form shows none of them.
    """
    frames: list[Any] = []
    size = position = events = 0
    for published in page:
        encoded = published.encoded(form)
        if frames and size + encoded.size > CHUNK_BYTES:
            yield form.join(frames), position, events
            frames, size, events = [], 0, 0
        frames += encoded.frames
        size += encoded.size
        events += encoded.events
        position = published.position
    if page:
        yield form.join(frames) if frames else (), position, events


def _take_turns(serving: Iterable[None]) -> None:
    """Serve, and let reads, POSTs and what else came have a turn now and then."""
    begun = time.monotonic()
    for _ in serving:
        if time.monotonic() - begun >= TURN_S:
            gevent.sleep(BREATH_S)
            begun = time.monotonic()
