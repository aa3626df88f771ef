"""Answers and marks of handlers of Socket.IO events, beyond those that Flask-SocketIO knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])
Connect = Callable[[str, dict[str, Any], Any], Any]
"""A handler of `connect` as python-socketio calls it: with sid, environ and auth."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's answer: the acknowledgement, and what is to happen after it has been sent.

    `refusal` is the event that tells a refusal to a caller that asked for no acknowledgement.
    """

    payload: dict[str, Any]
    then: Callable[[], None] | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer of a handler of `connect`: the fields of CONNECT besides the sid, and what follows it."""

    extra: dict[str, Any]
    then: Callable[[], None] | None = None


def needs_no_request(handler: Handler) -> Handler:
    """Have a handler called with the client's sid first, and without Flask's request.

    A request context costs more than the rest of a subscription. The events of such handlers are handled
    in the order in which they came, also where the server has `async_handlers`.
    """
    handler.needs_no_request = True  # type: ignore[attr-defined]
    return handler


def goes_without_request(handler: object) -> bool:
    """Whether a handler, or what an extension has wrapped around it, says `needs_no_request`."""
    return getattr(handler, "needs_no_request", False) is True


def connect_both(own: Connect, added: Connect, undo: Callable[..., object]) -> Connect:
    """A handler of `connect` that an application adds behind one of ours, which it cannot do without.

    The application may refuse a client that ours let in: then `undo` is called with the sid and a reason.
    """

    def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        welcome = own(sid, environ, auth)
        if welcome is False:
            return False
        accepted = False
        try:
            accepted = added(sid, environ, auth) is not False
        finally:
            if not accepted:
                undo(sid, "server disconnect")
        return welcome if accepted else False

    return connect


def disconnect_both(own: Callable[..., object], added: Callable[..., object]) -> Callable[..., None]:
    """A handler of `disconnect` that an application adds; ours is called last, whatever that does."""

    def disconnect(sid: str, reason: str) -> None:
        try:
            added(sid, reason)
        except TypeError:
            added(sid)  # It takes no reason; python-socketio tries both in this way.
        finally:
            own(sid, reason)

    return disconnect
