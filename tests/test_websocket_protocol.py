"""WebSocket as RFC 6455 says it to a server: each rule on a served process, by hand.

What is closed is closed with the code that the RFC gives it, and nobody else is any the worse for it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.transport import frames
from chef.transport.frames import BrokenRule, FrameParser
from tests.tools.serving import Served, Serving, measured
from tests.tools.watching import eventually

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
MAX = 65536
TARGET = "/ws/?EIO=4&transport=websocket"


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    first: int = FIN,
    mask: bytes | None = None,
    declared: int | None = None,
    is_masked: bool = True,
) -> bytes:
    """A client's frame, or what is none: `declared` is the length it claims to have."""
    size = len(payload) if declared is None else declared
    head = bytes([first | opcode])
    bit = 0x80 if is_masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 0x10000:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not is_masked:
        return head + payload
    key = os.urandom(4) if mask is None else mask
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


def text(words: str) -> bytes:
    return client_frame(TEXT, words.encode())


class Client:
    """A WebSocket by hand, from the request on."""

    def __init__(self, port: int, early: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {self.key}\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
            + early
        )
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096)
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.head = head.decode().lower()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def _read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def frame(self) -> tuple[int, bytes]:
        """The next frame, which must be a server's: whole, unmasked, no reserved bit."""
        first, size = self._read(2)
        assert first & 0xF0 == FIN
        assert size < 128, "a server must not mask"
        if size >= 126:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        return first & 15, self._read(size)

    def message(self) -> str:
        """The next text message."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                return payload.decode()

    def closed_with(self) -> int | None:
        """Wait for the close frame and the end of the connection; the close frame's code."""
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                break
        with pytest.raises(EOFError):
            self._read(1)
        return int.from_bytes(payload[:2], "big") if payload else None

    def answer(self) -> str:
        """Emit an event that is answered; the answer. So the connection lives and nothing was lost."""
        self.send(text('427["no:such"]'))
        return self.message()


PING_PACKET = "2"
ANSWER = '437[{"ok":false,"error":{"code":"unknown_event","message":"unknown event \'no:such\'"}}]'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), {"CHEF_PING_INTERVAL": "27"} | measured()) as one:
        yield one


@contextmanager
def client(served: Served, *, connected: bool = True) -> Iterator[Client]:
    one = Client(served.port)
    with closing(one.socket):
        assert one.message().startswith("0{")
        if connected:
            one.send(text("40"))
            assert one.message().startswith("40{")
        yield one


def test_the_upgrade_is_answered_as_4_2_2_says_and_compression_is_not_negotiated(served: Served) -> None:
    one = Client(served.port)
    with closing(one.socket):
        accept = hashlib.sha1(one.key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert one.head.startswith("http/1.1 101 ")
        assert f"sec-websocket-accept: {base64.b64encode(accept).decode().lower()}" in one.head
        assert "upgrade: websocket" in one.head
        assert "extensions" not in one.head


def test_frames_that_come_together_with_the_request_are_not_lost(served: Served) -> None:
    one = Client(served.port, early=text("40") + text('427["no:such"]'))
    with closing(one.socket):
        assert one.message().startswith("0{")
        assert one.message().startswith("40{")
        assert one.message() == ANSWER


# Frames that break a rule, and the code with which the connection is closed.
BROKEN: dict[str, tuple[list[bytes], int]] = {
    "not masked (5.1)": ([client_frame(TEXT, b"2", is_masked=False)], 1002),
    "not masked and empty": ([client_frame(TEXT, is_masked=False)], 1002),
    "a ping that is not masked": ([client_frame(PING, is_masked=False)], 1002),
    **{
        f"reserved bit {bit:#x} (5.2)": ([client_frame(TEXT, b"2", first=FIN | bit)], 1002)
        for bit in (64, 32, 16)
    },
    "a reserved bit on a control frame": ([client_frame(PING, first=FIN | 64)], 1002),
    **{f"opcode {code} (5.2)": ([client_frame(code)], 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a control frame in pieces (5.5)": ([client_frame(PING, b"x", first=0)], 1002),
    "a close in pieces": ([client_frame(CLOSE, first=0)], 1002),
    "a control frame of 126 bytes (5.5)": ([client_frame(PING, b"x" * 126)], 1002),
    "a long pong": ([client_frame(PONG, b"x" * 70_000)], 1002),
    "a continuation of nothing (5.4)": ([client_frame(CONTINUATION, b"x")], 1002),
    "a continuation of nothing, to be continued": ([client_frame(CONTINUATION, b"x", first=0)], 1002),
    "text within a message (5.4)": ([client_frame(TEXT, b"4", first=0), text("2")], 1002),
    "binary within a message": ([client_frame(TEXT, b"4", first=0), client_frame(BINARY, b"2")], 1002),
    "text that is not UTF-8 (8.1)": ([client_frame(TEXT, b"42\xff")], 1007),
    "text with a lone surrogate": ([client_frame(TEXT, b"42\xed\xa0\x80")], 1007),
    "text with an overlong form": ([client_frame(TEXT, b"42\xc0\xaf")], 1007),
    "text beyond U+10FFFF": ([client_frame(TEXT, b"42\xf4\x90\x80\x80")], 1007),
    "text that ends within a character": ([client_frame(TEXT, b"42\xe2\x82")], 1007),
    "the second piece is not UTF-8": (
        [client_frame(TEXT, b"42", first=0), client_frame(CONTINUATION, b"\xff", first=0)],
        1007,
    ),
    "a character broken off between pieces": (
        [client_frame(TEXT, b"42\xe2\x82", first=0), client_frame(CONTINUATION, b"x", first=0)],
        1007,
    ),
    "pieces that end within a character": (
        [client_frame(TEXT, b"42", first=0), client_frame(CONTINUATION, b"\xe2\x82")],
        1007,
    ),
    "a byte too many (10.4)": ([client_frame(TEXT, declared=MAX + 1)], 1009),
    "20 MB declared": ([client_frame(BINARY, declared=20_000_000)], 1009),
    "2^63 - 1 declared": ([client_frame(TEXT, declared=2**63 - 1)], 1009),
    "2^63 declared": ([client_frame(TEXT, declared=2**63)], 1009),
    "2^64 - 1 declared": ([client_frame(TEXT, declared=2**64 - 1)], 1009),
    "pieces that are too large together": (
        [client_frame(TEXT, b"4" * MAX, first=0), client_frame(CONTINUATION, b"x")],
        1009,
    ),
    "too many pieces": (
        [client_frame(TEXT, b"4", first=0)] + [client_frame(CONTINUATION, first=0)] * 10_000,
        1009,
    ),
    "a close of one byte (5.5.1)": ([client_frame(CLOSE, b"\x03")], 1002),
    **{
        f"close code {code} (7.4)": ([client_frame(CLOSE, struct.pack(">H", code))], 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a reason that is not UTF-8": ([client_frame(CLOSE, b"\x03\xe8\xff")], 1007),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_closes_with_its_code_and_is_one_line_in_the_log(served: Served, name: str) -> None:
    parts, code = BROKEN[name]
    before = served.output.read_text().count("\n")
    with client(served) as one:
        with suppress(OSError):  # It may be closed before all was sent, which is the point.
            one.send(b"".join(parts))
        assert one.closed_with() == code
    time.sleep(0.02)
    assert served.output.read_text().count("\n") - before <= 1


def test_what_came_before_a_broken_rule_is_still_handled(served: Served) -> None:
    with client(served) as one:
        one.send(text('427["no:such"]') + client_frame(TEXT, b"x", is_masked=False))
        opcode, _ = one.frame()
        assert opcode in (TEXT, CLOSE)  # The answer may come too late for a connection that is closed.


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 4999]
)
def test_a_close_is_answered_with_its_code(served: Served, code: int) -> None:
    with client(served) as one:
        one.send(client_frame(CLOSE, struct.pack(">H", code) + "because ü".encode()))
        assert one.closed_with() == code


def test_a_close_without_a_code_is_answered_without_one(served: Served) -> None:
    with client(served) as one:
        one.send(client_frame(CLOSE))
        assert one.closed_with() is None


def test_what_follows_a_close_is_not_looked_at(served: Served) -> None:
    with client(served) as one:
        one.send(client_frame(CLOSE) + client_frame(TEXT, b"x", is_masked=False) + client_frame(PING, b"x"))
        assert one.closed_with() is None


@pytest.mark.parametrize("payload", [b"", b"a ping", bytes(range(125))], ids=["empty", "short", "125 bytes"])
def test_a_ping_is_answered_with_what_it_carries(served: Served, payload: bytes) -> None:
    with client(served) as one:
        one.send(client_frame(PING, payload))
        assert one.frame() == (PONG, payload)
        one.send(client_frame(PONG, b"nobody asked"))
        assert one.answer() == ANSWER


def test_every_ping_is_answered_also_before_a_close(served: Served) -> None:
    """5.5.2 allows to leave one out only after a close has come, 5.5.3 only while no pong is sent yet."""
    payloads = [b"ping %d" % number for number in range(10)]
    pings = b"".join(client_frame(PING, payload) for payload in payloads)
    for last, code in ((client_frame(CLOSE), None), (client_frame(TEXT, b"2", is_masked=False), 1002)):
        with client(served) as one:
            one.send(pings + last + pings)
            assert [one.frame() for _ in payloads] == [(PONG, payload) for payload in payloads]
            assert one.closed_with() == code


@pytest.mark.parametrize("sends_no_more", [False, True])
def test_what_came_before_a_close_is_answered_before_it(served: Served, sends_no_more: bool) -> None:
    with client(served) as one:
        one.send(text('427["no:such"]') * 20 + client_frame(CLOSE, struct.pack(">H", 3000)))
        if sends_no_more:
            one.socket.shutdown(socket.SHUT_WR)
        assert [one.message() for _ in range(20)] == [ANSWER] * 20
        assert one.closed_with() == 3000


def test_a_client_that_connects_and_closes_at_once_is_let_in_and_gone(served: Served) -> None:
    with client(served, connected=False) as one:
        one.send(text("40") + client_frame(CLOSE))
        eventually(lambda: served.get("/health").json()["websocket"]["connected_clients"] == 0, 5)
        assert one.message().startswith("40{")
        assert one.closed_with() is None


def test_control_frames_may_come_between_the_pieces_of_a_message(served: Served) -> None:
    with client(served) as one:
        first, second, third = b'427["no', b":such", b'"]'
        one.send(client_frame(TEXT, first, first=0), client_frame(PING, b"now"))
        assert one.frame() == (PONG, b"now")
        one.send(client_frame(CONTINUATION, second, first=0), client_frame(PONG))
        one.send(client_frame(CONTINUATION, first=0), client_frame(CONTINUATION, third))
        assert one.message() == ANSWER


def test_a_character_may_be_cut_between_pieces(served: Served) -> None:
    with client(served) as one:
        data = '427["subscribe:job","€"]'.encode()
        pieces = [data[n : n + 1] for n in range(len(data))]
        one.send(client_frame(TEXT, pieces[0], first=0))
        for piece in pieces[1:-1]:
            one.send(client_frame(CONTINUATION, piece, first=0))
        one.send(client_frame(CONTINUATION, pieces[-1]))
        assert '"code":"invalid"' in one.message()


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536])
def test_a_message_of_any_size_up_to_the_limit_is_taken(served: Served, size: int) -> None:
    with client(served) as one:
        event = f'427["{"x" * (size - 7)}"]'
        assert len(event) == size
        one.send(text(event))
        assert '"code":"unknown_event"' in one.message()


def test_a_message_may_come_byte_by_byte(served: Served) -> None:
    with client(served) as one:
        for byte in text('427["no:such"]'):
            one.send(bytes([byte]))
            time.sleep(0.001)
        assert one.message() == ANSWER


def test_a_peer_that_is_closed_and_does_not_go_is_cut_off_soon(served: Served) -> None:
    """Row 4 of the stack's traps: stock keeps the descriptor until the peer closes."""
    descriptors = Path(f"/proc/{served.process.pid}/fd")

    def count() -> int:
        return sum(
            os.readlink(one).startswith("socket:") for one in list(descriptors.iterdir()) if one.exists()
        )

    with client(served) as before:
        assert before.answer() == ANSWER
        full = count()
        clients = [Client(served.port) for _ in range(5)]
        for one in clients:
            one.message()
            one.send(client_frame(TEXT, b"x", is_masked=False))
        eventually(lambda: count() <= full, 5)
        for one in clients:
            one.socket.close()
        assert before.answer() == ANSWER


def test_a_client_that_does_not_take_answers_is_not_read_and_costs_little(
    tmp_path: Path, serving: Serving
) -> None:
    """Row 5: what is sent to it is bounded, and so is what it may send meanwhile."""
    with serving(tmp_path, {"CHEF_MAX_EVENTS_PER_SECOND": "100000"}) as served, client(served) as one:
        before = memory(served)
        one.socket.setblocking(False)
        question = text('427["no:such"]')
        many = question * 2000
        sent, moved = 0, time.monotonic()
        while time.monotonic() - moved < 1:
            with suppress(BlockingIOError):
                sent += one.socket.send(many[sent % len(many) :])
                moved = time.monotonic()
        assert sent < 50_000_000  # The kernel keeps that much on both ends, and then it is not read.
        assert memory(served) - before < 10_000_000
        with client(served) as other:
            assert other.answer() == ANSWER
        # Once it reads again all is answered.
        one.socket.setblocking(True)
        one.socket.settimeout(10)
        waited_for = sent // len(question)
        while waited_for:
            message = one.message()
            assert message in (ANSWER, PING_PACKET)
            waited_for -= message == ANSWER


def test_a_viewer_that_is_behind_and_closes_is_gone_at_once(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {}) as served:
        body = ("x" * 200 + "\n") * 4000
        for _ in range(8):
            served.post("/api/jobs/big/logs?projectId=p", data=body).raise_for_status()
        with client(served) as one:
            one.send(text('420["subscribe:job",{"jobId":"big","after":0}]'))
            time.sleep(0.5)  # It does not read: much more waits than its connection holds.
            assert connected(served) == 1
            one.send(client_frame(CLOSE, struct.pack(">H", 1000)))
            eventually(lambda: connected(served) == 0, 5)


def connected(served: Served) -> int:
    """How many viewers the server counts."""
    count: int = served.get("/health").json()["websocket"]["connected_clients"]
    return count


def memory(served: Served) -> int:
    """Resident bytes of the server."""
    statm = Path(f"/proc/{served.process.pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE")


# The parser by itself


class Whole:
    """A parser's messages, fed in pieces."""

    def __init__(self, max_bytes: int = MAX) -> None:
        self.parser = FrameParser(max_bytes)

    def feed(self, data: bytes, cut: int) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(data), cut):
            found += self.parser.feed(data[start : start + cut])
        return found


@given(
    st.lists(
        st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=300), st.integers(1, 5)), max_size=6
    ),
    st.integers(1, 400),
)
def test_messages_are_the_same_however_they_are_cut(messages: list[tuple[int, str, int]], cut: int) -> None:
    sent, expected = b"", []
    for opcode, words, pieces in messages:
        data = words.encode()
        step = len(data) // pieces + 1
        parts = [data[n : n + step] for n in range(0, len(data), step)] or [b""]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            sent += client_frame(CONTINUATION if number else opcode, part, first=FIN if last else 0)
        expected.append((opcode, words if opcode == TEXT else data))
    assert Whole().feed(sent, cut) == expected


@given(st.binary(max_size=1000), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_xor_of_each_byte(data: bytes, mask: bytes) -> None:
    assert frames.unmask(data, mask) == bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))


@given(st.binary(max_size=300))
def test_no_bytes_at_all_do_anything_but_break_a_rule(data: bytes) -> None:
    found: list[frames.Message] = []
    with suppress(BrokenRule):
        found.extend(FrameParser(100).feed(data))
    assert all(opcode in (TEXT, BINARY, CLOSE, PING, PONG) for opcode, _ in found)


@given(st.lists(st.binary(max_size=300), max_size=5), st.sampled_from([0, 70_000]))
def test_the_payloads_of_joined_frames_come_out_again(parts: list[bytes], longer: int) -> None:
    parts = [*parts, b"x" * longer]
    assert list(frames.payloads(b"".join(frames.frame(TEXT, part) for part in parts))) == parts


def test_nothing_of_a_frame_that_is_too_large_is_kept() -> None:
    parser = FrameParser(100)
    with pytest.raises(BrokenRule) as broken:
        list(parser.feed(client_frame(TEXT, declared=101)[:4]))
    assert broken.value.code == 1009
    assert parser._buffer is None
