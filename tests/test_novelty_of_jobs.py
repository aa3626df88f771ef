"""What is new in a failed job: learned from green runs after their ends, and told at `/api/jobs/JOB/new`."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.tools.until import until

GREEN = b"installing 12 packages\ncompiling src/main.c\nrunning 41 tests in 3.2s\nall tests passed\n"
RED = (
    b"installing 13 packages\ncompiling src/main.c\nsrc/main.c:12:5: error: 'x' undeclared\nstep 2 skipped\n"
)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def build(client: FlaskClient, job: str, output: bytes, code: int = 0, **meta: str) -> None:
    """A whole build: its log, then its end."""
    first = {"type": "progress", "jobId": job, "projectId": "web", "meta": meta}
    assert client.post("/api/updates", json=first).status_code == 200
    assert client.put(f"/api/jobs/{job}/logs", data=output).status_code == 200
    assert client.post(f"/api/jobs/{job}/exit", data={"code": str(code)}).status_code == 200


def new_in(client: FlaskClient, job: str) -> dict[str, Any]:
    """What is new in a job once that is known."""
    found: dict[str, Any] = {}

    def ready() -> bool:
        found.update(client.get(f"/api/jobs/{job}/new").json or {})
        return bool(found["state"] != "pending")

    until(ready)
    return found


def learned(app: Flask) -> None:
    until(lambda: not app.extensions["chef"].store.novelty.waiting(10))


def test_a_line_that_no_green_run_printed_is_new_and_errors_come_first(
    app: Flask, client: FlaskClient
) -> None:
    for number in range(2):
        build(client, f"green-{number}", GREEN)
    learned(app)
    build(client, "red", RED, 1)
    assert new_in(client, "red") | {"phases": []} == {
        "state": "ready",
        "runs": 2,
        "kinds": 2,
        "lines": [
            {"line": 3, "text": "src/main.c:12:5: error: 'x' undeclared", "count": 1},
            {"line": 4, "text": "step 2 skipped", "count": 1},
        ],
        "phases": [],
    }


def test_without_a_green_run_of_its_kind_nothing_is_said(app: Flask, client: FlaskClient) -> None:
    build(client, "other", GREEN, kind="deploy")
    learned(app)
    build(client, "red", RED, 1, kind="test")
    assert new_in(client, "red") == {"state": "none", "runs": 0, "kinds": 0, "lines": [], "phases": []}
    assert new_in(client, "other")["state"] == "none"


def test_lines_that_come_after_the_end_are_compared_too(app: Flask, client: FlaskClient) -> None:
    build(client, "green", GREEN)
    learned(app)
    build(client, "red", RED, 1)
    assert new_in(client, "red")["kinds"] == 2
    assert client.put("/api/jobs/red/logs", data=b"upload refused by host\n").status_code == 200
    assert client.get("/api/jobs/red/new").json["state"] == "pending"  # type: ignore[index]
    assert new_in(client, "red")["kinds"] == 3
