"""Heartbeats: who reports a build says that it is there; whether it still is, is told and never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace
from sqlalchemy import text

from chef.domain.clock import rfc3339
from chef.domain.model import Job
from chef.store import Store
from tests.test_http_writing import Hands
from tests.tools.making import AT, batch, log, open_store, update


def job_at(**fields: Any) -> Job:
    return replace(Job("job", "web", created_at=AT, updated_at=AT), **fields)


# What it means


@pytest.mark.parametrize(
    ("fields", "later", "reporter"),
    [
        ({}, 10**9, None),
        ({"heartbeat_at": AT, "heartbeat_every": 30}, 0, "alive"),
        ({"heartbeat_at": AT, "heartbeat_every": 30}, 90_000, "alive"),
        ({"heartbeat_at": AT, "heartbeat_every": 30}, 90_001, "lost"),
        ({"heartbeat_at": AT, "heartbeat_every": 1}, 3_001, "lost"),
        # Whatever comes from the build is a sign of life.
        ({"heartbeat_at": AT - 10**6, "heartbeat_every": 30}, 90_000, "alive"),
        ({"heartbeat_at": AT, "heartbeat_every": 30, "status": "failed"}, 0, None),
    ],
)
def test_a_reporter_is_lost_after_three_times_what_it_promised(
    fields: dict[str, Any], later: int, reporter: str | None
) -> None:
    assert job_at(**fields).reporter(AT + later) == reporter


def test_a_job_was_last_seen_when_anything_came() -> None:
    assert job_at().seen_at == AT
    assert job_at(heartbeat_at=AT + 5).seen_at == AT + 5
    assert job_at(heartbeat_at=AT - 5).seen_at == AT


# In the store


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def heartbeats(store: Store, job_id: str = "job") -> tuple[int | None, int | None]:
    job = store.job(job_id)
    assert job is not None
    return job.heartbeat_at, job.heartbeat_every


def test_a_heartbeat_is_kept_and_updates_leave_it_alone(store: Store) -> None:
    store.append(batch(update()))
    assert heartbeats(store) == (None, None)
    assert store.save_heartbeat("job", AT + 5, 60)
    store.append(batch(update(progress=10), log("line")))
    assert heartbeats(store) == (AT + 5, 60)


def test_a_clock_that_steps_back_takes_back_no_heartbeat(store: Store) -> None:
    store.append(batch(update()))
    store.save_heartbeat("job", AT + 5, 60)
    store.save_heartbeat("job", AT + 1, 20)
    assert heartbeats(store) == (AT + 5, 20)


def test_there_is_no_heartbeat_of_a_job_that_has_ended_or_never_was(store: Store) -> None:
    store.append(batch(update("completed")))
    assert not store.save_heartbeat("job", AT, 30)
    assert not store.save_heartbeat("nobody", AT, 30)
    assert heartbeats(store) == (None, None)


def test_a_heartbeat_waits_for_no_sync(database_url: str) -> None:
    with open_store(database_url) as store:
        store.append(batch(update()))
        assert store._run_upkeep(lambda c: c.execute(text("PRAGMA synchronous")).scalar()) == 1
        assert store.save_heartbeat("job", AT, 30)


def test_another_process_knows_of_a_heartbeat_at_once(any_database_url: str) -> None:
    with open_store(any_database_url) as one, open_store(any_database_url) as other:
        one.append(batch(update()))
        one.save_heartbeat("job", AT + 9, 30)
        assert heartbeats(other) == (AT + 9, 30)


# Over HTTP


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def client(make_app: Callable[..., Flask], hands: Hands) -> FlaskClient:
    return make_app(clock=hands).test_client()


def beat(client: FlaskClient, job: str = "j", **options: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/api/jobs/{job}/heartbeat", **options)
    return answer.status_code, json.loads(answer.data)


def shown(client: FlaskClient, job: str = "j") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get(f"/api/jobs/{job}").data)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"projectId": "p", "every": 10}},
        {"data": {"projectId": "p", "every": "10"}},
        {"query_string": {"projectId": "p", "every": "10", "id": "x", "jobId": "j"}},
    ],
)
def test_a_heartbeat_of_a_new_job_makes_it_and_later_ones_make_no_event(
    client: FlaskClient, hands: Hands, options: dict[str, Any]
) -> None:
    answer = {"accepted": 1, "duplicates": 0, "jobs": {"j": {"seq": 1, "viewers": 0}}}
    for _ in range(3):
        assert beat(client, **options) == (200, answer)
        hands.now += 10_000
    events = json.loads(client.get("/api/jobs/j/events", headers={"Accept": "application/json"}).data)
    assert [event["event"] for event in events["events"]] == ["job:progress"]
    job = shown(client)
    assert (job["status"], job["progress"], job["reporter"]) == ("queued", 0, "alive")
    assert job["updatedAt"] == job["createdAt"] == rfc3339(hands.now - 30_000)
    assert job["seenAt"] == rfc3339(hands.now - 10_000)


def test_a_reporter_that_falls_silent_is_lost_and_may_come_back(client: FlaskClient, hands: Hands) -> None:
    beat(client, data={"projectId": "p"})
    hands.now += 90_001
    assert (shown(client)["reporter"], shown(client)["status"]) == ("lost", "queued")
    whole = json.loads(client.get("/api/projects/p").data)
    assert whole["newestJob"]["reporter"] == "lost"
    client.put("/api/jobs/j/logs", data=b"still here\n")
    assert (shown(client)["reporter"], shown(client)["seenAt"]) == ("alive", rfc3339(hands.now))


def test_who_never_promised_anything_is_never_lost(client: FlaskClient, hands: Hands) -> None:
    client.post("/api/jobs/j/progress", data={"projectId": "p"})
    hands.now += 10**9
    assert shown(client)["reporter"] is None


def test_after_the_end_nobody_has_to_report(client: FlaskClient, hands: Hands) -> None:
    beat(client, data={"projectId": "p"})
    hands.now += 1000
    client.post("/api/jobs/j/completed")
    status, refusal = beat(client)
    assert (status, refusal["code"]) == (409, "job_finished")
    hands.now += 10**7
    job = shown(client)
    assert (job["reporter"], job["seenAt"]) == (None, job["finishedAt"])


@pytest.mark.parametrize(
    ("fields", "status", "field", "message"),
    [
        ({}, 422, "projectId", "is needed in a job's first update"),
        ({"projectId": "p q"}, 422, "projectId", "must be 1 to 128 characters of"),
        ({"projectId": "p", "every": 0}, 422, "every", "must be between 1 and 3600"),
        ({"projectId": "p", "every": 3601}, 422, "every", "must be between 1 and 3600"),
        ({"projectId": "p", "every": "30"}, 422, "every", "must be an integer, not a string"),
        ({"projectId": "p", "every": 1.5}, 422, "every", "must be an integer"),
        ({"projectId": "p", "every": True}, 422, "every", "must be an integer, not true"),
        ({"projectId": "p", "jobId": "other"}, 422, "jobId", "must be 'j' here, or left out"),
    ],
)
def test_each_field_of_a_heartbeat_is_checked(
    client: FlaskClient, fields: dict[str, Any], status: int, field: str, message: str
) -> None:
    found, refusal = beat(client, json=fields)
    assert (found, refusal["errors"][0]["field"]) == (status, field)
    assert refusal["errors"][0]["message"].startswith(message)
    assert client.get("/api/jobs/j").status_code == 404


def test_a_heartbeat_names_the_fields_that_it_does_not_use(client: FlaskClient) -> None:
    _, answer = beat(client, json={"projectId": "p", "evry": 5, "progress": 50})
    assert answer["warnings"] == [
        "update 0: unknown field 'evry', did you mean 'every'?",
        "update 0: field 'progress' is not used by 'heartbeat' updates",
    ]


def test_a_heartbeat_of_another_project_is_refused(client: FlaskClient) -> None:
    beat(client, data={"projectId": "p"})
    status, refusal = beat(client, data={"projectId": "other"})
    assert (status, refusal["code"]) == (409, "project_mismatch")
