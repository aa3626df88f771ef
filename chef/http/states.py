"""The states of a connection, of a request's body and of an answer, and which may follow which.

Each thing has one method that changes its state (`enter`) and refuses a change that is not in its table.
Source of the idea: the state machines of h11.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class ConnectionState(Enum):
    """The thing that a connection is in the middle of."""

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

    # A member equals itself only. Enum's own hash is a Python function, called at each look into a table.
    __hash__ = object.__hash__


class BodyState(Enum):
    """Where in a request's body its reader is."""

    EXPECTED = "expected"
    """The client waits for `100 Continue` before it sends anything."""
    CONTENT = "content"
    """Within the bytes of a Content-Length."""
    FIRST_SIZE = "first size"
    """Before the size of the first chunk."""
    CHUNK = "chunk"
    """Within a chunk, or behind its last byte: the line end that belongs to it may come later."""
    COMPLETE = "complete"
    """All of it is read."""
    ABANDONED = "abandoned"
    """Nobody reads the rest, so where the next request begins is not known."""

    __hash__ = object.__hash__


class ResponseState(Enum):
    """How much of the answer to a request is sent."""

    AWAITED = "awaited"
    """The application has not said yet what it is."""
    READY = "ready"
    """Its head is known and not sent, so that it can still be another one."""
    POSTPONED = "postponed"
    """It is given later: no greenlet waits for that, and the head that was known is void."""
    SENDING = "sending"
    """Its head is sent, its body follows as it is, if it has one."""
    CHUNKING = "chunking"
    """Its head is sent, its body follows in chunks."""
    ENDED = "ended"
    """All of it is sent."""

    __hash__ = object.__hash__


# By themselves, as h11 has them: to look a member up in its class takes Python 3.11 a call.
IDLE: Final = ConnectionState.IDLE
HEAD: Final = ConnectionState.HEAD
SERVING: Final = ConnectionState.SERVING
LAST: Final = ConnectionState.LAST
LINGERING: Final = ConnectionState.LINGERING
DETACHED: Final = ConnectionState.DETACHED
CLOSED: Final = ConnectionState.CLOSED

EXPECTED: Final = BodyState.EXPECTED
CONTENT: Final = BodyState.CONTENT
FIRST_SIZE: Final = BodyState.FIRST_SIZE
CHUNK: Final = BodyState.CHUNK
COMPLETE: Final = BodyState.COMPLETE
ABANDONED: Final = BodyState.ABANDONED

AWAITED: Final = ResponseState.AWAITED
READY: Final = ResponseState.READY
POSTPONED: Final = ResponseState.POSTPONED
SENDING: Final = ResponseState.SENDING
CHUNKING: Final = ResponseState.CHUNKING
ENDED: Final = ResponseState.ENDED

AFTER_CONNECTION = {
    IDLE: (SERVING, LAST, HEAD, CLOSED),
    HEAD: (SERVING, LAST, CLOSED),
    SERVING: (IDLE, LAST, CLOSED),
    LAST: (LINGERING, DETACHED, CLOSED),
    LINGERING: (CLOSED,),
    DETACHED: (CLOSED,),
    CLOSED: (),
}
"""The states that may follow each state of a connection."""

AFTER_BODY = {
    EXPECTED: (CONTENT, FIRST_SIZE, ABANDONED),
    CONTENT: (COMPLETE, ABANDONED),
    FIRST_SIZE: (CHUNK, COMPLETE, ABANDONED),
    CHUNK: (COMPLETE, ABANDONED),
    COMPLETE: (ABANDONED,),
    ABANDONED: (),
}
"""The states that may follow each state of a body. One that is read is abandoned with its refused request."""

AFTER_RESPONSE = {
    AWAITED: (READY, ENDED),
    READY: (SENDING, CHUNKING, READY, POSTPONED, ENDED),
    POSTPONED: (READY, ENDED),
    SENDING: (ENDED,),
    CHUNKING: (ENDED,),
    ENDED: (AWAITED,),
}
"""The states that may follow each state of an answer. One that the server refuses ends before it begins; the
answer to the next request follows only an end."""
