"""Commands for scripts of several steps, against a served Chef."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chef.reporter.cli import main
from tests.tools.reporting import (
    Machine,
    Store,
    pretending,
    reply_json,
    stored,
)
from tests.tools.serving import ROOT, Served, Serving, free_port

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def lines_and_levels(server: Served, job: str) -> list[tuple[str, str, str | None]]:
    found = server.get(f"/api/jobs/{job}/logs?limit=1000").json().get("lines", [])
    return [(line["stream"], line["message"], line["level"]) for line in found]


def test_a_script_of_several_steps_is_one_job_whose_log_is_known_to_be_whole(
    served: Served, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, CHEF_URL=served.url)
    # Only the first step says which project this is.
    script = """
    set -eu
    export CHEF_JOB=$(chef start --project own --title 'A build')
    echo $CHEF_JOB
    chef run --step --phase installing -- sh -c 'echo installed; echo careful >&2'
    chef progress 45.5% 'almost there'
    chef log --stream notes --level warning one line
    seq 3 | chef log --tee -
    chef artifact site.tar.gz https://example.com/site.tar.gz --size 42
    chef run --step --phase building -- echo built
    chef exit 0 'all well'
    """
    done = in_shell(machine, script)
    assert (done.returncode, done.stderr.replace("careful\n", "").count("\n")) == (0, 3), done.stderr
    job, *printed = done.stdout.splitlines()
    assert printed == ["installed", "1", "2", "3", "built"]
    found = stored(served, job)
    assert (found["status"], found["projectId"], found["message"]) == ("completed", "own", "all well")
    assert found["meta"]["title"] == "A build"
    assert found["integrity"] == {"complete": True, "lines": 6}
    assert sorted(lines_and_levels(served, job)) == [
        ("notes", "one line", "warning"),
        ("stderr", "careful", None),
        *(("stdout", line, None) for line in ("1", "2", "3", "built", "installed")),
    ]
    phases = [span["phase"] for span in found["phases"]]
    assert phases == ["preparing", "installing", "building", "completed"]
    assert list(tmp_path.glob("chef-*/*")) == []


def in_shell(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    command = " ".join(machine.command())
    return subprocess.run(
        ["sh", "-c", f'chef() {{ {command} "$@"; }}\n{script}'],
        env=machine.environment,
        cwd=machine.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_job_says_that_a_step_of_it_did_not_arrive(
    served: Served, machine: Machine, job: str, serving: Serving
) -> None:
    machine.run("run", "--step", "--", "echo", "arrived")
    away = machine.run("run", "--step", "--linger", "0", "--url", served.url, "--", "true")
    assert away.status == 0
    # Lines that were written while the server was away are in the sum all the same.
    port = str(free_port())
    machine.environment["CHEF_URL"] = f"http://127.0.0.1:{port}"
    machine.run("run", "--step", "--linger", "0", "--", "echo", "lost")
    folder = machine.folder / "server"
    folder.mkdir()
    with serving(folder, {"PORT": port}) as other:
        assert machine.run("done").complaints == []
        verdict = stored(other, job)["integrity"]
    assert verdict["complete"] is False
    assert verdict["missing"] == [{"stream": "stdout", "bytes": 5, "from": 0, "lines": 1}]


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        (["done"], ("completed", None)),
        (["done", "said"], ("completed", None)),
        (["fail"], ("failed", {"message": "failed", "code": None})),
        (["fail", "--code", "3", "tests failed"], ("failed", {"message": "tests failed", "code": 3})),
        (["fail", "--code", "OOM", "x"], ("failed", {"message": "x", "code": "OOM"})),
        (["exit", "0"], ("completed", None)),
        (["exit", "9"], ("failed", {"message": "ended with exit status 9", "code": 9})),
        (["exit", "", "x"], ("failed", {"message": "x", "code": 1})),
        (["exit", "137"], ("failed", {"message": "ended with exit status 137", "code": 137})),
        (["exit", "130"], ("cancelled", {"message": None, "code": None})),
        (["exit", "143", "stopped"], ("cancelled", {"message": "stopped", "code": None})),
        (["cancel"], ("cancelled", {"message": None, "code": None})),
        (["cancel", "not needed"], ("cancelled", {"message": "not needed", "code": None})),
    ],
)
def test_ends(
    served: Served, machine: Machine, job: str, command: list[str], ending: tuple[Any, ...]
) -> None:
    done = machine.run(*command)
    assert (done.status, done.out, done.err) == (0, b"", "")
    found = stored(served, job)
    assert (found["status"], found.get("error")) == ending


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (['{"type": "progress", "phase": "testing", "progress": 12.5}'], None),
        (["phase=testing", "progress=12.5"], None),
        (["-"], b'[{"type": "log", "message": "x"}, {"phase": "testing", "progress": 12.5}]'),
        (["-"], b'{"type": "log", "message": "x"}\n\n{"phase": "testing", "progress": 12.5}\n'),
    ],
)
def test_updates_are_sent_as_they_are(
    served: Served, machine: Machine, job: str, words: list[str], given: bytes | None
) -> None:
    done = machine.run("send", *words, input=given)
    assert (done.status, done.err) == (0, "")
    found = stored(served, job)
    assert (found["phase"], found["progress"]) == ("testing", 12.5)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["phase", "Not One"], "a phase has 1 to 32 characters of a-z 0-9 _ - (it is 'Not One')"),
        (["progress", "101"], "progress must be 0 to 100 (it is '101')"),
        (["progress", ""], "progress must be 0 to 100 (it is '')"),
        (["send", "progress"], "'progress' is no FIELD=VALUE"),
        (["send", "{"], "each line must be JSON (it is '{')"),
        (["send", "progress=half"], "progress must be a number from 0 to 100 (it is 'half')"),
        (["send", "artifacts=none"], "artifacts must be JSON (it is 'none')"),
        (["send", "progress=150"], "422 progress must be between 0 and 100"),
    ],
)
def test_a_wrong_value_is_told_and_fails_no_build(machine: Machine, command: list[str], reason: str) -> None:
    done = machine.run(*command)
    assert done.status == 0
    (complaint,) = done.complaints
    assert reason in complaint
    assert machine.run(command[0], "--strict", *command[1:]).status == 1


def test_what_the_server_does_not_know_of_an_update_is_told(machine: Machine) -> None:
    done = machine.run("send", "progress=5", "progres=20")
    assert done.status == 0
    assert done.complaints == ["chef: unknown field 'progres', did you mean 'progress'?"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["cook"], "invalid choice: 'cook'"),
        (["run"], "run needs a command"),
        (["run", "--colour", "--", "true"], "unrecognized arguments: --colour"),
        (["run", "--linger", "long", "--", "true"], "argument --linger: must be a number of seconds"),
        (["run", "--phase", "A B", "--", "true"], "argument --phase: must be 1 to 32 characters"),
        (["run", "--job", "a b", "--", "true"], "--job must be 1 to 128 characters"),
        (["run", "--url", "chef", "--", "true"], "must be like https://"),
        (["phase"], "the following arguments are required: name"),
        (["tail", "--lines", "x"], "argument -n/--lines: must be a whole number"),
        (["tail"], "tail needs a job"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    tmp_path: Path, command: list[str], reason: str
) -> None:
    done = Machine(tmp_path, CHEF_URL="http://127.0.0.1:9").run(*command)
    assert (done.status, done.out, done.err.count("\n")) == (2, b"", 1)
    assert reason in done.err


def test_every_command_has_a_help_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = Machine(tmp_path).run("--help").out.decode()
    for command in (
        "run",
        "start",
        "phase",
        "progress",
        "log",
        "artifact",
        "tests",
        "done",
        "fail",
        "cancel",
        "exit",
        "send",
        "tail",
    ):
        assert f"\n    {command} " in listed
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"], prog="chef.py")
        assert ended.value.code == 0
        assert f"usage: chef.py {command}" in capsys.readouterr().out


def test_without_a_server_a_step_says_so_and_goes_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, CHEF_URL="http://127.0.0.1:9", CHEF_JOB="x")
    done = machine.run("phase", "installing", "--linger", "0.5")
    assert (done.status, done.out) == (0, b"")
    assert done.complaints == ["chef: did not arrive: 1 update (Connection refused)"]
    del machine.environment["CHEF_URL"]
    assert machine.run("phase", "installing").complaints == ["chef: CHEF_URL is not set: nothing is reported"]
    assert machine.run("log", "-", "--tee", input=b"x\n").out == b"x\n"


def test_a_step_without_a_job_says_what_is_missing(served: Served, tmp_path: Path) -> None:
    done = Machine(tmp_path, CHEF_URL=served.url).run("phase", "installing")
    assert done.status == 0
    assert done.complaints == [
        "chef: CHEF_JOB is not set: which job is this? (export CHEF_JOB=$(chef start))"
    ]


def test_a_chef_within_a_chef_run_reports_to_the_same_job(served: Served, tmp_path: Path) -> None:
    machine = Machine(tmp_path, CHEF_URL=served.url)
    inner = " ".join(machine.command())
    script = f"{inner} phase installing; {inner} run --phase testing -- echo inner; {inner} log noted"
    done = machine.run("run", "--project", "web", "--", "sh", "-c", script)
    assert (done.status, done.out, done.complaints) == (0, b"inner\n", [])
    job = done.err.strip().rpartition("/")[2]
    found = stored(served, job)
    assert [span["phase"] for span in found["phases"]] == ["building", "installing", "testing", "completed"]
    assert sorted(line for _, line, _ in lines_and_levels(served, job)) == ["inner", "noted"]


def test_markers_in_the_output_become_phases_and_progress(served: Served, machine: Machine, job: str) -> None:
    script = (
        "echo '[ 10%] Building a.o'; sleep 0.4; printf 'section_start:1:unit_tests\\r\\033[0KUnit tests\\n';"
        "echo 77%; sleep 0.4; echo ::stop-commands::x; echo 78%; echo 100%; echo ::x::; echo 100%; sleep 0.4"
    )
    done = machine.run("run", "--", "sh", "-c", script)
    assert done.complaints == []
    events = served.get(f"/api/jobs/{job}/events", headers={"Accept": "application/json"}).json()["events"]
    states = [one["data"] for one in events if one["event"] == "job:progress"]
    shown = [(one["phase"], one["phaseProgress"], one["message"], one["progress"]) for one in states]
    assert shown == [
        ("building", None, None, 50),
        ("building", 10, "Building a.o", 54),
        ("unit_tests", None, "Unit tests", 54),
        ("unit_tests", 77, "Unit tests", 54),
        ("unit_tests", 100, "Unit tests", 54),
        ("completed", None, None, 100),
    ]
    other = machine.run(
        "run", "--job", f"{job}-plain", "--no-markers", "--", "sh", "-c", "echo 77%; sleep 0.4"
    )
    assert other.out == b"77%\n"
    assert [span["phase"] for span in stored(served, f"{job}-plain")["phases"]] == ["building", "completed"]


def test_markers_that_come_at_once_are_all_seen_and_of_very_many_the_newest(
    served: Served, machine: Machine, job: str
) -> None:
    script = (
        "echo ::group::Install; echo 45%; echo '##vso[task.setprogress value=60;]Tests';"
        "echo \"##teamcity[progressMessage 'Nearly there']\"; sleep 0.6; seq -f %.0f%% 1 80; sleep 0.6"
    )
    machine.run("run", "--", "sh", "-c", script)
    events = served.get(f"/api/jobs/{job}/events", headers={"Accept": "application/json"}).json()["events"]
    states = [one["data"] for one in events if one["event"] == "job:progress"]
    shown = [(one["phaseProgress"], one["message"]) for one in states]
    assert shown[1:5] == [(None, "Install"), (45, "Install"), (60, "Tests"), (60, "Nearly there")]
    of_many = [progress for progress, _ in shown[5:-1]]
    assert of_many == sorted(of_many)
    assert of_many[-1] == 80
    assert 10 <= len(of_many) <= 40


def test_a_job_that_has_ended_is_not_written_to_again(served: Served, machine: Machine, job: str) -> None:
    machine.run("run", "--", "echo", "first")
    again = machine.run("run", "--", "sh", "-c", "echo second; exit 4")
    assert (again.status, again.out) == (4, b"second\n")
    missing = "7 bytes of output, the end of the job, 1 update"
    assert again.complaints == [f"chef: did not arrive: {missing} (409 job '{job}' has ended (completed))"]
    assert [line for _, line, _ in lines_and_levels(served, job)] == ["first"]


def test_the_servers_own_checkout_reports_too_without_its_modules(
    served: Served, machine: Machine, job: str
) -> None:
    environment = machine.environment | {"PYTHONPATH": str(ROOT)}
    python = machine.command()[0]
    code = "import sys, os; print(open('/proc/%d/cmdline' % os.getppid()).read().count('types.ModuleType'))"
    done = subprocess.run(
        [python, "-m", "chef", "run", "--", python, "-c", code],
        env=environment,
        cwd=machine.folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"1\n")
    assert stored(served, job)["status"] == "completed"


def test_a_token_is_sent_and_nothing_else_of_the_environment(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_TOKEN="token-0123456789", CHEF_JOB="x")
        machine.run("phase", "installing")
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer token-0123456789"
    assert json.loads(request.body)[0]["phase"] == "installing"
    assert os.environ["PATH"] not in str(request)


def test_an_answer_that_names_warnings_is_an_answer(tmp_path: Path) -> None:
    body = {"accepted": 1, "duplicates": 0, "jobs": {}, "warnings": ["update 0: unknown field 'x'"]}
    with pretending(lambda _request, connection: reply_json(connection, body)) as server:
        assert Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="x").run("phase", "a").complaints == []
