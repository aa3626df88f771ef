"""Several processes on one database act as one server; Redis only makes it faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chef.live import hub
from tests.tools.following import Follower
from tests.tools.redis import Redis
from tests.tools.serving import Served

pytestmark = pytest.mark.slow

StartServer = Callable[..., Served]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path) as running:
        yield running


def post_alternately(servers: list[Served], count: int) -> None:
    for number in range(count):
        update = {"type": "log", "jobId": "j", "projectId": "p", "message": f"line {number}"}
        servers[number % len(servers)].update(update)


@pytest.fixture
def two(start_server: StartServer, postgres_url: str, redis: Redis) -> list[Served]:
    return [start_server(DATABASE_URL=postgres_url, REDIS_URL=redis.url) for _ in range(2)]


def test_viewers_of_either_process_see_all_updates_in_one_order(two: list[Served]) -> None:
    followers = [Follower(server, "j") for server in two]
    post_alternately(two, 300)
    for follower in followers:
        follower.wait(300, 30)
        assert follower.seen == list(range(1, 301))


def test_with_redis_the_other_process_knows_at_once(two: list[Served]) -> None:
    follower = Follower(two[1], "j")
    time.sleep(0.5)
    delays = []
    for number in range(1, 11):
        two[0].update({"type": "log", "jobId": "j", "projectId": "p", "message": "x"})
        answered = time.monotonic()
        follower.wait(number, 30)
        delays.append(follower.times[-1] - answered)
    assert sorted(delays)[5] < hub.SAFETY_POLL_S / 4


def test_nothing_is_lost_while_redis_is_away(two: list[Served], redis: Redis) -> None:
    followers = [Follower(server, "j") for server in two]
    post_alternately(two, 50)
    redis.stop()
    post_alternately(two, 100)
    for follower in followers:
        follower.wait(150, 3 * hub.SAFETY_POLL_S + 30)
    redis.start()
    post_alternately(two, 50)
    for follower in followers:
        follower.wait(200, 30)
        assert follower.seen == list(range(1, 201))


def test_without_redis_everything_comes(start_server: StartServer, any_database_url: str) -> None:
    """On SQLite by the safety poll alone."""
    servers = [start_server(DATABASE_URL=any_database_url) for _ in range(2)]
    follower = Follower(servers[1], "j")
    post_alternately(servers, 60)
    follower.wait(60, 3 * hub.SAFETY_POLL_S + 30)
    assert follower.seen == list(range(1, 61))


def wait_for_counts(servers: list[Served], wanted: list[int]) -> None:
    """Wait less than it takes until all is counted anew: who comes and goes is told at once."""
    deadline = time.monotonic() + 4.5
    counts: list[int] = []
    while counts != wanted:
        assert time.monotonic() < deadline, counts
        counts = [server.get("/health").json()["websocket"]["connected_clients"] for server in servers]
        time.sleep(0.1)


def test_health_counts_the_viewers_of_all_processes(two: list[Served]) -> None:
    import socketio

    clients = [socketio.Client() for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect(two[number % 2].url, socketio_path="ws", transports=["websocket"])
    try:
        wait_for_counts(two, [3, 3])
        clients[0].disconnect()
        wait_for_counts(two, [2, 2])
        two[0].stop()
        wait_for_counts(two[1:], [1])
    finally:
        for client in clients:
            client.disconnect()
