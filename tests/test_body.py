"""A request's body as it comes: within its length or its chunks, and in its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gevent
import pytest
from gevent.socket import socketpair
from hypothesis import given
from hypothesis import strategies as st

from chef.http.body import Body, BrokenBody
from chef.http.connection import Connection, PeerGone, TooSlow

NEXT = b"GET / HTTP/1.1\r\n"
Arrive = Callable[..., Connection]


def connection_on(ours: Any) -> Connection:
    """A connection on the socket below one of gevent's."""
    return Connection(ours._sock, "192.0.2.1")


@pytest.fixture
def arrive() -> Iterator[Arrive]:
    """A connection on which these bytes have come, each part in a piece of its own, and then the end."""
    opened: list[Any] = []

    def make(*parts: bytes, ends: bool = True) -> Connection:
        ours, theirs = socketpair()
        opened.extend((ours, theirs))

        def send() -> None:
            for part in parts:
                theirs.sendall(part)
                gevent.sleep(0)
            if ends:
                theirs.shutdown(1)

        gevent.spawn(send)
        return connection_on(ours)

    yield make
    for one in opened:
        one.close()


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def body_of(connection: Connection, length: int | None, *, expects: bool = False) -> Body:
    return Body(connection, length, expects=expects)


def test_a_body_ends_at_its_length_and_the_next_request_stays(arrive: Arrive) -> None:
    connection = arrive(b"hel", b"lo" + NEXT)
    body = body_of(connection, 5)
    assert body.read() == b"hello"
    assert body.read() == b""
    assert connection.receive_line(100) == NEXT[:-2]


def test_a_chunked_body_ends_at_its_last_chunk_and_the_next_request_stays(arrive: Arrive) -> None:
    connection = arrive(chunked(b"hel", b"lo") + NEXT)
    body = body_of(connection, None)
    assert body.read() == b"hello"
    assert body.read() == b""
    assert connection.receive_line(100) == NEXT[:-2]


def test_a_chunk_is_given_before_its_end_has_come(arrive: Arrive) -> None:
    """Some senders put the CRLF of a chunk before the next one: a build's line must not wait for that."""
    body = body_of(arrive(b"4\r\none\n", ends=False), None)
    with gevent.Timeout(2):
        assert body.read_some(100) == b"one\n"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 60))
def test_however_a_body_is_cut_and_read_its_bytes_are_the_same(chunks: list[bytes], size: int) -> None:
    sent = chunked(*chunks)
    whole = b"".join(chunks)
    for length, wire in ((None, sent), (len(whole), whole)):
        ours, theirs = socketpair()
        with closing(ours), closing(theirs):
            for at in range(0, len(wire), size):
                theirs.sendall(wire[at : at + size])
            connection = connection_on(ours)
            theirs.sendall(NEXT)
            by_size = body_of(connection, length)
            parts = []
            while part := by_size.read(size):
                parts.append(part)
            assert b"".join(parts) == whole
            assert all(len(part) == size for part in parts[:-1])
            assert connection.receive_line(100) == NEXT[:-2]


@given(st.binary(max_size=80))
def test_what_is_no_chunk_is_an_error_and_never_waits(wire: bytes) -> None:
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(wire)
        theirs.shutdown(1)
        body = body_of(connection_on(ours), None)
        try:
            body.read()
        except OSError:
            assert body.abandoned
        assert body.read() == b""


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\r\n",
        b"zz\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"5\r\nhello\r\n0\r\n",
        b"5\r\nhello\r\n0\r\n no: trailer\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\x01bad\r\n\r\n",
        b"ffffffffffffffff\r\nhello",
        b"5;\x00\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
        b"1;%b\r\na\r\n" % (b"x" * 500) * 10 + b"0\r\n\r\n",
        b"0\r\n" + b"A: %b\r\n" % (b"x" * 1000) * 9 + b"\r\n",
        b"0\r\n" + b"A: " + b"x" * 9000 + b"\r\n\r\n",
    ],
)
def test_chunks_that_leave_doubts_are_an_error(arrive: Arrive, wire: bytes) -> None:
    body = body_of(arrive(wire), None)
    with pytest.raises(BrokenBody):
        body.read()
    assert body.abandoned


def test_extensions_and_trailers_are_read_over(arrive: Arrive) -> None:
    wire = b'3;a=1\r\nhel\r\n2 ; b="x y"\r\nlo\r\n0;c\r\nDigest: x\r\nX: y\r\n\r\n'
    connection = arrive(wire + NEXT)
    assert body_of(connection, None).read() == b"hello"
    assert connection.receive_line(100) == NEXT[:-2]


def test_lines_end_where_they_end(arrive: Arrive) -> None:
    assert list(body_of(arrive(chunked(b"a\nb", b"c\n", b"d")), None)) == [b"a\n", b"bc\n", b"d"]
    assert body_of(arrive(b"a\nb\n"), 4).readlines() == [b"a\n", b"b\n"]
    assert body_of(arrive(b"abc\n"), 4).readline(2) == b"ab"


def test_a_body_that_breaks_off_is_an_error(arrive: Arrive) -> None:
    with pytest.raises(BrokenBody):
        body_of(arrive(b"hel"), 5).read()


def test_100_continue_is_sent_when_somebody_wants_the_body() -> None:
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        body = body_of(connection_on(ours), 5, expects=True)
        reading = gevent.spawn(body.read)
        assert theirs.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        theirs.sendall(b"hello")
        assert reading.get(timeout=20) == b"hello"


def test_a_body_that_nobody_wanted_is_not_waited_for(arrive: Arrive) -> None:
    body = body_of(arrive(ends=False), 5, expects=True)
    body.discard()
    assert body.abandoned
    large = body_of(arrive(ends=False), 10_000_000)
    large.discard()
    assert large.abandoned


def test_what_is_left_of_a_small_body_is_read_over(arrive: Arrive) -> None:
    for wire, length in ((b"hello", 5), (chunked(b"hel", b"lo"), None)):
        connection = arrive(wire + NEXT)
        body = body_of(connection, length)
        assert body.read(2) == b"he"
        body.discard()
        assert not body.abandoned
        assert connection.receive_line(100) == NEXT[:-2]


# Time


def _end_when_due(connection: Connection) -> None:
    """What `Connections` does."""
    while not connection.expired:
        gevent.sleep(0.01)
        if connection.due <= time.monotonic():
            connection.expire()


def test_a_body_that_stands_still_ends(arrive: Arrive) -> None:
    connection = arrive(b"hel", ends=False)
    connection.set_patience(0.1)
    gevent.spawn(_end_when_due, connection)
    body = body_of(connection, 5)
    with pytest.raises(TooSlow):
        body.read()
    assert body.abandoned


def test_a_body_that_trickles_ends(arrive: Arrive) -> None:
    """A byte brings back 2 ms, and takes 20 here."""
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        connection = connection_on(ours)
        connection.set_patience(0.2)
        gevent.spawn(_end_when_due, connection)

        def trickle() -> None:
            while True:
                theirs.sendall(b"x")
                gevent.sleep(0.02)

        trickling = gevent.spawn(trickle)
        with gevent.Timeout(5), pytest.raises(TooSlow):
            body_of(connection, 10_000).read()
        trickling.kill()


def test_a_live_log_may_be_quiet_and_a_body_with_a_length_may_not(arrive: Arrive) -> None:
    for length, quiet in ((None, True), (5, False)):
        connection = arrive(b"", ends=False)
        connection.set_patience(0.1)
        body = body_of(connection, length)
        body.may_be_quiet()
        gevent.spawn(_end_when_due, connection)
        reading = gevent.spawn(body.read_some, 10)
        gevent.sleep(0.3)
        assert reading.ready() is not quiet
        reading.kill()


def test_a_peer_that_takes_nothing_ends_what_is_sent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chef.http.connection.SEND_PATIENCE_S", 0.2)
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        connection = connection_on(ours)
        gevent.spawn(_end_when_due, connection)
        with gevent.Timeout(5), pytest.raises(PeerGone):
            connection.send(b"x" * 10_000_000)


def test_a_peer_that_takes_it_slowly_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chef.http.connection.SEND_PATIENCE_S", 0.2)
    ours, theirs = socketpair()
    with closing(ours), closing(theirs):
        connection = connection_on(ours)
        gevent.spawn(_end_when_due, connection)
        sending = gevent.spawn(connection.send, b"x" * 1_000_000)
        got = 0
        while got < 1_000_000:
            gevent.sleep(0.05)
            got += len(theirs.recv(100_000))
        sending.get(timeout=20)
