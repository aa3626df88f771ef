"""Answers to events that are not served, as the contract has them (section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chef.domain.model import Kind
from chef.errors import ChefError, TooManyRequests
from chef.transport.handling import Reply

_KINDS: dict[str, Kind] = {
    "subscribe:job": "job",
    "unsubscribe:job": "job",
    "subscribe:project": "project",
    "unsubscribe:project": "project",
}
_SENT_BACK_CHARACTERS = 128


def refusal(error: ChefError, kind: Kind, arguments: Sequence[Any]) -> Reply:
    """A refusal of a subscription, or of its end; as an event to a viewer that asked for no answer."""
    argument = arguments[0] if arguments else None
    name = f"{kind}Id"
    given = argument.get(name) if isinstance(argument, dict) else argument
    payload = _error(error.code, error.detail)
    if isinstance(given, str):
        payload[name] = given[:_SENT_BACK_CHARACTERS]
    return Reply(payload, refusal="subscribe:error")


def over_limit(event: object, arguments: Sequence[Any]) -> Reply:
    """The answer to a viewer that sends faster than it may."""
    error = TooManyRequests("too many events: send fewer per second")
    kind = _KINDS.get(event) if isinstance(event, str) else None
    if kind is not None:
        return refusal(error, kind, arguments)
    return Reply(_error(error.code, error.detail))


def unknown_event(event: object) -> Reply:
    """The answer to an event that nobody handles, for a client that asked for one."""
    message = f"unknown event {event[:64]!r}" if isinstance(event, str) else "unknown event"
    return Reply(_error("unknown_event", message))


def _error(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message}}
