"""Cursors that are at the end of a room's log together: what is new is joined once for all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gevent

from chef.errors import StoreUnavailable
from chef.live.cursors import RETRY_S, Cursor
from chef.live.events import Form, Published

if TYPE_CHECKING:
    from chef.live.rooms import Room

log = logging.getLogger(__name__)

SLICE = 64
"""Viewers served between two looks at the sockets, so that reads and POSTs run in between."""
BREATH_S = 1e-6
"""Long enough to go through the poll: `sleep(0)` would let callbacks alone run."""
CHUNK_BYTES = 64 * 1024
"""What a viewer is handed at once. The first entry is handed whole, however large."""


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
        for start in range(0, len(cursors), SLICE):
            for cursor in cursors[start : start + SLICE]:
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
            self._handing = (behind, cursors[start + SLICE :])
            yield min(SLICE, len(cursors) - start)

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
            gevent.sleep(RETRY_S)
        finally:
            self.loading = False
            room.hub.flush_soon(room)


def _take_turns(serving: Iterable[int]) -> None:
    """Serve, and let reads, POSTs and what else came have a turn after each slice of viewers."""
    served = 0
    for count in serving:
        served += count
        if served >= SLICE:
            served = 0
            gevent.sleep(BREATH_S)
