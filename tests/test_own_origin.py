"""Pages that are the server's own, whatever ends TLS before it: one rule for sockets, forms and agents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
import requests
import websocket
from flask import Flask

from chef.access.addresses import is_own_origin
from tests.tools.serving import Served, Serving

SECRET = "a-secret-of-enough-bytes-for-hs256-and-more"
ASKED = {"HTTP_HOST": "chef.example:8443"}


@pytest.fixture(scope="module", params=["", "https://app.example.com"], ids=["unset", "somebody else"])
def named(request: pytest.FixtureRequest) -> str:
    """Both forms of WEBSOCKET_CORS_ORIGIN that do not name the server: they must not differ."""
    setting: str = request.param
    return setting


@pytest.fixture(scope="module")
def served(named: str, tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("origin"), {"WEBSOCKET_CORS_ORIGIN": named}) as started:
        yield started


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server that lets in origins by a `*` in their place."""
    setting = {"WEBSOCKET_CORS_ORIGIN": "https://*.vercel.app, http://localhost:*"}
    with serving(tmp_path_factory.mktemp("several"), setting) as started:
        yield started


def upgrade(served: Served, origin: str, host: str) -> int:
    """The status of an attempt to open a WebSocket."""
    url = f"ws://127.0.0.1:{served.port}/ws/?EIO=4&transport=websocket"
    try:
        with closing(websocket.create_connection(url, timeout=30, origin=origin, host=host)) as opened:
            return int(opened.getstatus() or 0)
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        ("https://chef.example", True),
        ("http://chef.example", True),
        ("https://Chef.Example", True),
        ("https://chef.example:8443", False),
        ("https://www.chef.example", False),
        ("https://chef.example.evil.example", False),
        ("chrome-extension://chef.example", False),
        ("null", False),
    ],
)
def test_a_page_of_the_name_that_was_asked_for_is_live_whatever_ends_tls(
    served: Served, origin: str, accepted: bool
) -> None:
    # No X-Forwarded-Proto: stunnel, hitch and many balancers say nothing.
    assert upgrade(served, origin, "chef.example") == (101 if accepted else 400)
    polled = requests.get(
        f"{served.url}/ws/?EIO=4&transport=polling",
        headers={"Origin": origin, "Host": "chef.example"},
        timeout=30,
    )
    assert polled.status_code == (200 if accepted else 400)


def test_a_page_that_is_refused_has_no_poll_waiting(served: Served) -> None:
    # A browser sends Origin with a page's POSTs, not with its own GETs, and has six connections to a server.
    url = f"{served.url}/ws/?EIO=4&transport=polling"
    sid = json.loads(requests.get(url, timeout=30).text[1:])["sid"]
    with ThreadPoolExecutor() as pool:
        polled = pool.submit(requests.get, f"{url}&sid={sid}", timeout=30)
        refused = requests.post(
            f"{url}&sid={sid}", "40", headers={"Origin": "https://evil.example"}, timeout=30
        )
        assert refused.status_code == 400
        assert polled.result(timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("origin", "environ", "own"),
    [
        ("https://chef.example:8443", ASKED, True),
        ("http://chef.example:8443", ASKED, True),
        ("https://chef.example", ASKED, False),
        ("https://chef.example", ASKED | {"HTTP_X_FORWARDED_HOST": "chef.example"}, True),
        ("https://chef.example", ASKED | {"HTTP_X_FORWARDED_HOST": "outer.example, chef.example"}, True),
        # The proxy's name in Host does not become foreign by another name being there, too.
        ("https://chef.example:8443", ASKED | {"HTTP_X_FORWARDED_HOST": "chef.example"}, True),
        ("https://evil.example", ASKED | {"HTTP_X_FORWARDED_HOST": "chef.example"}, False),
        ("capacitor://chef.example:8443", ASKED, False),
        ("", ASKED, False),
        ("https://", {"HTTP_HOST": ""}, False),
        ("https://chef.example", {}, False),
    ],
)
def test_the_own_origin_has_the_host_and_port_of_the_request(
    origin: str, environ: dict[str, str], own: bool
) -> None:
    assert is_own_origin(environ | {"HTTP_ORIGIN": origin}) is own


def test_a_form_behind_tls_that_says_nothing_gets_a_secure_cookie(make_app: Callable[..., Flask]) -> None:
    app = make_app(jwt_secret=SECRET, api_tokens=("a-token-of-some-length",))

    def cookie(**headers: str) -> SimpleCookie:
        form = {"token": "a-token-of-some-length"}
        answer = app.test_client().post("/login", data=form, headers={"Host": "chef.example"} | headers)
        return SimpleCookie(answer.headers.get("Set-Cookie", ""))

    (secure,) = cookie(Origin="https://chef.example").values()
    assert secure["secure"] is True
    (plain,) = cookie(Origin="http://chef.example").values()
    assert not plain["secure"]
    assert not cookie(Origin="https://evil.example")


def test_the_scheme_and_the_name_that_a_believed_proxy_says_are_those_of_shown_addresses(
    make_app: Callable[..., Flask],
) -> None:
    said = {
        "Host": "127.0.0.1:3001",
        "X-Forwarded-Host": "made.up, chef.example",
        "X-Forwarded-Proto": "x,https",
    }
    believing = make_app(trusted_proxies=1).test_client()
    assert "JOB=https://chef.example/api/jobs/my-first-job" in believing.get("/", headers=said).text
    shown = make_app().test_client().get("/", headers=said | {"X-Forwarded-Proto": "https"}).text
    assert "JOB=https://127.0.0.1:3001/api/jobs/my-first-job" in shown


def refused(served: Served, origin: str, transport: str) -> dict[str, str]:
    """The body of the answer to a page that may not connect by this transport."""
    headers = {"Origin": origin, "Host": "chef.example"}
    if transport == "websocket":
        headers |= {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "Y2hlZiBkb2N0b3IgaGVyZQ=="}
    answer = requests.get(f"{served.url}/ws/?EIO=4&transport={transport}", headers=headers, timeout=30)
    assert answer.status_code == 400
    body: dict[str, str] = answer.json()
    return body


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_refused_page_and_its_operator_are_told_the_setting_and_the_value_that_lets_it_in(
    served: Served, named: str, serving: Serving, tmp_path: Path, transport: str
) -> None:
    origin = f"https://{transport}-{served.port}.example.com"
    assert f"WEBSOCKET_CORS_ORIGIN={origin} lets them in" in refused(served, origin, transport)["detail"]
    (line,) = [line for line in served.output.read_text().splitlines() if origin in line]
    (value,) = re.findall(r"WEBSOCKET_CORS_ORIGIN=(\S+)", line)
    # Whoever was let in before still is.
    assert value == (f"{named},{origin}" if named else origin)
    with serving(tmp_path, {"WEBSOCKET_CORS_ORIGIN": value}) as mended:
        assert upgrade(mended, origin, "chef.example") == 101


def test_of_what_is_no_origin_no_value_is_made_up(served: Served) -> None:
    for origin in ("null", "https://X.example.com", "https://me@a.example", "https://*.example.com"):
        assert "WEBSOCKET_CORS_ORIGIN=* " in refused(served, origin, "polling")["detail"]


def test_lines_of_refused_pages_are_bounded(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {}) as served:
        lines = partial(_refusals_told, served)
        for _ in range(20):
            refused(served, "https://again.example", "polling")
        assert 1 <= len(lines()) <= 10
        for number in range(100):
            refused(served, f"https://page-{number}.example", "websocket")
        assert len(lines()) <= 20
        assert "more refused origins are not told" in served.output.read_text()


def _refusals_told(served: Served) -> list[str]:
    return [line for line in served.output.read_text().splitlines() if "may not connect" in line]


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        ("https://web-git-main-acme.vercel.app", True),
        ("http://localhost:5173", True),
        ("https://vercel.app", False),
        ("https://a.b.vercel.app", False),
        ("https://localhost:5173", False),
    ],
)
def test_a_star_in_the_setting_holds_for_both_transports(
    several: Served, origin: str, accepted: bool
) -> None:
    assert upgrade(several, origin, "chef.example") == (101 if accepted else 400)
    headers = {"Origin": origin, "Host": "chef.example"}
    polled = requests.get(f"{several.url}/ws/?EIO=4&transport=polling", headers=headers, timeout=30)
    assert polled.status_code == (200 if accepted else 400)
    assert polled.headers.get("Access-Control-Allow-Origin") == (origin if accepted else None)
    assert polled.headers["Vary"] == "Origin"
