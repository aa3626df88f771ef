"""Named states: which may follow which, and what a WebSocket's states mean for what is sent."""

from __future__ import annotations

import _socket
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from typing import Any

import gevent
import pytest

from chef.transport.frames import BrokenRule, close_frame
from chef.transport.states import (
    SESSION_CHANGES,
    WEBSOCKET_CHANGES,
    SessionState,
    WebSocketState,
    WrongChange,
    change,
)
from chef.transport.websocket import HIGH_WATER_BYTES, WebSocket

log = logging.getLogger("states")


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def take(self, message: str | bytes) -> None:
        self.told.append(message)

    def drained(self) -> None:
        self.told.append("drained")

    def lost(self, broken: BrokenRule | None) -> None:
        self.told.append("lost")


class Pair:
    """A WebSocket and the peer's end of its connection."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.peer = socket.create_connection(listener.getsockname(), timeout=5)
            ours, _ = listener.accept()
        ours.setblocking(False)
        detached = _socket.socket(ours.family, ours.type, ours.proto, ours.detach())
        self.owner, self.released = Owner(), 0
        self.websocket = WebSocket(detached, self.owner, 65_536, self._release)
        self.websocket.begin(b"")

    def _release(self) -> None:
        self.released += 1

    def received(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            gevent.sleep(0.001)
            data += self.peer.recv(65_536)
        return data


def state_of(pair: Pair) -> WebSocketState:
    return pair.websocket.state


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    with closing(made.peer):
        yield made
        made.websocket.abort()
    assert made.released == 1


@pytest.mark.parametrize(
    ("changes", "states"),
    [(WEBSOCKET_CHANGES, WebSocketState), (SESSION_CHANGES, SessionState)],
    ids=["WebSocket", "session"],
)
def test_a_table_has_each_state_and_ends_in_one(
    changes: dict[Enum, frozenset[Enum]], states: type[Enum]
) -> None:
    assert list(changes) == list(states)
    assert [state for state, after in changes.items() if not after] == [list(states)[-1]]
    # Each but the first is reached from another.
    assert frozenset().union(*changes.values()) | {next(iter(states))} == frozenset(states)


def test_a_change_that_no_table_has_is_a_fault() -> None:
    with pytest.raises(WrongChange, match="one: CLOSED cannot become OPEN"):
        change(WEBSOCKET_CHANGES, WebSocketState.CLOSED, WebSocketState.OPEN, log, "one")


def test_each_change_is_a_line_of_level_debug(caplog: pytest.LogCaptureFixture, pair: Pair) -> None:
    with caplog.at_level(logging.DEBUG, "chef.transport.websocket"):
        pair.websocket.close()
        pair.websocket.abort()
    lines = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert lines == ["OPEN -> CLOSING", "CLOSING -> CLOSED"]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


def test_the_sockets_own_send_is_there_while_nothing_waits(pair: Pair) -> None:
    direct_send = pair.websocket.direct_send
    assert direct_send is not None
    assert direct_send(b"one") == 3
    data = bytes(16_000_000)  # More than the buffers of any system take.
    pair.websocket.send(data)
    unsent = pair.websocket.unsent
    assert HIGH_WATER_BYTES < unsent < len(data)
    assert (pair.websocket.direct_send, pair.websocket.full) == (None, True)
    pair.websocket.send(b"two")
    assert pair.received(3 + len(data) + 3) == b"one" + data + b"two"
    gevent.sleep(0.01)
    assert (pair.websocket.unsent, pair.websocket.full) == (0, False)
    assert pair.websocket.direct_send is not None
    assert pair.owner.told == ["drained"]


def test_what_was_not_sent_whole_goes_first(pair: Pair) -> None:
    """As a loop over many viewers does it, which calls `direct_send` itself."""
    pair.websocket.keep(b"__one", 2)
    pair.websocket.send(b"two")
    assert pair.received(6) == b"onetwo"


def test_an_error_of_the_socket_ends_the_connection_unless_it_would_only_wait(pair: Pair) -> None:
    assert pair.websocket.failed(BlockingIOError()) == 0
    assert state_of(pair) is WebSocketState.OPEN
    assert pair.websocket.failed(ConnectionResetError()) == 0
    assert state_of(pair) is WebSocketState.CLOSED
    assert (pair.owner.told, pair.websocket.direct_send) == (["lost"], None)
    pair.websocket.send(b"to nobody")
    pair.websocket.keep(b"to nobody", 0)
    assert pair.websocket.unsent == 0


def test_nothing_is_sent_behind_a_close_frame(pair: Pair) -> None:
    pair.websocket.close()
    pair.websocket.send(b"late")
    pair.websocket.keep(b"late", 0)
    assert pair.websocket.direct_send is None
    expected = close_frame(1000)
    assert pair.received(len(expected)) == expected
    assert pair.peer.recv(10) == b""
    assert pair.owner.told == []


def test_a_peer_that_has_closed_is_answered_once_its_messages_are_handled(pair: Pair) -> None:
    pair.peer.sendall(b"\x81\x81\0\0\0\0x" + b"\x88\x82\0\0\0\0\x03\xe9")
    gevent.sleep(0.01)
    assert pair.websocket.state is WebSocketState.PEER_CLOSED
    assert pair.owner.told == ["x", "lost"]
    pair.websocket.send(b"answer")
    pair.websocket.close()
    expected = b"answer" + close_frame(1001)
    assert pair.received(len(expected)) == expected
