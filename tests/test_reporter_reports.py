"""`chef tests`: test reports of a build machine, against a served Chef and against outages."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.tools.reporting import Machine, Request, pretending, reply, reply_json, reply_problem
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def write(path: Path, *names: str, inside: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = "".join(f'<testcase classname="c" name="{name}">{inside}</testcase>' for name in names)
    path.write_text(f"<testsuite>{cases}</testsuite>")


def reported(server: Served, job: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/api/jobs/{job}/tests").json()
    return found


def test_files_and_patterns_add_up_and_each_file_counts_once(
    served: Served, machine: Machine, job: str
) -> None:
    write(machine.folder / "junit.xml", "a", "b")
    write(machine.folder / "build" / "one" / "TEST-one.xml", "c")
    write(machine.folder / "build" / "two" / "TEST-two.xml", "d", inside="<failure/>")
    for _ in range(2):
        done = machine.run("tests", "junit.xml", "./**/TEST-*.xml", "build/one/TEST-one.xml")
        assert (done.status, done.complaints, done.out) == (0, [], b"")
    assert reported(served, job)["tests"] == {
        "passed": 3,
        "failed": 1,
        "skipped": 0,
        "flaky": 0,
        "total": 4,
        "durationMs": 0,
    }
    assert served.get(f"/api/jobs/{job}").json()["projectId"] == "web"


def test_what_is_missing_or_no_report_is_said_and_fails_no_build(
    served: Served, machine: Machine, job: str
) -> None:
    (machine.folder / "page.html").write_text("<html/>")
    write(machine.folder / "junit.xml", "a")
    names = ["none.xml", "none/**/*.xml", "page.html", "junit.xml"]
    done = machine.run("tests", *names)
    refusal = "JUnit XML begins with <testsuites> or <testsuite>, not with <html>, line 1, column 1"
    assert done.status == 0
    assert done.complaints == [
        "chef: no test report: there is no file none.xml",
        "chef: no test report: there is no file none/**/*.xml",
        f"chef: page.html did not arrive: 422 {refusal}",
    ]
    assert reported(served, job)["tests"]["total"] == 1
    assert machine.run("tests", "--strict", "none.xml").status == 1
    assert machine.run("tests", "--strict", "junit.xml").status == 0


def test_reports_come_after_the_end_of_a_run(served: Served, machine: Machine, job: str) -> None:
    script = "echo '<testsuite><testcase name=\"a\"><failure/></testcase></testsuite>' > junit.xml; exit 1"
    assert machine.run("run", "--", "sh", "-c", script).status == 1
    assert machine.run("tests", "junit.xml").complaints == []
    found = served.get(f"/api/jobs/{job}").json()
    assert (found["status"], found["tests"]["failed"]) == ("failed", 1)


def test_secrets_of_the_environment_stay_on_the_machine_in_xml_too(
    served: Served, machine: Machine, job: str
) -> None:
    machine.environment |= {"API_TOKEN": "tom & <jerry>", "DB_PASSWORD": "hunter2hunter2"}
    write(
        machine.folder / "junit.xml",
        "login[hunter2hunter2]",
        inside='<failure message="said tom &amp; &lt;jerry&gt;">tom &amp; &lt;jerry></failure>',
    )
    machine.run("tests", "junit.xml")
    (case,) = reported(served, job)["cases"]
    assert (case["name"], case["message"], case["output"]) == ("login[***]", "said ***", "***")


class Flaky:
    """A server that is away at first, then takes all."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.bodies: list[bytes] = []

    def take(self, request: Request, connection: socket.socket) -> None:
        if self.failures:
            self.failures -= 1
            reply(connection, "503 Service Unavailable")
            return
        self.bodies.append(request.body)
        reply_json(connection, {"accepted": 1, "duplicates": 0, "jobs": {}})


def test_a_report_is_sent_again_until_it_has_arrived(tmp_path: Path) -> None:
    server_side = Flaky(failures=2)
    write(tmp_path / "junit.xml", "a")
    with pretending(server_side.take) as server:
        done = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="x").run("tests", "junit.xml")
        assert [request.method for request in server.requests] == ["PUT"] * 3
    assert (done.status, done.complaints) == (0, [])
    assert server_side.bodies == [(tmp_path / "junit.xml").read_bytes()]


def test_without_a_server_each_report_is_named_when_time_is_up(tmp_path: Path) -> None:
    write(tmp_path / "a.xml", "a")
    write(tmp_path / "b.xml", "b")
    machine = Machine(tmp_path, CHEF_URL="http://127.0.0.1:9", CHEF_JOB="x")
    done = machine.run("tests", "--linger", "0.6", "a.xml", "b.xml")
    assert done.status == 0
    assert done.seconds < 5
    assert done.complaints == [
        f"chef: {name} did not arrive: Connection refused" for name in ("a.xml", "b.xml")
    ]


def test_a_job_of_another_project_is_found_where_the_project_was_guessed(tmp_path: Path) -> None:
    write(tmp_path / "junit.xml", "a")

    def take(request: Request, connection: socket.socket) -> None:
        if "projectId" in request.path:
            reply_problem(connection, "409 Conflict", "project_mismatch")
        else:
            reply_json(connection, {"accepted": 1, "duplicates": 0, "jobs": {}})

    with pretending(take) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="x")
        assert machine.run("tests", "junit.xml").complaints == []
