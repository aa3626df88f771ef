"""The arguments of subscribe and unsubscribe events, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chef.domain.model import ID, ID_RULE, Kind
from chef.errors import FieldError, Invalid
from chef.live.rooms import Key
from chef.wire.strict import as_whole


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """A subscription as it was asked for. `after` `None` is the plain form: newest state, then live."""

    kind: Kind
    id: str
    after: int | None = None
    epoch: str | None = None
    batch: bool = False

    @property
    def key(self) -> Key:
        return (self.kind, self.id)


def parse_request(kind: Kind, arguments: Sequence[Any]) -> SubscriptionRequest:
    """The argument of a subscribe or unsubscribe event. Raises Invalid, which names what is wrong."""
    name = f"{kind}Id"
    if len(arguments) > 1:
        arguments = _without_nulls_behind(arguments)
    if len(arguments) != 1:
        raise _wrong(name, f"must be the one argument, as a string or in an object, not {len(arguments)}")
    argument = arguments[0]
    if not isinstance(argument, dict):
        return SubscriptionRequest(kind, _checked_id(name, argument))
    # In many languages a field that is not set is sent as null.
    after, epoch, batch = argument.get("after"), argument.get("epoch"), argument.get("batch")
    position = as_whole(after)
    if after is not None and (position is None or position < 0):
        raise _wrong("after", "must be a whole number from 0")
    if epoch is not None and not isinstance(epoch, str):
        raise _wrong("epoch", "must be a string")
    if batch is not None and not isinstance(batch, bool):
        raise _wrong("batch", "must be true or false")
    return SubscriptionRequest(kind, _checked_id(name, argument.get(name)), position, epoch, batch or False)


def _without_nulls_behind(arguments: Sequence[Any]) -> Sequence[Any]:
    """The arguments up to the last that says something, and the first: an acknowledgement that is undefined
    in JavaScript is sent as a null.
    """
    last = max((place for place, one in enumerate(arguments) if one is not None), default=0)
    return arguments[: last + 1]


def _checked_id(name: str, value: object) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise _wrong(name, ID_RULE)
    return value


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"{name} {message}", errors=(FieldError(message, name),))
