"""`eta` on the wire: where jobs are shown, in acknowledgements, and what it says (contract section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.tools.builds import SECOND, began, run_many
from tests.tools.making import AT, batch, update

NOW = AT + 3600 * SECOND


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Clock) -> Flask:
    app = make_app(clock=clock)
    store = app.extensions["chef"].store
    run_many(store, 10)
    store.append(batch(began("now"), at=NOW - 10 * SECOND))
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def test_a_running_job_says_how_long_it_still_takes(client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    assert eta["at"] == "2023-11-14T23:13:20.000Z"
    assert (eta["runs"], eta["range"], eta["overMs"]) == (10, False, None)
    left = eta["remainingMs"]
    assert 60 * SECOND <= left["low"] <= left["median"] <= left["high"] <= 90 * SECOND
    phase = eta["phaseRemainingMs"]
    assert 8 * SECOND <= phase["low"] <= phase["median"] <= phase["high"] <= 12 * SECOND
    assert set(eta["phases"]) >= {"installing", "building"}
    assert eta["phases"]["installing"] == {"low": 20 * SECOND, "median": 20 * SECOND, "high": 20 * SECOND}
    assert eta["pauses"]["installing"] == 20 * SECOND


def test_beyond_all_runs_it_says_by_how_much(client: FlaskClient, clock: Clock) -> None:
    clock.now += 600 * SECOND
    eta = get(client, "/api/jobs/now")["eta"]
    assert (eta["remainingMs"], eta["phaseRemainingMs"]) == (None, None)
    assert 0 < eta["overMs"] <= 610 * SECOND


def test_ended_jobs_and_those_without_a_history_have_none(client: FlaskClient, app: Flask) -> None:
    assert get(client, "/api/jobs/old-1")["eta"] is None
    app.extensions["chef"].store.append(batch(began("first", project_id="new"), at=NOW))
    assert get(client, "/api/jobs/first")["eta"] is None


def test_lists_of_jobs_and_projects_have_the_same(client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    listed = {job["jobId"]: job["eta"] for job in get(client, "/api/jobs?status=running")["jobs"]}
    assert listed == {"now": eta}
    assert [job["eta"] for job in get(client, "/api/jobs")["jobs"]][1:] == [None] * 10
    assert get(client, "/api/projects")["projects"][0]["newestJob"]["eta"] == eta
    assert get(client, "/api/projects/web")["newestJob"]["eta"] == eta


def test_an_acknowledgement_carries_it_beside_the_job_and_in_it(app: Flask, client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    viewer = app.extensions["socketio"].test_client(app)
    answer = viewer.emit("subscribe:job", "now", callback=True)
    assert answer["eta"] == answer["job"]["eta"] == eta
    assert viewer.emit("subscribe:job", {"jobId": "old-1", "after": 0}, callback=True)["eta"] is None
    unknown = viewer.emit("subscribe:job", "unknown", callback=True)
    assert (unknown["job"], unknown["eta"]) == (None, None)


def test_when_progress_last_moved(client: FlaskClient, app: Flask) -> None:
    store = app.extensions["chef"].store
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:10.000Z"
    store.append(batch(update(job_id="now", phase_progress=0, message="still"), at=NOW - 5 * SECOND))
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:10.000Z"
    store.append(batch(update(job_id="now", phase_progress=10), at=NOW - 4 * SECOND))
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:16.000Z"
    store.append(batch(update(job_id="silent", phase="lint"), at=NOW))
    assert get(client, "/api/jobs/silent")["progressAt"] is None
