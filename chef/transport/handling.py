"""What handlers of Socket.IO events return and say of themselves, beyond what Flask-SocketIO knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


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
    """The answer of a handler of `connect`: what CONNECT says besides the sid, and what happens after it."""

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
