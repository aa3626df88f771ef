"""Engine.IO and Socket.IO by hand: raw WebSockets and single requests, for what no client would send."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import websocket

from tests.tools.serving import Served

PATH = "/ws/"
PATIENCE_S = 30


class Raw:
    """A WebSocket of which every message is seen, pings of the heartbeat aside (they are answered)."""

    def __init__(self, served: Served, query: str = "EIO=4&transport=websocket") -> None:
        url = f"ws://127.0.0.1:{served.port}{PATH}?{query}"
        self.connection = websocket.create_connection(url, timeout=PATIENCE_S)

    def send(self, *messages: str | bytes) -> None:
        for message in messages:
            if isinstance(message, bytes):
                self.connection.send_binary(message)
            else:
                self.connection.send(message)

    def receive(self) -> str | bytes | None:
        """The next message; `None` when the server has closed."""
        while True:
            try:
                opcode, data = self.connection.recv_data()
            except (websocket.WebSocketConnectionClosedException, ConnectionError):
                return None
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return None
            if opcode == websocket.ABNF.OPCODE_BINARY:
                return bytes(data)
            text = data.decode()
            if text != "2":
                return str(text)
            self.connection.send("3")

    def text(self) -> str:
        """The next message, which must be text."""
        message = self.receive()
        assert isinstance(message, str), message
        return message

    def call(self, number: int, *event: Any) -> Any:
        """Emit an event with this id; returns its acknowledgement's one argument, whatever comes before."""
        self.send(f"42{number}{json.dumps(event)}")
        while not (answer := self.text()).startswith(f"43{number}["):
            pass
        (value,) = json.loads(answer.removeprefix(f"43{number}"))
        return value

    def is_closed(self) -> bool:
        """Wait until the server closes; False if it is still open after a while."""
        try:
            while self.receive() is not None:
                pass
        except websocket.WebSocketTimeoutException:
            return False
        return True

    def close(self) -> None:
        """Break the connection off: what is polite is not what these tests are about."""
        self.connection.shutdown()  # type: ignore[no-untyped-call]


class RawViewer(Raw):
    """A connected viewer without a library. `pid` is what it can come back with, if it asked for recovery."""

    def __init__(self, served: Served, **auth: Any) -> None:
        super().__init__(served)
        assert self.text().startswith("0{")
        self.send("40" + json.dumps(auth))
        self.pid = json.loads(self.text().removeprefix("40")).get("pid")

    def emit(self, *arguments: Any) -> None:
        self.send("42" + json.dumps(arguments))

    def take(self) -> list[Any]:
        """The next event: its name, its payload, its offset if it has one."""
        packet = self.text()
        assert packet.startswith("42"), packet
        event: list[Any] = json.loads(packet[2:])
        return event


@contextmanager
def raw(served: Served, *, connected: bool = True) -> Iterator[Raw]:
    """A WebSocket that has had OPEN and, unless told otherwise, is connected to the default namespace."""
    one = Raw(served)
    try:
        assert one.text().startswith("0{")
        if connected:
            one.send("40")
            assert one.text().startswith('40{"sid":"')
        yield one
    finally:
        one.close()


class Poller:
    """A session that polls, by single requests. Each request has a connection of its own."""

    def __init__(self, served: Served) -> None:
        self.url = f"{served.url}{PATH}?EIO=4&transport=polling"
        self.opening = json.loads(requests.get(self.url, timeout=PATIENCE_S).text[1:])
        self.sid = self.opening["sid"]
        self.url += f"&sid={self.sid}"

    def poll(self) -> requests.Response:
        return requests.get(self.url, timeout=30)

    def post(self, body: str | bytes, **options: Any) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        return requests.post(self.url, data=data, timeout=30, **options)

    def packets(self) -> list[str]:
        """Poll once; the packets, without pings, which are answered."""
        answer = self.poll()
        assert answer.status_code == 200, answer.text
        packets = answer.text.split("\x1e")
        if "2" in packets:
            assert self.post("3").status_code == 200
        return [packet for packet in packets if packet != "2"]

    def wait_for(self, start: str) -> str:
        """Poll until a packet comes that begins like this."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for packet in self.packets():
                if packet.startswith(start):
                    return packet
        raise AssertionError(f"no packet that begins with {start}")

    def is_gone(self) -> bool:
        """Whether the server no longer knows the session."""
        return self.poll().status_code == 400
