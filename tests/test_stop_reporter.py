"""`chef run` ends the command that somebody asked to stop, and says who it was."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chef.reporter.process.stopping import BuildStop
from tests.tools.reporting import Machine, Request, job_has_line, pretending, reply_json, stored
from tests.tools.serving import ROOT, Served, Serving, free_port, serve
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server on which builds can be stopped."""
    with serving(tmp_path_factory.mktemp("controlled"), {"CHEF_CONTROL": "true"}) as running:
        yield running
        assert "Traceback" not in running.output.read_text()


def press(server: Served, job: str, by: str = "Ann") -> dict[str, Any]:
    response = server.post(f"/api/jobs/{job}/stop", json={"by": by})
    assert response.status_code == 200, response.text
    asked: dict[str, Any] = response.json()["stop"]
    return asked


def waits(server: Served) -> bool:
    """Whether a reporter holds a heartbeat."""
    return "chef_controls_waiting 0.0" not in server.get("/metrics").text


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return status != "Z"


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def test_a_silent_build_learns_of_it_at_once_and_ends_as_cancelled(
    served: Served, machine: Machine, job: str
) -> None:
    build = machine.start("run", "--", "sleep", "60")
    eventually(lambda: waits(served))
    pressed = time.monotonic()
    asked = press(served, job)
    assert build.wait(20) == -signal.SIGTERM
    assert time.monotonic() - pressed < 2 + 3  # It learns within 2 s; the rest is a slow machine's.
    eventually(lambda: stored(served, job)["status"] == "cancelled")
    found = stored(served, job)
    assert found["error"]["message"] == "stopped at the request of Ann: sleep was ended by SIGTERM"
    assert found["stop"] == asked
    assert b"chef: Ann asked to stop: SIGTERM to sleep, SIGKILL in 10 s" in build.communicate()[1]


def test_a_build_that_ignores_sigterm_is_killed_with_all_that_it_started(
    served: Served, machine: Machine, job: str, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    script = (
        f"trap '' TERM; (echo $BASHPID >{child}; while :; do sleep 0.1; done) & while :; do sleep 0.1; done"
    )
    build = machine.start("run", "--stop-after", "1s", "--", "bash", "-c", script)
    pid = pid_in(child)
    eventually(lambda: waits(served))
    press(served, job)
    assert build.wait(20) == -signal.SIGKILL
    eventually(lambda: not is_alive(pid))
    eventually(lambda: stored(served, job)["status"] == "cancelled")
    assert "ended by SIGKILL" in stored(served, job)["error"]["message"]
    build.communicate()


def test_what_outlives_its_parent_is_killed_in_the_end(
    served: Served, machine: Machine, job: str, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    # The parent ends at once; its child ignores SIGTERM and has let go of the output.
    loop = "while :; do sleep 0.1; done"
    script = f"(trap '' TERM; echo $BASHPID >{child}; exec >/dev/null 2>&1; {loop}) & sleep 60"
    build = machine.start("run", "--stop-after", "1s", "--", "bash", "-c", script)
    pid = pid_in(child)
    eventually(lambda: waits(served))
    press(served, job)
    build.wait(20)
    assert not is_alive(pid)
    build.communicate()


def test_a_build_that_takes_sigterm_for_a_good_end_is_cancelled_all_the_same(
    served: Served, machine: Machine, job: str
) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    build = machine.start("run", "--", "sh", "-c", script)
    eventually(lambda: job_has_line(served, job, "up"))
    eventually(lambda: waits(served))
    press(served, job)
    assert build.wait(20) == 0  # The command's own status is never another.
    eventually(lambda: stored(served, job)["status"] == "cancelled")
    assert job_has_line(served, job, "bye")
    build.communicate()


def test_a_build_that_is_asked_before_it_starts_is_ended_at_its_start(
    served: Served, machine: Machine, job: str
) -> None:
    served.update({"type": "progress", "jobId": job, "projectId": "web", "phase": "queued"})
    press(served, job)
    build = machine.start("run", "--", "sleep", "60")
    assert build.wait(30) == -signal.SIGTERM
    eventually(lambda: stored(served, job)["status"] == "cancelled")
    build.communicate()


def test_steps_are_ended_and_the_scripts_own_end_says_who_asked(
    served: Served, machine: Machine, job: str
) -> None:
    machine.run("start")
    step = machine.start("run", "--step", "--stop-after", "0", "--", "sleep", "60")
    other = machine.start("run", "--step", "--stream", "two", "--", "sleep", "60")
    eventually(lambda: "chef_controls_waiting 2.0" in served.get("/metrics").text)
    press(served, job)
    assert other.wait(20) == -signal.SIGTERM
    status = step.wait(20)
    assert status in (-signal.SIGTERM, -signal.SIGKILL)
    assert stored(served, job)["status"] == "building"  # Nobody has confirmed that all of it is over.
    machine.run("exit", str(128 - status))
    assert stored(served, job)["status"] == "cancelled"
    assert stored(served, job)["error"]["message"] == "stopped at the request of Ann"
    step.communicate()
    other.communicate()


def test_a_server_that_was_killed_between_tells_it_when_it_is_back(
    machine: Machine, job: str, tmp_path: Path
) -> None:
    port = str(free_port())
    server = serve(tmp_path, {"CHEF_CONTROL": "true", "PORT": port})
    machine.environment["CHEF_URL"] = server.url
    build = machine.start("run", "--", "sleep", "60")
    eventually(lambda: waits(server))
    press(server, job)
    server.kill()
    assert build.wait(30) == -signal.SIGTERM  # It had been answered, or …
    server = serve(tmp_path, {"CHEF_CONTROL": "true", "PORT": port})
    try:
        assert stored(server, job)["stop"]["by"] == "Ann"  # … is told by the next one.
    finally:
        server.stop()
    build.communicate()


def test_a_server_that_was_killed_before_somebody_pressed(machine: Machine, job: str, tmp_path: Path) -> None:
    port = str(free_port())
    server = serve(tmp_path, {"CHEF_CONTROL": "true", "PORT": port})
    machine.environment["CHEF_URL"] = server.url
    build = machine.start("run", "--", "sleep", "120")
    eventually(lambda: waits(server))
    server.kill()
    server = serve(tmp_path, {"CHEF_CONTROL": "true", "PORT": port})
    try:
        press(server, job)
        assert build.wait(60) == -signal.SIGTERM
        eventually(lambda: stored(server, job)["status"] == "cancelled")
    finally:
        server.stop()
    build.communicate()


def test_an_older_server_is_asked_for_nothing_that_it_does_not_know(machine: Machine) -> None:
    heartbeats: list[Any] = []

    def behave(request: Request, connection: Any) -> None:
        if request.path.endswith("/heartbeat"):
            heartbeats.append(request.data)
        reply_json(
            connection, {"accepted": 1, "duplicates": 0, "jobs": {}, "offset": 0, "lines": 0, "seq": 1}
        )

    with pretending(behave) as server:
        machine.environment["CHEF_URL"] = server.url
        assert machine.run("run", "--", "sleep", "1").status == 0
    assert heartbeats
    assert all("wait" not in one for one in heartbeats)


def test_a_held_heartbeat_takes_the_place_of_the_others(machine: Machine) -> None:
    """It waits for less time than passes between two, so that a quiet build sends no more requests."""
    heartbeats: list[Any] = []

    def behave(request: Request, connection: Any) -> None:
        answer: dict[str, Any] = {
            "accepted": 1,
            "duplicates": 0,
            "jobs": {},
            "offset": 0,
            "lines": 0,
            "seq": 1,
        }
        if request.path.endswith("/heartbeat"):
            heartbeats.append(request.data)
            answer["hold"] = 3600
            if "wait" in request.data:
                time.sleep(1)
        reply_json(connection, answer)

    with pretending(behave) as server:
        machine.environment["CHEF_URL"] = server.url
        assert machine.run("run", "--", "sleep", "2").status == 0
    assert {one.get("wait") for one in heartbeats} == {None, 17}


def test_a_command_that_shares_our_group_is_ended_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"(trap '' TERM; echo $BASHPID >{child}; while :; do sleep 0.1; done) & wait"
    process = subprocess.Popen(["bash", "-c", script])
    pid = pid_in(child)
    stop = BuildStop(process.pid, None, 0.3)
    stop.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert is_alive(pid)
    eventually(lambda: stop.look() is None)
    eventually(lambda: not is_alive(pid))


def test_the_documented_loop_of_curl_ends_a_build(served: Served, job: str, tmp_path: Path) -> None:
    publish = (ROOT / "docs" / "publish.md").read_text()
    script = publish.partition("### Asked to stop")[2].partition("```text\n")[2].partition("```")[0]
    served.update({"type": "progress", "jobId": job, "projectId": "web"})
    (tmp_path / "Makefile").write_text("all:\n\t@sleep 60\n")
    environment = {**os.environ, "CHEF": served.url, "JOB": job}
    running = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env=environment)
    eventually(lambda: waits(served))
    press(served, job)
    running.wait(30)
    eventually(lambda: stored(served, job)["status"] == "cancelled")
