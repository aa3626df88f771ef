"""The protocols' own exchanges with a server that echoes, which Chef does not: they go both ways there.

The applications are `tests/tools/echo.py`; what is expected is what engine.io-protocol v4 and
socket.io-protocol v5 say.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.tools.protocol import Poller, Raw
from tests.tools.serving import Served, Serving, measured

# As in `tests/tools/echo.py`, which must not be imported: it patches.
PING_INTERVAL_MS, PING_TIMEOUT_MS, MAX_BYTES = 2500, 20_500, 1_000_000
MODULE = ("-m", "tests.tools.echo")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("engine"), measured(), (*MODULE, "engine")) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture(scope="module")
def socketio(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("socketio"), measured(), (*MODULE, "socketio")) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


def opened(served: Served) -> Raw:
    """A WebSocket that has had OPEN."""
    one = Raw(served)
    assert one.text().startswith("0{")
    return one


def connected(served: Served, connect: str = "40") -> Raw:
    """A WebSocket that is connected to a namespace and has had the greeting."""
    one = opened(served)
    one.send(connect)
    assert one.text().startswith(connect[:2])
    assert '["auth",' in one.text()
    return one


def test_the_heartbeat_is_announced_in_whole_milliseconds(engine: Served) -> None:
    """A number that is no integer is none to clients in stricter languages."""
    opening = Poller(engine).opening
    heartbeat = [opening["pingInterval"], opening["pingTimeout"]]
    assert heartbeat == [PING_INTERVAL_MS, PING_TIMEOUT_MS]
    assert {type(number) for number in heartbeat} == {int}
    assert opening["maxPayload"] == MAX_BYTES


@pytest.mark.parametrize(
    "body",
    [
        "4hello",
        "4",
        "4test1\x1e4test2\x1e4test3",
        "4hello\x1ebAQIDBA==",
        "bAQIDBA==",
        "b\x1e4€ 👋\x1eb" + base64.b64encode(bytes(range(256))).decode(),
    ],
    ids=["text", "nothing", "texts", "text and bytes", "bytes", "no bytes, characters, all bytes"],
)
def test_a_body_of_packets_comes_back_as_it_went(engine: Served, body: str) -> None:
    poller = Poller(engine)
    assert poller.post(body).text == "ok"
    answer = poller.poll()
    assert (answer.status_code, answer.content.decode()) == (200, body)


@pytest.mark.parametrize("message", ["4hello", "4", "4€ 👋", "4" + "x" * 200_000], ids=len)
def test_a_text_message_comes_back_on_a_websocket(engine: Served, message: str) -> None:
    with closing(opened(engine)) as one:
        one.send(message)
        assert one.text() == message


@pytest.mark.parametrize("message", [b"\x01\x02\x03\x04", b"", b"4hello", b"\xff" * 200_000], ids=len)
def test_a_binary_message_comes_back_on_a_websocket(engine: Served, message: bytes) -> None:
    with closing(opened(engine)) as one:
        one.send(message)
        assert one.receive() == message


def test_bytes_may_be_text_in_base64_on_a_websocket(engine: Served) -> None:
    """The JavaScript client's `forceBase64`."""
    with closing(opened(engine)) as one:
        one.send("bAQIDBA==")
        assert one.receive() == b"\x01\x02\x03\x04"
        one.send("bAQI=")
        assert one.receive() == b"\x01\x02"
        one.send("b!")
        assert one.is_closed()


def test_what_waits_for_a_poll_moves_to_the_websocket_in_its_order(engine: Served) -> None:
    poller = Poller(engine)
    with closing(Raw(engine, f"EIO=4&transport=websocket&sid={poller.sid}")) as one:
        assert poller.post("4one\x1ebAQI=\x1e4two").text == "ok"
        one.send("2probe", "5", "4three")
        messages = [one.receive() for _ in range(5)]
    assert messages == ["3probe", "4one", b"\x01\x02", "4two", "4three"]


@pytest.mark.parametrize("namespace", ["", "/custom,"], ids=["main", "custom"])
@pytest.mark.parametrize("auth", ["", '{"token":"123"}'], ids=["without", "with a payload"])
def test_what_is_emitted_to_a_client_that_comes_follows_connect(
    socketio: Served, namespace: str, auth: str
) -> None:
    with closing(opened(socketio)) as one:
        one.send(f"40{namespace}{auth}")
        connect = one.text()
        assert connect.startswith(f"40{namespace}{{")
        assert list(json.loads(connect.removeprefix(f"40{namespace}"))) == ["sid"]
        assert one.text() == f'42{namespace}["auth",{auth or "{}"}]'


def test_one_namespace_may_be_left_and_the_other_goes_on(socketio: Served) -> None:
    with closing(connected(socketio)) as one:
        one.send("40/custom,")
        assert one.text().startswith("40/custom,{")
        assert one.text() == '42/custom,["auth",{}]'
        one.send("41/custom,", '42["message","message to main namespace"]')
        assert one.text() == '42["message-back","message to main namespace"]'
        one.send("40/custom,")
        assert one.text().startswith("40/custom,{")


def test_a_namespace_works_without_the_main_one(socketio: Served) -> None:
    with closing(connected(socketio, "40/custom,")) as one:
        one.send("40/nowhere,")
        assert one.text() == '44/nowhere,{"message":"Invalid namespace"}'
        one.send('42["message","to a namespace that it is not connected to"]')
        assert one.is_closed()


EVENT = '1,"2",{"3":[true]}'
BYTES = '{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}'


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ([f'42["message",{EVENT}]'], [f'42["message-back",{EVENT}]']),
        ([f'42456["message-with-ack",{EVENT}]'], [f"43456[{EVENT}]"]),
        (['420["message-with-ack"]'], ["430[]"]),
        (['427["message"]'], ['42["message-back"]', "437[]"]),
        (
            [f'452-["message",{BYTES}]', b"\x01\x02\x03", b"\x04"],
            [f'452-["message-back",{BYTES}]', b"\x01\x02\x03", b"\x04"],
        ),
        (
            [f'452-789["message-with-ack",{BYTES}]', b"\x01\x02\x03", b""],
            [f"462-789[{BYTES}]", b"\x01\x02\x03", b""],
        ),
    ],
    ids=["event", "ack", "empty ack", "event and ack", "binary event", "binary ack"],
)
def test_events_and_acknowledgements_on_both_transports(
    socketio: Served, sent: list[Any], answered: list[Any]
) -> None:
    with closing(connected(socketio)) as one:
        one.send(*sent)
        assert [one.receive() for _ in answered] == answered
    poller = Poller(socketio)
    assert poller.post("\x1e".join(["40", *map(in_a_body, sent)])).text == "ok"
    packets: list[str] = []
    while len(packets) < 2 + len(answered):
        packets += poller.packets()
    assert packets[0].startswith("40{")
    assert packets[1:] == ['42["auth",{}]', *map(in_a_body, answered)]


def in_a_body(packet: str | bytes) -> str:
    return packet if isinstance(packet, str) else f"b{base64.b64encode(packet).decode()}"
