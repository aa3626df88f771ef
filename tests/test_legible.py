"""Messages and titles hold text: what a terminal takes as a command stays in raw logs alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

RED = "\x1b[31m\x1b]0;title\x07red\x1b[0m\x9b2J\b\x7f"


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app().test_client()


def send(client: FlaskClient, **fields: Any) -> None:
    answer = client.post("/api/updates", json={"jobId": "j", "projectId": "p", **fields})
    assert answer.status_code == 200, answer.text


def stays(value: object) -> bool:
    return any(sign in json.dumps(value) for sign in ("\\u001b", "\\u009b", "\\b", "\\u0007", "\\u007f"))


def all_that_is_told(client: FlaskClient) -> list[Any]:
    """The job, alone and in lists, and its events."""
    events = client.get("/api/jobs/j/events?after=0&follow=0", headers={"Accept": "application/x-ndjson"})
    return [
        client.get("/api/jobs/j").get_json(),
        client.get("/api/jobs").get_json(),
        client.get("/api/projects").get_json(),
        [json.loads(line) for line in events.text.splitlines() if line],
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"type": "progress", "phase": "building"}, "building"),
        ({"type": "completed"}, "completed"),
        ({"type": "error", "code": RED}, "failed"),
        ({"type": "cancelled"}, "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_messages_hold_text_alone(client: FlaskClient, fields: dict[str, Any], status: str) -> None:
    send(client, message=f"a {RED}\n\tb", **fields)
    job = client.get("/api/jobs/j").get_json()
    assert (job["status"], job["message"]) == (status, "a red\n\tb")
    if status == "failed":
        assert job["error"] == {"message": "a red\n\tb", "code": "red"}
    assert not stays(all_that_is_told(client))


def test_titles_and_what_else_names_a_build_hold_text_alone(client: FlaskClient) -> None:
    names = ("title", "author", "branch", "commit", "url", "kind", "run")
    meta = {name: f"{name} {RED}" for name in names} | {"count": 3, "nested": {"kept": RED}, "mine": RED}
    send(client, type="progress", phase="building", meta=meta)
    send(
        client,
        type="completed",
        artifacts=[{"name": f"site {RED}", "url": "https://a.example/x"}],
        meta={"author": f"Ann {RED}"},
    )
    job = client.get("/api/jobs/j").get_json()
    assert {name: job["meta"][name] for name in names} == {
        **{name: f"{name} red" for name in names},
        "author": "Ann red",
    }
    own = {name: job["meta"][name] for name in ("count", "nested", "mine")}
    assert own == {"count": 3, "nested": {"kept": RED}, "mine": RED}, "what means nothing here stays as it is"
    assert job["artifacts"][0]["name"] == "site red"


def test_a_message_of_commands_alone_still_ends_the_job(client: FlaskClient) -> None:
    send(client, type="error", message="\x1b[0m")
    assert client.get("/api/jobs/j").get_json()["status"] == "failed"


def test_raw_logs_keep_every_byte_and_the_reason_of_a_failure_does_not(client: FlaskClient) -> None:
    raw = b'\x1b[1;31m  File "a.py", line 1\x1b[0m\n\x1b[31mValueError: \x1b[1mno\x1b[0m\n'
    raw = b"Traceback (most recent call last):\n" + raw
    assert client.post("/api/jobs/j/logs?projectId=p", data=raw).status_code == 200
    send(client, type="error", message="exited with status 1", code=1)
    assert client.get("/api/jobs/j/logs?raw=1").data == raw
    told = all_that_is_told(client)
    assert told[0]["failure"]["summary"] == "ValueError: no"
    assert not stays(told[:3])


def test_an_id_is_of_what_was_sent(client: FlaskClient) -> None:
    update = {"type": "progress", "jobId": "j", "projectId": "p", "id": "1", "message": RED}
    for duplicates in (0, 1):
        assert client.post("/api/updates", json=update).get_json()["duplicates"] == duplicates
