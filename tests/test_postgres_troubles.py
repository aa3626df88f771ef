"""A PostgreSQL that answers and cannot be written: senders and operators are told why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from chef.settings.config import Settings
from chef.store import Store
from tests.tools.disks import small_disk
from tests.tools.postgres import Postgres
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

StartServer = Callable[..., Served]
LINE = {"type": "log", "jobId": "j", "projectId": "p", "message": "x"}
READ_ONLY, FULL = "the database is read-only", "the disk is full"
LOCKED = "another process holds the database's lock"


def administer(url: str, *statements: str) -> None:
    """Have them done by a superuser over a connection of their own."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        for statement in statements:
            admin.execute(statement)


def end_connections(url: str) -> None:
    """As a restart or a firewall ends them, whoever waits for their use."""
    administer(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """As after a failover: it answers, and takes nothing."""
    name = urlsplit(url).path[1:]
    administer(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    end_connections(url)
    yield
    administer(url, f"ALTER DATABASE {name} RESET default_transaction_read_only")
    end_connections(url)


@contextmanager
def without_the_right(url: str) -> Iterator[None]:
    """As hosts have it whose plan is used up: nothing may be added."""
    administer(url, "REVOKE INSERT ON ALL TABLES IN SCHEMA public FROM tenant")
    yield
    administer(url, "GRANT INSERT ON ALL TABLES IN SCHEMA public TO tenant")


def refusal(server: Served) -> str:
    """Why an update is refused."""
    answer = server.post("/api/updates", json=LINE)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"]
    return str(answer.json()["detail"])


def degraded(server: Served) -> str:
    """Why `/health` says that the server is degraded, and `/health/ready` that it is not ready."""
    answer = server.get("/health")
    assert (answer.status_code, answer.json()["store"]) == (503, "unwritable"), answer.text
    assert server.get("/health/ready").status_code == 503
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(read_only, READ_ONLY), (without_the_right, "the database's user lacks the right")],
)
def test_a_database_that_takes_nothing_says_why(
    start_server: StartServer, postgres: Postgres, trouble: Any, reason: str
) -> None:
    url = postgres.new_database()
    administer(
        url,
        "DO $$ BEGIN CREATE ROLE tenant LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
        "GRANT ALL ON SCHEMA public TO tenant",
    )
    server = start_server(DATABASE_URL=url.replace("chef@", "tenant@"))
    server.update(LINE)
    with trouble(url):
        assert reason in refusal(server)
        assert reason in degraded(server)
        assert server.get("/api/jobs/j").status_code == 200
    server.update(LINE)
    assert server.get("/health").status_code == 200


@pytest.mark.parametrize("table", ["projects", "jobs", "entries", "streams"])
def test_a_lock_on_any_table_of_updates_is_seen_by_whoever_asks_for_health_alone(
    postgres_url: str, table: str
) -> None:
    store = Store(Settings(database_url=postgres_url))
    try:
        assert store.trouble() is None
        with psycopg.connect(postgres_url) as holder:
            holder.execute(f"LOCK TABLE {table}")
            trouble = store.trouble()
        assert trouble is not None
        assert trouble.kind == "unwritable"
        assert LOCKED in trouble.detail
        eventually(lambda: store.trouble() is None)
    finally:
        store.close()


@contextmanager
def own_disk(postgres: Postgres) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A database whose tables are on a small disk; its URL, and how that gets full and has room again.

    Where nothing can be mounted, a trigger says what PostgreSQL says on a full disk.
    """
    url, folder = postgres.new_database(), postgres.folder / "disk"
    with psycopg.connect(url, autocommit=True) as admin, small_disk(folder) as disk:
        if not disk.mounted:
            yield url, lambda: say_full(admin), lambda: say_nothing(admin)
            return
        tables = folder / "tables"
        tables.mkdir()
        if os.geteuid() == 0:
            for path in (folder, tables):
                shutil.chown(path, "postgres")
        admin.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET default_tablespace = small")
        filler = folder / "filler"
        yield url, lambda: fill(filler), filler.unlink
        postgres.stop()


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def say_full(admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    )
    for table in ("entries", "about"):
        admin.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()")


def say_nothing(admin: psycopg.Connection[Any]) -> None:
    admin.execute("DROP FUNCTION full_disk CASCADE")


def fill_with_lines(server: Served) -> str:
    """Send until one is refused; why."""
    for _ in range(2000):
        line = {**LINE, "message": os.urandom(2000).hex()}
        answer = server.post("/api/updates", json=line)
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            return str(answer.json()["detail"])
    raise AssertionError("the disk does not get full")


def test_a_full_disk_of_the_database_is_told_and_with_room_it_goes_on(start_server: StartServer) -> None:
    with Postgres() as postgres, own_disk(postgres) as (url, make_full, make_room):
        server = start_server(DATABASE_URL=url)
        server.update(LINE)
        make_full()
        assert FULL in fill_with_lines(server)
        assert FULL in degraded(server)
        upload = server.post("/api/jobs/j/logs", data=os.urandom(20_000).hex().encode() + b"\n")
        assert upload.status_code == 503
        assert FULL in upload.json()["detail"]
        make_room()
        server.update(LINE)
        assert server.get("/health").status_code == 200
        assert server.stop() == 0


def test_connections_that_were_broken_while_they_waited_cost_nobody_an_answer(
    start_server: StartServer, postgres: Postgres
) -> None:
    url = postgres.new_database()
    server = start_server(DATABASE_URL=url)
    server.update(LINE, {**LINE, "jobId": "erased"})
    asked: list[tuple[str, str]] = [
        ("GET", "/api/jobs/j"),
        ("GET", "/jobs/j"),
        ("GET", "/health"),
        ("POST", "/api/jobs/j/progress"),
        ("PUT", "/api/jobs/j/logs"),
        ("POST", "/api/jobs/j/heartbeat"),
        ("DELETE", "/api/jobs/erased"),
    ]
    answers = {}
    for method, path in asked:
        # One that reads and one that writes wait.
        server.update(LINE)
        server.get("/api/jobs/j")
        end_connections(url)
        answers[method, path] = server.session.request(method, server.url + path, timeout=30).status_code
    assert answers == dict.fromkeys(asked, 200)


def test_the_databases_own_isolation_does_not_come_between_processes(
    start_server: StartServer, postgres: Postgres
) -> None:
    """As an administrator may have set it for all programs: then those that write at once would fail."""
    url = postgres.new_database()
    name = urlsplit(url).path[1:]
    administer(url, f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    servers = [start_server(DATABASE_URL=url) for _ in range(2)]
    servers[0].update(LINE)

    def send(server: Served) -> list[int]:
        with requests.Session() as session:
            address = f"{server.url}/api/updates"
            return [session.post(address, json=LINE, timeout=30).status_code for _ in range(40)]

    with ThreadPoolExecutor(6) as pool:
        statuses = [status for sent in pool.map(send, servers * 3) for status in sent]
    assert statuses == [200] * 240
    assert servers[1].get("/api/jobs/j").json()["lines"] == 241
