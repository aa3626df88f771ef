"""Cursors that are at the end of a log together: what is new is joined once for all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import gevent

from chef.errors import StoreUnavailable
from chef.live.events import Form, Published
from chef.live.feed import RETRY_S, Feed
from chef.live.sinks import Sink

log = logging.getLogger(__name__)

SLICE = 64
"""Viewers served between two looks at the sockets, so that reads and POSTs run in between."""
BREATH_S = 1e-6
"""Long enough to go through the poll: `sleep(0)` would let callbacks alone run."""
CHUNK_BYTES = 64 * 1024
"""The bytes that a viewer is handed at once. The first entry is handed whole, however large."""


class InLane(Protocol):
    """What a lane needs of its cursors."""

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
    position where the lane was.
    """

    __slots__ = ("_cursors", "_feed", "_form", "_handing", "_loading", "position")

    def __init__(self, feed: Feed, form: Form, position: int) -> None:
        self._feed = feed
        self._form = form
        self._cursors: dict[InLane, None] = {}
        self.position = position
        self._loading = False
        # While a chunk is handed out: where the lane was, and the cursors that have not had the chunk yet.
        self._handing: tuple[int, Sequence[InLane]] = (0, ())

    @property
    def is_empty(self) -> bool:
        """Whether no cursor is in it."""
        return not self._cursors

    def takes(self, position: int) -> bool:
        """Whether a cursor at this position may join now."""
        return position == self.position and not self._loading

    def add(self, cursor: InLane) -> None:
        """Serve this cursor, too, from the lane's position on."""
        self._cursors[cursor] = None

    def remove(self, cursor: InLane) -> None:
        """Serve it no longer."""
        self._cursors.pop(cursor, None)

    def had(self, cursor: InLane) -> int:
        """The position of what a cursor has had: behind the lane's where others are served before it."""
        behind, unserved = self._handing
        return behind if cursor in unserved else self.position

    def disband(self) -> None:
        """Have each cursor go on by itself."""
        for cursor in list(self._cursors):
            cursor.step_out(self.position)

    def serve(self) -> Iterator[int]:
        """Hand out what the ring has. Yields as `Room.serve` does."""
        feed = self._feed
        # What comes meanwhile is served in the next round: others have waited for their turn in this one.
        until = feed.head
        while self._cursors and self.position < until and not self._loading:
            page = feed.ring.after(self.position)
            if page is None:
                self._loading = True
                gevent.spawn(self._load)
            elif page:
                yield from self._hand_out(page)
            else:
                feed.fill()
                return

    def _hand_out(self, page: Sequence[Published]) -> Iterator[int]:
        """Hand a page to all, in chunks."""
        for chunk in _chunks(page):
            if not self._cursors:
                return
            form = self._form
            frames = form.join([frame for published in chunk for frame in published.frames(form)])
            behind, self.position = self.position, chunk[-1].position
            yield from self._hand(frames, behind)

    def _hand(self, frames: Sequence[Any], behind: int) -> Iterator[int]:
        cursors = list(self._cursors)
        for start in range(0, len(cursors), SLICE):
            for cursor in cursors[start : start + SLICE]:
                if cursor in self._cursors:  # Else it left while others were served.
                    _hand_one(cursor, frames, behind)
            self._handing = (behind, cursors[start + SLICE :])
            yield min(SLICE, len(cursors) - start)

    def _load(self) -> None:
        """Catch up from the store, once for all: what came at once was more than the ring holds."""
        feed = self._feed
        try:
            while self._cursors and self.position < feed.head and feed.ring.after(self.position) is None:
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


def _hand_one(cursor: InLane, frames: Sequence[Any], behind: int) -> None:
    try:
        if cursor.sink.ready():
            cursor.sink.send(frames)
        else:
            cursor.step_out(behind)
    except Exception:
        log.exception("a viewer cannot be served and is given up")
        cursor.leave()


def _chunks(page: Sequence[Published]) -> Iterator[Sequence[Published]]:
    """A page in parts of at most `CHUNK_BYTES`, or of one entry."""
    first = 0
    while first < len(page):
        last, size = first + 1, page[first].size
        while last < len(page) and size + page[last].size <= CHUNK_BYTES:
            size += page[last].size
            last += 1
        yield page[first:last]
        first = last


def _take_turns(serving: Iterable[int]) -> None:
    """Serve, and let reads, POSTs and what else came have a turn after each slice of viewers."""
    served = 0
    for count in serving:
        served += count
        if served >= SLICE:
            served = 0
            gevent.sleep(BREATH_S)
