"""Socket.IO's connection state recovery: the record kept of a viewer, and its offsets. Pure.

A server sends `pid` with CONNECT and a string, the offset, as the last argument of each event; a client
returns both in its next CONNECT (source: socket.io-protocol's and socket.io-client's documentation of
connection state recovery). Ours keep nothing but the list of subscriptions on the server's side: the
offset itself says how far each of them had come, so any process with the same store can go on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import msgspec

from chef.domain.model import Kind

WINDOW_MS = 2 * 60 * 1000
"""How long after its connection broke a viewer can come back to it."""

# Beyond this an offset would outweigh the events; such a viewer subscribes again instead.
_MAX_OFFSET_BYTES = 2048
UNRECOVERABLE = "-"
_PID = re.compile(r"[A-Za-z0-9_-]{24}")
_PLACE = re.compile(r"(\d{1,9}):(\d{1,16})(?:\+(\d))?", re.ASCII)


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A subscription as the store keeps it. `number` names it in offsets, `position` is where it began."""

    number: int
    kind: Kind
    id: str
    batch: bool
    position: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a subscription had come: an entry's position, and how many events of the next it got."""

    position: int
    skip: int = 0

    def __str__(self) -> str:
        """`123`, or `122+1` in the middle of an entry of several events."""
        return f"{self.position}+{self.skip}" if self.skip else str(self.position)


def new_pid() -> str:
    """A private id for a viewer that asked for recovery; as hard to guess as a session id."""
    return secrets.token_urlsafe(18)


def is_pid(value: object) -> TypeGuard[str]:
    """Whether a client's `pid` can be one of ours. No other text may get to the database."""
    return isinstance(value, str) and _PID.fullmatch(value) is not None


def encode_kept(kept: Iterable[Kept]) -> bytes:
    """A viewer's subscriptions as the store keeps them."""
    return msgspec.json.encode(list(kept))


def decode_kept(data: bytes) -> list[Kept]:
    """The reverse of `encode_kept`."""
    return msgspec.json.decode(data, type=list[Kept])


def make_offset(places: Mapping[int, str]) -> str:
    """An offset from the place of each subscription, by its number."""
    offset = ",".join(f"{number}:{place}" for number, place in places.items())
    return offset if len(offset) <= _MAX_OFFSET_BYTES else UNRECOVERABLE


def parse_offset(offset: object) -> dict[int, Place]:
    """The places that an offset names; empty where it is none of ours."""
    if not isinstance(offset, str) or len(offset) > _MAX_OFFSET_BYTES:
        return {}
    found = [_PLACE.fullmatch(part) for part in offset.split(",")]
    if not all(found):
        return {}
    return {int(one[1]): Place(int(one[2]), int(one[3] or 0)) for one in found if one}
