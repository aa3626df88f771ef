"""What is no HTTP, or HTTP that leaves doubts, on a served application: refused in order, nothing misread."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.tools.serving import ROOT, Served, Serving, measured

UPDATE = b'{"type":"log","jobId":"j","projectId":"p","message":"x"}'
POST = b"POST /api/updates HTTP/1.1\r\nHost: x\r\n"
_PATIENCE_S, _MOMENT_S = 30, 0.25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("wire"), measured()) as served:
        yield served


def _connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE_S)


def _send(server: Served, request: bytes) -> bytes:
    """All that comes back for these bytes, until the server closes or has nothing more to say."""
    answer = b""
    with closing(_connect(server)) as connection, suppress(ConnectionResetError):
        connection.sendall(request)
        while data := connection.recv(65536) if not answer else _more(server, connection):
            answer += data
    return answer


def _more(server: Served, connection: socket.socket) -> bytes:
    """What comes within a moment in which the server has had the time to answer somebody else."""
    connection.settimeout(_MOMENT_S)
    with suppress(TimeoutError):
        return connection.recv(65536)
    server.get("/health")
    with suppress(TimeoutError):
        return connection.recv(65536)
    return b""


def _statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("upgrade", [b"", b"Upgrade: h2c\r\n"])
def test_a_chunked_body_is_taken_whole_where_a_proxy_writes_connection_upgrade(
    server: Served, upgrade: bytes
) -> None:
    marks = b"Connection: upgrade\r\n" + upgrade + b"Transfer-Encoding: chunked\r\n\r\n"
    job = f"job-{len(upgrade)}"
    update = UPDATE.replace(b'"j"', f'"{job}"'.encode())
    assert _statuses(_send(server, POST + marks + b"%x\r\n%s\r\n0\r\n\r\n" % (len(update), update))) == [200]
    log = f"POST /api/jobs/{job}/logs HTTP/1.1\r\nHost: x\r\n".encode()
    assert _statuses(_send(server, log + marks + b"4\r\none\n\r\n0\r\n\r\n")) == [200]
    lines = server.get(f"/api/jobs/{job}/logs").json()["lines"]
    assert [line["message"] for line in lines] == ["x", "one"]


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 56\r\nContent-Length: 5\r\n",
        b"Content-Length: abc\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 56, 56\r\n",
    ],
)
def test_a_head_that_leaves_doubts_is_one_refusal_and_its_body_no_request(
    server: Served, head: bytes
) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = _send(server, POST + head + b"\r\n" + smuggled)
    assert _statuses(answer) == [400]
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["status"], problem["code"]) == (400, "bad_request")
    assert "Traceback" not in server.output.read_text()


@pytest.mark.parametrize("path", ["/api/updates", "/api/jobs/j/logs?projectId=p", "/health"])
@pytest.mark.parametrize(
    "body", [b"\r\n\r\n", b"zz\r\n", b"0\r\n\x01bad\r\n\r\n", b"3\r\nab\nXX0\r\n\r\n", b"-5\r\nabc"]
)
def test_chunks_that_are_none_are_one_answer_and_the_end_of_the_connection(
    server: Served, path: str, body: bytes
) -> None:
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    smuggled = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    assert _statuses(_send(server, request + body + smuggled)) == [405 if path == "/health" else 400]
    assert "Traceback" not in server.output.read_text()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /api/jobs?limit=\xff", 422),
        (b"GET /api/jobs?\xff", 200),
        (b"GET /?\xff", 200),
        (b"GET /api/jobs?projectId=f\xc3\xbcnf", 422),
        (b"POST /api/jobs/j/logs?stream=\xff", 422),
        (b"POST /api/jobs/j/progress?\xff", 400),
        (b"GET /ws/?EIO=4&transport=polling&sid=\xff", 400),
    ],
)
def test_bytes_in_a_query_that_are_no_url_make_no_500(
    server: Served, request_line: bytes, status: int
) -> None:
    answer = _send(server, request_line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert _statuses(answer) == [status]
    assert "Traceback" not in server.output.read_text()


def test_a_query_in_plain_utf_8_is_read_as_such(server: Served) -> None:
    server.update({"type": "log", "jobId": "j", "projectId": "p", "message": "Größe 5"})
    answer = _send(server, "GET /api/jobs/j/logs?q=größe HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert "Größe 5" in answer.decode()


def test_what_is_no_request_is_quoted_only_shortly_in_the_log(server: Served) -> None:
    answer = _send(server, b"x" * 5000 + b" secret-at-the-end\r\n\r\n")
    assert _statuses(answer) == [400]
    assert max(map(len, server.output.read_text().splitlines())) < 400


def test_a_request_line_that_is_too_long_is_a_problem(server: Served) -> None:
    answer = _send(server, b"GET /api/jobs?" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n")
    assert _statuses(answer) == [414]
    assert b"application/problem+json" in answer


GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def _code(answer: bytes) -> str:
    code: str = json.loads(answer.partition(b"\r\n\r\n")[2])["code"]
    return code


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
        (b"GET /health\r\n\r\n", 400, "bad_request"),
        (b"GET /health HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),  # TLS
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_not_supported"),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501, "not_implemented"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431, "head_too_large"),
        (b"GET /" + b"a" * 100_000, 414, "uri_too_long"),
        (POST + b"Expect: wonders\r\nContent-Length: 5\r\n\r\n", 417, "expectation_failed"),
        (b"\r\n" * 100, 400, "bad_request"),
    ],
)
def test_what_is_no_request_gets_one_problem_and_the_end(
    server: Served, request_: bytes, status: int, code: str
) -> None:
    answer = _send(server, request_ + GET)
    assert _statuses(answer) == [status]
    assert _code(answer) == code
    assert b"Connection: close\r\n" in answer
    assert "Traceback" not in server.output.read_text()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        b"Content-Length: 6\r\nTransfer-Encoding : chunked\r\n",
        b"Content-Length: 6\r\nTransfer-Encoding:\x0bchunked\r\n",
        b"Content-Length: 6\r\n Transfer-Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        b"Content-Length: 6\r\nContent-Length : 0\r\n",
        b"Content-Length: +6\r\n",
        b"Content-Length: 6, 6\r\n",
        b"Content-Length: 0x6\r\n",
    ],
)
def test_no_request_can_be_smuggled_behind_another(server: Served, head: bytes) -> None:
    assert _statuses(_send(server, POST + head + b"\r\n0\r\n\r\nX" + GET)) == [400]


def test_a_field_with_an_underscore_does_not_pass_for_another(server: Served) -> None:
    """Else one could write past a proxy who one is, or how long a body."""
    answer = _send(server, POST + b"Content_Length: 5\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n" + GET)
    assert _statuses(answer) == [422, 200]  # an empty body, then the next request


def test_requests_that_come_together_are_answered_in_their_order(server: Served) -> None:
    together = b"".join(
        b"GET /api/jobs?limit=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (limit % 2) + GET for limit in range(50)
    )
    assert _statuses(_send(server, together)) == [422, 200, 200, 200] * 25


def test_a_request_may_come_byte_by_byte(server: Served) -> None:
    update = UPDATE.replace(b'"j"', b'"bytes"')
    request = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(update), update)
    with closing(_connect(server)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n" + request:
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_proxys_absolute_target_is_answered(server: Served) -> None:
    answer = _send(server, b"GET http://chef.example/health HTTP/1.1\r\nHost: other\r\n\r\n")
    assert _statuses(answer) == [200]


def test_the_head_of_an_answer_comes_without_its_body(server: Served) -> None:
    head = _send(server, GET.replace(b"GET", b"HEAD") + GET.replace(b"GET", b"HEAD"))
    assert _statuses(head) == [200, 200]
    assert b"Content-Length: " in head
    assert b"{" not in head


def test_http_1_0_gets_its_answer_and_the_end_unless_it_asks_for_more(server: Served) -> None:
    old = b"GET /health HTTP/1.0\r\n"
    answer = _send(server, old + b"\r\n" + old + b"\r\n")
    assert _statuses(answer) == [200]
    assert b"Connection: close\r\n" in answer
    answer = _send(server, (old + b"Connection: keep-alive\r\n\r\n") * 2)
    assert _statuses(answer) == [200, 200]
    assert answer.count(b"Connection: keep-alive\r\n") == 2
    stream = _send(server, b"GET /api/jobs/old/events?follow=0 HTTP/1.0\r\n\r\n")
    assert b"chunked" not in stream


def test_who_says_close_is_told_close(server: Served) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = _send(server, request + GET)
    assert _statuses(answer) == [200]
    assert b"Connection: close\r\n" in answer


def test_a_client_that_waits_for_100_continue_gets_it_only_where_its_body_is_wanted(server: Served) -> None:
    waits = b"Expect: 100-Continue\r\nContent-Length: %d\r\n\r\n"
    with closing(_connect(server)) as connection:
        connection.sendall(POST + waits % len(UPDATE))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(UPDATE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(POST + b"Content-Type: image/png\r\n" + waits % 10_000_000)
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b"Connection: close\r\n" in answer
        assert connection.recv(1) == b""  # The rest is not waited for.


FORM = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
NAMELESS = b"--b\r\nContent-Disposition: form-data; x\r\n\r\n50\r\n--b--\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        FORM % (b"/login", b"application/x-www-form-urlencoded", 70) + b"token=a",
        b"POST /api/jobs/j/progress HTTP/1.1\r\nHost: x\r\nContent-Length: 70\r\n\r\nprogress=5",
        b"POST /api/updates HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        FORM % (b"/api/jobs/j/progress", b"multipart/form-data; boundary=b", len(NAMELESS)) + NAMELESS,
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: chef_token=\xff\r\nConnection: close\r\n\r\n",
        b"GET /api/jobs HTTP/1.1\r\nHost: x\r\nCookie: a=\x80; chef_token=b\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_breaks_off_or_is_no_text_is_no_fault_of_the_server(server: Served, request_: bytes) -> None:
    with closing(_connect(server)) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert _statuses(answer) == [200 if b"Cookie" in request_ else 400]
    assert "Traceback" not in server.output.read_text()


def test_a_refusal_reaches_who_is_still_sending_a_large_body(server: Served) -> None:
    """Closed at once, the connection would be reset, and most clients would tell of that instead."""
    body = b"x" * 4_000_000
    for _ in range(5):
        answer = server.post("/api/updates", data=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 101),
        (b"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426),
        (b"Sec-WebSocket-Version: 13\r\n", 400),
        (b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400),
        (b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \xff\xff\r\n", 400),
    ],
)
def test_a_websockets_handshake_is_checked(server: Served, lines: bytes, status: int) -> None:
    upgrade = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    request = b"GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\n" + upgrade + lines + b"\r\n"
    answer = _send(server, request)
    assert _statuses(answer) == [status]
    if status == 101:
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    if status == 426:
        for line in (b"Sec-WebSocket-Version: 13\r\n", b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n"):
            assert line in answer
    assert "Traceback" not in server.output.read_text()


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        (b"Sec-WebSocket-Protocol: chat\r\n", b"chat"),
        (b"Sec-WebSocket-Protocol: a.b , chat\r\nSec-WebSocket-Protocol: more\r\n", b"a.b"),
        (b"Sec-WebSocket-Protocol: \r\n", None),
        (b"Sec-WebSocket-Protocol: no token, chat\r\n", None),
        (b"", None),
    ],
)
def test_the_first_subprotocol_that_is_asked_for_is_taken(
    server: Served, asked: bytes, taken: bytes | None
) -> None:
    """A browser ends the connection otherwise."""
    answer = _send(
        server,
        b"GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + asked + b"\r\n",
    )
    assert _statuses(answer) == [101]
    given = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"sec-websocket-protocol")]
    assert given == ([b"Sec-WebSocket-Protocol: " + taken] if taken else [])


@pytest.mark.real
@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "Address already in use"), ("host.invalid", "")])
def test_a_place_that_cannot_be_listened_on_is_one_line_at_start(
    tmp_path: Path, host: str, reason: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        environment = {"PORT": str(taken.getsockname()[1]), "HOST": host, "CHEF_ALLOWED_HOSTS": "*"}
        run = subprocess.run(
            [sys.executable, str(ROOT / "app.py")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr.startswith(f"chef: cannot listen on {host}:")
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1


def test_the_log_says_why_the_store_fails_and_not_once_a_request(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {}) as server, closing(sqlite3.connect(tmp_path / "chef.db")) as other:
        other.execute("ALTER TABLE jobs RENAME TO gone")
        update = {"type": "log", "jobId": "j", "projectId": "p", "message": "not for the log"}
        for _ in range(3):
            answer = server.post("/api/updates", json=update)
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        lines = [line for line in server.output.read_text().splitlines() if "the store fails" in line]
        assert len(lines) == 1
        assert "no such table" in lines[0]
        assert "not for the log" not in lines[0]


def test_a_store_that_fails_is_told_by_what_was_asked_of_it(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {}) as server, closing(sqlite3.connect(tmp_path / "chef.db")) as other:
        other.execute("ALTER TABLE jobs RENAME TO gone")
        update = {"type": "progress", "jobId": "j", "projectId": "p"}
        assert "nothing was kept" in server.post("/api/updates", json=update).json()["detail"]
        upload = server.post("/api/jobs/j/logs?projectId=p", data=b"a line\n").json()
        assert "go on from the offset that HEAD tells" in upload["detail"]
        assert server.get("/api/jobs/j").json()["detail"] == "the store cannot be read now"
        line = next(one for one in server.output.read_text().splitlines() if "the store fails" in one)
        assert "no such table" in line
