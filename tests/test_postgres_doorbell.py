"""PostgreSQL alone makes several processes prompt: LISTEN and NOTIFY, and what happens when they break."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from chef.live import hub
from tests.tools.following import Follower, is_prompt, log_line
from tests.tools.pgbouncer import pgbouncer
from tests.tools.postgres import Postgres
from tests.tools.serving import Served
from tests.tools.watching import eventually, watch

pytestmark = pytest.mark.slow

StartServer = Callable[..., Served]
LISTENING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'chef doorbell' AND datname = %s"


@pytest.fixture
def two(start_server: StartServer, postgres_url: str) -> list[Served]:
    return [start_server(DATABASE_URL=postgres_url) for _ in range(2)]


@contextmanager
def database(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def listeners(connection: psycopg.Connection[Any]) -> list[int]:
    """The server's processes of the doorbells on this database."""
    return [pid for (pid,) in connection.execute(LISTENING, [connection.info.dbname])]


def test_a_viewer_of_the_other_process_hears_at_once(two: list[Served]) -> None:
    assert is_prompt(two[1], Follower(two[0], "j"), posts=20)
    for server in two:
        text = server.get("/metrics").text
        assert "chef_doorbell_up 1.0" in text
        assert re.search(r"^chef_doorbell_age_seconds 0\.0", text, re.MULTILINE)
        assert server.stop() == 0
        assert "doorbell" not in server.output.read_text()


def test_health_counts_the_viewers_of_both_processes(two: list[Served]) -> None:
    def counts() -> list[int]:
        return [server.get("/health").json()["websocket"]["connected_clients"] for server in two]

    with watch("js4", two[0].url, ["websocket"]), watch("js4", two[1].url, ["websocket"]):
        eventually(lambda: counts() == [2, 2])
    eventually(lambda: counts() == [0, 0])


def test_nothing_is_sent_where_nobody_waits(start_server: StartServer, postgres_url: str) -> None:
    """A process alone rings for nobody; the first follower elsewhere hears of what was stored just before."""
    server = start_server(DATABASE_URL=postgres_url)
    with database(postgres_url) as connection:
        (epoch,) = connection.execute("SELECT value FROM about WHERE name = 'epoch'").fetchone() or ("",)
        connection.execute(f'LISTEN "chef_{epoch}"')
        follower = Follower(server, "j")
        for _ in range(20):
            log_line(server)
        follower.wait(20, 30)
        told = [notification.payload for notification in connection.notifies(timeout=1)]
        assert [text for text in told if not text.startswith('["here",')] == []
        connection.execute(f"""NOTIFY "chef_{epoch}", '["here","somebody",0,true,false]'""")
        eventually(lambda: any('["ring",' in heard.payload for heard in connection.notifies(timeout=1)))


def test_a_lost_connection_comes_back_and_costs_nobody_an_update(
    two: list[Served], postgres_url: str
) -> None:
    followers = [Follower(server, "j") for server in two]
    with database(postgres_url) as connection:
        for _ in range(3):
            eventually(lambda: len(listeners(connection)) == 2)
            for pid in listeners(connection):
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
            for server in two * 5:
                log_line(server)
        eventually(lambda: len(listeners(connection)) == 2)
    for follower in followers:
        follower.wait(30, 30)
    assert is_prompt(two[1], followers[0])
    for follower in followers:
        eventually(lambda follower=follower: len(follower.seen) == 38)  # type: ignore[misc]
        assert follower.seen == [*range(1, 39)]
    assert "Traceback" not in two[0].output.read_text()


def test_a_listener_that_hangs_is_given_up_and_the_safety_poll_serves_meanwhile(
    two: list[Served], postgres_url: str
) -> None:
    follower = Follower(two[0], "j")
    assert is_prompt(two[1], follower)
    with database(postgres_url) as connection:
        hanging = listeners(connection)
        assert len(hanging) == 2
        try:
            for pid in hanging:
                os.kill(pid, signal.SIGSTOP)
            last = [log_line(two[1]) for _ in range(5)][-1]
            follower.wait(last, 3 * hub.SAFETY_POLL_S + 30)
            # Who rings notices that nobody answers.
            eventually(lambda: log_line(two[1]) > 0 and not hanging_alone(connection, hanging))
        finally:
            for pid in hanging:
                os.kill(pid, signal.SIGCONT)
    eventually(lambda: is_prompt(two[1], follower))
    assert follower.seen == [*range(1, len(follower.seen) + 1)]


def hanging_alone(connection: psycopg.Connection[Any], hanging: list[int]) -> bool:
    """Whether no process has begun to listen by another connection."""
    return set(listeners(connection)) <= set(hanging)


def test_after_a_restart_of_postgresql_it_is_prompt_again(start_server: StartServer) -> None:
    with Postgres() as postgres:
        url = postgres.new_database()
        two = [start_server(DATABASE_URL=url) for _ in range(2)]
        follower = Follower(two[0], "j")
        assert is_prompt(two[1], follower)
        postgres.stop()
        time.sleep(1)
        postgres.start()
        eventually(lambda: two[1].get("/health").status_code == 200)
        eventually(lambda: is_prompt(two[1], follower))
        assert follower.seen == [*range(1, len(follower.seen) + 1)]
        eventually(lambda: "the doorbell over PostgreSQL is back" in two[0].output.read_text())
        assert two[0].output.read_text().count("no doorbell over PostgreSQL") == 1
        for server in two:
            server.stop()


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind_a_pooler_the_safety_poll_stays(
    start_server: StartServer, postgres_url: str, mode: str
) -> None:
    with pgbouncer(postgres_url, mode, connections=6) as url, database(postgres_url) as connection:
        two = [start_server(DATABASE_URL=url, CHEF_STORE_CONNECTIONS="3") for _ in range(2)]
        follower = Follower(two[0], "j")
        for _ in range(5):
            log_line(two[1])
        follower.wait(5, 3 * hub.SAFETY_POLL_S + 30)
        assert follower.seen == [1, 2, 3, 4, 5]
        for server in two:
            lines = server.output.read_text().splitlines()
            assert (
                len([line for line in lines if "no doorbell over PostgreSQL (a connection pooler" in line])
                == 1
            )
            assert "chef_doorbell_up NaN" in server.get("/metrics").text
            assert server.stop() == 0
        assert listeners(connection) == []


def test_the_connection_that_listens_counts_among_the_others(
    start_server: StartServer, postgres_url: str
) -> None:
    server = start_server(DATABASE_URL=postgres_url, CHEF_STORE_CONNECTIONS="3")
    with database(postgres_url) as connection, ThreadPoolExecutor(8) as threads:
        eventually(lambda: len(listeners(connection)) == 1)
        assert list(threads.map(lambda number: write_and_read(server, f"j{number}"), range(60))) == [200] * 60
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        assert connection.execute(count, [connection.info.dbname]).fetchone() == (3,)
    few = start_server(DATABASE_URL=postgres_url, CHEF_STORE_CONNECTIONS="2")
    log_line(few)
    assert "chef_doorbell_up" not in few.get("/metrics").text


def write_and_read(server: Served, job: str) -> int:
    log_line(server, job)
    return server.get("/api/jobs").status_code
