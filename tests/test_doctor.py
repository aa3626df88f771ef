"""`python -m chef doctor`: with real databases, a real Redis and real servers, well and ill."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chef.__main__ import main
from chef.doctor import packages, storage
from chef.doctor.diagnosis import Diagnosis
from chef.doctor.secrecy import Secrecy
from chef.settings.config import NAMES, Settings
from chef.store import inspecting, migrate
from chef.store.inspecting import Inspection
from tests.tools.pgbouncer import pgbouncer
from tests.tools.redis import Redis
from tests.tools.serving import ROOT, Served
from tests.tools.targets import fake_target

TOKEN = "a-token-that-is-long-enough"
real = pytest.mark.real


class Examined:
    """What the doctor said: its exit status, and its findings by check."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status = done.returncode
        told = json.loads(done.stdout)
        self.seconds: float = told["seconds"]
        self.found = [Diagnosis(**one) for one in told["checks"]]
        assert told["ok"] == (self.status == 0)
        assert all(one.advice for one in self.found if one.level != "ok")

    def of(self, check: str) -> list[tuple[str, str]]:
        """What was found of one check: how bad it is, and in which words."""
        return [(one.level, one.says) for one in self.found if one.check == check]

    @property
    def wrong(self) -> set[str]:
        return {one.check for one in self.found if one.level == "wrong"}


@pytest.fixture
def doctor(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in an empty folder, with some settings and no others."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in NAMES}
        return subprocess.run(
            [sys.executable, "-m", "chef", "doctor", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def examine(doctor: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Examined]:
    """The same with time enough for a busy machine, and its findings."""

    def run(*arguments: str, within: float = 20, **settings: str) -> Examined:
        done = doctor("--json", "--within", str(within), *arguments, **settings)
        assert done.stderr == ""
        return Examined(done)

    return run


# --- targets ------------------------------------------------------------------------------------


@real
def test_targets_are_looked_for_and_nothing_is_sent_to_them(examine: Callable[..., Examined]) -> None:
    with fake_target() as target, fake_target() as away:
        away.stop()
        examined = examine(
            CHEF_NOTIFY=f"{target.url}/hunter2#failed {away.url}/hunter2", CHEF_ALLOWED_HOSTS="*"
        )
        assert examined.status == 0
        assert examined.of(f"target {target.url}") == [("ok", "can be reached")]
        ((level, says),) = examined.of(f"target {away.url}")
        assert (level, says.partition(":")[0]) == ("warning", "cannot be reached")
        assert target.sent == []
    warned = [says for level, says in examined.of("settings") if level == "warning"]
    assert any("CHEF_URL is not set" in one and "http://localhost:3001" in one for one in warned)
    assert any("are not signed: set CHEF_HOOK_SECRET" in one for one in warned)
    assert not any("hunter2" in one.says for one in examined.found)
    known = examine(CHEF_NOTIFY=f"{target.url}/x", CHEF_URL="https://chef.example", CHEF_HOOK_SECRET="s" * 32)
    assert not any("CHEF_URL" in says for level, says in known.of("settings") if level == "warning")


@real
def test_a_target_that_there_cannot_be_is_wrong(examine: Callable[..., Examined]) -> None:
    examined = examine(CHEF_NOTIFY="smtp://hunter2")
    assert examined.status == 1
    ((level, says),) = examined.of("targets")
    assert level == "wrong"
    assert says.startswith("CHEF_NOTIFY target 1 (smtp://…) must begin with one of")


# --- settings -----------------------------------------------------------------------------------


@real
def test_where_nothing_is_set_and_nothing_is_there_nothing_is_wrong_and_nothing_is_made(
    examine: Callable[..., Examined], tmp_path: Path
) -> None:
    examined = examine()
    assert examined.status == 0
    assert ("ok", "all are at their defaults") in examined.of("settings")
    assert examined.of("store") == [("ok", "the file chef.db is not there yet: a start makes it")]
    assert list(tmp_path.iterdir()) == []
    checks = {one.check for one in examined.found}
    assert checks == {
        *("settings", "store", "limits", "redis", "disk", "descriptors", "clock", "versions", "known holes"),
    }


@real
def test_each_setting_is_told_and_each_bad_one_and_each_that_is_none(
    examine: Callable[..., Examined], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("CHEF_RETENTION_DAYS=7\n")
    examined = examine(
        PORT="70000", CHEF_MAX_WAIT="soon", CHEF_PROT="1", CHEF_API_TOKEN=TOKEN, HOST="127.0.0.1"
    )
    assert examined.status == 1
    told = examined.of("settings")
    assert ("ok", "HOST=127.0.0.1") in told
    assert ("ok", "CHEF_RETENTION_DAYS=7") in told
    assert ("ok", "CHEF_API_TOKEN=***") in told
    assert [says.split(" ")[0] for level, says in told if level == "wrong"] == [
        "PORT='70000'",
        "CHEF_MAX_WAIT='soon'",
    ]
    assert ("warning", "CHEF_PROT is not a setting of Chef, did you mean PORT?") in told
    assert examined.of("store") == []  # Nobody knows which one is meant.


@real
def test_whose_pages_a_star_in_an_origin_lets_in_is_told(examine: Callable[..., Examined]) -> None:
    told = examine(
        WEBSOCKET_CORS_ORIGIN="https://*.Vercel.app/,http://localhost:*,https://app.example.com"
    ).of("settings")
    says = [says for level, says in told if level == "ok" and says.startswith("WEBSOCKET_CORS_ORIGIN: ")]
    assert [sentence.partition(": ")[2] for sentence in says] == [
        "https://*.vercel.app is https://NAME.vercel.app for any one name, whoever has it",
        "http://localhost:* is http://localhost at any port",
    ]
    bad = examine(WEBSOCKET_CORS_ORIGIN="https://*.com")
    assert bad.status == 1
    assert "below a named host" in str([says for level, says in bad.of("settings") if level == "wrong"])


@real
def test_no_secret_is_printed(doctor: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    secrets = {
        "CHEF_API_TOKEN": "the-first-token-0123,the-second-token-4567",
        "CHEF_PROJECT_TOKENS": "web=the-web-token-8901",
        "CHEF_JWT_SECRET": "the secret of at least 32 bytes, honestly",
        "DATABASE_URL": "postgres://someone:the-pass%2Fword@127.0.0.1:1/chef",
        "REDIS_URL": "redis://:the-redis-word@127.0.0.1:1/0",
    }
    for form in (["--json"], []):
        done = doctor(*form, "--within", "20", **secrets)
        assert done.returncode == 1
        assert "127.0.0.1" in done.stdout
        words = r"first-token|second-token|web-token|32 bytes, hon|the-pass|word@|redis-word|someone"
        assert re.findall(words, done.stdout + done.stderr) == []


def test_what_a_library_says_has_no_secret_either() -> None:
    url = "postgres://someone:p%40ssword@db/chef"
    secrecy = Secrecy({"DATABASE_URL": url, "CHEF_API_TOKEN": f"{TOKEN},other-token"})
    assert secrecy.hide(f"cannot log in with p@ssword or {TOKEN}, nor with other-token") == (
        "cannot log in with *** or ***, nor with ***"
    )
    assert secrecy.hide(url) == "postgres://someone:***@db/chef"


@real
def test_lines_begin_with_how_bad_it_is_and_end_with_what_to_do(
    doctor: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = doctor("--within", "20", CHEF_MAX_WAIT="soon")
    *lines, last = done.stdout.splitlines()
    assert all(re.fullmatch(r"(ok      |warning |wrong   ) [a-z ]+: .+", line) for line in lines)
    assert all((" -> " in line) != line.startswith("ok") for line in lines)
    assert re.fullmatch(r"1 wrong, \d warnings, in \d+\.\d s", last)


@pytest.mark.parametrize(
    "arguments", [["--url", "chef.example.com"], ["--url", "http://u:p@host/"], ["--within", "0"]]
)
def test_how_the_command_is_called_wrongly_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    try:
        status: object = main(["doctor", *arguments])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert capsys.readouterr().err.count("\n") == 1


# --- the store ----------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A SQLite database at the newest schema."""
    migrate(Settings(database_url=f"sqlite:///{tmp_path / 'chef.db'}"))
    return tmp_path / "chef.db"


def run_sql(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


@real
def test_a_store_that_is_well(examine: Callable[..., Examined], database: Path) -> None:
    examined = examine()
    ((level, says),) = examined.of("store")
    assert re.fullmatch(
        r"SQLite [\d.]+, wal, [\d.]+ KiB, opened in [\d.]+ ms, a commit takes [\d.]+ ms", says
    ), says
    assert examined.of("migrations") == [("ok", f"at {inspecting.newest()}, the newest")]
    assert (level in ("ok", "warning"), examined.wrong) == (True, set())


@real
@pytest.mark.parametrize(("revision", "level"), [("0003", "warning"), ("9999", "wrong")])
def test_a_schema_of_another_version(
    examine: Callable[..., Examined], database: Path, revision: str, level: str
) -> None:
    run_sql(database, f"UPDATE alembic_version SET version_num = '{revision}'")
    examined = examine()
    assert [(level, True)] == [(one, revision in says) for one, says in examined.of("migrations")]
    assert examined.wrong == ({"migrations"} if level == "wrong" else set())


@real
def test_a_store_that_is_locked_by_another_process(examine: Callable[..., Examined], database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        examined = examine()
    ((level, says),) = examined.of("store")
    assert (level, "cannot be written: database is locked" in says) == ("wrong", True)
    assert examined.status == 1


@real
def test_a_file_that_is_no_database(examine: Callable[..., Examined], tmp_path: Path) -> None:
    (tmp_path / "chef.db").write_text("not a database, for certain\n" * 100)
    examined = examine()
    assert examined.wrong == {"store"}
    assert "file is not a database" in examined.of("store")[0][1]


@real
def test_a_folder_that_is_not_there(examine: Callable[..., Examined]) -> None:
    assert examine(DATABASE_URL="sqlite:////nowhere/at/all/chef.db").wrong == {"disk"}


@real
def test_a_disk_that_is_gone_with_its_container(examine: Callable[..., Examined]) -> None:
    if not Path("/dev/shm").is_dir():
        pytest.fail("this test needs a tmpfs at /dev/shm, which every Linux has")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        examined = examine(DATABASE_URL=f"sqlite:///{folder}/chef.db")
    assert [says for level, says in examined.of("disk") if level == "warning" and "tmpfs" in says]


@real
def test_a_disk_that_a_platform_wipes(examine: Callable[..., Examined]) -> None:
    warned = [says for level, says in examine(DYNO="web.1").of("disk") if level == "warning"]
    assert ["wipes at each start" in says for says in warned] == [True]


@real
def test_postgresql_before_and_after_the_first_start(
    examine: Callable[..., Examined], postgres_url: str
) -> None:
    examined = examine(DATABASE_URL=postgres_url)
    assert examined.of("migrations") == [("warning", "the database is empty")]
    assert examined.wrong == set()
    migrate(Settings(database_url=postgres_url))
    examined = examine(DATABASE_URL=postgres_url)
    ((_, says),) = examined.of("store")
    assert re.fullmatch(
        r"PostgreSQL [\d.]+, [\d.]+ MiB, opened in [\d.]+ ms, a commit takes [\d.]+ ms", says
    ), says
    assert examined.of("migrations") == [("ok", f"at {inspecting.newest()}, the newest")]
    assert "lock_timeout" in examined.of("time limits")[0][1]
    assert re.fullmatch(r"\d+ of \d+ connections of PostgreSQL are in use", examined.of("connections")[0][1])
    assert examined.of("clock")[0][0] == "ok"
    assert examined.wrong == set()


@real
def test_a_pooler_is_seen_and_the_time_limits_are_in_force_behind_it(
    examine: Callable[..., Examined], postgres_url: str
) -> None:
    migrate(Settings(database_url=postgres_url))
    with pgbouncer(postgres_url, "transaction", 2) as url:
        examined = examine(DATABASE_URL=url)
    assert re.match(r"PostgreSQL [\d.]+ behind a pooler, ", examined.of("store")[0][1])
    ((level, says),) = examined.of("time limits")
    limits = dict(re.findall(r"(\w+_timeout) (\w+)", says))
    assert (level, set(limits)) == ("ok", set(inspecting.LIMITS))
    assert "0" not in limits.values()


@real
def test_a_postgresql_that_is_not_there(examine: Callable[..., Examined]) -> None:
    examined = examine(DATABASE_URL="postgres://chef@127.0.0.1:1/chef")
    assert examined.wrong == {"store"}
    assert "refused" in examined.of("store")[0][1]


@pytest.mark.parametrize(
    ("found", "check", "level"),
    [
        ({"ahead_s": 0.5}, "clock", "ok"),
        ({"ahead_s": -10.0}, "clock", "warning"),
        ({"ahead_s": 100.0}, "clock", "wrong"),
        ({"connections": (10, 100)}, "connections", "ok"),
        ({"connections": (90, 100)}, "connections", "warning"),
        ({"commit_s": 0.01}, "store", "ok"),
        ({"commit_s": 0.5}, "store", "warning"),
        ({"unwritable": "read-only"}, "store", "wrong"),
        ({"limits": {"statement_timeout": "3s", "lock_timeout": "3s"}}, "time limits", "ok"),
        ({"limits": {"statement_timeout": "3s", "lock_timeout": "0"}}, "time limits", "warning"),
    ],
)
def test_how_bad_it_is(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], check: str, level: str
) -> None:
    values = {"connections": (1, 100)} | found
    inspection = Inspection("PostgreSQL 18", 0.01, 1024, inspecting.newest(), **values)
    monkeypatch.setattr(inspecting, "inspect", lambda settings: inspection)
    assert [one.level for one in storage.look_at_store(Settings()) if one.check == check] == [level]


# --- Redis, and whatever hangs --------------------------------------------------------------------


@real
def test_redis_with_the_time_of_a_ping_and_of_a_message(
    examine: Callable[..., Examined], tmp_path: Path
) -> None:
    with Redis(tmp_path) as redis:
        ((_, says),) = examine(REDIS_URL=redis.url).of("redis")
        assert re.fullmatch(r"a ping takes [\d.]+ ms, a message to ourselves [\d.]+ ms", says), says
    examined = examine(REDIS_URL=redis.url)
    assert examined.wrong == {"redis"}


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@real
def test_what_hangs_is_told_in_time(examine: Callable[..., Examined]) -> None:
    with silent() as port:
        begun = time.monotonic()
        examined = examine(
            "--url",
            f"http://127.0.0.1:{port}",
            within=0.6,
            DATABASE_URL=f"postgres://chef@127.0.0.1:{port}/chef",
            REDIS_URL=f"redis://127.0.0.1:{port}/0",
        )
        took = time.monotonic() - begun
    assert examined.wrong == {"store", "redis", "server"}
    assert {says for _, says in examined.of("store")} == {"did not answer within 0.6 s"}
    assert examined.seconds < 5  # 0.6, and what a busy machine adds.
    assert took < 60  # With the start of Python on a busy machine.


# --- a running server, and what stands before it ----------------------------------------------------


@real
def test_a_server_that_is_asked_as_it_is(
    examine: Callable[..., Examined], start_server: Callable[..., Served]
) -> None:
    served = start_server(CHEF_API_TOKEN=TOKEN)
    examined = examine("--url", served.url, CHEF_API_TOKEN=TOKEN)
    assert "/health answers 200" in examined.of("server")[0][1]
    assert examined.of("proxy headers")[0] == ("ok", f"the server sees {served.url}, as it was asked")
    assert examined.of("proxy headers")[1][1].startswith(
        "this machine's address is seen as 127.0.0.1, 0 proxies"
    )
    assert examined.of("websocket") == [("ok", "a page of its own gets through")]
    assert examined.wrong == set()
    unknown = examine("--url", served.url, CHEF_API_TOKEN="another-token-0123456")
    assert unknown.of("proxy headers") == [("warning", f"{served.url}/health/seen answers 401")]


class Proxy:
    """A proxy that gives requests another `Host` and says for whom it asks, and passes on nothing else."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._port), timeout=30) as server:
                head = client.recv(65536).decode()
                head = re.sub(r"(?im)^(?:host|connection): .*\r\n", "", head).removesuffix("\r\n")
                more = "Host: internal:3001\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n"
                server.sendall((head + more).encode())
                while data := server.recv(65536):
                    client.sendall(data)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@real
def test_a_proxy_that_is_set_up_wrongly_is_found(
    examine: Callable[..., Examined], start_server: Callable[..., Served]
) -> None:
    served = start_server(CHEF_API_TOKEN=TOKEN)
    with closing(Proxy(served.port)) as proxy:
        examined = examine("--url", proxy.url, CHEF_API_TOKEN=TOKEN)
    seen, client = examined.of("proxy headers")
    assert seen == ("wrong", f"the server sees http://internal:3001, and was asked as {proxy.url}")
    assert (client[0], "X-Forwarded-For: 192.0.2.7" in client[1]) == ("warning", True)
    ((level, says),) = examined.of("websocket")
    assert (level, says.startswith("a page of its own is answered 4")) == ("warning", True)
    (advice,) = [one.advice for one in examined.found if "CHEF_TRUSTED_PROXIES" in one.advice]
    assert advice.startswith("set CHEF_TRUSTED_PROXIES=1")


@real
def test_what_the_server_sees_is_for_those_who_may_write(start_server: Callable[..., Served]) -> None:
    served = start_server(CHEF_API_TOKEN=TOKEN, CHEF_TRUSTED_PROXIES="1")
    assert served.get("/health/seen").status_code == 401
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Host": "chef.example.com",
        "X-Forwarded-For": "192.0.2.1, 192.0.2.7",
        "X-Forwarded-Proto": "https",
    }
    assert served.get("/health/seen", headers=headers).json() == {
        "scheme": "https",
        "host": "chef.example.com",
        "address": "192.0.2.7",
        "trustedProxies": 1,
        "forwarded": {"X-Forwarded-For": "192.0.2.1, 192.0.2.7", "X-Forwarded-Proto": "https"},
    }


# --- versions ---------------------------------------------------------------------------------------


def test_a_package_of_another_version_than_the_locked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.level for one in packages.look_at_versions()] == ["ok"]
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "flask" else None)
    (found,) = packages.look_at_versions()
    assert (found.level, "flask 0.1 instead of" in found.says) == ("warning", True)


HOLE = {"name": "flask", "version": "3.1.3", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": []}]}
AUDITS = {
    "one hole": (
        f"print({json.dumps(json.dumps({'dependencies': [HOLE]}))})",
        "wrong",
        "flask 3.1.3 (PYSEC-2026-1)",
    ),
    "no hole": (
        'print(\'{"dependencies": [{"name": "flask", "version": "3.1.3", "vulns": []}]}\')',
        "ok",
        "none in 1",
    ),
    "nothing known": (
        'print(\'{"dependencies": [{"name": "flask", "skip_reason": "not found"}]}\')',
        "warning",
        "knows none of the packages",
    ),
    "no service": ("raise SystemExit('cannot connect')", "warning", "does not reach its service"),
    "no answer": ("import time; time.sleep(60)", "warning", "has no answer within"),
}


@real
@pytest.mark.parametrize("name", AUDITS)
def test_known_holes_are_told_where_pip_audit_knows_some(
    examine: Callable[..., Examined], tmp_path: Path, name: str
) -> None:
    """A stand-in for pip-audit, which is not ours to install and asks a service."""
    program, level, says = AUDITS[name]
    (tmp_path / "tools" / "pip_audit").mkdir(parents=True)
    (tmp_path / "tools" / "pip_audit" / "__main__.py").write_text(program)
    (tmp_path / "tools" / "pip_audit" / "__init__.py").write_text("")
    examined = examine(within=3 if name == "no answer" else 20, PYTHONPATH=f"{ROOT}:{tmp_path / 'tools'}")
    ((found, words),) = examined.of("known holes")
    assert (found, says in words) == (level, True), words
    assert ("known holes" in examined.wrong) == (level == "wrong")


@real
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_used_of_the_limits_is_said(
    start_server: Callable[..., Served],
    examine: Callable[..., Examined],
    kind: str,
    request: Any,
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/used.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    assert examine(DATABASE_URL=url).of("limits") == [("ok", "nothing can be counted yet")]
    server = start_server(DATABASE_URL=url)
    for number in range(9):
        server.update({"type": "progress", "jobId": f"j{number}", "projectId": f"p{number}", "progress": 1})
    said = dict(text.split(": ") for _, text in examine(DATABASE_URL=url).of("limits"))
    assert said["CHEF_MAX_STORE_BYTES"].endswith(" of any number")
    levels = {
        text.split(":")[0]: (level, text)
        for level, text in examine(DATABASE_URL=url, CHEF_MAX_PROJECTS="10").of("limits")
    }
    assert levels["CHEF_MAX_PROJECTS"] == ("warning", "CHEF_MAX_PROJECTS: 9 of 10")
    assert levels["CHEF_MAX_JOBS_PER_HOUR"][0] == "ok"
