"""Socket.IO packets as the protocol's text has them (socket.io-protocol v5), and nothing besides.

The library's own reading is lenient: it takes any digit for a type, any JSON for a payload and an
attachment for whatever the sender says it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec
from socketio import packet as socketio_packet

from chef.errors import NotJson
from chef.wire.strict import MAX_INTEGER, MIN_INTEGER, as_whole, check_depth

MAX_ATTACHMENTS = 10
"""Binary attachments of one packet, as in the reference implementation."""

_BINARY = (socketio_packet.BINARY_EVENT, socketio_packet.BINARY_ACK)
_EVENTS = (socketio_packet.EVENT, socketio_packet.BINARY_EVENT)
_ACKS = (socketio_packet.ACK, socketio_packet.BINARY_ACK)
_TYPE = re.compile(r"[0-6]")
_ATTACHMENTS = re.compile(r"([0-9]{1,2})-")
_NAMESPACE = re.compile(r"(/[^,]*)(?:,|\Z)")
# More digits than an integer of 64 bits has are no number that a client counts with.
_ID = re.compile(r"[0-9]{1,19}(?![0-9])")
_WHITE_SPACE = " \t\r\n"


class BadPacket(Exception):
    """A packet that breaks the protocol. The sentence is for the log: it repeats nothing of the packet."""


class _Writer:
    """A module of JSON in the library's eyes: `dumps` and `loads`, as it calls them."""

    @staticmethod
    def dumps(data: Any, **options: Any) -> str:
        """JSON in a tenth of the time; values that msgspec refuses (a lone surrogate) in the usual time."""
        try:
            return msgspec.json.encode(data).decode()
        except (ValueError, TypeError, OverflowError):
            return json.dumps(data, **options)

    loads = staticmethod(json.loads)


class Packet(socketio_packet.Packet):
    """The library's packet, which reads only what the protocol allows; `BadPacket` is all that it raises."""

    json = _Writer

    def decode(self, encoded_packet: str) -> int:
        """Read `<type>[<attachments>-][<namespace>,][<id>][<payload>]`; returns the number of attachments."""
        if not _TYPE.match(encoded_packet):
            raise BadPacket("a packet of no known type")
        self.packet_type = int(encoded_packet[0])
        attachments, position = self._read_attachments(encoded_packet)
        self.namespace = "/"
        if namespace := _NAMESPACE.match(encoded_packet, position):
            self.namespace, position = namespace[1], namespace.end()
        self.id = None
        if number := _ID.match(encoded_packet, position):
            self.id, position = int(number[0]), number.end()
        payload = encoded_packet[position:]
        # Some tools send lines: `40\n` is CONNECT without a payload.
        self.data = _loads(payload) if payload.strip(_WHITE_SPACE) else None
        self._check()
        return attachments

    def _read_attachments(self, encoded_packet: str) -> tuple[int, int]:
        if self.packet_type not in _BINARY:
            return 0, 1
        count = _ATTACHMENTS.match(encoded_packet, 1)
        if count is None or not 1 <= int(count[1]) <= MAX_ATTACHMENTS:
            raise BadPacket(f"a binary packet has 1 to {MAX_ATTACHMENTS} attachments")
        return int(count[1]), count.end()

    def _check(self) -> None:
        data = self.data
        if self.packet_type in _EVENTS and not (isinstance(data, list) and data):
            raise BadPacket("the payload of an event is an array with the event's name")
        if self.packet_type in _ACKS and not (isinstance(data, list) and self.id is not None):
            raise BadPacket("an acknowledgement has an id, and an array as its payload")
        if self.packet_type == socketio_packet.DISCONNECT and data is not None:
            raise BadPacket("DISCONNECT has no payload")
        if self.packet_type == socketio_packet.CONNECT_ERROR:
            raise BadPacket("CONNECT_ERROR is sent by servers alone")

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """The payload with its attachments where their placeholders were."""
        if isinstance(data, list):
            return [cls.reconstruct_binary(item, attachments) for item in data]
        if not isinstance(data, dict):
            return data
        if data.get("_placeholder") is not True:
            return {key: cls.reconstruct_binary(value, attachments) for key, value in data.items()}
        number = as_whole(data.get("num"))
        if number is None or not 0 <= number < len(attachments):
            raise BadPacket("a placeholder of an attachment that there is not")
        return attachments[number]


class PacketReader:
    """Makes packets of one client's messages: a text, and the attachments that it announces.

    `max_bytes` bounds the attachments of one packet together.
    """

    __slots__ = ("_attached_bytes", "_max_bytes", "_waiting")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # The packet that waits for its attachments, and how much of them has come.
        self._waiting: Packet | None = None
        self._attached_bytes = 0

    def read(self, message: object, check: Callable[[Packet], None]) -> Packet | None:
        """The packet that is whole with this message; `None` while attachments are missing.

        `check` raises BadPacket for one that may not come now, before its attachments are kept.
        """
        if isinstance(message, bytes):
            return self._attach(message)
        if self._waiting is not None:
            raise BadPacket("text where an attachment was announced")
        if not isinstance(message, str) or not message:
            raise BadPacket("a message that is no packet")
        packet = Packet(encoded_packet=message)
        check(packet)
        if not packet.attachment_count:
            return packet
        self._waiting = packet
        return None

    def _attach(self, data: bytes) -> Packet | None:
        packet = self._waiting
        if packet is None:
            raise BadPacket("an attachment that was not announced")
        self._attached_bytes += len(data)
        if self._attached_bytes > self._max_bytes:
            raise BadPacket("attachments that are too large together")
        if not packet.add_attachment(data):
            return None
        self._waiting, self._attached_bytes = None, 0
        return packet


def _integer(text: str) -> int | float:
    # A number that does not fit is for the handler to refuse; Python reads only 4,300 digits.
    if len(text) <= 20 and MIN_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        return value
    return float(text)


def _constant(name: str) -> NoReturn:
    raise BadPacket(f"a payload with {name}, which is not JSON")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)


def _loads(payload: str) -> Any:
    try:
        check_depth(payload.encode())
        return _DECODER.decode(payload)
    except NotJson:
        raise BadPacket("a payload that is nested too deep") from None
    except ValueError:
        raise BadPacket("a payload that is not JSON") from None
