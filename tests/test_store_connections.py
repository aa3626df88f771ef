"""Connections to PostgreSQL: few, given back, and waited for where the server has none left."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from chef.domain.filtering import JobFilter
from chef.settings.config import Settings
from chef.store import givingback
from chef.store.listing import list_jobs
from chef.store.opening import open_database
from tests.tools.making import batch, open_store, update
from tests.tools.postgres import Postgres
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

StartServer = Callable[..., Served]
UPDATE = {"type": "progress", "jobId": "j", "projectId": "p"}
MOST = 12


def connections(url: str) -> int:
    """How many there are to the database of a URL, but for the one that asks."""
    counted = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid != pg_backend_pid()"
    )
    with psycopg.connect(url) as asking:
        found = asking.execute(counted).fetchone()
        assert found is not None
        return int(found[0])


@pytest.mark.parametrize("most", [None, "2"])
def test_a_process_has_no_more_connections_than_it_may(
    start_server: StartServer, postgres_url: str, most: str | None
) -> None:
    settings = {} if most is None else {"CHEF_STORE_CONNECTIONS": most}
    server = start_server(DATABASE_URL=postgres_url, **settings)
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(connections(postgres_url))

    with ThreadPoolExecutor(17) as pool:
        looking = pool.submit(look)
        posted = [pool.submit(server.update, UPDATE | {"jobId": f"j{n % 7}"}) for n in range(30)]
        read = [pool.submit(server.get, path) for path in ("/api/jobs", "/", "/health") for _ in range(15)]
        assert [one.result()["accepted"] for one in posted] == [1] * 30
        assert {one.result().status_code for one in read} == {200}
        over.set()
        looking.result()
    assert max(seen) == int(most or "4")


def test_idle_connections_are_given_back_after_a_minute(postgres_url: str) -> None:
    assert givingback.KEPT_S == 60
    pool = open_database(Settings(database_url=postgres_url)).connections
    with pool.writing(), pool.reading():
        assert connections(postgres_url) == 2
    began = time.monotonic()
    with pool.reading():
        pass
    pool.give_back(began)
    eventually(lambda: connections(postgres_url) == 1)  # The writer's was not used since.
    pool.give_back(time.monotonic())
    eventually(lambda: connections(postgres_url) == 0)
    with pool.writing() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    pool.close()


def test_a_list_is_planned_for_what_it_asks_for_also_the_eleventh_time(postgres_url: str) -> None:
    """PostgreSQL would plan it for any value then, and walk all jobs of a branch for a few."""
    with open_store(postgres_url) as store:
        store.append(batch(update()))
    pool = open_database(Settings(database_url=postgres_url)).connections
    with pool.reading() as connection:
        for _ in range(20):
            list_jobs(connection, JobFilter("p", statuses=("cancelled",), branch="main"), None, None, 50)
        counts = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
        of_values = "WHERE parameter_types <> '{}'"
        generic, custom = connection.exec_driver_sql(f"{counts} {of_values}").one()
    pool.close()
    assert generic == 0
    assert custom > 10


def test_they_are_given_back_while_nobody_asks_for_anything(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(givingback, "KEPT_S", 0.2)
    monkeypatch.setattr(givingback, "_LOOK_EVERY_S", 0.1)
    with open_store(postgres_url) as store:
        store.append(batch(update()))
        assert connections(postgres_url) > 0
        from gevent import sleep

        deadline = time.monotonic() + 30
        while connections(postgres_url):
            assert time.monotonic() < deadline
            sleep(0.05)


def test_where_the_server_has_too_many_it_is_asked_again(start_server: StartServer) -> None:
    few = f"-c max_connections={MOST} -c superuser_reserved_connections=0"
    with Postgres(few) as postgres, ExitStack() as stack:
        url = postgres.new_database()
        server = start_server(DATABASE_URL=url, CHEF_STORE_CONNECTIONS="2")  # None that listens.
        postgres.stop()
        assert server.get("/health").status_code == 503  # None of Chef's is left.
        server.process.send_signal(signal.SIGSTOP)  # It would take one of them.
        postgres.start()
        others = [stack.enter_context(psycopg.connect(url)) for _ in range(MOST)]
        server.process.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        refused = server.post("/api/updates", json=UPDATE)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert refused.headers["Retry-After"]
        assert 2 < time.monotonic() - begun < 5
        assert server.get("/api/jobs").status_code == 503
        waiting = stack.enter_context(ThreadPoolExecutor(1)).submit(server.update, UPDATE)
        time.sleep(1)
        for other in others[:2]:  # For this one, and for the look whether the store is back.
            other.close()
        assert waiting.result()["accepted"] == 1
