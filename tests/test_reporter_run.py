"""`chef run` against a served Chef: the command is as it would be without, and all of it arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from tests.tools.reporting import (
    Machine,
    job_has_line,
    lines,
    raw,
    stored,
)
from tests.tools.serving import ROOT, Served, free_port, serve
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_a_command_is_as_it_would_be_without_and_its_job_says_how_it_was(
    served: Served, machine: Machine, job: str
) -> None:
    done = machine.run("run", "--", "sh", "-c", "echo out; echo err >&2; cat; exit 3", input=b"typed\n")
    assert (done.status, done.out) == (3, b"out\ntyped\n")
    assert done.err == f"chef: {served.url}/jobs/{job}\nerr\n"
    found = stored(served, job)
    assert (found["status"], found["projectId"]) == ("failed", "web")
    assert found["error"] == {"message": "sh ended with exit status 3", "code": 3}
    assert sorted(lines(served, job)) == [("stderr", "err"), ("stdout", "out"), ("stdout", "typed")]
    assert found["meta"]["exitCode"] == 3
    assert found["meta"]["durationMs"] >= 0
    assert found["meta"]["command"] == "sh -c 'echo out; echo err >&2; cat; exit 3'"
    assert found["meta"]["title"] == found["meta"]["command"]


def test_a_command_that_ends_well_completes_its_job(served: Served, machine: Machine, job: str) -> None:
    done = machine.run("run", "--phase", "installing", "true")
    assert (done.status, done.out) == (0, b"")
    found = stored(served, job)
    assert (found["status"], found["progress"]) == ("completed", 100)
    assert [span["phase"] for span in found["phases"]] == ["installing", "completed"]


@pytest.mark.parametrize("known", [True, False])
def test_a_command_that_says_nothing_has_said_all_of_it(
    served: Served, machine: Machine, job: str, known: bool
) -> None:
    if not known:
        del machine.environment["CHEF_JOB"]
    done = machine.run("run", "--", "sh", "-c", "exit 4")
    assert (done.status, done.complaints) == (4, [])
    found = stored(served, done.err.split()[-1].rpartition("/")[2])
    assert found["integrity"] == {"complete": True, "lines": 0}
    if known:
        assert found["jobId"] == job


def test_nothing_is_claimed_of_a_stream_that_only_others_wrote_to(
    served: Served, machine: Machine, job: str
) -> None:
    served.post(f"/api/jobs/{job}/logs?projectId=web", data=b"by hand\n")
    assert machine.run("run", "--", "true").complaints == []
    assert "integrity" not in stored(served, job)


def test_without_a_url_the_command_runs_and_one_line_says_that_nothing_is_reported(tmp_path: Path) -> None:
    done = Machine(tmp_path).run("run", "--", "sh", "-c", "echo out; exit 7")
    assert (done.status, done.out, done.err) == (
        7,
        b"out\n",
        "chef: CHEF_URL is not set: nothing is reported\n",
    )
    assert Machine(tmp_path).run("run", "-q", "--", "true").err == ""


@pytest.mark.parametrize("url", ["ftp://x", "http://", "no url", "http://x?y"])
def test_a_wrong_setting_of_the_environment_is_no_reason_not_to_build(tmp_path: Path, url: str) -> None:
    done = Machine(tmp_path, CHEF_URL=url).run("run", "--", "sh", "-c", "exit 7")
    assert done.status == 7
    assert done.complaints == [
        f"chef: CHEF_URL must be like https://chef.example.com (it is {url!r}): nothing is reported"
    ]


def test_streams_that_go_to_one_place_keep_their_order(served: Served, machine: Machine, job: str) -> None:
    command = "for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; done"
    done = machine.run("run", "-q", "--", "sh", "-c", command, stderr=subprocess.STDOUT)
    expected = [f"{name} {number}" for number in range(1, 6) for name in ("out", "err")]
    assert done.out.decode().splitlines() == expected
    assert lines(served, job) == [("stdout", line) for line in expected]


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["no-such-command"], 127, "no-such-command: command not found"),
        (["/"], 126, "/: Permission denied"),
        (["sh", "-c", "kill -KILL $$"], -9, "sh was ended by SIGKILL"),
        (["sh", "-c", "kill -SEGV $$"], -11, "sh was ended by SIGSEGV"),
    ],
)
def test_ends_that_are_no_exit_status(
    served: Served, machine: Machine, job: str, command: list[str], status: int, message: str
) -> None:
    done = machine.run("run", "--", *command)
    assert done.status == status
    code = status if status > 0 else 128 - status
    assert stored(served, job)["error"] == {"message": message, "code": code}


def test_a_script_without_its_first_line_runs_as_in_a_shell(machine: Machine) -> None:
    script = machine.folder / "script"
    script.write_text("echo ran $1\n")
    script.chmod(0o755)
    assert machine.run("run", str(script), "well").out == b"ran well\n"


def test_bytes_are_what_they_are(served: Served, machine: Machine, job: str) -> None:
    content = os.urandom(300_000)
    (machine.folder / "binary").write_bytes(content)
    assert machine.run("run", "cat", "binary").out == content
    assert raw(served, job) == content


def test_what_python_writes_is_seen_at_once_unless_it_was_told_otherwise(machine: Machine) -> None:
    show = "echo ${PYTHONUNBUFFERED-unset}"
    assert machine.run("run", "-q", "--", "sh", "-c", show).out == b"1\n"
    machine.environment["PYTHONUNBUFFERED"] = ""
    assert machine.run("run", "-q", "--", "sh", "-c", show).out == b"\n"


def test_a_long_line_without_an_end(served: Served, machine: Machine, job: str) -> None:
    done = machine.run("run", "--", "sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x")
    assert done.out == b"x" * 10_000_000
    assert done.complaints == []
    assert stored(served, job)["lines"] == 1
    head = served.session.head(f"{served.url}/api/jobs/{job}/logs")
    assert head.headers["Upload-Offset"] == "10000000"


def test_many_lines(served: Served, machine: Machine, job: str) -> None:
    done = machine.run("run", "--linger", "60", "--", "seq", "1", "100000")
    expected = "".join(f"{number}\n" for number in range(1, 100_001)).encode()
    assert done.out == expected
    assert zlib.crc32(raw(served, job)) == zlib.crc32(expected)


def test_a_command_that_closes_its_output_is_waited_for(machine: Machine) -> None:
    done = machine.run("run", "--", "sh", "-c", "echo out; exec >&- 2>&-; sleep 0.5; exit 4")
    assert (done.status, done.out) == (4, b"out\n")


def test_a_child_that_holds_the_pipe_is_not_waited_for(served: Served, machine: Machine, job: str) -> None:
    done = machine.run("run", "--", "sh", "-c", "sleep 30 & echo $!; exit 5")
    os.kill(int(done.out), signal.SIGKILL)
    assert done.status == 5
    assert done.seconds < 25
    assert stored(served, job)["lines"] == 1


def test_a_reader_that_has_had_enough_ends_the_command_as_without(machine: Machine) -> None:
    line = " ".join(machine.command("run", "-q", "--", "yes")) + " | head -n 2"
    done = subprocess.run(
        ["sh", "-c", line], env=machine.environment, capture_output=True, timeout=30, check=False
    )
    assert done.stdout == b"y\ny\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
@pytest.mark.parametrize("to_group", [False, True], ids=["to the process", "to the group"])
def test_signals_reach_the_command_once(
    served: Served, machine: Machine, job: str, name: str, to_group: bool
) -> None:
    short = name.removeprefix("SIG")
    script = f"trap 'echo got {short}' {short}; echo ready; while :; do sleep 0.1; [ -e go ] && exit 6; done"
    with machine.start("run", "--", "sh", "-c", script, start_new_session=True) as process:
        eventually(lambda: job_has_line(served, job, "ready"))
        (os.killpg if to_group else os.kill)(process.pid, getattr(signal, name))
        eventually(lambda: job_has_line(served, job, f"got {short}"))
        (machine.folder / "go").touch()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 6
    assert out.decode().count(f"got {short}") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_by_a_signal_ends_us_by_it(
    served: Served, machine: Machine, job: str, number: signal.Signals
) -> None:
    with machine.start(
        "run", "--", "sh", "-c", "echo ready; exec sleep 60", start_new_session=True
    ) as process:
        eventually(lambda: job_has_line(served, job, "ready"))
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == -number
    found = stored(served, job)
    assert (found["status"], found["error"]["message"]) == ("cancelled", f"sh was ended by {number.name}")
    assert (found["meta"]["exitCode"], found["integrity"]["complete"]) == (128 + number, True)


def test_a_command_that_is_stopped_is_cancelled_however_it_ends(
    served: Served, machine: Machine, job: str
) -> None:
    script = "trap 'echo cleaned up; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    with machine.start("run", "--", "sh", "-c", script, start_new_session=True) as process:
        eventually(lambda: job_has_line(served, job, "ready"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 5
    assert (stored(served, job)["status"], stored(served, job)["meta"]["exitCode"]) == ("cancelled", 5)


def test_a_stop_stops_the_command_and_goes_on_with_it(served: Served, machine: Machine, job: str) -> None:
    script = "n=0; while [ $n -lt 60 ]; do n=$((n+1)); echo $n; sleep 0.05; done"
    with machine.start("run", "--", "sh", "-c", script, start_new_session=True) as process:
        eventually(lambda: job_has_line(served, job, "3"))
        process.send_signal(signal.SIGTSTP)
        eventually(lambda: os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)[0] == process.pid)
        time.sleep(0.5)
        before = stored(served, job)["lines"]
        time.sleep(0.5)
        assert stored(served, job)["lines"] <= before + 1
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.decode().split() == [str(number) for number in range(1, 61)]


def test_closed_and_further_descriptors_are_the_commands_too(machine: Machine) -> None:
    command = " ".join(machine.command("run", "-q", "--", "sh", "-c", "'echo out; echo five >&5; exit 3'"))
    done = subprocess.run(
        ["sh", "-c", f"{command} 5>five >&- 2>&- <&-"],
        cwd=machine.folder,
        env=machine.environment,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert (machine.folder / "five").read_text() == "five\n"


def test_modules_of_the_build_are_not_those_of_the_reporter(machine: Machine) -> None:
    for name in ("http", "json", "signal", "tempfile", "types", "urllib"):
        (machine.folder / f"{name}.py").write_text("raise SystemExit('this is not the standard library')\n")
    for start in (["chef.py"], ["-m", "chef"]):
        done = subprocess.run(
            [sys.executable, *start, "run", "-q", "--job", f"here{start[0]}", "--", "echo", "built"],
            cwd=machine.folder,
            env=machine.environment
            | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1" if "-m" in start else ""},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"built\n", b"")


def test_what_is_ignored_stays_ignored(served: Served, machine: Machine, job: str) -> None:
    """`nohup chef run …` survives a hang-up, and so does the command."""
    command = "nohup " + " ".join(
        machine.command("run", "--", "sh", "-c", "'echo ready; sleep 1; echo there'")
    )
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"], cwd=machine.folder, env=machine.environment, stdout=-1, stderr=-1
    ) as process:
        eventually(lambda: job_has_line(served, job, "ready"))
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"ready\nthere\n")


def test_the_server_knows_that_the_reporter_is_there(served: Served, machine: Machine, job: str) -> None:
    with machine.start("run", "--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done") as process:
        eventually(lambda: served.get(f"/api/jobs/{job}").json().get("reporter") == "alive")
        (machine.folder / "go").touch()
        process.communicate(timeout=30)
    assert stored(served, job)["reporter"] is None


def test_lines_are_there_while_the_command_runs(served: Served, machine: Machine, job: str) -> None:
    script = "echo first; printf 'no end'; until [ -e go ]; do sleep 0.05; done; echo ' yet'"
    with machine.start("run", "--", "sh", "-c", script) as process:
        eventually(lambda: job_has_line(served, job, "first"))
        (machine.folder / "go").touch()
        process.communicate(timeout=30)
    assert lines(served, job) == [("stdout", "first"), ("stdout", "no end yet")]


def test_a_question_that_waits_is_seen(served: Served, machine: Machine, job: str) -> None:
    with machine.start(
        "run", "--", "sh", "-c", "printf 'sure? '; read answer; echo $answer", stdin=-1
    ) as one:
        eventually(lambda: job_has_line(served, job, "sure? "))
        assert one.communicate(b"yes\n", timeout=30)[0] == b"sure? yes\n"
    assert raw(served, job) == b"sure? yes\n"


def test_all_lines_are_there_once_though_the_server_is_killed_thrice(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / "machine").mkdir()
    url = f"http://127.0.0.1:{port}"
    machine = Machine(tmp_path / "machine", CHEF_URL=url, CHEF_PROJECT="web", CHEF_JOB="killed")
    script = """
    n=0
    while [ $n -lt 4000 ]; do n=$((n+1)); echo line $n; [ $((n % 40)) = 0 ] && sleep 0.03; done
    exit 9"""
    server = serve(tmp_path, {"PORT": port})
    try:
        with machine.start("run", "--linger", "30", "--", "sh", "-c", script) as process:
            for seen in (100, 1200, 2400):
                wait_for_lines(server, seen)
                server.kill()
                time.sleep(0.3)
                server = serve(tmp_path, {"PORT": port})
            out, err = process.communicate(timeout=90)
        assert process.returncode == 9
        assert out.count(b"\n") == 4000
        assert [line for line in err.decode().splitlines() if "/jobs/" not in line] == []
        assert raw(server, "killed") == out
        found = stored(server, "killed")
        assert (found["lines"], found["error"]["code"]) == (4000, 9)
    finally:
        server.stop()


def wait_for_lines(server: Served, count: int) -> None:
    def are_there() -> bool:
        answer = server.get("/api/jobs/killed")
        return answer.status_code == 200 and answer.json()["lines"] >= count

    eventually(are_there, 60)
