"""Names that a server answers to, and what it says behind TLS: contract sections 1 and 6, on served Chefs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie

import pytest
import requests

from tests.tools.serving import Served, Serving
from tests.tools.watching import watch

pytestmark = pytest.mark.real

Start = Callable[..., Served]
HTTPS = {"X-Forwarded-Proto": "https"}
TOKEN = "a-token-that-is-long-enough"
OPENING = (
    "GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server that answers to some names."""
    settings = {"CHEF_ALLOWED_HOSTS": "Chef.Example, *.builds.example, [::1], 127.0.0.1"}
    with serving(tmp_path_factory.mktemp("named"), settings) as served:
        served.update({"type": "progress", "jobId": "j", "projectId": "p"})
        yield served


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server where reading needs a token."""
    settings = {"CHEF_API_TOKEN": TOKEN, "CHEF_PUBLIC_READ": "false", "CHEF_RATE_FAILURES": "0"}
    with serving(tmp_path_factory.mktemp("protected"), settings) as served:
        yield served


def first_line_of_opening(server: Served, host: str) -> str:
    """The first line of the answer to a WebSocket's opening handshake."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(OPENING.format(host).encode())
        return connection.recv(1000).split(b"\r\n")[0].decode()


@pytest.mark.parametrize(
    "host",
    [
        "chef.example",
        "CHEF.EXAMPLE:3001",
        "chef.example.",
        "a.builds.example",
        "a.b.builds.example:80",
        "[::1]:3001",
        "127.0.0.1",
    ],
)
def test_a_server_answers_to_its_names(named: Served, host: str) -> None:
    for path in ("/", "/jobs/j", "/api/jobs/j", "/ws/?EIO=4&transport=polling", "/static/site.css"):
        assert named.get(path, headers={"Host": host}).status_code in (200, 404), path
    assert first_line_of_opening(named, host) == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "builds.example",
        "xbuilds.example",
        "chef.example.evil.example",
        "10.0.0.1",
        "localhost",
        "[::2]",
    ],
)
def test_a_server_answers_to_no_other_name(named: Served, host: str) -> None:
    for path in ("/", "/jobs/j", "/api/jobs/j", "/api/jobs/j/events", "/metrics", "/static/site.css"):
        answer = named.get(path, headers={"Host": host})
        assert answer.status_code == 400, path
    answer = named.get("/api/jobs", headers={"Host": host})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "host_not_allowed"
    assert answer.json()["detail"] == f"this server does not answer to the name {host!r} (CHEF_ALLOWED_HOSTS)"
    update = {"type": "progress", "jobId": "j", "projectId": "p"}
    assert named.post("/api/updates", json=update, headers={"Host": host}).status_code == 400
    polling = named.get("/ws/?EIO=4&transport=polling", headers={"Host": host})
    assert (polling.status_code, polling.json()["code"]) == (400, "host_not_allowed")
    assert first_line_of_opening(named, host).startswith("HTTP/1.1 400 ")


def test_a_balancer_asks_for_health_by_address(named: Served) -> None:
    for path in ("/health", "/health/ready"):
        assert named.get(path, headers={"Host": "10.0.0.7:3001"}).status_code == 200


def test_a_proxys_word_does_not_make_a_foreign_name_ours(named: Served) -> None:
    ours, foreign = "chef.example", "evil.example"
    for host, forwarded, status in (
        (ours, ours, 200),
        (foreign, ours, 400),
        (ours, foreign, 400),
        (ours, f"{foreign}, {ours}", 400),
    ):
        headers = {"Host": host, "X-Forwarded-Host": forwarded}
        assert named.get("/api/jobs", headers=headers).status_code == status, headers


def test_a_viewer_by_one_of_the_names_is_live(named: Served) -> None:
    with watch("python", named.url) as viewer:
        assert viewer.call("subscribe:job", "j")["ok"] is True


def test_a_start_without_names_that_is_open_to_others_says_so(start_server: Start) -> None:
    open_to_others = start_server(HOST="0.0.0.0")
    assert "CHEF_ALLOWED_HOSTS is not set and anyone may read" in open_to_others.output.read_text()
    assert open_to_others.get("/api/jobs", headers={"Host": "anything.example"}).status_code == 200
    open_to_others.stop()
    for settings in ({"HOST": "127.0.0.1"}, {"HOST": "0.0.0.0", "CHEF_ALLOWED_HOSTS": "127.0.0.1"}):
        quiet = start_server(**settings)
        assert "CHEF_ALLOWED_HOSTS" not in quiet.output.read_text()
        quiet.stop()


# --- behind TLS ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/login", "/", "/health", "/api/jobs", "/api/openapi.json", "/no-such-page"]
)
def test_only_a_request_by_https_is_told_to_stay_with_it(protected: Served, path: str) -> None:
    def told(**headers: str) -> str | None:
        return protected.get(path, headers=headers, allow_redirects=False).headers.get(
            "Strict-Transport-Security"
        )

    assert told(**HTTPS) == "max-age=31536000"
    assert told() is None
    assert told(**{"X-Forwarded-Proto": "http"}) is None
    assert told(**HTTPS, Host="localhost:3001") is None


def sign_in(server: Served, headers: dict[str, str]) -> SimpleCookie:
    answer = requests.post(
        f"{server.url}/login", data={"token": TOKEN}, headers=headers, allow_redirects=False, timeout=30
    )
    assert answer.status_code == 303
    return SimpleCookie(answer.headers["Set-Cookie"])


def status(server: Served, cookie: str, headers: dict[str, str]) -> int:
    answer = requests.get(f"{server.url}/api/jobs", headers=headers | {"Cookie": cookie}, timeout=30)
    return answer.status_code


def test_behind_tls_the_cookie_is_one_that_no_neighbour_can_set(protected: Served) -> None:
    cookies = sign_in(protected, HTTPS)
    assert list(cookies) == ["__Host-chef_token"]
    cookie = cookies["__Host-chef_token"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert status(protected, f"__Host-chef_token={TOKEN}", HTTPS) == 200
    # What a neighbour below the same domain could have set does not count.
    assert status(protected, f"chef_token={TOKEN}", HTTPS) == 401
    assert status(protected, f"chef_token=theirs; __Host-chef_token={TOKEN}", HTTPS) == 200


def test_without_tls_the_cookie_has_its_plain_name(protected: Served) -> None:
    assert list(sign_in(protected, {})) == ["chef_token"]
    assert status(protected, f"chef_token={TOKEN}", {}) == 200


def test_a_proxy_that_does_not_say_https_keeps_nobody_out(protected: Served) -> None:
    """A form names its origin, a link does not: the cookie of one has to do for the other."""
    headers = {"Origin": f"https://127.0.0.1:{protected.port}"}
    assert list(sign_in(protected, headers)) == ["__Host-chef_token"]
    assert status(protected, f"__Host-chef_token={TOKEN}", {}) == 200


@pytest.mark.parametrize("headers", [HTTPS, {}])
def test_a_cookie_that_is_good_no_more_is_forgotten(protected: Served, headers: dict[str, str]) -> None:
    """Else each page that somebody opens would count as a guess."""
    name = next(iter(sign_in(protected, headers)))
    answer = requests.get(
        f"{protected.url}/jobs/j",
        headers=headers | {"Cookie": f"{name}=revoked", "Accept": "text/html"},
        allow_redirects=False,
        timeout=30,
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2Fjobs%2Fj")
    assert f"{name}=; " in answer.headers["Set-Cookie"]
    out = requests.post(f"{protected.url}/logout", headers=headers, allow_redirects=False, timeout=30)
    assert f"{name}=; " in out.headers["Set-Cookie"]
