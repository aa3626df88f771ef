"""`python -m chef`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import jwt
import pytest

from chef import __main__ as cli
from chef.access.auth import Gate
from chef.access.credentials import Credentials
from chef.domain.clock import now_ms
from chef.errors import StoreUnavailable
from chef.serve import shown_host
from chef.settings.config import NAMES, Settings

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a secret of at least 32 bytes, honestly"


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests, and no `.env` of theirs."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


# token


def test_a_printed_token_lets_a_viewer_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEF_JWT_SECRET", SECRET)
    before = now_ms()
    assert cli.main(["token", "--scope", "read", "--project", "web", "--project", "api", "--days", "30"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    text = captured.out.removesuffix("\n")
    reader = Gate(Settings(jwt_secret=SECRET), now_ms).reader(Credentials(token=text))
    assert reader.projects == frozenset({"web", "api"})
    assert reader.expires_at is not None
    assert 0 <= reader.expires_at // 1000 - before // 1000 - 30 * 86400 <= 60


@pytest.mark.parametrize(
    ("arguments", "scope"),
    [([], "read"), (["--scope", "write"], "write"), (["--scope", "write read"], "read write")],
)
def test_a_token_reads_unless_told_otherwise(
    arguments: list[str], scope: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEF_JWT_SECRET", SECRET)
    assert cli.main(["token", *arguments]) == 0
    claims = jwt.decode(capsys.readouterr().out.strip(), SECRET, algorithms=["HS256"])
    assert claims["scope"] == scope
    assert "projects" not in claims


def test_the_secret_may_stand_in_the_dotenv_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text(f"CHEF_JWT_SECRET={SECRET}\n")
    assert cli.main(["token"]) == 0
    assert jwt.decode(capsys.readouterr().out.strip(), SECRET, algorithms=["HS256"])


def test_without_a_secret_no_token_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["token"]) == 2
    assert one_line(capsys).startswith("CHEF_JWT_SECRET is not set")


def test_a_bad_setting_is_one_line_for_a_command_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEF_JWT_SECRET", "hunter2")
    assert cli.main(["token"]) == 2
    assert one_line(capsys) == "CHEF_JWT_SECRET must be at least 32 bytes long, this one has 7"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["cook"], "invalid choice"),
        (["token", "--scope", "admin"], "argument --scope: must be read, write or 'read write'"),
        (["token", "--scope", ""], "argument --scope: must be read, write or 'read write'"),
        (["token", "--days", "0"], "argument --days: must be a whole number from 1 to 3650"),
        (["token", "--days", "3651"], "argument --days: must be a whole number"),
        (["token", "--days", "1.5"], "argument --days: must be a whole number"),
        (["token", "--days", "٣"], "argument --days: must be a whole number"),
        (["token", "--days", "9" * 5000], "argument --days: must be a whole number"),
        (["token", "extra"], "unrecognized arguments: extra"),
        (["serve", "--port", "80"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert reason in one_line(capsys)


def test_a_wrong_project_id_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHEF_JWT_SECRET", SECRET)
    assert cli.main(["token", "--project", "a/b"]) == 2
    assert one_line(capsys).startswith("project must be 1 to 128 characters")


def test_the_help_names_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("serve", "migrate", "token"))


# migrate


@pytest.mark.real
def test_migrate_brings_the_configured_database_up_to_date_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        done = run("-m", "chef", "migrate", DATABASE_URL="sqlite:///here.db")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "here.db").read_bytes().startswith(b"SQLite format 3\0")


def test_a_database_that_cannot_be_opened_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_settings: Settings) -> NoReturn:
        raise StoreUnavailable("the database cannot be opened: no such directory")

    monkeypatch.setattr("chef.store.migrate", fail)
    monkeypatch.setattr(cli, "load_settings_or_exit", lambda serves: Settings())
    assert cli.main(["migrate"]) == 2
    assert one_line(capsys) == "the database cannot be opened: no such directory"


# serve


def test_serve_starts_python_again_with_its_own_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    class Replaced(Exception):
        """execv does not return."""

    started: list[list[str]] = []

    def execv(path: str, command: list[str]) -> NoReturn:
        assert path == sys.executable
        started.append(command)
        raise Replaced

    monkeypatch.setattr("os.execv", execv)
    for flags, command_line in (
        ([], ["python", "-m", "chef", "serve"]),
        (["-X", "dev"], ["python", "-X", "dev", "-m", "chef", "serve"]),
        ([], ["chef", "serve"]),
    ):
        monkeypatch.setattr("sys.orig_argv", command_line)
        with pytest.raises(Replaced):
            cli.main(["serve"])
        assert started.pop() == [sys.executable, *flags, "-c", cli.SERVE]


@pytest.mark.real
def test_serve_patches_before_anything_of_chef_is_imported_and_passes_settings_and_status() -> None:
    script = """
import sys, types
server = types.ModuleType("chef.serve")
def main(settings):
    from gevent import monkey
    print(settings.port, monkey.is_module_patched("socket"), monkey.is_module_patched("threading"))
    return 7
server.main = main
sys.modules["chef.serve"] = server
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("chef", "flask", "sqlalchemy"):
            assert sys.modules["gevent.monkey"].is_module_patched("socket"), name
sys.meta_path.insert(0, Watch())
"""
    done = run("-c", script + cli.SERVE, PORT="4321", CHEF_ALLOWED_HOSTS="*")
    assert (done.returncode, done.stdout, done.stderr) == (7, "4321 True True\n", "")


@pytest.mark.real
def test_serve_with_a_bad_setting_ends_with_one_line_and_status_2() -> None:
    done = run("-m", "chef", "serve", CHEF_PING_INTERVAL="28")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "CHEF_PING_INTERVAL='28' must be a whole number from 1 to 27 (seconds)\n"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("::1", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_address_that_a_start_tells_can_be_opened_as_it_stands(host: str, shown: str) -> None:
    assert shown_host(host) == shown
