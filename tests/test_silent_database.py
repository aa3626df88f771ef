"""PostgreSQL that hangs: everybody is told within seconds, nothing is left behind, and it goes on at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
import socketio

from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store.opening import open_database
from tests.tools.pgbouncer import pgbouncer
from tests.tools.postgres import Postgres
from tests.tools.serving import Served
from tests.tools.swallowing import Swallowing
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

StartServer = Callable[..., Served]
UPDATE = {"type": "log", "jobId": "j", "projectId": "p", "message": "x"}
READS = ("/api/jobs", "/api/jobs/j", "/api/jobs/j/logs", "/api/runs", "/", "/projects/p", "/jobs/j")


@dataclass
class Outage:
    """A database, the way to it that always works, and how it falls silent."""

    url: str
    direct: str
    begin: Callable[[], None]
    end: Callable[[], None]


@contextmanager
def swallowed(postgres: Postgres) -> Iterator[Outage]:
    """Packets to and from the server are lost."""
    direct = postgres.new_database()
    url = urlsplit(direct)
    assert url.port is not None
    with Swallowing(url.port) as proxy:
        there = url._replace(netloc=f"chef@127.0.0.1:{proxy.port}").geturl()
        yield Outage(there, direct, proxy.swallow, proxy.forward)


@contextmanager
def stopped(postgres: Postgres) -> Iterator[Outage]:
    """The server's processes stand still; the kernel takes connections and bytes for them."""
    try:
        url = postgres.new_database()
        yield Outage(url, url, postgres.freeze, postgres.thaw)
    finally:
        postgres.thaw()


@contextmanager
def stopped_behind_a_pooler(postgres: Postgres) -> Iterator[Outage]:
    """The same behind a PgBouncer, which goes on taking connections."""
    with stopped(postgres) as outage, pgbouncer(outage.url, "transaction", 4) as url:
        yield Outage(url, outage.direct, outage.begin, outage.end)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """One that nobody else waits for."""
    with Postgres() as running:
        yield running


@pytest.fixture(params=[swallowed, stopped, stopped_behind_a_pooler], ids=lambda way: way.__name__)
def outage(request: pytest.FixtureRequest, own_postgres: Postgres) -> Iterator[Outage]:
    with request.param(own_postgres) as found:
        yield found


@dataclass
class Asked:
    """An answer, and how long it took (seconds)."""

    response: requests.Response
    seconds: float


def ask(server: Served, method: str, path: str) -> Asked:
    begun = time.monotonic()
    body = UPDATE if method == "POST" else None
    response = requests.request(method, server.url + path, json=body, timeout=60)
    return Asked(response, time.monotonic() - begun)


def ask_for_everything(server: Served) -> dict[str, list[Asked]]:
    """Many at once: the first ones hold all connections."""
    with ThreadPoolExecutor(40) as pool:
        wanted = [("POST", "/api/updates")] * 6 + [("GET", path) for path in READS * 2]
        asked: list[tuple[str, Future[Asked]]] = [
            ("POST" if method == "POST" else "read", pool.submit(ask, server, method, path))
            for method, path in wanted
        ]
        asked += [("health", pool.submit(ask, server, "GET", "/health")) for _ in range(3)]
        asked += [("metrics", pool.submit(ask, server, "GET", "/metrics"))]
        answers: dict[str, list[Asked]] = {}
        for kind, future in asked:
            answers.setdefault(kind, []).append(future.result())
        return answers


def left_behind(server: Served) -> tuple[int, int]:
    """How many threads and sockets the server has."""
    proc = f"/proc/{server.process.pid}"
    sockets = 0
    for name in os.listdir(f"{proc}/fd"):
        with suppress(FileNotFoundError):
            sockets += os.readlink(f"{proc}/fd/{name}").startswith("socket:")
    return len(os.listdir(f"{proc}/task")), sockets


def seconds_to_first_2xx(server: Served) -> float:
    begun = time.monotonic()
    while ask(server, "POST", "/api/updates").response.status_code != 200:
        assert time.monotonic() - begun < 60
        time.sleep(0.02)
    return time.monotonic() - begun


def assert_refused(answers: dict[str, list[Asked]], seconds: float) -> None:
    for post in answers["POST"]:
        assert (post.response.status_code, post.response.json()["code"]) == (503, "store_unavailable")
        assert post.response.headers["Retry-After"]
    for read in answers["read"]:
        assert read.response.status_code == 503, read.response.url
    for health in answers["health"]:
        assert (health.response.status_code, health.response.json()["store"]) == (503, "unreachable")
    assert answers["metrics"][0].response.status_code == 200
    assert max(one.seconds for kind in ("POST", "read") for one in answers[kind]) < seconds
    assert max(one.seconds for one in answers["health"]) < min(seconds, 3)


def assert_reads_that_wait_for_each_other(server: Served, url: str) -> None:
    """From now on each of its threads has been needed, and has its connection."""
    with psycopg.connect(url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("LOCK TABLE jobs")
        asked = pool.submit(ask_for_everything, server)
        time.sleep(1)
        holder.rollback()
        assert {one.response.status_code for one in asked.result()["read"]} == {200}


def test_a_database_that_hangs_refuses_everybody_and_goes_on_at_once(
    start_server: StartServer, outage: Outage
) -> None:
    server = start_server(DATABASE_URL=outage.url, CHEF_PING_INTERVAL="1", CHEF_PING_TIMEOUT="2")
    seen: list[int] = []
    gone: list[str] = []
    viewer = socketio.Client()
    viewer.on("job:log", lambda event: seen.append(event["seq"]))
    viewer.on("disconnect", lambda *_: gone.append("disconnected"))
    viewer.connect(server.url, socketio_path="ws", transports=["websocket"])
    try:
        server.update(UPDATE)
        assert viewer.call("subscribe:job", {"jobId": "j"})["ok"]
        assert_reads_that_wait_for_each_other(server, outage.direct)
        before = left_behind(server)
        outage.begin()
        assert_refused(ask_for_everything(server), 5)
        # Nobody waits for what is known to be away.
        assert_refused(ask_for_everything(server), 3)
        outage.end()
        assert seconds_to_first_2xx(server) < 2  # 0.5 s where the machine has nothing else to do.
        assert {one.response.status_code for one in ask_for_everything(server)["read"]} == {200}
        assert server.get("/health").status_code == 200
        last = server.update(UPDATE)["jobs"]["j"]["seq"]
        eventually(lambda: bool(seen) and seen[-1] == last)
        assert seen == sorted(set(seen))
        assert gone == []
        eventually(lambda: all(now <= then for now, then in zip(left_behind(server), before, strict=True)))
    finally:
        viewer.disconnect()


def test_a_table_that_others_lock_refuses_everybody_in_time(
    start_server: StartServer, postgres_url: str
) -> None:
    server = start_server(DATABASE_URL=postgres_url)
    server.update(UPDATE)
    with psycopg.connect(postgres_url) as holder, ThreadPoolExecutor(20) as pool:
        holder.execute("LOCK TABLE jobs")
        asked = []
        for _ in range(4):
            asked.append(pool.submit(ask, server, "POST", "/api/updates"))
            asked.append(pool.submit(ask, server, "GET", "/jobs/j"))
            time.sleep(0.8)
        health = ask(server, "GET", "/health")
        assert health.response.json()["store"] == "unwritable"
        assert "lock" in health.response.json()["detail"]
        assert (health.response.status_code, health.seconds < 3) == (503, True)
        for answer in (one.result() for one in asked):
            assert (answer.response.status_code, answer.seconds < 5) == (503, True)
            assert answer.response.headers["Retry-After"]
        holder.rollback()
        assert seconds_to_first_2xx(server) < 2
    assert server.get("/health").status_code == 200


def test_locks_of_a_process_that_is_cut_off_are_let_go(own_postgres: Postgres) -> None:
    """The server does not learn that its client has gone, and would wait for it for hours."""
    in_transaction = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    with swallowed(own_postgres) as outage, psycopg.connect(outage.direct, autocommit=True) as other:
        database = open_database(Settings(database_url=outage.url))
        with suppress(StoreUnavailable), database.connections.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE kept (n int)")
            outage.begin()
            assert other.execute(in_transaction).fetchone() == (1,)
            raise StoreUnavailable
        eventually(lambda: other.execute(in_transaction).fetchone() == (0,))
        database.close()
