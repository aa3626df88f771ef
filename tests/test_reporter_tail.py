"""`chef tail`: a job or a project followed in a terminal, against a served Chef."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from chef.reporter.tail.client import TailClient
from chef.reporter.tail.follow import JobTail
from chef.reporter.tail.screen import FileLines, TailScreen, TerminalLines
from tests.tools.reporting import (
    Machine,
    Store,
    pretending,
    reply_problem,
    stored,
)
from tests.tools.serving import Served, free_port, serve
from tests.tools.terminals import screen_of_pyte

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def update(job: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": "web"} | fields


def log(job: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "log", "jobId": job, "message": message} | fields


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ({"type": "completed"}, 0),
        ({"type": "error", "message": "tests failed", "code": 7}, 7),
        ({"type": "error", "message": "no code"}, 1),
        ({"type": "error", "message": "a word", "code": "OOM"}, 1),
        ({"type": "error", "message": "too large", "code": 1000}, 1),
        ({"type": "progress", "status": "cancelled"}, 130),
    ],
)
def test_tail_shows_the_log_as_it_comes_and_ends_as_the_job(
    served: Served, machine: Machine, job: str, ending: dict[str, Any], status: int
) -> None:
    served.update(update(job, phase="installing"), log(job, "early"))
    with machine.start("tail", job) as process:
        assert process.stdout is not None
        early = process.stdout.readline()
        served.update(log(job, "late"), update(job, progress=60, message="halfway"), ending | {"jobId": job})
        out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert early + out == b"early\nlate\n"
    shown = err.decode().splitlines()
    assert shown[0].split() == ["==", "installing", "30%"]
    assert shown[1].split() == ["==", "building", "60%", "halfway"]
    assert shown[-1].startswith(f"== {stored(served, job)['status']} after ")


def test_tail_of_a_job_that_was_given_up_ends(capfd: pytest.CaptureFixture[str]) -> None:
    class Client(TailClient):
        def get(self, path: str) -> dict[str, Any] | None:
            if "/logs" in path:
                return {"lines": []}
            return {"status": "abandoned", "seq": 2, "phase": "building", "progress": 50, "message": None}

    client = Client("http://localhost:1", None, "1")
    assert JobTail(client, TailScreen(colours=False, quiet=False), "j", None, follow=False).run() == 1
    assert capfd.readouterr().err == "== abandoned\n"


def test_tail_waits_for_a_job_and_for_a_server_and_misses_nothing(tmp_path: Path) -> None:
    port = str(free_port())
    machine = Machine(tmp_path, CHEF_URL=f"http://127.0.0.1:{port}")
    with machine.start("tail", "-q", "later") as process:
        time.sleep(0.5)
        server = serve(tmp_path, {"PORT": port})
        try:
            time.sleep(0.5)
            server.update(update("later"), log("later", "one"))
            time.sleep(0.5)
            server.kill()
            server = serve(tmp_path, {"PORT": port})
            server.update(log("later", "two"), {"type": "completed", "jobId": "later"})
            out, err = process.communicate(timeout=30)
        finally:
            server.stop()
    assert (process.returncode, out, err) == (0, b"one\ntwo\n", b"")


def test_tail_shows_what_is_there(served: Served, machine: Machine, job: str) -> None:
    served.update(update(job), log(job, "\n".join(f"line {number}" for number in range(1, 2501))))
    every = machine.run("tail", "--no-follow", job)
    assert (every.status, every.out.count(b"\n")) == (0, 2500)
    last = machine.run("tail", "--no-follow", "-n", "2", job)
    assert (last.status, last.out) == (0, b"line 2499\nline 2500\n")
    with machine.start("tail", "-n", "1", job) as process:
        assert process.stdout is not None
        shown = process.stdout.readline()
        served.update(log(job, "new"), {"type": "error", "message": "x", "code": 5, "jobId": job})
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, shown + out) == (5, b"line 2500\nnew\n")
    ended = machine.run("tail", "-n", "1", job)
    assert (ended.status, ended.out) == (5, b"new\n")


def test_tail_keeps_colours_and_nothing_else_that_terminals_obey(
    served: Served, machine: Machine, job: str
) -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x1b]52;c;aGk=\x1b\\gone\x08\x9b1m"
    served.update(update(job), log(job, text), {"type": "completed", "jobId": job})
    assert machine.run("tail", job).out == b"red gone\n"
    assert machine.run("tail", "--color", "always", job).out == b"\x1b[31mred\x1b[0m gone\x1b[0m\n"


def test_tail_shows_of_a_progress_bar_the_first_and_the_last(
    served: Served, machine: Machine, job: str
) -> None:
    body = b"begin\n" + b"".join(b"%d%%\r" % number for number in range(101)) + b"\nend\n"
    served.update(update(job))
    served.post(f"/api/jobs/{job}/logs", data=body, headers={"Content-Type": "text/plain"})
    served.update({"type": "completed", "jobId": job})
    assert machine.run("tail", job).out == b"begin\n0%\n100%\nend\n"


def test_tail_of_a_project_shows_its_jobs(served: Served, machine: Machine, job: str) -> None:
    project = f"project-{job}"
    served.update(update(job, projectId=project, phase="installing"))
    with machine.start("tail", "--project", project) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [job.encode(), b"installing", b"30%"]
        time.sleep(0.5)
        served.update(update(f"{job}-b", projectId=project, progress=60, message="on"))
        served.update({"type": "completed", "jobId": job})
        assert process.stdout.readline().split() == [f"{job}-b".encode(), b"building", b"60%", b"on"]
        assert process.stdout.readline().split() == [job.encode(), b"completed", b"100%"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    assert machine.run("tail", "--project", project, "--no-follow", "-n", "1").out.startswith(
        f"{job}-b".encode()
    )


def test_tail_says_why_it_may_not(tmp_path: Path) -> None:
    with pretending(
        lambda _request, connection: reply_problem(connection, "401 No", "unauthorized")
    ) as server:
        done = Machine(tmp_path, CHEF_URL=server.url).run("tail", "x")
    assert (done.status, done.err) == (2, "chef: 401 it is unauthorized\n")
    with pretending(Store().take) as server:
        server.behaviour = lambda _request, connection: reply_problem(connection, "404 No", "not_found")
        done = Machine(tmp_path, CHEF_URL=server.url).run("tail", "--no-follow", "x")
    assert (done.status, done.err) == (2, "chef: there is no job x\n")


def test_tail_ends_quietly_where_nobody_reads(served: Served, machine: Machine, job: str) -> None:
    served.update(
        update(job), log(job, "\n".join(map(str, range(5000)))), {"type": "completed", "jobId": job}
    )
    line = " ".join(machine.command("tail", job)) + " | head -n 1"
    done = subprocess.run(
        ["sh", "-c", line], env=machine.environment, capture_output=True, timeout=30, check=False
    )
    assert done.stdout == b"0\n"
    assert b"Traceback" not in done.stderr


# --- lines that change -----------------------------------------------------------------------


def written(capsysbinary: pytest.CaptureFixture[bytes], display: Any, *shown: tuple[int, str, bool]) -> str:
    for number, text, replaces in shown:
        display.show("stdout", number, text, replaces)
    display.settle_all()
    return capsysbinary.readouterr().out.decode()


def screen_of(text: str, rows: int = 24) -> list[str]:
    return screen_of_pyte(text.encode(), 80, rows)


def test_lines_that_are_on_the_screen_are_changed_in_their_place(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    wide = "日本" * 50
    text = written(
        capsysbinary,
        TerminalLines(),
        *[(1, "one", False), (2, wide, False), (3, "three", False), (4, "50%", False)],
        *[
            (4, "100%", True),
            (1, "ONE", True),
            (2, "two", True),
            (5, "five", False),
            (3, "\x1b[1mTHREE\x1b[0m", True),
        ],
    )
    assert screen_of(text) == ["ONE", "two", "THREE", "100%", "five"]


def test_a_line_that_has_scrolled_away_stays_as_it_is(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "5")
    lines = [(number, f"line {number}", False) for number in range(1, 9)]
    text = written(capsysbinary, TerminalLines(), *lines, (2, "CHANGED", True), (6, "line six", True))
    assert screen_of(text, 5) == [f"line {'six' if number == 6 else number}" for number in range(1, 9)]


def test_a_file_gets_the_last_form_of_lines_that_are_redrawn(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    text = written(
        capsysbinary,
        FileLines(),
        *[(1, "a 0%", False), (2, "b 0%", False), (1, "a 50%", True), (2, "b 50%", True), (3, "c 0%", False)],
        *[(1, "a 100%", True), (3, "c 100%", True), (2, "b 100%", True)],
    )
    assert text.splitlines() == ["a 0%", "b 0%", "a 100%", "b 100%", "c 100%"]


def test_a_file_gets_lines_two_hundred_later_and_then_at_once_again(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    display = FileLines()
    for number in range(1, 4):
        display.show("stdout", number, f"first {number}", False)
    display.show("stdout", 1, "last 1", True)
    display.show("stdout", 4, "first 4", False)
    display.show("stdout", 4, "last 4", True)
    assert capsysbinary.readouterr().out == b"first 1\nfirst 2\nfirst 3\n"
    display.show("stdout", 201, "x", False)
    assert capsysbinary.readouterr().out == b"last 1\n"
    display.show("stdout", 204, "y", False)
    assert capsysbinary.readouterr().out == b"last 4\nx\ny\n"
    display.show("stdout", 205, "z", False)
    assert capsysbinary.readouterr().out == b"z\n"
