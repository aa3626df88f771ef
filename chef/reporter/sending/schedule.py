"""Whose turn it is to be sent, and how long to wait where nothing is due. Pure.

Times are seconds of `time.monotonic()`.
"""

from __future__ import annotations

import enum

HEARTBEAT_S = 20.0
# Output that comes within this time is gathered into one request.
GATHER_S = 0.25
_LONG_S = 3600.0
# An older server, or a job that has ended, answers otherwise: then no further heartbeat is sent.
_BUSY = (429, 500, 502, 503, 504)


class HeartbeatState(enum.Enum):
    OFF = "none is sent"
    FIRST = "the first is sent as soon as there is a job"
    REGULAR = "one is sent where nothing else has been heard of us for a while"


class HeartbeatSchedule:
    """When the server should hear of us although there is nothing to say."""

    def __init__(self, is_wanted: bool) -> None:
        self.state = HeartbeatState.FIRST if is_wanted else HeartbeatState.OFF
        self._last_heard = 0.0

    def heard(self, now: float) -> None:
        """The server has taken something from us, or is about to."""
        self._last_heard = now

    def sent(self, now: float) -> None:
        """A heartbeat leaves. Even where it fails it is output's turn then."""
        self.heard(now)
        self.state = HeartbeatState.REGULAR

    def answered(self, status: int) -> None:
        if status != 200 and status not in _BUSY:
            self.state = HeartbeatState.OFF

    def wait(self, now: float, has_job: bool) -> float:
        """Seconds until one is due."""
        if self.state is HeartbeatState.OFF or not has_job:
            return _LONG_S
        return 0.0 if self.state is HeartbeatState.FIRST else self._last_heard + HEARTBEAT_S - now


class Turn(enum.Enum):
    """The thing that is sent next."""

    UPDATES = "updates that come before the oldest output"
    HEARTBEAT = "a heartbeat"
    OUTPUT = "the oldest output"
    NOTHING = "nothing"


def next_turn(has_updates: bool, has_output: bool, heartbeats: HeartbeatState, has_job: bool) -> Turn:
    """The first heartbeat goes before output, later ones only where there is none."""
    if has_updates:
        return Turn.UPDATES
    if heartbeats is HeartbeatState.FIRST and has_job:
        return Turn.HEARTBEAT
    if has_output:
        return Turn.OUTPUT
    return Turn.NOTHING if heartbeats is HeartbeatState.OFF else Turn.HEARTBEAT
