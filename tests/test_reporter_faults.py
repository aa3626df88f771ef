"""Faults of the reporter and of its machine: the build goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chef.reporter import cli
from chef.reporter.memory import Memory
from chef.reporter.output.lines import StreamTotals
from chef.reporter.sending.sender import Sender
from tests.tools.serving import ROOT


def run_within(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`chef run` as a command of a `chef run`."""
    environ = {"PATH": os.environ["PATH"], "CHEF_RUN": "j", "CHEF_JOB": "j", **environ}
    words = [sys.executable, "-m", "chef", "run", "--", *command]
    return subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.real
def test_a_command_within_a_chef_run_is_run_as_if_alone(tmp_path: Path) -> None:
    assert run_within("sh", "-c", "kill -PIPE $$; exit 3").returncode == -signal.SIGPIPE
    assert run_within("sh", "-c", "kill -XFSZ $$; exit 3").returncode == -signal.SIGXFSZ
    wrong = run_within("echo", "built", CHEF_URL="nonsense")
    assert (wrong.returncode, wrong.stdout) == (0, "built\n")
    assert "CHEF_URL must be like" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.real
def test_a_command_within_a_chef_run_that_cannot_start_ends_as_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    found = run_within(str(tmp_path / "plain"))
    assert (found.returncode, "Permission denied" in found.stderr) == (126, True)
    missing = run_within(str(tmp_path / "missing"))
    assert (missing.returncode, "command not found" in missing.stderr) == (127, True)


def test_without_a_temporary_folder_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_usable() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none_usable)
    memory = Memory("http://chef", "job")
    memory.keep({"stdout": StreamTotals()})
    assert memory.tallies() == {}
    memory.forget()


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 1)])
def test_a_fault_of_a_step_is_one_line_and_fails_no_build(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], strict: list[str], status: int
) -> None:
    def fail(*_any: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Sender, "start", fail)
    command = ["phase", *strict, "--url", "http://chef.invalid", "--job", "j", "building"]
    assert cli.main(command) == status
    assert capfd.readouterr().err == "chef: a fault of the reporter: RuntimeError: can't start new thread\n"


def test_fields_of_an_update_may_have_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Sender, "send", lambda _self, fields: sent.append(fields))
    words = ["kind=x", "passing=y", "self=z", "fields=w"]
    command = ["send", "--linger", "0", "--url", "http://chef.invalid", "--job", "j", *words]
    assert cli.main(command) == 0
    assert sent == [{"type": "progress", "kind": "x", "passing": "y", "self": "z", "fields": "w"}]
