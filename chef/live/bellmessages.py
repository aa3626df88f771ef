"""The doorbell's messages: how far logs go, that something was erased, how many viewers a process has.

JSON arrays of at most `MOST_BYTES`. Whatever else comes on the channel is somebody else's, and is told apart
here, so that nothing of it gets further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chef.domain.model import Kind
from chef.live.rooms import Key

MOST_BYTES = 7_500
"""PostgreSQL's NOTIFY takes fewer than 8,000."""
# Of one message: names have at most 128 characters, heads at most 19 digits.
_HEADS_AT_ONCE = 45

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Sender = Annotated[str, Meta(min_length=1, max_length=32)]
_Head = Annotated[int, Meta(ge=1, le=2**63 - 1)]
_Viewers = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewHeads(Struct, array_like=True, frozen=True, tag="ring"):
    """A process stored something: kind, name and head of each log that it went to."""

    sender: _Sender
    heads: list[tuple[Kind, _Name, _Head]]


class Presence(Struct, array_like=True, frozen=True, tag="here"):
    """A process has so many viewers.

    `follows`: somebody there waits for news of a log, viewer or not. `asks`: it began to listen just now and
    asks the others for their presence.
    """

    sender: _Sender
    viewers: _Viewers
    follows: bool
    asks: bool


class NewRemovals(Struct, array_like=True, frozen=True, tag="removed"):
    """A process erased something: what, the store says."""

    sender: _Sender


class NotOurs(Exception):
    """Somebody else's message; `reason` says in two words how that is seen."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Message = NewHeads | Presence | NewRemovals

_DECODER = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """A message as it is sent."""
    return msgspec.json.encode(message)


def decode(data: bytes) -> Message:
    """The message that some bytes are. Raises NotOurs for all else."""
    if len(data) > MOST_BYTES:
        raise NotOurs("too long")
    try:
        message: Message = _DECODER.decode(data)
    except msgspec.ValidationError:
        raise NotOurs("another form") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotOurs("no JSON") from None
    return message


def rings(sender: str, heads: Mapping[Key, int]) -> Iterable[bytes]:
    """The messages that tell others of some heads."""
    all_heads = [(kind, name, head) for (kind, name), head in heads.items()]
    for start in range(0, len(all_heads), _HEADS_AT_ONCE):
        yield encode(NewHeads(sender, all_heads[start : start + _HEADS_AT_ONCE]))
