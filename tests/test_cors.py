"""`WEBSOCKET_CORS_ORIGIN` over HTTP, in all its forms (contract section 1, stack-traps 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ONE = "https://app.example.com"
SEVERAL = (ONE, "http://localhost:5173", "http://[::1]:8080")
FOREIGN = "https://evil.example"
PATHS = ("/api/jobs", "/api/updates", "/api/jobs/j", "/api/jobs/j/logs", "/api/projects/p/events", "/health")
FILES = ("/client.js", "/client.d.ts", "/client/react.js", "/client/1.0.0/client.js", "/embed.js")
PATTERNS = ("https://*.vercel.app", "http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")
HEADERS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers")


@pytest.fixture
def client_for(make_app: Callable[..., Flask]) -> Callable[[Any], FlaskClient]:
    return lambda origin: make_app(websocket_cors_origin=origin).test_client()


def _preflight(client: FlaskClient, path: str, origin: str, method: str = "POST") -> TestResponse:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return client.options(path, headers=headers)


def _words(answer: TestResponse, header: str) -> set[str]:
    return {word.strip().lower() for word in ",".join(answer.headers.getlist(header)).split(",")}


@pytest.mark.parametrize("path", PATHS)
def test_unset_no_other_origin_is_let_in(client_for: Any, path: str) -> None:
    client = client_for(None)
    for answer in (client.get(path, headers={"Origin": FOREIGN}), _preflight(client, path, FOREIGN)):
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]  # noqa: SIM118


@pytest.mark.parametrize("path", PATHS)
def test_a_star_lets_every_origin_in(client_for: Any, path: str) -> None:
    client = client_for("*")
    for answer in (client.get(path, headers={"Origin": FOREIGN}), _preflight(client, path, FOREIGN)):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origin", SEVERAL)
@pytest.mark.parametrize("path", PATHS)
def test_of_several_origins_the_one_that_asks_is_let_in(client_for: Any, path: str, origin: str) -> None:
    client = client_for(SEVERAL)
    for answer in (client.get(path, headers={"Origin": origin}), _preflight(client, path, origin)):
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "origin" in _words(answer, "Vary")


@pytest.mark.parametrize(
    "foreign",
    [
        FOREIGN,
        "null",
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com.evil.example",
        "https://appXexample.com",
        "https://xapp.example.com",
        "http://:",
        "*",
        ".*",
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs", "/health"])
def test_an_origin_that_is_not_named_is_not_let_in(client_for: Any, path: str, foreign: str) -> None:
    for setting in ((ONE,), SEVERAL):
        client = client_for(setting)
        for answer in (client.get(path, headers={"Origin": foreign}), _preflight(client, path, foreign)):
            assert not [name for name in HEADERS if name in answer.headers]


@pytest.mark.parametrize("setting", ["*", (ONE,)])
def test_a_preflight_allows_what_a_page_needs(client_for: Any, setting: Any) -> None:
    client = client_for(setting)
    for path, method in (
        ("/api/updates", "POST"),
        ("/api/jobs/j/progress", "POST"),
        ("/api/jobs/j/logs", "PUT"),
        ("/api/jobs/j/events", "GET"),
    ):
        answer = _preflight(client, path, ONE, method)
        assert answer.status_code == 200
        assert method.lower() in _words(answer, "Access-Control-Allow-Methods")
        assert _words(answer, "Access-Control-Allow-Headers") >= {"authorization", "content-type"}
        assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("setting", ["*", (ONE,)])
def test_a_page_can_read_refusals_and_the_headers_that_matter(client_for: Any, setting: Any) -> None:
    answer = client_for(setting).post("/api/updates", data=b"no json", headers={"Origin": ONE})
    assert answer.status_code in (400, 401)
    assert answer.headers["Access-Control-Allow-Origin"] in (ONE, "*")
    assert _words(answer, "Access-Control-Expose-Headers") >= {"retry-after", "upload-offset"}


@pytest.mark.parametrize("setting", [None, "*", (ONE,), SEVERAL])
def test_trap_13_credentials_are_never_allowed(client_for: Any, setting: Any) -> None:
    client = client_for(setting)
    for path in (*PATHS, "/", "/metrics", "/api/nothing"):
        for origin in (ONE, FOREIGN):
            for answer in (
                client.get(path, headers={"Origin": origin, "Cookie": "chef_token=x"}),
                _preflight(client, path, origin),
            ):
                assert "Access-Control-Allow-Credentials" not in answer.headers


def test_pages_are_of_their_own_origin_alone(client_for: Any) -> None:
    for path in ("/", "/jobs/j", "/login", "/metrics"):
        assert "Access-Control-Allow-Origin" not in client_for("*").get(path, headers={"Origin": ONE}).headers


def test_what_a_foreign_page_may_read_it_may_not_write(client_for: Any) -> None:
    client = client_for("*")
    update = {"type": "progress", "jobId": "j", "projectId": "p"}
    answer = client.post("/api/updates", json=update, headers={"Origin": FOREIGN})
    assert answer.status_code == 401
    assert client.get("/api/jobs/j").status_code == 404


@pytest.mark.parametrize("origins", [None, SEVERAL])
def test_the_servers_own_pages_connect_whichever_other_origins_are_named(
    make_app: Callable[..., Flask], origins: Any
) -> None:
    client = make_app(websocket_cors_origin=origins).test_client()

    def shakes_hands(origin: str) -> bool:
        headers = {"Origin": origin, "Host": "chef.example:3001"}
        return client.get("/ws/?EIO=4&transport=polling", headers=headers).status_code == 200

    assert shakes_hands("http://chef.example:3001")
    assert shakes_hands(ONE) is (origins is not None)
    for foreign in (FOREIGN, "http://chef.example:3002", "null"):
        assert not shakes_hands(foreign)


ALIKE = [
    "https://web.vercel.app",
    "https://web-git-main-acme.vercel.app",
    "https://web-4f9a1c2b3-acme.vercel.app",
    "https://xn--bcher-kva.vercel.app",
    f"https://{'a' * 63}.vercel.app",
    "http://localhost:5173",
    "http://localhost",
    "http://localhost:65535",
    "http://127.0.0.1:3000",
    "http://[::1]:4321",
]


@pytest.mark.parametrize("path", [*PATHS, *FILES, "/mcp"])
def test_a_star_for_a_label_or_a_port_lets_these_in(client_for: Any, path: str) -> None:
    client = client_for(PATTERNS)
    for origin in ALIKE:
        for answer in (client.get(path, headers={"Origin": origin}), _preflight(client, path, origin)):
            assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
            assert "origin" in _words(answer, "Vary")


TRICKS = [
    "https://vercel.app",
    "https://.vercel.app",
    "https://evilvercel.app",
    "https://x.vercel.app.evil.example",
    "https://x.vercel.app.",
    "https://a.b.vercel.app",
    "https://x-.vercel.app",
    f"https://{'a' * 64}.vercel.app",
    "https://X.vercel.app",
    "HTTPS://x.vercel.app",
    "https://x.vercel.app:443",
    "https://x.vercel.app:8443",
    "https://x.vercel.app/",
    "https://evil.example/.vercel.app",
    "https://evil.example?.vercel.app",
    "https://evil.example#.vercel.app",
    "https://evil.example\\.vercel.app",
    "https://me@x.vercel.app",
    "https://me:pw@x.vercel.app",
    "https://x.vercel.app@evil.example",
    "https://%2a.vercel.app",
    "https://*.vercel.app",
    "https://x vercel.app",
    "https://xavercelaapp",
    "https://b\xfccher.vercel.app",
    "http://x.vercel.app",
    "wss://x.vercel.app",
    "https://localhost:5173",
    "http://localhost:",
    "http://localhost:0",
    "http://localhost:05173",
    "http://localhost:*",
    "http://localhost:123456",
    "http://localhost:5173:80",
    "http://localhost.:5173",
    "http://localhost.evil.example:5173",
    "http://localhost:5173.evil.example",
    "http://evil.localhost:5173",
    "http://127.0.0.2:5173",
    "http://127.1:5173",
    "http://[::1",
    "null",
    "file://",
]


@pytest.mark.parametrize("path", ["/api/jobs", "/health", "/client.js", "/embed.js", "/mcp"])
def test_what_only_looks_like_one_of_these_is_not_let_in(client_for: Any, path: str) -> None:
    client = client_for(PATTERNS)
    for origin in TRICKS:
        for answer in (client.get(path, headers={"Origin": origin}), _preflight(client, path, origin)):
            assert not [name for name in HEADERS if name in answer.headers], origin


def test_what_only_looks_like_one_of_these_does_not_connect(client_for: Any) -> None:
    client = client_for(PATTERNS)
    for origin in TRICKS:
        headers = {"Origin": origin, "Host": "chef.example"}
        shaken = client.get("/ws/?EIO=4&transport=polling", headers=headers)
        assert shaken.status_code == 400, origin


@pytest.mark.parametrize(
    ("setting", "differs"), [((ONE,), True), (PATTERNS, True), (None, False), ("*", False)], ids=str
)
def test_a_cache_is_told_that_answers_differ_by_origin_also_where_none_is_named(
    client_for: Any, setting: Any, differs: bool
) -> None:
    client = client_for(setting)
    for path in ("/api/jobs", "/health", "/client.js", "/embed.js", "/mcp"):
        for headers in ({}, {"Origin": FOREIGN}):
            assert ("origin" in _words(client.get(path, headers=headers), "Vary")) is differs
    posted = client.post("/api/updates", json={"type": "progress", "jobId": "j", "projectId": "p"})
    assert ("origin" in _words(posted, "Vary")) is differs


def test_an_agents_page_is_let_in_by_a_pattern_and_a_refused_one_told_how(client_for: Any) -> None:
    client = client_for(PATTERNS)
    request = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    refused = client.post("/mcp", json=request, headers={"Origin": FOREIGN})
    assert refused.status_code == 403
    assert f"WEBSOCKET_CORS_ORIGIN={FOREIGN}" in refused.get_data(as_text=True)
    assert client.post("/mcp", json=request, headers={"Origin": "https://x.vercel.app"}).status_code == 200
