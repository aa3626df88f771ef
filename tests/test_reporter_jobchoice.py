"""The job that a command takes where the CI system's own has ended, or is another command's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chef.reporter.jobchoice import JobState, Purpose, job_state, pick_number
from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.target import find_target
from tests.tools.reporting import Machine, Request, Store, pretending, reply_json, reply_problem, stored
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]

ABSENT, OPEN, ALIVE, ENDED, UNKNOWN = JobState


@pytest.mark.parametrize(
    ("purpose", "states", "number"),
    [
        (Purpose.RUN, [ABSENT], 1),
        (Purpose.RUN, [OPEN], 1),
        (Purpose.RUN, [UNKNOWN], 1),
        (Purpose.RUN, [ENDED, ABSENT], 2),
        (Purpose.RUN, [ALIVE, ENDED, ABSENT], 3),
        (Purpose.START, [ENDED, ABSENT], 2),
        (Purpose.STEP, [ALIVE], 1),
        (Purpose.STEP, [ENDED, ALIVE], 2),
        (Purpose.UPDATE, [ABSENT], 1),
        (Purpose.UPDATE, [ENDED, ABSENT], 1),
        (Purpose.UPDATE, [ENDED, OPEN], 2),
        (Purpose.UPDATE, [ENDED, ENDED, ABSENT], 2),
        (Purpose.RUN, [ENDED] * 99, 50),
    ],
)
def test_which_job_suits(purpose: Purpose, states: list[JobState], number: int) -> None:
    assert pick_number(purpose, lambda one: states[one - 1]) == number


def answer(code: int, /, **data: Any) -> ServerAnswer:
    kind = "application/problem+json" if "code" in data else "application/json"
    return ServerAnswer(code, {"Content-Type": kind}, json.dumps(data).encode())


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (answer(404, code="not_found"), ABSENT),
        (answer(404), UNKNOWN),
        (answer(401, code="unauthorized"), UNKNOWN),
        (answer(200), UNKNOWN),
        (answer(200, status="building", reporter=None), OPEN),
        (answer(200, status="building", reporter="lost"), OPEN),
        (answer(200, status="building", reporter="alive"), ALIVE),
        (answer(200, status="completed", reporter=None), ENDED),
        (answer(200, status="cancelled", reporter=None), ENDED),
    ],
)
def test_how_a_job_stands(given: ServerAnswer, state: JobState) -> None:
    assert job_state(given) is state


def test_numbers_stand_behind_the_id() -> None:
    target = find_target({"GITLAB_CI": "true", "CI_JOB_ID": "4411", "CI_PROJECT_ID": "9"})
    assert [target.numbered(number).job for number in (1, 2, 3)] == [
        "gitlab-9-4411",
        "gitlab-9-4411-2",
        "gitlab-9-4411-3",
    ]
    assert target.numbered(3).numbered(2).job == "gitlab-9-4411-2"


GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "9", "CI_PROJECT_NAME": "shop", "CI_PIPELINE_ID": "3"}


@pytest.mark.real
def test_a_second_build_of_a_ci_job_is_a_job_of_its_own(served: Served, job: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path, CHEF_URL=served.url, CI_JOB_ID=job, **GITLAB)
    assert machine.run("run", "--", "true").complaints == []
    failed = machine.run("run", "--", "sh", "-c", "echo FAIL; exit 1")
    assert (failed.status, failed.complaints) == (1, [])
    assert failed.err == f"chef: {served.url}/jobs/gitlab-9-{job}-2\n"
    jobs = [stored(served, f"gitlab-9-{job}{number}") for number in ("", "-2")]
    assert [one["status"] for one in jobs] == ["completed", "failed"]
    assert [one["meta"]["run"] for one in jobs] == ["gitlab-9-3", "gitlab-9-3"]
    # Whatever else is told of the CI job belongs to the last of them.
    late = machine.run("fail", "again")
    assert f"409 job 'gitlab-9-{job}-2' has ended (failed)" in late.complaints[0]


@pytest.mark.real
def test_steps_of_a_ci_job_are_one_job_until_it_ends(served: Served, job: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path, CHEF_URL=served.url, CI_JOB_ID=job, **GITLAB)
    for _ in range(2):
        machine.run("run", "--step", "--", "echo", "one")
        machine.run("run", "--step", "--", "echo", "two")
        assert machine.run("exit", "0").complaints == []
    jobs = [stored(served, f"gitlab-9-{job}{number}") for number in ("", "-2")]
    assert [(one["status"], one["lines"]) for one in jobs] == [("completed", 2), ("completed", 2)]


@pytest.mark.real
def test_builds_that_run_at_once_are_jobs_of_their_own(served: Served, job: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path, CHEF_URL=served.url, CI_JOB_ID=job, **GITLAB)
    with machine.start("run", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done; exit 1") as first:
        eventually(lambda: served.get(f"/api/jobs/gitlab-9-{job}").json().get("reporter") == "alive")
        assert machine.run("run", "--", "true").complaints == []
        (tmp_path / "go").touch()
        first.communicate(timeout=30)
    jobs = [stored(served, f"gitlab-9-{job}{number}") for number in ("", "-2")]
    assert [one["status"] for one in jobs] == ["failed", "completed"]


@pytest.mark.real
def test_stages_that_run_side_by_side_have_their_names(served: Served, job: str, tmp_path: Path) -> None:
    jenkins = {"JENKINS_URL": "https://jenkins.example.com", "JOB_NAME": "shop", "BUILD_NUMBER": job}
    machine = Machine(tmp_path, CHEF_URL=served.url, **jenkins)
    stages = {"Unit tests": 0, "Lint": 3}
    running = [
        machine.start("run", "--", "sh", "-c", f"exit {status}", environment={"STAGE_NAME": name})
        for name, status in stages.items()
    ]
    assert [one.wait(60) for one in running] == [0, 3]
    for one in running:
        one.communicate()
    found = [stored(served, f"jenkins-shop-{job}-{name}")["status"] for name in ("Unit-tests", "Lint")]
    assert found == ["completed", "failed"]


@pytest.mark.real
def test_a_build_moves_on_where_it_could_not_ask_before(tmp_path: Path) -> None:
    store = Store()

    def behave(request: Request, connection: Any) -> None:
        if request.method == "GET":
            reply_problem(connection, "403 No", "forbidden")
        elif request.path == "/api/updates" and request.data[0]["jobId"] == "gitlab-9-7":
            reply_problem(connection, "409 Conflict", "job_finished")
        else:
            store.take(request, connection)

    with pretending(behave) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CI_JOB_ID="7", **GITLAB)
        done = machine.run("run", "--", "sh", "-c", "echo out; exit 3")
    assert (done.status, done.complaints) == (3, [])
    assert done.err.splitlines()[-1] == f"chef: {server.url}/jobs/gitlab-9-7-2"
    assert {update["jobId"] for update in store.updates} == {"gitlab-9-7-2"}
    assert store.streams["stdout"] == b"out\n"


@pytest.mark.real
def test_a_server_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    def behave(request: Request, connection: Any) -> None:
        if request.method != "GET":
            reply_json(connection, {})

    with pretending(behave) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CI_JOB_ID="7", **GITLAB)
        done = machine.run("run", "--linger", "0", "--", "date", "+%s")
    assert done.status == 0
    assert done.seconds < 8
