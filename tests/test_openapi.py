"""`GET /api/openapi.json` says what the server does: held against routes, answers and schemathesis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask

from tests.tools.serving import ROOT, Served

TOKEN = "a-token-of-the-tests"
_REAL_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


def _document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    return document


# --- the document --------------------------------------------------------------------------


def test_the_document_is_valid_openapi(app: Flask) -> None:
    schemathesis.openapi.from_dict(_document(app)).validate()


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    routes = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/health", "/metrics")):
            methods = (rule.methods or set()) & _REAL_METHODS
            # Flask answers HEAD for every GET; it is described where it has an answer of its own.
            methods -= {"HEAD"} if "GET" in methods else set()
            path = rule.rule.replace("<job_id>", "{jobId}").replace("<project_id>", "{projectId}")
            path = (
                path.replace("<run:run>", "{run}")
                .replace("<platform>", "{platform}")
                .replace("<share_id>", "{shareId}")
                .replace("<question_id>", "{questionId}")
            )
            routes |= {(method, path) for method in methods}
    described = {
        (method.upper(), path)
        for path, operations in _document(app)["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert described == routes


def test_every_example_is_valid(app: Flask) -> None:
    document = _document(app)
    checked = 0
    for media in _media_types(document):
        values = [media["example"]] if "example" in media else []
        values += [example["value"] for example in media.get("examples", {}).values()]
        for value in values:
            schema = media["schema"] | {"components": document["components"]}
            jsonschema_rs.validate(schema, value, validate_formats=True)
            checked += 1
    assert checked >= 30


def _media_types(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "content":
                yield from value.values()
            yield from _media_types(value)
    elif isinstance(part, list):
        for value in part:
            yield from _media_types(value)


def test_every_operation_has_a_name_of_its_own_and_a_summary(app: Flask) -> None:
    operations = [
        operation
        for item in _document(app)["paths"].values()
        for name, operation in item.items()
        if name != "parameters"
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] and operation["tags"] for operation in operations)


def test_no_component_is_described_in_vain(app: Flask) -> None:
    document = _document(app)
    text = json.dumps(document)
    for kind in ("schemas", "responses", "parameters", "headers"):
        for name in document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, name


@pytest.mark.parametrize(
    ("options", "read", "write"),
    [
        ({}, [], [{"token": []}, {}]),
        ({"api_tokens": (TOKEN,)}, [], [{"token": []}]),
        ({"api_tokens": (TOKEN,), "public_read": False}, [{"token": []}, {"cookie": []}], [{"token": []}]),
    ],
)
def test_a_token_is_described_as_needed_where_it_is(
    make_app: Callable[..., Flask], options: dict[str, Any], read: list[Any], write: list[Any]
) -> None:
    paths = _document(make_app(**options))["paths"]
    assert paths["/api/jobs"]["get"]["security"] == read
    assert paths["/api/updates"]["post"]["security"] == write
    assert paths["/api/openapi.json"]["get"]["security"] == []


def test_the_description_is_readable_by_anyone(make_app: Callable[..., Flask]) -> None:
    app = make_app(api_tokens=(TOKEN,), public_read=False)
    assert _document(app)["openapi"] == "3.1.0"
    assert app.test_client().get("/api/jobs").status_code == 401


# --- what it says is so --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(600)  # less than a minute on a machine that has nothing else to do
def test_the_server_keeps_what_its_description_promises(
    start_server: Callable[..., Served], tmp_path: Path
) -> None:
    """All checks of schemathesis: good data is taken, bad data refused, every answer is as described."""
    # Wrong tokens are among what it sends, more of them than an address may.
    server = start_server(CHEF_API_TOKEN=TOKEN, CHEF_PUBLIC_READ="false", CHEF_RATE_FAILURES="0")
    server.session.headers["Authorization"] = f"Bearer {TOKEN}"
    server.update(
        {"type": "progress", "jobId": "0", "projectId": "0", "phase": "building"},
        {"type": "log", "jobId": "0", "message": "one\ntwo"},
        {"type": "error", "jobId": "ended", "projectId": "0", "message": "tests failed", "code": 2},
    )
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            *("run", f"{server.url}/api/openapi.json"),
            *("-H", f"Authorization: Bearer {TOKEN}"),
            *("--checks", "all", "--max-examples", "8", "--seed", "1"),
            # Not `stateful`: it looks for what is still there after a DELETE, and there is none.
            *("--phases", "examples,coverage,fuzzing"),
            *("--request-timeout", "10", "--warnings", "off", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.tools.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
