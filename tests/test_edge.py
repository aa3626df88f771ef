"""The short way of `POST /api/updates` answers to the letter what Flask's view answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chef.errors import StoreUnavailable
from tests.tools.serving import Served

MOMENT = 1_772_443_800_000
GOOD = {"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"}
JSON, NDJSON = "application/json", "application/x-ndjson"
# Another way to say the same type: only Flask reads parameters.
AROUND = {JSON: "application/json; charset=utf-8", NDJSON: "application/x-ndjson; charset=utf-8"}


def _text(*values: Any) -> bytes:
    return json.dumps(values[0] if len(values) == 1 else values).encode()


BODIES = {
    "one update": (_text(GOOD), JSON),
    "an array": (_text(GOOD, GOOD | {"progress": 60}), JSON),
    "NDJSON": (_text(GOOD) + b"\n" + _text(GOOD) + b"\n", NDJSON),
    "an id twice": (_text(GOOD | {"id": "a"}, GOOD | {"id": "a"}), JSON),
    "an id for two updates": (_text(GOOD | {"id": "a"}, GOOD | {"id": "a", "progress": 1}), JSON),
    "an unknown field": (_text(GOOD | {"progres": 1}), JSON),
    "several wrong fields": (_text(GOOD | {"progress": "50", "phase": "No"}), JSON),
    "no project": (_text({"type": "progress", "jobId": "j"}), JSON),
    "another project": (_text(GOOD, GOOD | {"projectId": "q"}), JSON),
    "after the end": (_text(GOOD | {"type": "completed"}, GOOD), JSON),
    "nothing": (b" ", JSON),
    "no JSON": (b"{", JSON),
    "NaN": (b'{"progress": NaN}', JSON),
    "not UTF-8": (b'{"jobId": "\xff"}', JSON),
    "too much": (b" " * 2000, JSON),
    "not an object": (b"3", JSON),
}


class _Client(FlaskClient):
    """Gives its requests the id that they all have: else each would have one of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.environ_base["HTTP_X_REQUEST_ID"] = "the-same"


@pytest.fixture
def make(make_app: Callable[..., Flask], tmp_path: Path) -> Callable[..., Flask]:
    """Applications that differ in nothing but their database."""
    count = iter(range(9))

    def made(**settings: Any) -> Flask:
        url = f"sqlite:///{tmp_path / f'{next(count)}.db'}"
        app = make_app(clock=lambda: MOMENT, database_url=url, max_body_bytes=1000, **settings)
        app.test_client_class = _Client
        return app

    return made


def _refuse_flask(app: Flask) -> None:
    def used() -> Any:
        raise AssertionError("this request was to take the short way")

    app.full_dispatch_request = used  # type: ignore[method-assign]


def _shown(answer: TestResponse) -> tuple[int, Any, dict[str, str]]:
    return answer.status_code, json.loads(answer.data), dict(answer.headers)


def _client(app: Flask) -> FlaskClient:
    """A client whose requests all have one id, by which answers would else differ."""
    client = app.test_client()
    client.environ_base["HTTP_X_REQUEST_ID"] = "one"
    return client


@pytest.mark.parametrize("origins", [None, "*", ("https://app.example",)], ids=["own", "all", "some"])
@pytest.mark.parametrize("name", BODIES)
def test_both_ways_answer_the_same(make: Callable[..., Flask], name: str, origins: Any) -> None:
    body, content_type = BODIES[name]
    short, whole = (make(websocket_cors_origin=origins) for _ in range(2))
    _refuse_flask(short)
    answers = [
        _client(short).post("/api/updates", data=body, content_type=content_type),
        _client(whole).post("/api/updates", data=body, content_type=AROUND[content_type]),
    ]
    assert _shown(answers[0]) == _shown(answers[1])


@pytest.mark.parametrize("token", [None, "wrong", "right-and-long-enough"])
def test_both_ways_know_the_same_writers(make: Callable[..., Flask], token: str | None) -> None:
    short, whole = (make(api_tokens=("right-and-long-enough",)) for _ in range(2))
    _refuse_flask(short)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answers = [
        _client(app).post("/api/updates", data=_text(GOOD), content_type=kind, headers=headers)
        for app, kind in ((short, JSON), (whole, AROUND[JSON]))
    ]
    assert _shown(answers[0]) == _shown(answers[1])
    assert answers[0].status_code == (200 if token and token.startswith("right") else 401)


def test_a_store_that_cannot_be_written_is_a_503_on_both_ways(make: Callable[..., Flask]) -> None:
    answers = []
    for kind in (JSON, AROUND[JSON]):
        app = make()

        def fail(*_: object) -> None:
            raise StoreUnavailable

        app.extensions["chef"].tracker.record = fail
        answers.append(_client(app).post("/api/updates", data=_text(GOOD), content_type=kind))
    assert _shown(answers[0]) == _shown(answers[1])
    assert (answers[0].status_code, answers[0].headers["Retry-After"]) == (503, "2")


def test_a_fault_of_the_server_is_a_500_on_both_ways(make: Callable[..., Flask]) -> None:
    answers = []
    for kind in (JSON, AROUND[JSON]):
        app = make()

        def fail(*_: object) -> None:
            raise RuntimeError("broken")

        app.extensions["chef"].tracker.record = fail
        answers.append(_client(app).post("/api/updates", data=_text(GOOD), content_type=kind))
    assert _shown(answers[0]) == _shown(answers[1])
    assert answers[0].status_code == 500


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 405),
        ("OPTIONS", {}, 200),
        ("POST", {"Content-Encoding": "gzip"}, 415),
        ("POST", {"Content-Type": "text/csv"}, 415),
        ("POST", {"Origin": "https://elsewhere.example"}, 401),
    ],
)
def test_what_is_not_plain_goes_to_flask(
    app: Flask, method: str, headers: dict[str, str], status: int
) -> None:
    given = {"Content-Type": JSON} | headers
    answer = _client(app).open("/api/updates", method=method, data=_text(GOOD), headers=given)
    assert answer.status_code == status


def test_each_head_on_a_connection_counts_by_itself(start_server: Callable[..., Served]) -> None:
    """A head is read once while it comes again, and no longer."""
    server = start_server(CHEF_API_TOKEN="secret, other")
    body = _text(GOOD)

    def post(**changes: str) -> int:
        fields = {"Authorization": "Bearer secret", "Content-Type": JSON}
        fields |= {name.replace("_", "-"): value for name, value in changes.items()}
        return server.post("/api/updates", data=body, headers=fields).status_code

    again = [post() for _ in range(3)]
    others = [
        post(Authorization="Bearer wrong!"),
        post(Authorization="Bearer other"),
        post(Content_Type="text/plain"),
        post(Content_Encoding="gzip"),
        post(Authorization="", Content_Type=JSON),
    ]
    assert (again, others) == ([200] * 3, [401, 200, 415, 415, 401])
    assert [post(), post(Authorization="Bearer wrong"), post()] == [200, 401, 200]
