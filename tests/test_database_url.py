"""What DATABASE_URL says holds: a start with each kind of parameter, and with those that libpq refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from chef.doctor.storage import look_at_store
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store import migrate as migrate_store
from tests.tools.postgres import Postgres
from tests.tools.serving import Served, free_port
from tests.tools.swallowing import Swallowing

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
StartServer = Callable[..., Served]
UPDATE = {"type": "progress", "jobId": "j", "projectId": "p"}


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def migrate(url: str, folder: Path, command: tuple[str, ...] = ("-m", "chef", "migrate")) -> tuple[int, str]:
    """Run the command; its exit status and what it wrote."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "CHEF_ALLOWED_HOSTS": "*",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_options_are_the_servers(start_server: StartServer, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA builds")
        connection.commit()
        url = f"{postgres_url}?options=-csearch_path%3Dbuilds&application_name=our%20chef"
        start_server(DATABASE_URL=url).update(UPDATE)
        found = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'jobs'").fetchall()
        assert found == [("builds",)]
        named = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'our chef'"
        assert connection.execute(named).fetchone() != (0,)


@pytest.mark.parametrize("first", ["nobody", "one that is silent"])
def test_of_several_hosts_one_that_answers_is_enough(
    start_server: StartServer, postgres_url: str, first: str
) -> None:
    with Swallowing(port_of(postgres_url)) as proxy:
        proxy.swallow()
        port = free_port() if first == "nobody" else proxy.port
        url = postgres_url.replace("@", f"@127.0.0.1:{port},")
        server = start_server(DATABASE_URL=url)
        assert server.post("/api/updates", json=UPDATE).status_code == 200
        assert server.get("/api/jobs").status_code == 200


def test_a_start_waits_as_long_as_the_url_says(postgres_url: str, tmp_path: Path) -> None:
    with Swallowing(port_of(postgres_url)) as proxy:
        proxy.swallow()
        begun = time.monotonic()
        url = postgres_url.replace(f":{port_of(postgres_url)}/", f":{proxy.port}/")
        status, told = migrate(f"{url}?connect_timeout=7", tmp_path)
        assert (status, told) == (2, "the database cannot be opened: connection timeout expired\n")
        assert 7 <= time.monotonic() - begun < 60


def test_encryption_that_is_asked_for_is_no_wish(postgres_url: str, tmp_path: Path) -> None:
    status, told = migrate(f"{postgres_url}?ssl=true", tmp_path)
    assert (status, told.count("\n")) == (2, 1)
    assert "does not support SSL" in told


@pytest.mark.parametrize("command", [("-m", "chef", "migrate"), (str(ROOT / "app.py"),)])
def test_what_libpq_does_not_know_is_one_line_and_exit_2(
    postgres_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    status, told = migrate(f"{postgres_url}?prepare_threshold=0", tmp_path, command)
    assert (status, told.count("\n")) == (2, 1)
    assert told.startswith("DATABASE_URL=")
    assert "the parameter 'prepare_threshold', which libpq does not know" in told


def test_a_role_that_does_not_exist_is_told_at_once(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused for good is not asked again until the time is over."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    with pytest.raises(StoreUnavailable, match='role "nobody" does not exist'):
        migrate_store(Settings(database_url=postgres_url.replace("chef@", "nobody@")))


def made_with(url: str, encoding: str) -> str:
    """The URL of a new database that keeps its texts so."""
    name = f"texts_{encoding.lower()}"
    with psycopg.connect(url, autocommit=True) as admin:
        how = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        admin.execute(f"CREATE DATABASE {name} {how}")
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def test_a_database_that_keeps_bytes_as_they_come_keeps_all_texts(
    start_server: StartServer, postgres: Postgres
) -> None:
    """SQL_ASCII is what a cluster has that was made without a locale, as in many an image of Debian."""
    url = made_with(postgres.new_database(), "SQL_ASCII")
    server = start_server(DATABASE_URL=f"{url}?client_encoding=LATIN1")
    text = "gr\u00fcn \u2192 \u65e5\u672c \U0001f600"
    server.update(UPDATE | {"message": text, "meta": {"title": text}})
    assert server.post("/api/jobs/j/logs", data=text.encode()).status_code == 200
    assert server.get("/api/jobs/j").json()["message"] == text
    assert server.get("/api/jobs/j/logs").json()["lines"][0]["message"] == text
    found = server.get("/api/jobs", params={"q": "\u65e5\u672c"}).json()["jobs"]
    assert [job["jobId"] for job in found] == ["j"]


def test_a_database_without_room_for_all_texts_is_refused_before_anything_is_in_it(
    postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = made_with(postgres.new_database(), "LATIN1")
    status, told = migrate(url, tmp_path)
    assert (status, told.count("\n")) == (2, 1)
    assert "the database's encoding is LATIN1" in told
    # A store that is there goes on, and says it.
    with monkeypatch.context() as earlier:
        earlier.setattr(sys.modules["chef.store.migrate"], "narrow_encoding", lambda _: None)
        migrate_store(Settings(database_url=url))
    migrate_store(Settings(database_url=url))
    assert "the database's encoding is LATIN1" in caplog.text
    said = {(one.level, one.check) for one in look_at_store(Settings(database_url=url))}
    assert ("wrong", "store") in said
