"""When rooms that have news are served: in passes over their followers, of which each has its turns.

It works in callbacks of the event loop, which must not wait; nothing that serves does. So a pass costs no
greenlet, and begins when the writers whose commit it is have been answered.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from gevent import get_hub

from chef.live.lanes import BREATH_S, TURN_S
from chef.live.rooms import Room

log = logging.getLogger(__name__)

REST_S = 0.01
"""A room for which more came during a pass rests for as long as that took, and this long at most.

Writers press, so still more comes meanwhile, and leaves together: a system call for each viewer and pass
costs far more than a longer text does. After a pass of less than a turn there is no rest.
"""


class Flusher:
    """Serves rooms in passes. A large room does not hold up a small one: they take turns."""

    def __init__(self) -> None:
        self._dirty: dict[Room, None] = {}
        # Being served, in turn: each room with the time when its pass began and what is left of that.
        self._passes: deque[tuple[Room, float, Iterator[None]]] = deque()
        # Rooms that wait for no pass now: being served, or resting (with the timer of that).
        self._busy: dict[Room, Any] = {}
        self._breath: Any = None
        self._scheduled = False
        self._closed = False

    def soon(self, room: Room) -> None:
        """Serve this room in the next pass: what comes together leaves together. Never waits."""
        self._dirty[room] = None
        self._schedule()

    def close(self) -> None:
        """Serve nobody any more."""
        self._closed = True
        self._passes.clear()
        for timer in (self._breath, *self._busy.values()):
            if timer is not None:
                timer.stop()
                timer.close()
        self._busy.clear()

    def _schedule(self) -> None:
        if not self._scheduled and not self._closed:
            self._scheduled = True
            get_hub().loop.run_callback(self._run)

    def _run(self) -> None:
        """Serve until all is done or others are to have their turn."""
        ends = time.monotonic() + TURN_S
        while not self._closed:
            self._begin_passes()
            if not self._passes:
                self._scheduled = False
                return
            self._take_turn()
            if self._passes and time.monotonic() >= ends:
                self._breathe()
                return

    def _begin_passes(self) -> None:
        if not self._dirty:
            return
        for room in [room for room in self._dirty if room not in self._busy]:
            del self._dirty[room]
            self._busy[room] = None
            self._passes.append((room, time.monotonic(), room.serve()))

    def _take_turn(self) -> None:
        """Serve some followers of the room whose turn it is."""
        room, begun, turns = self._passes.popleft()
        try:
            next(turns)
        except StopIteration:
            self._end_pass(room, time.monotonic() - begun)
        except Exception:  # a fault in one room must not be the end of all
            log.exception("a room could not be served")
            del self._busy[room]
        else:
            self._passes.append((room, begun, turns))

    def _end_pass(self, room: Room, took: float) -> None:
        if took < TURN_S or room not in self._dirty:
            del self._busy[room]
            return
        timer = self._busy[room] = get_hub().loop.timer(min(took, REST_S))
        timer.start(self._end_rest, room)

    def _end_rest(self, room: Room) -> None:
        self._busy.pop(room).close()
        self._schedule()

    def _breathe(self) -> None:
        """Go on after the loop has looked at its sockets."""
        if self._breath is None:
            self._breath = get_hub().loop.timer(BREATH_S)
        self._breath.start(self._run)
