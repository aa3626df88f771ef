"""Chef behind PgBouncer: what is written is there, the time limits are in force, and nobody else has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chef.errors import StoreUnavailable
from tests.tools.making import batch, log, open_store, update
from tests.tools.pgbouncer import pgbouncer
from tests.tools.serving import Served

pytestmark = [pytest.mark.real, pytest.mark.slow]

StartServer = Callable[..., Served]


@pytest.fixture(params=[("session", 4), ("transaction", 2)], ids=["session", "transaction"])
def pooled_url(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[str]:
    """In session mode each client needs a connection to the server of its own."""
    with pgbouncer(postgres_url, *request.param) as url:
        yield url


def test_servers_behind_a_pooler_do_all_their_work(start_server: StartServer, pooled_url: str) -> None:
    """Each statement often enough that it would be prepared, over connections that change their clients."""
    servers = [start_server(DATABASE_URL=pooled_url, CHEF_STORE_CONNECTIONS="2") for _ in range(2)]
    for number in range(12):
        job = {"jobId": f"job-{number % 3}", "projectId": "p"}
        for server in servers:
            server.update(
                {"type": "progress", "progress": number, **job}, {"type": "log", "message": "x", **job}
            )
            assert server.get("/api/jobs").status_code == 200
            assert server.get(f"/api/jobs/{job['jobId']}/logs").json()["total"] > 0
            assert server.get("/health").status_code == 200
    for server in servers:
        assert [job["seq"] for job in server.get("/api/jobs").json()["jobs"]] == [16, 16, 16]
        assert "ERROR" not in server.output.read_text()


def limits(execute: Callable[[str], Any]) -> list[str]:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return [execute(f"SHOW {name}").fetchone()[0] for name in names]


def test_time_limits_are_in_force_behind_a_pooler(pooled_url: str) -> None:
    with open_store(pooled_url) as store:
        store.append(batch(update()))
        for transaction in (store._connections.writing(), store._connections.reading()):
            with transaction as connection:
                assert "0" not in limits(connection.exec_driver_sql)
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_nobody_else_behind_the_pooler_gets_them(postgres_url: str) -> None:
    """In transaction mode the next client has the connection of the last one, settings included."""
    with pgbouncer(postgres_url, "transaction", connections=1) as url, open_store(url) as store:
        store.append(batch(update()))
        assert store.job("job") is not None
        with psycopg.connect(url) as other:
            assert limits(other.execute) == ["0", "0", "0"]


def test_a_lock_is_given_up_behind_a_pooler(pooled_url: str) -> None:
    with open_store(pooled_url) as store, psycopg.connect(pooled_url) as holder:
        store.append(batch(update()))
        holder.execute("LOCK TABLE jobs")
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.append(batch(log("x")))
        assert time.monotonic() - begun < 5
        holder.rollback()
        assert store.append(batch(log("x"))).seqs == {"job": 3}  # It begins the job, too.
