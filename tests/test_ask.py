"""A build asks people something: `chef ask`, and the requests that it makes (contract section 8)."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.test_stop import answer_of, begin
from tests.tools.making import AT
from tests.tools.reporting import Machine, stored
from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]


class Hand:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def client(make_app: Callable[..., Flask], hand: Hand) -> FlaskClient:
    return make_app(control=True, clock=hand).test_client()


def ask(client: FlaskClient, status: int = 200, **fields: Any) -> dict[str, Any]:
    asked = {"id": "q", "text": "Migrate now?", "options": ["yes", "no"], **fields}
    return answer_of(client.post("/api/jobs/job/questions", json=asked), status)


def choose(client: FlaskClient, option: str, status: int = 200, question: str = "q") -> dict[str, Any]:
    body = {"answer": option, "by": "Ann"}
    return answer_of(client.post(f"/api/jobs/job/questions/{question}/answer", json=body), status)


def look(client: FlaskClient, question: str = "q") -> dict[str, Any]:
    return answer_of(client.get(f"/api/jobs/job/questions/{question}"))


# The requests


def test_a_question_is_answered_once_and_who_did_is_kept(client: FlaskClient) -> None:
    begin(client)
    asked = ask(client, default="no")
    assert (asked["state"], asked["question"]["default"]) == ("open", "no")
    assert ask(client, default="no") == asked  # Safe to send again.
    ask(client, 409, text="Something else?")
    choose(client, "maybe", 422)
    answered = choose(client, "yes")
    assert answered["state"] == "answered"
    assert answered["question"]["answer"] == {
        "option": "yes",
        "by": "Ann",
        "at": asked["question"]["at"],
        "signed": False,
    }
    assert choose(client, "yes") == answered == look(client)
    assert choose(client, "no", 409)["code"] == "already_answered"
    job = answer_of(client.get("/api/jobs/job"))
    assert job["questions"] == [answered["question"]]
    assert job["seq"] == 1
    assert answer_of(client.get("/api/jobs/job/questions")) == {"questions": job["questions"]}


def test_several_are_open_at_once_and_each_has_its_own_answer(client: FlaskClient) -> None:
    begin(client)
    ask(client)
    form = {"id": "where", "text": "Where\x1b[31m\n to?", "options": "staging,production", "timeout": "60"}
    found = answer_of(client.post("/api/jobs/job/questions", data=form))["question"]
    assert (found["text"], found["options"]) == ("Where to?", ["staging", "production"])
    choose(client, "production", question="where")
    assert (look(client)["state"], look(client, "where")["state"]) == ("open", "answered")


def test_a_question_ends_with_its_time_and_with_the_job(client: FlaskClient, hand: Hand) -> None:
    begin(client)
    ask(client, timeout=60)
    ask(client, id="other")
    hand.now += 60_000
    assert look(client)["state"] == "expired"
    assert choose(client, "yes", 409)["code"] == "question_over"
    client.post("/api/jobs/job/completed")
    assert look(client, "other")["state"] == "ended"
    assert choose(client, "yes", 409, "other")["code"] == "job_finished"
    assert ask(client, 409, id="late")["code"] == "job_finished"


def test_questions_are_bounded_and_hide_secrets(client: FlaskClient) -> None:
    begin(client)
    client.post("/api/updates", json={"type": "mask", "jobId": "job", "value": "hunter22"})
    assert ask(client, text="Use hunter22?")["question"]["text"] == "Use ***?"
    for wrong in (
        {"text": "x" * 501},
        {"text": " "},
        {"options": ["one"]},
        {"options": ["a", "a"]},
        {"options": [str(number) for number in range(9)]},
        {"options": ["x" * 61, "y"]},
        {"options": 7},
        {"default": "maybe"},
        {"timeout": 0},
        {"timeout": 86_401},
        {"id": "with space"},
    ):
        ask(client, 422, **({"id": "wrong"} | wrong))
    for number in range(19):
        ask(client, id=f"q{number}")
    assert ask(client, 409, id="beyond")["code"] == "too_many_questions"


def test_only_who_may_write_asks_and_answers(make_app: Callable[..., Flask]) -> None:
    token = "a-token-that-may-write-all"
    client = make_app(control=True, api_tokens=(token,)).test_client()
    write = {"Authorization": f"Bearer {token}"}
    client.post("/api/updates", json={"type": "progress", "jobId": "job", "projectId": "web"}, headers=write)
    asked = {"id": "q", "text": "Now?", "options": ["yes", "no"]}
    answer_of(client.post("/api/jobs/job/questions", json=asked), 401)
    answer_of(client.post("/api/jobs/job/questions", json=asked, headers=write))
    answer_of(client.post("/api/jobs/job/questions/q/answer", json={"answer": "yes"}), 401)
    assert look(client)["state"] == "open"  # Reading is public here.
    off = make_app(api_tokens=(token,)).test_client()
    assert (
        answer_of(off.post("/api/jobs/job/questions", json=asked, headers=write), 403)["code"]
        == "control_off"
    )


# chef ask


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server on which builds may ask."""
    with serving(tmp_path_factory.mktemp("asking"), {"CHEF_CONTROL": "true"}) as running:
        yield running
        assert "Traceback" not in running.output.read_text()


def questions(server: Served, job: str) -> list[dict[str, Any]]:
    found = server.get(f"/api/jobs/{job}/questions")
    listed: list[dict[str, Any]] = found.json()["questions"] if found.status_code == 200 else []
    return listed


def click(server: Served, job: str, option: str, place: int = 0) -> None:
    eventually(lambda: len(questions(server, job)) > place)
    identity = questions(server, job)[place]["id"]
    done = server.post(f"/api/jobs/{job}/questions/{identity}/answer", json={"answer": option, "by": "Ann"})
    assert done.status_code == 200, done.text


def test_it_waits_for_a_click_and_ends_with_the_chosen_option(
    served: Served, machine: Machine, job: str
) -> None:
    asking = [
        machine.start("ask", "Migrate now?", "--timeout", "5m", stdout=subprocess.PIPE),
        machine.start("ask", "Where to?", "--options", "here,there,nowhere", stdout=subprocess.PIPE),
    ]
    eventually(lambda: len(questions(served, job)) == 2)
    assert stored(served, job)["reporter"] == "alive"
    places = {one["text"]: place for place, one in enumerate(questions(served, job))}
    pressed = time.monotonic()
    click(served, job, "no", places["Migrate now?"])
    click(served, job, "nowhere", places["Where to?"])
    outputs = [process.communicate(timeout=30) for process in asking]
    assert time.monotonic() - pressed < 10
    assert [(process.returncode, out) for process, (out, _) in zip(asking, outputs, strict=True)] == [
        (1, b"no\n"),
        (2, b"nowhere\n"),
    ]
    assert outputs[0][1] == b"chef: Ann chose no\n"


def test_a_time_that_is_over_has_a_status_of_its_own_or_the_default(machine: Machine) -> None:
    machine.run("start")
    done = machine.run("ask", "Now?", "--timeout", "1s")
    assert (done.status, done.out, done.complaints) == (124, b"", ["chef: nobody has answered in time"])
    done = machine.run("ask", "Now?", "--timeout", "1s", "--default", "no")
    assert (done.status, done.out, done.complaints) == (
        1,
        b"no\n",
        ["chef: nobody has answered in time: taken for no"],
    )


def test_where_nobody_can_be_asked_it_says_so(served: Served, machine: Machine, job: str) -> None:
    assert machine.run("ask", "Now?", "--default", "maybe").status == 2
    assert machine.run("ask", "Now?", "--options", "one").status == 2
    served.post(f"/api/jobs/{job}/completed", json={"projectId": "web"})
    assert machine.run("ask", "Now?").status == 125
    machine.environment["CHEF_URL"] = "http://127.0.0.1:9"
    done = machine.run("ask", "Now?", "--timeout", "1s", "--default", "yes")
    assert (done.status, done.out) == (0, b"yes\n")
    del machine.environment["CHEF_URL"]
    assert machine.run("ask", "Now?").status == 125


def test_it_ends_with_the_job_and_when_somebody_asks_to_stop(
    served: Served, machine: Machine, job: str
) -> None:
    asking = machine.start("ask", "Now?", stdout=subprocess.PIPE)
    eventually(lambda: questions(served, job) != [])
    served.post(f"/api/jobs/{job}/cancelled")
    asking.communicate(timeout=30)
    assert asking.returncode == 125
    machine.environment["CHEF_JOB"] = job + "-2"
    asking = machine.start("ask", "Now?", stdout=subprocess.PIPE)
    eventually(lambda: questions(served, job + "-2") != [])
    pressed = time.monotonic()
    served.post(f"/api/jobs/{job}-2/stop", json={"by": "Ann"})
    asking.communicate(timeout=40)
    assert time.monotonic() - pressed < 10  # At once; the rest is a slow machine's.
    assert asking.returncode == 128 + signal.SIGTERM


def test_within_chef_run_the_build_goes_on_with_the_answer(
    served: Served, machine: Machine, job: str
) -> None:
    chef = " ".join(machine.command())
    command = ["sh", "-c", f"if {chef} ask 'Deploy?' >/dev/null; then echo deployed; else echo left; fi"]
    build = machine.start("run", "--", *command, stdout=subprocess.PIPE)
    click(served, job, "yes")
    out, _ = build.communicate(timeout=60)
    assert (build.returncode, out) == (0, b"deployed\n")
    assert stored(served, job)["questions"][0]["answer"]["by"] == "Ann"


def test_a_question_that_is_waited_for_is_answered_at_once(served: Served, job: str) -> None:
    served.update({"type": "progress", "jobId": job, "projectId": "web"})
    asked = {"id": "q", "text": "Now?", "options": ["yes", "no"], "timeout": 60}
    served.post(f"/api/jobs/{job}/questions", json=asked)
    told: list[Any] = []
    wait = threading.Thread(
        target=lambda: told.append(
            requests.get(f"{served.url}/api/jobs/{job}/questions/q?wait=30", timeout=40).json()
        )
    )
    wait.start()
    eventually(lambda: "chef_controls_waiting 0.0" not in served.get("/metrics").text)
    began = time.monotonic()
    click(served, job, "yes")
    wait.join(30)
    assert told[0]["state"] == "answered"
    assert time.monotonic() - began < 5
    # A time that is over ends the waiting, too.
    served.post(f"/api/jobs/{job}/questions", json={**asked, "id": "short", "timeout": 1})
    assert json.loads(served.get(f"/api/jobs/{job}/questions/short?wait=30").text)["state"] == "expired"
