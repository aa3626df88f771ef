"""The states of a connection, a body and an answer: what may follow, and what is told of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from typing import Any

import gevent
import pytest
from gevent.socket import create_connection, socketpair

from chef.http.body import Body
from chef.http.connection import Connection, Interrupted, PeerGone
from chef.http.server import Server
from chef.http.states import AFTER_BODY, AFTER_CONNECTION, AFTER_RESPONSE, BodyState, ConnectionState
from chef.http.states import ResponseState as Answer

TABLES: list[tuple[type[Enum], dict[Any, tuple[Any, ...]]]] = [
    (ConnectionState, AFTER_CONNECTION),
    (BodyState, AFTER_BODY),
    (Answer, AFTER_RESPONSE),
]


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection whose peer is there and silent."""
    ours: Any
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        yield Connection(ours._sock, "192.0.2.1", 7)


@pytest.mark.parametrize(("states", "after"), TABLES)
def test_every_state_is_in_its_table_and_can_be_reached(
    states: type[Enum], after: dict[Any, tuple[Any, ...]]
) -> None:
    assert list(after) == list(states)
    reached = {state for followers in after.values() for state in followers}
    begins = {ConnectionState.IDLE, BodyState.EXPECTED}  # a body may begin with its content, too
    assert set(states) - reached <= begins
    assert reached <= set(states)


def test_a_connection_is_only_in_states_that_may_follow(connection: Connection) -> None:
    for state, followers in AFTER_CONNECTION.items():
        for other in ConnectionState:
            connection.state = state
            if other in followers:
                connection.enter(other)
                assert connection.state is other
            else:
                with pytest.raises(AssertionError, match=f"that is {state.value} cannot be {other.value}"):
                    connection.enter(other)


def test_no_request_follows_the_last_one(connection: Connection) -> None:
    connection.enter(ConnectionState.SERVING)
    connection.allow_no_other_request()
    connection.allow_no_other_request()  # twice is once
    assert connection.state is ConnectionState.LAST
    assert ConnectionState.IDLE not in AFTER_CONNECTION[ConnectionState.LAST]


@pytest.mark.parametrize(
    ("state", "limit"),
    [
        (ConnectionState.IDLE, None),
        (ConnectionState.HEAD, "header_timeout"),
        (ConnectionState.SERVING, "body_timeout"),
        (ConnectionState.LAST, "body_timeout"),
        (ConnectionState.LINGERING, None),
    ],
)
def test_a_state_says_which_limit_of_time_a_wait_stands_under(
    connection: Connection, state: ConnectionState, limit: str | None
) -> None:
    connection.state = state
    assert connection.limit == limit


def test_each_change_of_a_connection_is_one_line_at_debug(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.enter(ConnectionState.SERVING)
    assert caplog.messages == []
    with caplog.at_level(logging.DEBUG, "chef.http.connection"):
        connection.enter(ConnectionState.IDLE)
        connection.close()
    assert caplog.messages == [
        "connection 7 of 192.0.2.1: serving -> idle",
        "connection 7 of 192.0.2.1: idle -> closed",
    ]


def test_a_body_goes_through_its_states() -> None:
    ours: Any
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        connection = Connection(ours._sock, "192.0.2.1")
        body = Body(connection, None, expects=True)
        assert (body.state, body.is_unwanted) == (BodyState.EXPECTED, True)
        theirs.sendall(b"3\r\none\r\n0\r\n\r\n")
        assert body.read_some(100) == b"one"
        assert (body.state, body.is_unwanted) == (BodyState.CHUNK, False)
        assert theirs.recv(100).startswith(b"HTTP/1.1 100 ")
        assert body.read_some(100) == b""
        assert body.state is BodyState.COMPLETE
        assert Body(connection, 0, expects=False).state is BodyState.COMPLETE
        assert Body(connection, 5, expects=False).state is BodyState.CONTENT


def test_what_the_system_says_of_a_peer_becomes_one_error_of_ours(connection: Connection) -> None:
    connection._socket.close()  # whatever is asked of it now is an OSError
    body = Body(connection, 5, expects=False)
    with pytest.raises(PeerGone):
        connection.send(b"x")
    with pytest.raises(PeerGone):
        body.read()
    assert body.abandoned
    assert isinstance(PeerGone(), Interrupted)
    assert connection.is_gone()


def _answer_twice(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [("Content-Length", "4")])
    if environ["PATH_INFO"] == "/late":
        write(b"on")
    start_response("404 Not Found", [("Content-Length", "4")])
    return [b"gone"]


def test_an_answer_may_be_another_one_until_it_is_sent() -> None:
    server = Server(("127.0.0.1", 0), _answer_twice, lambda environ: False)
    server.start()
    try:
        for path, status, ends in ((b"/", b"404", b"gone"), (b"/late", b"200", b"on")):
            with closing(create_connection(("127.0.0.1", server.server_port), timeout=9)) as client:
                client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
                answer = b""
                with gevent.Timeout(9):
                    while data := client.recv(65536):
                        answer += data
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert answer.endswith(b"\r\n\r\n" + ends)
    finally:
        server.stop(timeout=1)


def test_the_answer_to_a_broken_body_says_that_the_connection_ends() -> None:
    def read_all(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError:
            start_response("400 Bad Request", [("Content-Length", "0")])
        return []

    server = Server(("127.0.0.1", 0), read_all, lambda environ: False)
    server.start()
    try:
        with closing(create_connection(("127.0.0.1", server.server_port), timeout=9)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n")
            answer = client.recv(65536)
    finally:
        server.stop(timeout=1)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
