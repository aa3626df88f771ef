"""`/embed.js` and the modules that it loads: their addresses, how long they are kept, who may load them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.pages.constants import constants
from chef.version import VERSION

PAGE = "https://app.example.com"
IMPORTED = re.compile(r'^(?:import .*?|export .*?|\} )from "([^"]+)"|\bimport\("([^"]+)"\)', re.MULTILINE)


def entry(client: FlaskClient, path: str = "/embed.js") -> str:
    """The address of the module that a script loads."""
    found = re.findall(r'const entry = "\./(.*?)"', client.get(path).text)
    return path.rpartition("/")[0] + "/" + str(found[0])


def reached(client: FlaskClient, address: str, found: dict[str, str]) -> dict[str, str]:
    """All modules that a module imports, itself included: their texts by their addresses."""
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "text/javascript"), address
    found[address] = answer.text
    for one in IMPORTED.findall(answer.text):
        name = "".join(one)
        assert name.startswith("."), f"{address} imports {name}, which no page without an import map finds"
        path = re.sub(r"/[^/]*$", "/", address) + name
        while "/../" in path or "/./" in path:
            path = re.sub(r"/\./", "/", re.sub(r"/[^/]+/\.\./", "/", re.sub(r"/\./", "/", path), count=1))
        if path not in found:
            reached(client, path, found)
    return found


def views(client: FlaskClient, language: str) -> dict[str, str]:
    """All modules of the three elements in a language."""
    folder = entry(client).partition("/any/")[0]
    found: dict[str, str] = {}
    for name in ("progress", "log", "project"):
        reached(client, f"{folder}/{language}/embed/{name}-view.js", found)
    return found


def test_the_script_and_all_modules_behind_it_are_found_from_one_another(app: Flask) -> None:
    client = app.test_client()
    script = client.get("/embed.js")
    assert (script.status_code, script.mimetype) == (200, "text/javascript")
    assert script.headers["Cache-Control"] == "no-cache"
    assert entry(client) == entry(client, f"/client/{VERSION}/embed.js")
    shell = reached(client, entry(client), {})
    assert f"/client/{VERSION}/client.js" in shell
    english = views(client, "en")
    # No module of a page of ours: none of them would find what it looks for.
    for text in [*shell.values(), *english.values()]:
        assert not re.search(r"\bgetElementById\(|socket\.io", text)
    # A page asks for all modules of a view at once, and for no others.
    text = next(text for address, text in shell.items() if address.endswith("/any/page-data.js"))
    listed = set(re.findall(r'"([\w/-]+\.js)"', text))
    assert listed == {address.partition("/en/")[2] for address in english}


def test_each_language_has_its_words(app: Flask) -> None:
    client = app.test_client()
    for language, word in (("en", "Failed"), ("fr", "Échec")):
        # Whatever the browser would prefer.
        folder = entry(client).partition("/any/")[0]
        text = client.get(
            f"{folder}/{language}/page-data.js", headers={"Accept-Language": "de, fr;q=0.5"}
        ).text
        assert f'"failed": "{word}"' in text
        assert ("La progression" in text or "Journal de" in text) is (language == "fr")
        with app.test_request_context():
            assert constants()["words"]["statuses"]["failed"] == "Failed"


def test_an_address_is_kept_as_long_as_it_means_the_same(app: Flask) -> None:
    client = app.test_client()
    address = entry(client)
    for path in (address, f"/client/{VERSION}/embed.js", address.replace("/any/embed/elements", "/fr/texts")):
        assert "immutable" in client.get(path).headers["Cache-Control"]
    answer = client.get(address)
    # What an older page names is answered, too, and asked for again the next time.
    older = client.get(re.sub(r"/embed/\w+/any/", "/embed/000000000000/any/", address))
    assert (older.text, older.headers["Cache-Control"]) == (answer.text, "no-cache")
    same = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(answer.data)
    assert packed.headers["ETag"] == f"W/{answer.headers['ETag']}"


@pytest.mark.parametrize(
    "path",
    [
        "/client/0.0.1/embed.js",
        "/client/0.0.1/embed/0/any/embed/elements.js",
        f"/client/{VERSION}/embed/0/de/texts.js",
        f"/client/{VERSION}/embed/0/en/job.js",
        f"/client/{VERSION}/embed/0/en/../../../../app.py",
        f"/client/{VERSION}/embed/0/en/%2e%2e/%2e%2e/app.py",
    ],
)
def test_nothing_else_is_there(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code == 404


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [(None, None), ("*", "*"), ((PAGE, "http://localhost:5173"), PAGE), (("https://b.example",), None)],
)
def test_origins_that_may_read_may_load_it(
    make_app: Callable[..., Flask], setting: Any, allowed: str | None
) -> None:
    client = make_app(websocket_cors_origin=setting).test_client()
    address = entry(client)
    for path in ("/embed.js", f"/client/{VERSION}/embed.js", address, f"/client/{VERSION}/client.js"):
        for method in (client.get, client.head):
            answer = method(path, headers={"Origin": PAGE})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed, path
            assert "Access-Control-Allow-Credentials" not in answer.headers
            # A cache keeps nothing for one origin that another one needs.
            varies = "Origin" in ",".join(client.get(path).headers.getlist("Vary"))
            assert varies is (setting not in (None, "*"))
    if allowed:
        exposed = client.head("/embed.js", headers={"Origin": PAGE}).headers["Access-Control-Expose-Headers"]
        assert "Date" in exposed


def test_the_pages_of_chef_name_none_of_these_modules(app: Flask) -> None:
    assert "chef/embed/" not in app.test_client().get("/jobs/j").text
