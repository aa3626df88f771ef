"""Limits of connections and of time on a served application: who is too slow ends, everybody else stays."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
import websocket

from tests.tools.serving import Served
from tests.tools.watching import eventually

Start = Callable[..., Served]
# What a machine that has much else to do may need for what takes a moment.
_PATIENCE_S = 30
_ESTABLISHED, _CLOSE_WAIT = "01", "08"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
STREAM = b"GET /api/jobs/j/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n%b\r\n"
LOG = b"POST /api/jobs/j/logs?projectId=p HTTP/1.1\r\nHost: x\r\n"
UPDATE = b'{"type":"log","jobId":"j","projectId":"p","message":"x"}'


def _connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE_S)


@contextmanager
def _connections(server: Served, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections on which these bytes were sent."""
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(_connect(server))) for _ in range(count)]
        for one in opened:
            if first:
                one.sendall(first)
        yield opened


def _answer(connection: socket.socket) -> bytes:
    """All that comes until the end."""
    answer = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            answer += data
    return answer


def _status(answer: bytes) -> int:
    return int(answer[9:12]) if answer else 0


def _code(answer: bytes) -> str:
    code: str = json.loads(answer.partition(b"\r\n\r\n")[2])["code"]
    return code


def _descriptors(server: Served) -> list[str]:
    """What each open descriptor is."""
    found = []
    for name in os.listdir(f"/proc/{server.process.pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(f"/proc/{server.process.pid}/fd/{name}"))
    return found


def _sockets(server: Served) -> int:
    return sum(name.startswith("socket:") for name in _descriptors(server))


def _metric(server: Served, name: str) -> float:
    for line in server.get("/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    return 0


def _refused(server: Served, reason: str) -> float:
    return _metric(server, f'chef_refused_total{{reason="{reason}"}}')


def _leave(server: Served) -> None:
    """Close our own connection, the only one, and wait until the server has seen it."""
    server.session.close()
    gc.collect()  # An answer that is not collected yet would keep it open.
    eventually(lambda: _held(server) == 0)


def _held(server: Served) -> int:
    """The connections that the server has, or that wait for it to take or to close them."""
    with open("/proc/net/tcp") as table:
        lines = [line.split() for line in table][1:]
    states = [line[3] for line in lines if int(line[1].partition(":")[2], 16) == server.port]
    return sum(state in (_ESTABLISHED, _CLOSE_WAIT) for state in states)


def _come(server: Served, auth: str = "", **headers: str) -> Any:
    """A viewer of Socket.IO."""
    url = f"ws://127.0.0.1:{server.port}/ws/?EIO=4&transport=websocket"
    viewer: Any = websocket.create_connection(url, timeout=_PATIENCE_S, header=headers)
    assert viewer.recv().startswith("0{")
    viewer.send(f"40{auth}")
    assert viewer.recv().startswith("40")
    return viewer


# Time


def test_400_slow_heads_end_in_time_and_nobody_else_notices(start_server: Start) -> None:
    server = start_server(CHEF_HEADER_TIMEOUT="6")
    server.get("/health")
    before = _sockets(server)
    with _connections(server, 400, b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: b") as slow:
        began = time.monotonic()
        eventually(lambda: _sockets(server) >= before + 400)
        while time.monotonic() - began < 1.5:
            for one in slow[:20]:
                with suppress(OSError):
                    one.sendall(b"\r\nX-A: b")  # A byte now and then changes nothing.
            assert server.get("/health").status_code == 200
            time.sleep(0.1)
        answers = [_answer(one) for one in slow]
        assert time.monotonic() - began < _PATIENCE_S
    assert {_status(answer) for answer in answers} == {408}
    assert _code(answers[0]) == "request_timeout"
    assert _refused(server, "header_timeout") == 400
    eventually(lambda: _sockets(server) <= before + 1)
    assert "Traceback" not in server.output.read_text()


def test_400_slow_bodies_end_in_time(start_server: Start) -> None:
    server = start_server(CHEF_BODY_TIMEOUT="2")
    server.get("/health")
    before = _sockets(server)
    bodies = (
        b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 500\r\n\r\n{",
        b"POST /api/jobs/j/progress HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"POST /ws/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n4",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nx",
        LOG + b"Content-Length: 500\r\n\r\nhalf a line",
    )
    with ExitStack() as stack:
        slow = [stack.enter_context(_connections(server, 400 // len(bodies), body)) for body in bodies]
        began = time.monotonic()
        answers = [[_answer(one) for one in some] for some in slow]
        assert time.monotonic() - began < _PATIENCE_S
    # What can be answered without the body is; the rest is told that it was too slow.
    assert [{_status(one) for one in some} for some in answers] == [{408}, {415}, {408}, {400}, {200}, {408}]
    assert _code(answers[0][0]) == _code(answers[5][0]) == "request_timeout"
    assert _refused(server, "body_timeout") >= 3 * (400 // len(bodies))
    eventually(lambda: _sockets(server) <= before + 1)
    assert "Traceback" not in server.output.read_text()


def test_a_body_that_trickles_ends_and_one_that_is_only_slow_does_not(start_server: Start) -> None:
    server = start_server(CHEF_BODY_TIMEOUT="3")
    head = b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    with closing(_connect(server)) as trickling, closing(_connect(server)) as slow:
        trickling.sendall(head % 5000)
        body = UPDATE.replace(b'"x"', b'"%b"' % (b"x" * 4000))
        slow.sendall(head % len(body))
        for at in range(0, len(body), 200):
            slow.sendall(body[at : at + 200])
            with suppress(OSError):
                trickling.sendall(b" ")
            time.sleep(0.2)
        assert _status(slow.recv(65536)) == 200
        assert _status(_answer(trickling)) in (0, 408)


def test_a_live_log_may_be_quiet_for_as_long_as_its_build_is(start_server: Start) -> None:
    server = start_server(CHEF_BODY_TIMEOUT="1", CHEF_HEADER_TIMEOUT="2", CHEF_KEEPALIVE_TIMEOUT="1")
    with closing(_connect(server)) as connection:
        connection.sendall(LOG + b"Transfer-Encoding: chunked\r\n\r\n4\r\none\n")
        time.sleep(4)
        connection.sendall(b"\r\n4\r\ntwo\n\r\n0\r\n\r\n")
        assert _status(connection.recv(65536)) == 200
    lines = server.get("/api/jobs/j/logs").json()["lines"]
    assert [line["message"] for line in lines] == ["one", "two"]


def test_who_may_not_write_is_not_waited_for(start_server: Start) -> None:
    server = start_server(CHEF_API_TOKEN="a-token-of-some-length", CHEF_BODY_TIMEOUT="1")
    with closing(_connect(server)) as connection:
        connection.sendall(LOG + b"Transfer-Encoding: chunked\r\n\r\n4\r\none\n")
        began = time.monotonic()
        assert _status(_answer(connection)) == 401
        assert time.monotonic() - began < _PATIENCE_S / 2


def test_a_connection_that_waits_for_its_next_request_ends_without_a_word(start_server: Start) -> None:
    server = start_server(CHEF_KEEPALIVE_TIMEOUT="1", CHEF_HEADER_TIMEOUT="8")
    with closing(_connect(server)) as used, closing(_connect(server)) as fresh:
        used.sendall(GET)
        assert _status(used.recv(65536)) == 200
        began = time.monotonic()
        assert _answer(used) == b""
        assert time.monotonic() - began < 6
        assert _answer(fresh) == b""
    assert _refused(server, "header_timeout") == 0


def test_an_event_stream_and_a_slow_answer_outlive_the_limits_of_requests(start_server: Start) -> None:
    server = start_server(CHEF_BODY_TIMEOUT="1", CHEF_HEADER_TIMEOUT="2", CHEF_KEEPALIVE_TIMEOUT="1")
    with closing(_connect(server)) as stream:
        stream.sendall(STREAM % (b"192.0.2.1", b""))
        time.sleep(3)
        server.update(json.loads(UPDATE))
        heard = b""
        while b"job:log" not in heard:
            heard += stream.recv(65536)


# Connections in all


def test_beyond_the_limit_who_comes_is_told_so_and_who_is_there_stays(start_server: Start) -> None:
    server = start_server(CHEF_MAX_CONNECTIONS="30")
    _leave(server)
    with _connections(server, 29, GET) as inside:
        assert {_status(one.recv(65536)) for one in inside} == {200}
        viewer = _come(server)
        for _ in range(150):
            with closing(_connect(server)) as outside:
                outside.sendall(GET)
                answer = _answer(outside)
                assert (_status(answer), _code(answer)) == (503, "too_many_connections")
                assert b"Retry-After: " in answer
                assert b"Connection: close\r\n" in answer
        inside[0].sendall(GET)
        assert _status(inside[0].recv(65536)) == 200
        viewer.send('420["subscribe:job","j"]')
        assert viewer.recv().startswith("430")
        viewer.close()
    eventually(lambda: server.get("/health").status_code == 200)
    assert _refused(server, "connections") >= 150
    eventually(lambda: _metric(server, "chef_connections") == 1)


def test_a_limit_that_is_not_set_comes_from_the_descriptors(start_server: Start) -> None:
    server = start_server()
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert hard[0] == hard[1]


def test_without_descriptors_the_server_lives_on_and_says_so(start_server: Start) -> None:
    server = start_server(CHEF_MAX_CONNECTIONS="100000")
    _leave(server)
    limit = len(_descriptors(server)) + 36  # of which 16 are kept
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with _connections(server, 60, GET) as many:
        statuses = [_status(_first(one)) for one in many]
    assert set(statuses) == {200, 503}
    assert statuses[:10] == [200] * 10
    assert statuses.count(503) >= 30
    assert "Traceback" not in server.output.read_text()
    eventually(lambda: server.get("/health").status_code == 200)
    assert _refused(server, "descriptors") >= 30
    _leave(server)
    with _connections(server, 10, GET) as again:
        assert [_status(_first(one)) for one in again] == [200] * 10
    assert server.output.read_text().count("\n") < 20


def _first(connection: socket.socket) -> bytes:
    with suppress(ConnectionResetError):
        return connection.recv(65536)
    return b""


# Connections of one address


def test_one_address_gets_its_number_and_others_theirs(start_server: Start) -> None:
    token = "a-token-of-some-length"
    server = start_server(CHEF_MAX_CONNECTIONS_PER_ADDRESS="5", CHEF_API_TOKEN=token)
    bearer = b"Authorization: Bearer %b\r\n"
    with _connections(server, 5, STREAM % (b"9.9.9.9, 192.0.2.1", b"")) as inside:
        assert [_status(one.recv(65536)) for one in inside] == [200] * 5
        for extra, statuses in (
            (b"", [429] * 3),
            (bearer % b"wrong", [429] * 3),
            (bearer % token.encode(), [200] * 3),
        ):
            with _connections(server, 3, STREAM % (b"192.0.2.1", extra)) as more:
                assert [_status(one.recv(65536)) for one in more] == statuses
        with _connections(server, 3, STREAM % (b"192.0.2.2", b"")) as others:
            assert [_status(one.recv(65536)) for one in others] == [200] * 3
        with _connections(server, 50, GET) as local:
            assert [_status(one.recv(65536)) for one in local] == [200] * 50
    assert _refused(server, "connections_per_address") == 6
    with ExitStack() as stack:

        def comes_back() -> bool:
            # Who gets a place keeps it: a stream is noticed to be gone a second later.
            (again,) = stack.enter_context(_connections(server, 1, STREAM % (b"192.0.2.1", b"")))
            return _status(again.recv(65536)) == 200

        for _ in range(5):
            eventually(comes_back)


def test_viewers_count_until_they_leave_and_not_once_they_have_shown_a_token(start_server: Start) -> None:
    token = "a-token-of-some-length"
    server = start_server(CHEF_MAX_CONNECTIONS_PER_ADDRESS="3", CHEF_API_TOKEN=token)

    def come(auth: str = "") -> Any:
        return _come(server, auth, **{"X-Forwarded-For": "192.0.2.1"})

    known = [come(json.dumps({"token": token})) for _ in range(6)]
    viewers = [come() for _ in range(3)]
    with pytest.raises(websocket.WebSocketBadStatusException, match="429"):
        come()
    viewers.pop().close()

    def there_is_room() -> bool:
        with suppress(websocket.WebSocketBadStatusException):
            viewers.append(come())
        return len(viewers) == 3

    eventually(there_is_room)
    for viewer in known + viewers:
        viewer.close()


# The end


def test_sigterm_ends_in_order_whatever_is_open(start_server: Start) -> None:
    server = start_server()
    server.update({"type": "progress", "jobId": "j", "projectId": "p"})
    with ExitStack() as stack:
        for first in (
            b"",  # nothing yet
            GET,  # idle, after an answer
            b"GET /health HTTP/1.1\r\nHost",  # a slow head
            STREAM % (b"127.0.0.1", b""),
            LOG + b"Transfer-Encoding: chunked\r\n\r\n4\r\none\n",
            LOG + b"Content-Length: 500\r\n\r\nhalf a line",
            b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
            b"GET /ws/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            stack.enter_context(_connections(server, 10, first))
        for _ in range(10):
            viewer = _come(server)
            viewer.send('42["subscribe:job","j"]')
            stack.callback(viewer.shutdown)
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15
    assert "Traceback" not in server.output.read_text()


def test_sigterm_is_quick_where_nothing_is_in_flight(start_server: Start) -> None:
    server = start_server()
    with _connections(server, 200, GET) as idle:
        assert {_status(one.recv(65536)) for one in idle} == {200}
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 7  # What is in flight would be given 8.
        assert {_answer(one) for one in idle} == {b""}


def test_what_was_answered_around_the_end_is_stored_and_nothing_is_reset_in_the_middle(
    start_server: Start,
) -> None:
    server = start_server()
    stored: list[int] = []
    broken: list[str] = []

    def post(poster: int) -> None:
        number = 0
        while True:
            update = {"type": "log", "jobId": f"end-{poster}", "projectId": "p", "message": str(number)}
            body = json.dumps(update).encode()
            head = (
                b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            try:
                connection = _connect(server)
            except OSError:
                return
            with closing(connection):
                connection.sendall(head + body)
                try:
                    answer = connection.recv(65536)
                except ConnectionResetError:
                    answer = b""
            if _status(answer) != 200:
                broken.append(f"{poster}: {answer[:200]!r}")
                return
            stored.append(poster)
            number += 1

    posters = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for one in posters:
        one.start()
    eventually(lambda: len(stored) > 50)
    port, folder = server.port, server.output.parent
    assert server.stop() == 0
    for one in posters:
        one.join(_PATIENCE_S)
    # A connection that the kernel had made and the server had not seen is all that may be lost.
    assert len(broken) <= 4
    again = start_server(DATABASE_URL=f"sqlite:///{folder / 'chef.db'}", PORT=str(port))
    for number in range(4):
        lines = again.get(f"/api/jobs/end-{number}/logs?limit=1").json()["total"]
        assert stored.count(number) <= lines <= stored.count(number) + 1


def test_an_answer_that_nobody_takes_costs_little_memory(start_server: Start) -> None:
    server = start_server()
    log = b"x" * 99 + b"\n"
    with closing(_connect(server)) as upload:
        upload.settimeout(4 * _PATIENCE_S)
        upload.sendall(LOG + b"Content-Length: 20000000\r\n\r\n" + log * 200_000)
        assert _status(upload.recv(65536)) == 200
    before = _memory(server)
    small = struct.pack("i", 4096)
    with ExitStack() as stack:
        for _ in range(30):
            reader = stack.enter_context(closing(socket.socket()))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, struct.unpack("i", small)[0])
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(b"GET /api/jobs/j/logs?raw=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2)
        assert server.get("/health").status_code == 200
        # 30 readers of 20 MB.
        assert _memory(server) - before < 60_000_000


def _memory(server: Served) -> int:
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
