"""The headers of pages, what they load, and how an address without a page is refused."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.tools.pages import progress
from tests.tools.rendered import post


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# Headers


@pytest.mark.parametrize("path", ["/", "/jobs/none", "/projects/none", "/nowhere", "/jobs/a/b"])
def test_every_page_has_a_strict_policy(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", policy["script-src"])
    assert policy["style-src"] == "'self'"
    assert (policy["frame-ancestors"], policy["form-action"], policy["base-uri"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_pages_have_no_inline_style_and_no_inline_handler(client: FlaskClient) -> None:
    post(client, progress(), {"type": "log", "jobId": "j", "message": "x"})
    for path in ("/", "/jobs/j", "/projects/web"):
        assert re.findall(r"<[^>]*\s(?:style|on\w+)=", client.get(path).text) == []


def test_everything_a_page_loads_is_here_and_kept_for_ever(client: FlaskClient) -> None:
    text = client.get("/").text
    modules = re.search(r'<script type="importmap">(.*?)</script>', text)
    assert modules
    addresses = [
        *json.loads(modules[1])["imports"].values(),
        *re.findall(r'(?:src|href)="(/static/[^"]+)"', text),
    ]
    assert len(addresses) > 10
    for address in addresses:
        answer = client.get(address, buffered=True)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_file_asked_for_by_another_hash_is_asked_for_again(client: FlaskClient) -> None:
    answer = client.get("/static/chef.css?v=of-yesterday", buffered=True)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/chef.css", headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["socket.io.js", "../package.json", "%2e%2e/package.json", "socket.io-client.js.map"]
)
def test_nothing_else_of_node_modules_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/lib/{name}").status_code == 404


def test_all_that_a_page_imports_is_asked_for_at_once(client: FlaskClient) -> None:
    post(client, progress())
    page = client.get("/jobs/j").text
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"?]+)\?v=', page)
    assert {"/static/dom.js", "/static/log-colors.js", "/lib/ansi-sequence-parser.js"} <= set(preloaded)
    assert "/lib/socket.io-client.js" in preloaded
    assert len(preloaded) == len(set(preloaded))
    assert "/static/overview.js" not in preloaded
    # An import map holds only if no module was asked for before.
    assert page.index('<script type="importmap">') < page.index("modulepreload")


def test_modules_name_each_other_only_as_the_import_map_does(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    known = {f"chef/{path.name}" for path in folder.glob("*.js")}
    known |= {"ansi-sequence-parser", "socket.io-client"}
    for path in folder.glob("*.js"):
        named = re.findall(r'(?:from |import\()"([^"]+)"', path.read_text("utf-8"))
        assert set(named) <= known, path.name


# Refusals


@pytest.mark.parametrize(
    "path", ["/nowhere", "/jobs", "/jobs/a%20b", "/projects/%C3%A9", "/jobs/" + "x" * 129]
)
def test_an_address_without_a_page_gets_one_that_says_so(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no such page." in answer.text


@pytest.mark.parametrize("path", ["/api/nowhere", "/api", "/lib/none"])
def test_programs_are_told_in_their_own_way(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_page_takes_no_post(client: FlaskClient) -> None:
    answer = client.post("/jobs/j")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


def test_a_cursor_that_no_list_gave_has_no_page(client: FlaskClient) -> None:
    assert client.get("/?cursor=abc").status_code == 404


def test_modules_and_styles_are_sent_packed_to_whoever_takes_them_so(client: FlaskClient) -> None:
    address = re.findall(r'href="(/static/chef.css[^"]+)"', client.get("/").text)[0]
    plain = client.get(address, buffered=True)
    packed = client.get(address, headers={"Accept-Encoding": "gzip, br"}, buffered=True)
    assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert client.get(address, headers=again, buffered=True).status_code == 304
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0"}, buffered=True)
    assert "Content-Encoding" not in refused.headers
    assert client.head(address, headers={"Accept-Encoding": "gzip"}, buffered=True).data == b""
