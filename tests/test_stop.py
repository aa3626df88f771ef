"""A build is asked to stop: who may ask, who learns of it, what is kept (contract section 8)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

SECRET = "a secret of at least 32 characters, for tests"


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app(control=True).test_client()


def begin(client: FlaskClient, job: str = "job", **fields: Any) -> dict[str, Any]:
    update = {"type": "progress", "jobId": job, "projectId": "web", "phase": "building", **fields}
    return answer_of(client.post("/api/updates", json=update))


def answer_of(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    found: dict[str, Any] = json.loads(response.text)
    return found


def stop(client: FlaskClient, job: str = "job", status: int = 200, **fields: Any) -> dict[str, Any]:
    return answer_of(client.post(f"/api/jobs/{job}/stop", json=fields), status)


# Who may ask


def test_without_the_setting_nothing_can_be_stopped(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    begin(client)
    refused = stop(client, status=403)
    assert refused["code"] == "control_off"
    assert "CHEF_CONTROL" in refused["detail"]
    assert "hold" not in answer_of(client.post("/api/jobs/job/heartbeat", json={"wait": 5}))


def test_who_may_not_write_may_not_stop(make_app: Callable[..., Flask]) -> None:
    client = make_app(
        control=True,
        api_tokens=("a-token-that-may-write-all",),
        project_tokens=(("docs", "of-the-docs-12345"),),
    ).test_client()
    write = {"Authorization": "Bearer a-token-that-may-write-all"}
    update = {"type": "progress", "jobId": "job", "projectId": "web"}
    answer_of(client.post("/api/updates", json=update, headers=write))
    answer_of(client.post("/api/jobs/job/stop"), 401)
    answer_of(client.post("/api/jobs/job/stop", headers={"Authorization": "Bearer wrong"}), 401)
    other = {"Authorization": "Bearer of-the-docs-12345"}
    # Whether there is such a job is told to nobody who may not write it.
    there = answer_of(client.post("/api/jobs/job/stop", headers=other), 403)
    assert answer_of(client.post("/api/jobs/none/stop", headers=other), 403) == there
    client.set_cookie("chef_token", "a-token-that-may-write-all")
    answer_of(client.post("/api/jobs/job/stop"), 401)  # A cookie never writes.
    assert "stop" not in answer_of(client.get("/api/jobs/job"))
    answer_of(client.post("/api/jobs/none/stop", headers=write), 404)
    assert (
        answer_of(client.post("/api/jobs/job/stop", headers=write))["stop"]["by"]
        == "someone with a write token"
    )


@pytest.mark.parametrize(
    ("claims", "given", "by", "signed"),
    [
        ({"sub": "ann@example.org"}, "Bob", "ann@example.org", True),
        ({"sub": "7", "name": "Ann\u202e\n Lee"}, None, "Ann Lee", True),
        ({"name": 7}, "Bob", "Bob", False),
        ({}, None, "someone with a write token", False),
    ],
)
def test_who_asked_is_kept_and_a_signed_name_counts_before_a_given_one(
    make_app: Callable[..., Flask], claims: dict[str, Any], given: str | None, by: str, signed: bool
) -> None:
    client = make_app(control=True, jwt_secret=SECRET).test_client()
    token = jwt.encode({"exp": 2**32, "scope": "read write", **claims}, SECRET)
    headers = {"Authorization": f"Bearer {token}"}
    update = {"type": "progress", "jobId": "job", "projectId": "web"}
    answer_of(client.post("/api/updates", json=update, headers=headers))
    body = {} if given is None else {"by": given}
    asked = answer_of(client.post("/api/jobs/job/stop", json=body, headers=headers))["stop"]
    assert (asked["by"], asked["signed"]) == (by, signed)
    assert answer_of(client.get("/api/jobs/job", headers=headers))["stop"] == asked


def test_a_name_is_bounded_and_what_is_unknown_is_warned_about(client: FlaskClient) -> None:
    begin(client)
    stop(client, status=422, by="x" * 101)
    stop(client, status=422, by=7)
    assert stop(client, bi="Ann")["warnings"] == ["update 0: unknown field 'bi'"]
    assert answer_of(client.get("/api/jobs/job"))["stop"]["by"] == "someone on the server's machine"


# What is told


def test_each_answer_of_the_job_says_so_until_it_ends(client: FlaskClient) -> None:
    begin(client)
    begin(client, "other")
    asked = stop(client, by="Ann")
    assert (asked["jobId"], asked["projectId"], asked["stop"]["by"]) == ("job", "web", "Ann")
    wanted = asked["stop"]
    both = [{"type": "progress", "jobId": name, "progress": 60, "id": "one"} for name in ("job", "other")]
    for _ in range(2):  # The second time they are duplicates.
        jobs = answer_of(client.post("/api/updates", json=both))["jobs"]
        assert jobs["job"]["stop"] == wanted
        assert "stop" not in jobs["other"]
    assert answer_of(client.put("/api/jobs/job/logs", data=b"line\n"))["stop"] == wanted
    assert answer_of(client.post("/api/jobs/job/heartbeat"))["jobs"]["job"]["stop"] == wanted
    assert (
        answer_of(client.post("/api/jobs/job/progress", json={"progress": 70}))["jobs"]["job"]["stop"]
        == wanted
    )
    ended = answer_of(client.post("/api/jobs/job/exit", json={"code": 143}))
    assert "stop" not in ended["jobs"]["job"]
    assert "stop" not in answer_of(client.put("/api/jobs/job/logs", data=b"late\n"))
    found = answer_of(client.get("/api/jobs/job"))
    assert (found["status"], found["stop"]) == ("cancelled", wanted)
    assert answer_of(client.get("/api/jobs"))["jobs"][1]["stop"] == wanted


def test_asked_twice_changes_nothing_and_an_ended_job_is_a_conflict(client: FlaskClient) -> None:
    begin(client)
    first = stop(client, by="Ann")
    assert stop(client, by="Bob") == first
    seq = answer_of(client.get("/api/jobs/job"))["seq"]
    assert seq == 1  # It is no update.
    client.post("/api/jobs/job/completed")
    assert stop(client, status=409)["code"] == "job_finished"
    assert answer_of(client.get("/api/jobs/job"))["stop"] == first["stop"]


def test_a_job_that_is_taken_up_again_is_still_asked_to_stop(client: FlaskClient) -> None:
    begin(client)
    wanted = stop(client, by="Ann")["stop"]
    chef = client.application.extensions["chef"]
    chef.tracker.abandon(["job"], 2**60)
    assert stop(client, status=409)["code"] == "job_finished"
    again = answer_of(client.post("/api/jobs/job/progress", json={"progress": 60}))
    assert again["jobs"]["job"]["stop"] == wanted


def test_an_erased_job_takes_its_stop_request_along(client: FlaskClient) -> None:
    begin(client)
    stop(client, by="Ann")
    client.post("/api/jobs/job/cancelled")
    client.delete("/api/jobs/job?wait=0")
    assert "stop" not in begin(client)["jobs"]["job"]
    assert "stop" not in answer_of(client.get("/api/jobs/job"))


# Heartbeats that wait


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Any:
    with serving(tmp_path_factory.mktemp("controlled"), {"CHEF_CONTROL": "true"}) as running:
        yield running
        assert "Traceback" not in running.output.read_text()


def hold(server: Served, job: str, wait: int = 20) -> tuple[threading.Thread, list[Any]]:
    """A heartbeat that waits, in a thread; the list gets its answer and when that came."""
    told: list[Any] = []

    def ask() -> None:
        response = requests.post(f"{server.url}/api/jobs/{job}/heartbeat", json={"wait": wait}, timeout=40)
        told.append((response.status_code, response.json(), time.monotonic()))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, told


def waiting(server: Served) -> int:
    line = next(
        one for one in server.get("/metrics").text.splitlines() if one.startswith("chef_controls_waiting ")
    )
    return int(float(line.split()[1]))


def test_a_heartbeat_that_waits_is_answered_once_somebody_asks(controlled: Served) -> None:
    controlled.update({"type": "progress", "jobId": "held", "projectId": "web"})
    before = waiting(controlled)
    threads = [hold(controlled, "held") for _ in range(2)]  # Several reporters of one job.
    eventually(lambda: waiting(controlled) == before + 2)
    controlled.update({"type": "progress", "jobId": "held", "progress": 10})  # No news for them.
    assert waiting(controlled) == before + 2
    pressed = time.monotonic()
    asked = controlled.post("/api/jobs/held/stop", json={"by": "Ann"}).json()["stop"]
    for thread, told in threads:
        thread.join(30)
        status, found, at = told[0]
        assert (status, found["jobs"]["held"]["stop"]) == (200, asked)
        assert at - pressed < 2
    # From then on nothing waits.
    thread, told = hold(controlled, "held")
    thread.join(10)
    assert told[0][1]["jobs"]["held"]["stop"] == asked


def test_a_heartbeat_that_waits_is_answered_at_the_end_and_after_its_time(controlled: Served) -> None:
    controlled.update({"type": "progress", "jobId": "quiet", "projectId": "web"})
    thread, told = hold(controlled, "quiet", wait=1)
    thread.join(20)
    assert told[0][:2] == (
        200,
        {"accepted": 1, "duplicates": 0, "jobs": {"quiet": {"seq": 1, "viewers": 0}}, "hold": 20},
    )
    before = waiting(controlled)
    thread, told = hold(controlled, "quiet")
    eventually(lambda: waiting(controlled) == before + 1)
    controlled.post("/api/jobs/quiet/completed")
    thread.join(20)
    assert (told[0][0], told[0][1]["code"]) == (409, "job_finished")


def test_a_server_that_stops_keeps_no_heartbeat_waiting(
    start_server: Callable[..., Served], tmp_path: Path
) -> None:
    server = start_server(CHEF_CONTROL="true")
    server.update({"type": "progress", "jobId": "held", "projectId": "web"})
    thread, told = hold(server, "held")
    eventually(lambda: waiting(server) == 1)
    assert server.stop() == 0
    thread.join(20)
    assert (told[0][0], told[0][1]["code"]) == (503, "stopping")


def test_digests_and_agents_are_told_too(client: FlaskClient) -> None:
    begin(client)
    at = stop(client, by="Ann")["stop"]["at"]
    asked = {"text": "Now `really`?", "options": ["yes", "no"], "id": "q"}
    client.post("/api/jobs/job/questions", json=asked)
    wanted = f"asked to stop by Ann (name as given) at {at}, not confirmed by the build yet"
    digest = client.get("/api/jobs/job/digest").text
    assert wanted in digest
    assert "asks: Now `really`? (yes, no), until " in digest
    assert wanted in client.get("/jobs/job", headers={"Accept": "text/plain"}).text
    client.post("/api/jobs/job/questions/q/answer", json={"answer": "no"})
    client.post("/api/jobs/job/cancelled")
    digest = client.get("/api/jobs/job/digest").text
    assert f"asked to stop by Ann (name as given) at {at}`" in digest
    assert "(yes, no): no, by someone on the server's machine" in digest


# Several processes


@pytest.mark.real
@pytest.mark.slow
def test_a_stop_that_is_asked_of_another_process_is_learned_in_time(
    start_server: Callable[..., Served], postgres_url: str
) -> None:
    """Also without Redis, and by viewers of the other process."""
    one, two = (start_server(DATABASE_URL=postgres_url, CHEF_CONTROL="true") for _ in range(2))
    one.update({"type": "progress", "jobId": "held", "projectId": "web"})
    thread, told = hold(one, "held")
    events = requests.get(f"{one.url}/api/projects/web/events", stream=True, timeout=60)
    eventually(lambda: waiting(one) == 1)
    pressed = time.monotonic()
    asked = two.post("/api/jobs/held/stop", json={"by": "Ann"}).json()["stop"]
    thread.join(30)
    assert told[0][1]["jobs"]["held"]["stop"] == asked
    assert told[0][2] - pressed < 2 + 3  # Within two seconds; the rest is a slow machine's.
    # Each of its answers has it, whoever gives them.
    for server in (one, two):
        answered = server.update({"type": "progress", "jobId": "held", "progress": 10})
        assert answered["jobs"]["held"]["stop"] == asked
    line = next(line for line in events.iter_lines(decode_unicode=True) if line == "event: project:stop")
    assert line
    events.close()
    # A question that waits at one process is answered at the other.
    two.post("/api/jobs/held/questions", json={"id": "q", "text": "Now?", "options": ["yes", "no"]})
    found, took = waited(
        one, "q", lambda: two.post("/api/jobs/held/questions/q/answer", json={"answer": "yes"})
    )
    assert found["question"]["answer"]["option"] == "yes"
    # So does one whose job ends at the other: it is not kept until its time is over.
    one.post("/api/jobs/held/questions", json={"id": "r", "text": "Now?", "options": ["yes", "no"]})
    found, took = waited(one, "r", lambda: two.post("/api/jobs/held/completed"))
    assert found["state"] == "ended"
    assert took < 2 + 8  # Within two seconds; the rest is a slow machine's.


def waited(server: Served, question: str, then: Callable[[], object]) -> tuple[dict[str, Any], float]:
    """The answer to a request that waits for news of a question when something happens; how long it took."""
    answers: list[dict[str, Any]] = []

    def ask() -> None:
        url = f"{server.url}/api/jobs/held/questions/{question}?wait=30"
        answers.append(requests.get(url, timeout=60).json())

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: waiting(server) == 1)
    began = time.monotonic()
    then()
    thread.join(40)
    return answers[0], time.monotonic() - began
