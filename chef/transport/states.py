"""The states of a WebSocket and of an Engine.IO session, and which may follow which.

As in h11 the rules stand in tables beside the code that goes by them; a change that no table has is a
fault of ours and is raised. Each change is one line in the log at level DEBUG. The states are integers,
since a plain Enum looks itself up by a function of Python's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import IntEnum, auto
from typing import TypeVar


class WebSocketState(IntEnum):
    """Where a WebSocket connection is in its life (RFC 6455, sections 5.5.1 and 7)."""

    OPEN = auto()
    """Messages go both ways."""
    PEER_CLOSED = auto()
    """The peer's close frame has come; messages that came before it are being handled, answers still go."""
    CLOSING = auto()
    """Our close frame is on its way. Nothing is sent behind it, and what comes is thrown away."""
    CLOSED = auto()
    """The descriptor is free."""


class SessionState(IntEnum):
    """Which transport carries an Engine.IO session (engine.io-protocol v4, "Upgrade")."""

    POLLING = auto()
    """HTTP requests carry it."""
    UPGRADING = auto()
    """HTTP requests carry it, and its client tries a WebSocket. Polls are not left waiting."""
    WEBSOCKET = auto()
    """A WebSocket carries it."""
    CLOSING = auto()
    """Whoever listens is being told of its end. It can still be sent to, and starts nothing new."""
    CLOSED = auto()
    """It is over: it takes nothing more, and is in no table of the server."""


State = TypeVar("State", bound=IntEnum)
Changes = Mapping[State, frozenset[State]]

WEBSOCKET_CHANGES: Changes[WebSocketState] = {
    WebSocketState.OPEN: frozenset(
        (WebSocketState.PEER_CLOSED, WebSocketState.CLOSING, WebSocketState.CLOSED)
    ),
    WebSocketState.PEER_CLOSED: frozenset((WebSocketState.CLOSING, WebSocketState.CLOSED)),
    WebSocketState.CLOSING: frozenset((WebSocketState.CLOSED,)),
    WebSocketState.CLOSED: frozenset(),
}

SESSION_CHANGES: Changes[SessionState] = {
    SessionState.POLLING: frozenset((SessionState.UPGRADING, SessionState.WEBSOCKET, SessionState.CLOSING)),
    SessionState.UPGRADING: frozenset((SessionState.POLLING, SessionState.WEBSOCKET, SessionState.CLOSING)),
    SessionState.WEBSOCKET: frozenset((SessionState.CLOSING,)),
    SessionState.CLOSING: frozenset((SessionState.CLOSED,)),
    SessionState.CLOSED: frozenset(),
}


class WrongChange(RuntimeError):
    """A change of state that its table does not have."""


def change(changes: Changes[State], before: State, after: State, log: logging.Logger, name: object) -> State:
    """The state after a change, which is noted in the log. Raises WrongChange."""
    if after not in changes[before]:
        raise WrongChange(f"{name}: {before.name} cannot become {after.name}")
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s: %s -> %s", name, before.name, after.name)
    return after
