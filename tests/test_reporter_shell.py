"""`chef.sh`: what a machine without Python has, in every shell that it may have."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tools.reporting import lines, save_scripts, stored
from tests.tools.serving import Served, free_port, serve
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]
SHELLS = [["sh"], ["bash", "--posix"]]


class ShellMachine:
    """A build machine with chef.sh on it."""

    def __init__(self, folder: Path, shell: list[str], **environment: str) -> None:
        self.folder = folder
        save_scripts(folder)
        self._shell = shell
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)} | environment

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(
            [*self._shell, "chef.sh", *arguments],
            cwd=self.folder,
            env=self.environment,
            **(settings | options),
        )

    def run(self, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(given, timeout=60)
        return process.returncode, out, err


@pytest.fixture(params=SHELLS, ids=" ".join)
def machine(request: pytest.FixtureRequest, served: Served, job: str, tmp_path: Path) -> ShellMachine:
    return ShellMachine(tmp_path, request.param, CHEF_URL=served.url, CHEF_PROJECT="web", CHEF_JOB=job)


def test_it_is_clean_in_the_eyes_of_shellcheck(tmp_path: Path) -> None:
    save_scripts(tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    tool = shutil.which("shellcheck", path=path)
    assert tool, "shellcheck is missing: it comes with the development packages"
    done = subprocess.run(
        [tool, "--shell=sh", "chef.sh"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_a_command_runs_as_it_would_and_is_reported(served: Served, machine: ShellMachine, job: str) -> None:
    machine.environment["DEPLOY_TOKEN"] = "s3cr3t-value"
    command = "echo out; cat; echo key $DEPLOY_TOKEN >&2; printf 'no end'; exit 3"
    status, out, err = machine.run("run", "--", "sh", "-c", command, given="typed\n")
    assert (status, out) == (3, "out\ntyped\nno end")
    assert sorted(err.splitlines()) == [f"chef: {served.url}/jobs/{job}", "key s3cr3t-value"]
    found = stored(served, job)
    assert (found["status"], found["error"]["code"]) == ("failed", 3)
    assert sorted(lines(served, job)) == [
        ("stderr", "key ***"),
        ("stdout", "no end"),
        ("stdout", "out"),
        ("stdout", "typed"),
    ]
    assert list(machine.folder.glob("tmp.*")) == []


def test_streams_that_go_to_one_place_keep_their_order(
    served: Served, machine: ShellMachine, job: str
) -> None:
    command = "for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; done"
    with machine.start("run", "-q", "--", "sh", "-c", command, stderr=subprocess.STDOUT) as process:
        out, _ = process.communicate(timeout=60)
    expected = [f"{name} {number}" for number in range(1, 6) for name in ("out", "err")]
    assert out.splitlines() == expected
    assert [line for _, line in lines(served, job)] == expected


def test_what_a_command_says_when_a_signal_for_all_ends_it_is_seen(
    served: Served, machine: ShellMachine, job: str
) -> None:
    command = 'trap "echo cleaned up; exit 5" TERM; echo ready; sleep 30 & wait'
    with machine.start("run", "-q", "--", "sh", "-c", command, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # As a CI system does that cancels a build.
        os.killpg(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=30) == ("cleaned up\n", "")
    assert process.returncode == 5
    assert [line for _, line in lines(served, job)] == ["ready", "cleaned up"]
    assert stored(served, job)["status"] == "cancelled"


def test_a_command_that_says_nothing_has_said_all_of_it(
    served: Served, machine: ShellMachine, job: str
) -> None:
    assert machine.run("run", "-q", "--", "sh", "-c", "exit 4") == (4, "", "")
    assert stored(served, job)["integrity"] == {"complete": True, "lines": 0}


VARIABLES = [
    "url",
    "job",
    "project",
    "phase",
    "status",
    "VERSION",
    "title",
    "branch",
    "commit",
    "author",
    "address",
    "folder",
    "api",
    "step",
    "linger",
    "quiet",
    "leg",
    "lines",
    "place",
    "sent",
    "have",
    "base",
    "pause",
    "stream",
    "begun",
    "sender",
    "out",
    "err",
    "tries",
    "one",
    "value",
    "until",
    "missing",
    "claims",
    "more",
    "complaint",
    "taken",
    "ask_path",
    "command_name",
    "found_job",
    "found_project",
]


@pytest.mark.parametrize("reported", [True, False], ids=["reported", "without a server"])
def test_a_command_gets_its_variables_as_they_are(machine: ShellMachine, reported: bool) -> None:
    machine.environment |= {name: f"mine-{name}" for name in VARIABLES}
    if not reported:
        del machine.environment["CHEF_URL"]
    given = dict(machine.environment)
    status, out, _ = machine.run("run", "--project", "web", "-q", "--", "env")
    found = dict(line.split("=", 1) for line in out.splitlines())
    assert (status, {name: found[name] for name in VARIABLES}) == (
        0,
        {name: given[name] for name in VARIABLES},
    )
    assert not [name for name in found if name.startswith("chef_")]


@pytest.mark.parametrize("reported", [True, False], ids=["reported", "without a server"])
@pytest.mark.parametrize("name", ["report", "send", "mask", "end", "exit", "test"])
def test_a_command_may_have_the_name_of_a_function_or_a_builtin(
    machine: ShellMachine, name: str, reported: bool
) -> None:
    tool = machine.folder / "tools" / name
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "the tool $1"\nexit 5\n')
    tool.chmod(0o755)
    machine.environment["PATH"] = f"{tool.parent}:{machine.environment['PATH']}"
    if not reported:
        del machine.environment["CHEF_URL"]
    assert machine.run("run", "-q", "--", name, "x")[:2] == (5, "the tool x\n")


@pytest.mark.parametrize("reported", [True, False], ids=["reported", "without a server"])
def test_a_command_that_cannot_run_has_the_status_of_a_shell(machine: ShellMachine, reported: bool) -> None:
    (machine.folder / "plain").write_text("no program")
    if not reported:
        del machine.environment["CHEF_URL"]
    for command, expected in [("no-such-command", 127), ("./plain", 126)]:
        status, _, err = machine.run("run", "-q", "--step", "--", command)
        assert (status, Path(command).name in err) == (expected, True)


def test_steps_of_a_script(served: Served, machine: ShellMachine, job: str) -> None:
    commands = [
        ("phase", "installing", "npm ci"),
        ("progress", "45.5%", "a & b"),
        ("log", "one", "line"),
        ("artifact", 'the "site"', "https://example.com/a?b=c&d"),
    ]
    for command in commands:
        assert machine.run(*command) == (0, "", "")
    found = stored(served, job)
    assert (found["progress"], found["message"]) == (45.5, "a & b")
    assert lines(served, job) == [("stdout", "one line")]
    machine.environment["DEPLOY_TOKEN"] = "s3cr3t-value"
    assert machine.run("progress", "46", "with s3cr3t-value") == (0, "", "")
    assert stored(served, job)["message"] == "with ***"
    assert [one["name"] for one in stored(served, job)["artifacts"]] == ['the "site"']
    assert machine.run("log", "-", given="two\nthree\n") == (0, "", "")
    assert machine.run("exit", "0", "well") == (0, "", "")
    assert [line for _, line in lines(served, job)] == ["one line", "two", "three"]
    assert (stored(served, job)["status"], stored(served, job)["message"]) == ("completed", "well")


@pytest.mark.parametrize(
    ("command", "status"), [("done", "completed"), ("fail", "failed"), ("cancel", "cancelled")]
)
def test_ends_by_hand(served: Served, machine: ShellMachine, job: str, command: str, status: str) -> None:
    assert machine.run(command, "said") == (0, "", "")
    assert (stored(served, job)["status"], stored(served, job)["message"]) == (status, "said")


def test_nothing_is_sent_with_a_secret_in_it(served: Served, machine: ShellMachine, job: str) -> None:
    secret = "s3cr3t-value"
    ci = {"GITLAB_CI": "true", "CI_JOB_ID": "1", "CI_JOB_URL": f"https://ci.example.com/?key={secret}"}
    ci |= {
        "CI_COMMIT_SHA": secret,
        "CI_COMMIT_REF_NAME": f"fix/{secret}",
        "CI_COMMIT_AUTHOR": f"Ann {secret}",
    }
    machine.environment |= ci | {"DEPLOY_TOKEN": secret, "CI_COMMIT_TITLE": f"Use {secret} & more"}
    run = machine.run("run", "-q", "--step", "--phase", f"with-{secret}", "--", "true")
    assert run == (0, "", "")
    found = stored(served, job)
    assert [span["phase"] for span in found["phases"]] == ["with----"]
    assert found["meta"] == {
        "author": "Ann ***",
        "branch": "fix/***",
        "commit": "***",
        "run": "gitlab-1",
        "title": "Use *** & more",
        "url": "https://ci.example.com/?key=***",
    }
    assert machine.run("phase", f"then-{secret}") == (0, "", "")
    assert [span["phase"] for span in stored(served, job)["phases"]] == ["with----", "then----"]
    assert machine.run("exit", "3", f"no {secret}") == (0, "", "")
    assert secret not in served.get(f"/api/jobs/{job}").text


def test_standard_input_is_in_the_log_while_it_comes(served: Served, machine: ShellMachine, job: str) -> None:
    with machine.start("log", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write("one\ntwo")
        process.stdin.flush()
        eventually(lambda: lines(served, job) == [("stdout", "one")])
        out, err = process.communicate(" and more\nno end", timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert [line for _, line in lines(served, job)] == ["one", "two and more", "no end"]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_server_that_hangs_does_not_hang_a_program_that_writes_to_the_log(
    tmp_path: Path, shell: list[str]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        machine = ShellMachine(tmp_path, shell, CHEF_URL=url, CHEF_JOB="x")
        status, out, err = machine.run("log", "-", given="a line that is long\n" * 500_000)
    assert (status, out) == (0, "")
    assert err.startswith("chef: did not arrive: curl: (28)")
    assert err.count("\n") == 1
    assert list(tmp_path.glob("tmp.*")) == []


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("answers", [False, True], ids=["no server", "a server that hangs"])
def test_without_a_server_the_command_ends_as_it_would(
    tmp_path: Path, shell: list[str], answers: bool
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answers:
            listener.listen()
        machine = ShellMachine(
            tmp_path, shell, CHEF_URL=f"http://127.0.0.1:{listener.getsockname()[1]}", CHEF_JOB="x"
        )
        began = time.monotonic()
        status, out, err = machine.run("run", "-q", "--linger", "2", "--", "sh", "-c", "seq 50000; exit 4")
        took = time.monotonic() - began
    assert (status, out.count("\n")) == (4, 50_000)
    assert err.startswith("chef: did not arrive: 288894 bytes of output, the end of the job (")
    assert err.count("\n") == 1
    assert took < 25


def test_without_a_url_one_line_says_so(tmp_path: Path) -> None:
    machine = ShellMachine(tmp_path, ["sh"], CHEF_JOB="x")
    assert machine.run("run", "sh", "-c", "exit 7") == (
        7,
        "",
        "chef: CHEF_URL is not set: nothing is reported\n",
    )
    assert machine.run("phase", "installing")[0] == 0


def test_all_lines_are_there_once_though_the_server_is_killed(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / "machine").mkdir()
    machine = ShellMachine(
        tmp_path / "machine",
        ["sh"],
        CHEF_URL=f"http://127.0.0.1:{port}",
        CHEF_PROJECT="web",
        CHEF_JOB="killed",
    )
    script = "n=0; while [ $n -lt 400 ]; do n=$((n+1)); echo line $n; [ $((n % 2)) = 0 ] || sleep 0.01; done"
    server = serve(tmp_path, {"PORT": port})
    try:
        with machine.start("run", "-q", "--", "sh", "-c", script) as process:
            eventually(lambda: len(lines(server, "killed")) > 50)
            server.kill()
            server = serve(tmp_path, {"PORT": port})
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert lines(server, "killed") == [("stdout", f"line {number}") for number in range(1, 401)]
        assert stored(server, "killed")["status"] == "completed"
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "a command is needed"),
        (("cook",), "there is no command 'cook'"),
        (("run",), "run needs a command"),
        (("run", "--colour", "true"), "there is no option '--colour'"),
        (("run", "--job"), "--job needs a value"),
        (("run", "--linger", "x", "true"), "--linger must be a whole number"),
        (("artifact", "name"), "artifact needs a name and a URL"),
        (("phase",), "phase needs a value"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    status, out, err = ShellMachine(tmp_path, ["sh"]).run(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert reason in err


def test_its_help_says_what_it_cannot_do(tmp_path: Path) -> None:
    status, out, _ = ShellMachine(tmp_path, ["sh"]).run("--help")
    assert status == 0
    assert "What chef.py can do and chef.sh cannot" in out


# --- what is true of the build ----------------------------------------------------------------


GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "9", "CI_PROJECT_NAME": "shop"}


def test_a_second_build_of_a_ci_job_is_a_job_of_its_own(served: Served, job: str, tmp_path: Path) -> None:
    machine = ShellMachine(tmp_path, ["sh"], CHEF_URL=served.url, CI_JOB_ID=f"sh-{job}", **GITLAB)
    machine.run("run", "--", "true")
    status, _, err = machine.run("run", "--", "sh", "-c", "echo FAIL; exit 1")
    assert (status, err) == (1, f"chef: {served.url}/jobs/gitlab-9-sh-{job}-2\n")
    for _ in range(2):
        machine.run("run", "--step", "--", "echo", "one")
    assert machine.run("done") == (0, "", "")
    found = [stored(served, f"gitlab-9-sh-{job}{number}") for number in ("", "-2", "-3")]
    assert [(one["status"], one["lines"]) for one in found] == [
        ("completed", 0),
        ("failed", 1),
        ("completed", 2),
    ]
    assert "409" in machine.run("fail", "again")[2]


def test_stages_that_run_side_by_side_have_their_names(served: Served, job: str, tmp_path: Path) -> None:
    jenkins = {"JENKINS_URL": "https://jenkins.example.com", "JOB_NAME": "shop", "BUILD_NUMBER": f"sh-{job}"}
    for name, status in (("Unit tests", 0), ("Lint", 3)):
        machine = ShellMachine(tmp_path, ["sh"], CHEF_URL=served.url, STAGE_NAME=name, **jenkins)
        assert machine.run("run", "--", "sh", "-c", f"exit {status}")[0] == status
    found = [stored(served, f"jenkins-shop-sh-{job}-{name}")["status"] for name in ("Unit-tests", "Lint")]
    assert found == ["completed", "failed"]


def test_a_line_is_seen_before_it_ends(served: Served, machine: ShellMachine, job: str) -> None:
    script = "printf 'checking for X... '; until [ -e go ]; do printf .; sleep 0.2; done; echo yes"
    with machine.start("run", "--", "sh", "-c", script) as process:
        eventually(lambda: any(text.startswith("checking for X... .") for _, text in lines(served, job)))
        (machine.folder / "go").touch()
        out, _ = process.communicate(timeout=30)
    assert lines(served, job) == [("stdout", out.rstrip("\n"))]
    assert stored(served, job)["integrity"]["complete"] is True


def test_a_secret_is_not_shown_in_pieces(served: Served, machine: ShellMachine, job: str) -> None:
    machine.environment["DEPLOY_TOKEN"] = "s3cr3t-value"
    (machine.folder / "build.sh").write_text(
        "printf 'key s3cr'; until [ -e go ]; do sleep 0.1; done; echo 3t-value\n"
    )
    with machine.start("run", "--", "sh", "build.sh") as process:
        eventually(lambda: ("stdout", "key ") in lines(served, job))
        (machine.folder / "go").touch()
        process.communicate(timeout=30)
    assert lines(served, job) == [("stdout", "key ***")]


def test_standard_input_is_seen_before_its_line_ends(served: Served, machine: ShellMachine, job: str) -> None:
    with machine.start("log", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write("checking for X... ")
        process.stdin.flush()
        eventually(lambda: ("stdout", "checking for X... ") in lines(served, job))
        process.communicate("yes\n", timeout=30)
    assert lines(served, job) == [("stdout", "checking for X... yes")]
