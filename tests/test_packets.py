"""Packets of both protocols: what is one is read as the text says, and whatever is none is a BadPacket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from engineio import packet as engine
from hypothesis import example, given
from hypothesis import strategies as st
from socketio import packet as socketio_packet

from chef.transport.enginepackets import decode_body, decode_message, encode_body
from chef.transport.packets import BadPacket, Packet

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMESPACES = st.from_regex(r"/[^,]{0,20}", fullmatch=True)
IDS = st.none() | st.integers(0, 10**19 - 1)


@given(namespace=NAMESPACES, number=IDS, event=st.lists(JSON, min_size=1, max_size=3))
@example(namespace="/", number=0, event=["a"])
@example(namespace="/1-", number=1, event=[1])
def test_an_event_is_read_as_it_was_written(namespace: str, number: int | None, event: list[Any]) -> None:
    given = socketio_packet.Packet(socketio_packet.EVENT, event, namespace=namespace, id=number)
    text = given.encode()
    packet = Packet(encoded_packet=text)
    assert (packet.packet_type, packet.namespace, packet.id) == (socketio_packet.EVENT, namespace, number)
    assert json.dumps(packet.data) == json.dumps(event)
    assert packet.attachment_count == 0


@given(attachments=st.lists(st.binary(), min_size=1, max_size=10), rest=JSON, number=IDS)
def test_attachments_come_back_to_their_places(
    attachments: list[bytes], rest: Any, number: int | None
) -> None:
    event = ["upload", {"files": [*attachments], "rest": rest}]
    head, *parts = socketio_packet.Packet(socketio_packet.EVENT, event, id=number).encode()
    packet = Packet(encoded_packet=head)
    assert packet.attachment_count == len(attachments)
    done = [packet.add_attachment(part) for part in parts]
    assert done == [False] * (len(parts) - 1) + [True]
    data: Any = packet.data
    assert data[1]["files"] == attachments
    assert packet.id == number


NEAR_PACKETS = st.lists(
    st.sampled_from([*'0123456789-,/[]{}":', "null", "NaN", "1e999", '"a"', "_placeholder", "num", "²", "\n"])
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(NEAR_PACKETS.filter(bool))
@example("2" + "[" * 100_000)
@example("2" + '{"a":' * 50_000)
@example("2[" + "9" * 100_000 + "]")
@example('2["\ud800"]')
@example("5٣-[1]")
def test_whatever_is_no_packet_is_a_bad_one_and_nothing_else(text: str) -> None:
    try:
        packet = Packet(encoded_packet=text)
    except BadPacket:
        return
    assert text[0] == str(packet.packet_type)
    for _ in range(packet.attachment_count):
        try:
            packet.add_attachment(b"")
        except BadPacket:
            return


@given(st.binary(max_size=50) | NEAR_PACKETS.map(str.encode))
def test_a_body_is_packets_or_a_bad_packet(body: bytes) -> None:
    try:
        packets = decode_body(body)
    except BadPacket:
        return
    assert len(packets) == body.count(b"\x1e") + 1
    assert all(kind in (engine.CLOSE, engine.PONG, engine.MESSAGE, engine.NOOP) for kind, _ in packets)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"])) | st.binary(), min_size=1
    )
)
def test_a_body_is_read_as_it_was_written(messages: list[str | bytes]) -> None:
    body = encode_body([engine.Packet(engine.MESSAGE, message) for message in messages])
    assert decode_body(body) == [(engine.MESSAGE, message) for message in messages]


@pytest.mark.parametrize("message", ["", "2", "2probe", "5", "0{}", "7", "x", "²", " 4"])
def test_what_a_client_never_sends_is_a_bad_packet(message: str) -> None:
    with pytest.raises(BadPacket):
        decode_message(message)


@pytest.mark.parametrize("text", ['4{"a":1}', "4[1]", "4true", "41e3", '4"a"'])
def test_a_message_that_looks_like_json_stays_text(text: str) -> None:
    """The library hands it on parsed, so that the layer above gets a dict where a packet should be."""
    assert decode_message(text) == (engine.MESSAGE, text[1:])
    assert decode_message(base64.b64decode("AQI=")) == (engine.MESSAGE, b"\x01\x02")


@pytest.mark.parametrize("text", ["bAQI=", "bAQI", "bAQI=\n"])
def test_base64_may_come_without_its_padding(text: str) -> None:
    assert decode_message(text) == (engine.MESSAGE, b"\x01\x02")


def test_base64_may_be_of_either_alphabet() -> None:
    assert decode_message("b-_8=") == decode_message("b+/8=") == (engine.MESSAGE, b"\xfb\xff")


@pytest.mark.parametrize("text", ["b!!", "bAQI=A", "bA", "bAQ I=", "b\u0661\u0661\u0661\u0661"])
def test_what_is_no_base64_is_a_bad_packet(text: str) -> None:
    with pytest.raises(BadPacket):
        decode_message(text)


@pytest.mark.parametrize("text", ["0\n", "0/admin, ", "0 \t\r\n", "1\n"])
def test_white_space_behind_a_packet_is_no_payload(text: str) -> None:
    assert Packet(encoded_packet=text).data is None
