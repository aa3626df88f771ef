"""The states of a connection and of an answer, and which may follow which.

Each has one owner: `Connection.enter` and `Response.enter` refuse a change that is not in the tables.
Source of the idea: the state machines of h11.
"""

from __future__ import annotations

from enum import Enum


class ConnectionState(Enum):
    """What a connection is in the middle of."""

    IDLE = "idle"
    """It waits for a request of which nothing has been read."""
    HEAD = "head"
    """A part of a request's head has come."""
    SERVING = "serving"
    """A request is served; another may follow."""
    LAST = "last"
    """A request is served or refused, and none can follow."""
    LINGERING = "lingering"
    """All is sent; what still comes is thrown away for a moment."""
    DETACHED = "detached"
    """It was upgraded: its socket is somebody else's, and it counts until that is closed."""
    CLOSED = "closed"
    """Its descriptor is free."""


class ResponseState(Enum):
    """How much of the answer to a request is sent."""

    AWAITED = "awaited"
    """The application has not said yet what it is."""
    READY = "ready"
    """Its head is known and not sent, so that it can still be another one."""
    SENDING = "sending"
    """Its head is sent, its body follows as it is, if it has one."""
    CHUNKING = "chunking"
    """Its head is sent, its body follows in chunks."""
    ENDED = "ended"
    """All of it is sent."""


_C, _R = ConnectionState, ResponseState

AFTER_CONNECTION = {
    _C.IDLE: (_C.SERVING, _C.LAST, _C.HEAD, _C.CLOSED),
    _C.HEAD: (_C.SERVING, _C.LAST, _C.CLOSED),
    _C.SERVING: (_C.IDLE, _C.LAST, _C.CLOSED),
    _C.LAST: (_C.LINGERING, _C.DETACHED, _C.CLOSED),
    _C.LINGERING: (_C.CLOSED,),
    _C.DETACHED: (_C.CLOSED,),
    _C.CLOSED: (),
}
"""The states that may follow each state of a connection."""

AFTER_RESPONSE = {
    _R.AWAITED: (_R.READY, _R.ENDED),
    _R.READY: (_R.SENDING, _R.CHUNKING, _R.READY, _R.ENDED),
    _R.SENDING: (_R.ENDED,),
    _R.CHUNKING: (_R.ENDED,),
    _R.ENDED: (_R.AWAITED,),
}
"""The states that may follow each state of an answer. One that the server refuses ends before it begins; the
answer to the next request follows only an end."""
