"""Engine.IO packets as the protocol's text has them (engine.io-protocol v4, "Packet encoding")."""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from engineio import packet

from chef.transport.packets import BadPacket

Packets = Sequence[packet.Packet]
Received = tuple[int, str | bytes]
"""A packet's type and data."""

_SEPARATOR = "\x1e"
_URL_SAFE = str.maketrans("-_", "+/")
# More packets than the smallest that mean something make of the largest body.
_MOST_PACKETS = 4096
# The other types are a server's, or belong to the WebSocket that a client moves to.
_FROM_CLIENTS = {str(kind): kind for kind in (packet.CLOSE, packet.PONG, packet.MESSAGE, packet.NOOP)}


def decode_message(message: str | bytes) -> Received:
    """The packet that a WebSocket message is. Raises BadPacket.

    The library would parse a message that looks like JSON, which is for the layer above to do. Clients
    with `forceBase64` write bytes as text here, too.
    """
    if isinstance(message, bytes):
        return packet.MESSAGE, message
    if message.startswith("b"):
        return packet.MESSAGE, _from_base64(message)
    kind = _FROM_CLIENTS.get(message[:1])
    if kind is None:
        raise BadPacket("a packet of no type that a client sends here")
    return kind, message[1:]


def decode_body(body: bytes) -> list[Received]:
    """The packets of a body, separated by U+001E, binary ones in base64. Raises BadPacket."""
    try:
        texts = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError:
        raise BadPacket("a body that is not UTF-8") from None
    if len(texts) > _MOST_PACKETS:
        raise BadPacket(f"a body of more than {_MOST_PACKETS} packets")
    return [decode_message(text) for text in texts]


def _from_base64(text: str) -> bytes:
    """Bytes in either alphabet, with or without padding, as the reference implementation takes them."""
    digits = text[1:].strip().rstrip("=").translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except ValueError:
        raise BadPacket("a binary packet that is not base64") from None


def encode_body(packets: Packets) -> bytes:
    """The body that carries packets."""
    return _SEPARATOR.join(one.encode(b64=True) for one in packets).encode()
