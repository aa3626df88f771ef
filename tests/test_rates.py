"""Guessing tokens costs, and writes have a rate: contract section 1, on served Chefs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from requests.adapters import HTTPAdapter

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.reporting import Machine
from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

pytestmark = pytest.mark.real

Start = Callable[..., Served]
STRONG, OTHER, SHORT = "a-token-that-is-long-enough", "another-token-that-is-long-enough", "easy-token"
UPDATE = {"type": "progress", "jobId": "j", "projectId": "web"}
POLICY, LEFT = re.compile(r'"writes";q=(\d+);w=(\d+)'), re.compile(r'"writes";r=(\d+);t=(\d+)')


class _From(HTTPAdapter):
    """Requests from another address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


class Caller:
    """Somebody at one of this machine's addresses."""

    def __init__(self, server: Served, address: str = "127.0.0.1") -> None:
        self.session = requests.Session()
        self.session.mount("http://", _From(address))
        self._url = server.url

    def ask(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return self.session.request(method, self._url + path, headers=headers, timeout=30, **options)

    def write(self, token: str | None = STRONG, **headers: str) -> requests.Response:
        return self.ask("POST", "/api/updates", token, json=UPDATE, headers=headers)

    def guess(self, count: int) -> list[int]:
        return [self.write(f"wrong-{number}").status_code for number in range(count)]


def start_protected(start_server: Start, **settings: str) -> Served:
    given = {"CHEF_API_TOKEN": f"{STRONG},{OTHER},{SHORT}", "CHEF_PUBLIC_READ": "false"} | settings
    return start_server(**given)


def wait_of(answer: requests.Response) -> int:
    assert answer.status_code == 429, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (429, "rate_limited")
    return int(answer.headers["Retry-After"])


# --- guessing ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blocking(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server that has blocked 127.0.0.1, for longer than by default."""
    settings = {
        "CHEF_API_TOKEN": f"{STRONG},{SHORT}",
        "CHEF_PUBLIC_READ": "false",
        "CHEF_RATE_FAILURES": "20/h",
    }
    with serving(tmp_path_factory.mktemp("blocking"), settings) as served:
        assert Caller(served).guess(21) == [401] * 20 + [429]
        yield served


def test_after_twenty_wrong_tokens_in_a_minute_an_address_is_told_to_wait(start_server: Start) -> None:
    server = start_protected(start_server)
    caller = Caller(server)
    assert caller.guess(20) == [401] * 20
    assert 1 <= wait_of(caller.write("wrong")) <= 60
    assert Caller(server, "127.0.0.2").write("wrong").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/jobs"),
        ("GET", "/api/jobs/j/events"),
        ("GET", "/metrics"),
        ("POST", "/mcp"),
        ("PUT", "/api/jobs/j/logs"),
        ("PUT", "/api/jobs/j/tests"),
    ],
)
def test_a_blocked_address_is_told_so_at_every_entrance(blocking: Served, method: str, path: str) -> None:
    answer = Caller(blocking).ask(method, path, "wrong", headers={"Content-Type": "application/json"})
    assert 1 <= wait_of(answer) <= 3600


def test_a_blocked_address_is_told_so_by_the_form(blocking: Served) -> None:
    answer = Caller(blocking).ask("POST", "/login", data={"token": "wrong"}, allow_redirects=False)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    assert "too many wrong tokens came from this address" in answer.text
    in_french = Caller(blocking).ask(
        "POST", "/login", data={"token": "wrong"}, headers={"Accept-Language": "fr"}
    )
    assert "trop de jetons erronés" in in_french.text


def test_a_blocked_address_is_told_so_in_a_page(blocking: Served) -> None:
    answer = Caller(blocking).ask("GET", "/", headers={"Cookie": "chef_token=wrong", "Accept": "text/html"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600


def test_a_blocked_address_is_told_so_by_socket_io(blocking: Served) -> None:
    told: list[Any] = []
    came = threading.Event()
    client = socketio.Client(reconnection=False)

    def refused(data: Any) -> None:
        told.append(data)
        came.set()

    client.on("connect_error", refused)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(blocking.url, auth={"token": "wrong"}, socketio_path="/ws", transports=["websocket"])
    assert came.wait(30)
    assert told[0]["message"] == "Authentication error"
    assert told[0]["data"]["code"] == "rate_limited"
    assert 1 <= told[0]["data"]["retryAfter"] <= 3600


def test_a_right_token_is_taken_from_a_blocked_address(blocking: Served) -> None:
    """Else one build with a wrong token, or a stranger behind the same proxy, would shut out a fleet."""
    caller = Caller(blocking)
    assert caller.write(STRONG).status_code == 200
    assert caller.ask("GET", "/api/jobs/j", STRONG).status_code == 200
    assert caller.ask("POST", "/login", data={"token": STRONG}, allow_redirects=False).status_code == 303


def test_a_short_token_cannot_be_guessed_from_a_blocked_address(blocking: Served) -> None:
    """It is answered as a wrong one is, so nobody learns from the block which one it was."""
    right, wrong = Caller(blocking).write(SHORT), Caller(blocking).write("some-token")
    assert wait_of(right) <= wait_of(wrong) + 1
    assert re.sub(r"\d+", "", right.json()["detail"]) == re.sub(r"\d+", "", wrong.json()["detail"])


def test_a_short_token_that_was_taken_before_is_taken_from_a_blocked_address(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_FAILURES="3"))
    assert caller.write(SHORT).status_code == 200
    assert caller.guess(4) == [401, 401, 401, 429]
    assert caller.write(SHORT).status_code == 200


def test_a_block_ends(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_FAILURES="2/s"))
    eventually(lambda: caller.write("wrong").status_code == 429, 30)
    eventually(lambda: caller.write("wrong").status_code == 401, 30)
    eventually(lambda: caller.write(SHORT).status_code == 200, 30)


def test_with_zero_nobody_is_blocked(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_FAILURES="0"))
    assert set(caller.guess(60)) == {401}
    assert caller.write(SHORT).status_code == 200


def test_what_is_no_guess_does_not_count(start_server: Start) -> None:
    """No token at all, as of a page before the login, and one that was right until it expired."""
    secret = "s" * 40
    server = start_server(CHEF_JWT_SECRET=secret, CHEF_RATE_FAILURES="2")
    caller = Caller(server)
    expired = issue_token(Settings(jwt_secret=secret), ("read",), (), 1, now_ms() - 60_000)
    reads = issue_token(Settings(jwt_secret=secret), ("read",), (), 600, now_ms())
    for _ in range(3):
        assert caller.ask("GET", "/api/jobs").status_code == 401
        assert caller.ask("GET", "/api/jobs", expired).status_code == 401
        assert caller.write(reads).status_code == 403
    assert caller.guess(3) == [401, 401, 429]


def test_of_ipv6_a_whole_network_is_one_address(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_TRUSTED_PROXIES="1", CHEF_RATE_FAILURES="3"))

    def guess(address: str) -> int:
        return caller.write("wrong", **{"X-Forwarded-For": address}).status_code

    assert [guess(f"2001:db8:1:2::{number}") for number in (1, 2, 3, 4)] == [401, 401, 401, 429]
    assert guess("2001:db8:1:3::1") == 401
    assert guess("192.0.2.1") == guess("192.0.2.2") == 401


def test_a_token_that_expires_between_two_requests_of_one_connection_is_refused(start_server: Start) -> None:
    """The same head comes again and again, and what is known of it may not outlive the token."""
    secret = "s" * 40
    caller = Caller(start_server(CHEF_JWT_SECRET=secret))
    token = issue_token(Settings(jwt_secret=secret), ("write",), (), 3, now_ms())
    assert caller.write(token).status_code == 200
    eventually(lambda: caller.write(token).status_code == 401, 30)


# --- what the operator sees ----------------------------------------------------------------


def test_every_refused_write_and_login_is_a_line_with_a_reason_and_without_a_secret(
    start_server: Start,
) -> None:
    server = start_protected(
        start_server, CHEF_PROJECT_TOKENS="shop=the-token-of-the-shop", CHEF_RATE_FAILURES="4/h"
    )
    caller = Caller(server)
    caller.write(None)
    caller.write("hunter2-in-a-header")
    caller.ask("PUT", "/api/jobs/j/logs?token=hunter2-in-a-query", data=b"hunter2-in-a-body\n")
    caller.ask("POST", "/api/jobs/j/progress", "the-token-of-the-shop", data={"projectId": "web"})
    caller.ask("POST", "/login", data={"token": "hunter2-in-a-form"})
    caller.ask("POST", "/login", data={"token": ""})
    caller.ask("GET", "/api/jobs", headers={"Authorization": "Basic hunter2-in-basic"})
    caller.ask("POST", "/login", data={"token": "hunter2 with spaces"})
    caller.write("hunter2-after-the-limit")
    lines = re.findall(r"(refused .*) \(request \S+\)$", server.output.read_text(), re.MULTILINE)
    address = "of 127.0.0.1:"
    assert lines == [
        f"refused POST /api/updates {address} writing needs a token: Authorization: Bearer TOKEN",
        f"refused POST /api/updates {address} the token is not known here",
        f"refused PUT /api/jobs/j/logs {address} writing needs a token: Authorization: Bearer TOKEN",
        f"refused POST /api/jobs/j/progress {address} this token is not for this project",
        f"refused a login {address} the token is not known here",
        f"refused a login {address} a token is needed",
        f"refused a login {address} a token is printable ASCII without spaces, at most 8 KiB",
        f"refused POST /api/updates {address} {lines[-1].partition(address)[2].strip()}",
    ]
    assert "too many wrong tokens came from this address: wait" in lines[-1]
    log = server.output.read_text()
    assert re.search(r"127\.0\.0\.1 sent 4 wrong tokens \(4/h\): blocked for 3\d{3} s", log)
    assert not re.search(f"hunter2|the-token-of-the-shop|{STRONG}|{OTHER}|{SHORT}", log)
    metrics = caller.ask("GET", "/metrics", STRONG).text
    for reason, count in (
        ("write_unauthorized", 3),
        ("write_forbidden", 1),
        ("write_rate_limited", 1),
        ("login_unauthorized", 3),
    ):
        assert f'chef_denied_total{{reason="{reason}"}} {count}.0' in metrics
    assert 'chef_refused_total{reason="rate_failures"} 1.0' in metrics


def test_a_flood_of_refusals_does_not_fill_the_log(start_server: Start) -> None:
    server = start_protected(start_server)
    caller = Caller(server)
    for _ in range(130):
        caller.write(None)
    lines = [line for line in server.output.read_text().splitlines() if "refus" in line]
    assert len(lines) == 101
    assert "more refusals of 127.0.0.1 are counted and not told for " in lines[-1]
    assert 'reason="write_unauthorized"} 130.0' in caller.ask("GET", "/metrics", STRONG).text


# --- the rate of writes --------------------------------------------------------------------


def test_each_write_tells_how_many_are_left(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_WRITES="500/min"))
    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/updates", {"json": UPDATE}),
        ("POST", "/api/jobs/j/progress", {"data": {"progress": "5"}}),
        ("PUT", "/api/jobs/j/logs", {"data": b"a line\n"}),
        ("POST", "/api/jobs/j/heartbeat", {}),
        ("POST", "/api/updates", {"data": b"no json", "headers": {"Content-Type": "application/json"}}),
    ]
    left = []
    for method, path, body in ways:
        answer = caller.ask(method, path, STRONG, **body)
        assert answer.headers["RateLimit-Policy"] == '"writes";q=500;w=60'
        found = LEFT.fullmatch(answer.headers["RateLimit"])
        assert found, answer.headers["RateLimit"]
        left.append(int(found[1]))
        assert 1 <= int(found[2]) <= 60
    assert left == [499, 498, 497, 496, 495]
    assert "RateLimit" not in caller.ask("GET", "/api/jobs", STRONG).headers
    assert "RateLimit" not in caller.write("wrong").headers


def test_beyond_the_rate_a_write_waits_and_keeps_nothing(start_server: Start) -> None:
    server = start_protected(start_server, CHEF_RATE_WRITES="3/min")
    caller = Caller(server)
    assert [caller.write().status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = caller.ask("POST", "/api/jobs/k/progress", STRONG, data={"projectId": "web"})
    assert 1 <= wait_of(refused) <= 60
    assert refused.headers["RateLimit"] == f'"writes";r=0;t={refused.headers["Retry-After"]}'
    assert "more than 3/min writes of one token from one address" in refused.json()["detail"]
    assert caller.ask("GET", "/api/jobs/k", STRONG).status_code == 404
    assert caller.write(OTHER).status_code == 200
    assert Caller(server, "127.0.0.2").write().status_code == 200
    assert 'chef_refused_total{reason="rate_writes"} 2.0' in caller.ask("GET", "/metrics", STRONG).text


def test_a_token_written_otherwise_is_the_same_token(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_WRITES="3/min"))
    headers = (f"Bearer {STRONG}", f"bearer {STRONG}", f"BEARER   {STRONG}", f" Bearer {STRONG} ".strip())
    statuses = [caller.write(None, Authorization=one).status_code for one in headers]
    assert statuses == [200, 200, 200, 429]


def test_an_agents_reports_count_as_writes(start_server: Start) -> None:
    caller = Caller(start_protected(start_server, CHEF_RATE_WRITES="1/min"))
    call = {"name": "report_progress", "arguments": {"job": "j", "project": "web"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    results = [caller.ask("POST", "/mcp", STRONG, json=message).json()["result"] for _ in range(2)]
    assert [one["isError"] for one in results] == [False, True]
    assert "writes of one token" in results[1]["content"][0]["text"]


def test_a_fleet_nearby_is_told_the_default_rate_and_not_held_to_it(start_server: Start) -> None:
    """Behind one address of a private network there may be any number of builds."""
    server = start_protected(start_server)
    policy = Caller(server).write().headers["RateLimit-Policy"]
    assert policy == '"writes";q=600;w=1'

    def many(_: int) -> set[int]:
        caller = Caller(server)
        return {caller.write().status_code for _ in range(150)}

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(many, range(8))) == {200}


def test_with_zero_there_is_no_rate(start_server: Start) -> None:
    answer = Caller(start_protected(start_server, CHEF_RATE_WRITES="0")).write()
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers
    assert "RateLimit-Policy" not in answer.headers


def test_a_page_elsewhere_may_read_the_rate(start_server: Start) -> None:
    server = start_protected(start_server, WEBSOCKET_CORS_ORIGIN="https://app.example")
    answer = Caller(server).write(Origin="https://app.example")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed.split(", "))


def test_a_reporter_waits_as_long_as_it_is_told_and_loses_nothing(
    start_server: Start, tmp_path: Path
) -> None:
    server = start_protected(start_server, CHEF_RATE_WRITES="2/s")
    machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_TOKEN=STRONG, CHEF_PROJECT="web", CHEF_JOB="built")
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; sleep 0.2; done"
    done = machine.run("run", "--", "sh", "-c", script)
    assert done.status == 0, done.err
    answer = Caller(server).ask("GET", "/api/jobs/built/logs", STRONG, headers={"Accept": "text/plain"})
    assert answer.text.split("\n")[:12] == [f"line {number}" for number in range(1, 13)]
    job = Caller(server).ask("GET", "/api/jobs/built", STRONG).json()
    assert job["status"] == "completed"
    assert 'chef_refused_total{reason="rate_writes"}' in Caller(server).ask("GET", "/metrics", STRONG).text
