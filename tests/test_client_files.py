"""`/client.js` and what belongs to it: the client of this server, for pages of any origin that is let in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.api import clientfiles
from chef.api.clientbundle import ClientError, bundled
from chef.version import VERSION
from tests.tools import clienttypes

ORIGIN = "https://app.example.com"
TYPES = {".js": "text/javascript; charset=utf-8", ".ts": "application/typescript; charset=utf-8"}
ADDRESSES = ("/client.js", "/client.d.ts", *(f"/client/{name}" for name in clientfiles.NAMES))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_plain_address_has_the_file_of_this_server_and_is_asked_for_again(
    client: FlaskClient, address: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.data == clientfiles.content(address.rpartition("/")[2])
    assert answer.headers["Content-Type"] == TYPES[Path(address).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Chef-Version"] == VERSION
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", clientfiles.NAMES)
def test_the_address_with_the_version_is_kept_for_ever(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/client/{VERSION}/{name}")
    assert (answer.status_code, answer.data) == (200, client.get(f"/client/{name}").data)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["client.js", "embed.js", "embed/0123456789/embed/elements.js"])
def test_another_version_is_not_here_and_the_answer_says_which_is(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/client/9.9.9/{name}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert f"this server has that of version {VERSION}" in answer.get_data(as_text=True)
    assert "immutable" not in answer.headers.get("Cache-Control", "")


@pytest.mark.parametrize("name", ["package.json", "core/job.js", "..%2Fpackage.json", "nothing.js"])
def test_what_is_no_file_of_the_client_is_a_problem(client: FlaskClient, name: str) -> None:
    for folder in ("/client", f"/client/{VERSION}"):
        answer = client.get(f"{folder}/{name}")
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_the_files_are_public_where_reading_is_not(make_app: Callable[..., Flask]) -> None:
    client = make_app(jwt_secret="a secret that is long enough for HS256", public_read=False).test_client()
    assert client.get("/api/jobs").status_code == 401
    for address in ADDRESSES:
        assert client.get(address).status_code == 200


def test_browsers_get_it_packed_in_at_most_8_kb(client: FlaskClient) -> None:
    answer = client.get("/client.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == clientfiles.content("client.js")
    assert len(answer.data) <= 8 * 1024
    assert "Accept-Encoding" in answer.headers["Vary"]
    again = client.get(
        "/client.js", headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize("address", ["/client.js", f"/client/{VERSION}/client.js"])
def test_pages_of_the_origins_that_are_let_in_may_load_it(
    make_app: Callable[..., Flask], address: str
) -> None:
    client = make_app(websocket_cors_origin=(ORIGIN,)).test_client()
    let_in = client.get(address, headers={"Origin": ORIGIN})
    assert let_in.headers["Access-Control-Allow-Origin"] == ORIGIN
    other = client.get(address, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    # What a page of the server itself has loaded must not be kept for another's.
    for answer in (let_in, other, client.get(address)):
        assert "Origin" in answer.headers["Vary"]
    anyone = make_app(websocket_cors_origin="*").test_client().get(address, headers={"Origin": ORIGIN})
    assert anyone.headers["Access-Control-Allow-Origin"] == "*"


def test_the_client_has_the_version_of_the_server(client: FlaskClient) -> None:
    assert f'export const VERSION = "{VERSION}";' in client.get("/client.js").get_data(as_text=True)


def test_a_module_is_served_without_its_comments_and_imports_nothing() -> None:
    lines = clientfiles.content("client.js").decode().splitlines()
    assert lines[0] == f"// chef-client {VERSION}, MIT licence"
    assert not [line for line in lines[1:] if line.strip().startswith(("//", "/*", "*", "import "))]


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        (
            {
                "a.js": 'import { b } from "./b.js";\nconst x = 1;\n',
                "b.js": "export const b = 1;\nlet x = 2;\n",
            },
            "x is in b.js and in a.js",
        ),
        (
            {
                "a.js": 'import { b } from "./b.js";\n',
                "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            "a.js imports itself by way of b.js",
        ),
        ({"a.js": 'import b from "./b.js";\n'}, "a.js imports in a way that is not known here"),
        ({"a.js": 'export * from "./b.js";\n'}, "a.js imports in a way that is not known here"),
    ],
)
def test_modules_that_cannot_become_one_are_refused(
    tmp_path: Path, modules: dict[str, str], why: str
) -> None:
    for name, text in modules.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ClientError, match=why):
        bundled(tmp_path, "a.js", ("a.js.not",), "title")


def test_a_file_keeps_its_imports_of_other_files_and_of_packages(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.js").write_text(
        'import { use } from "react";\nimport { c } from "./inner/c.js";\nexport const a = [c, use];\n'
    )
    (tmp_path / "inner/c.js").write_text(
        'import { b } from "../b.js";\n\n// A comment.\nexport const c = b;\n'
    )
    assert bundled(tmp_path, "a.js", ("b.js",), "title").splitlines() == [
        "// title",
        'import { use } from "react";',
        'import { b } from "./b.js";',
        "const c = b;",
        "export const a = [c, use];",
    ]


@pytest.mark.real
def test_the_types_are_those_that_the_openapi_document_makes_today() -> None:
    assert clienttypes.DECLARATIONS.read_text("utf-8") == clienttypes.made()
