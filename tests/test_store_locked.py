"""A lock that others hold on SQLite's file: all are told within five seconds, and nothing is left of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path, {}) as served:
        served.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
        yield served


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process's lock, as far as SQLite can tell."""
    holder = sqlite3.connect(folder / "chef.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


class Ask(threading.Thread):
    """A request of its own connection, begun after some seconds; how it ended and how long it took."""

    def __init__(self, url: str, after: float = 0, method: str = "POST", **options: Any) -> None:
        super().__init__()
        self.answer = requests.Response()
        self.took = 0.0
        self._after = after
        # Not kept alive: what is left of it is the server's.
        self._request = partial(
            requests.request, method, url, timeout=30, headers={"Connection": "close"}, **options
        )
        self.start()

    def run(self) -> None:
        time.sleep(self._after)
        began = time.monotonic()
        self.answer = self._request()
        self.took = time.monotonic() - began


def in_use(server: Served) -> tuple[int, int]:
    """The threads and descriptors of a server."""
    process = Path(f"/proc/{server.process.pid}")
    return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


def test_everybody_is_refused_within_five_seconds_and_health_says_why(server: Served, tmp_path: Path) -> None:
    server.get("/api/jobs/j")
    server.get("/health")
    server.session.close()
    before = in_use(server)
    update = {"type": "log", "jobId": "j", "message": "lost"}
    with locked(tmp_path):
        asked = [Ask(f"{server.url}/api/updates", after, json=update) for after in (0, 0, 0.5, 1, 2, 3, 4)]
        asked += [Ask(f"{server.url}/api/jobs/j/logs", after, data=b"lost\n") for after in (0.2, 2.5)]
        asked += [Ask(f"{server.url}/api/jobs/j/heartbeat", after) for after in (0.1, 0.3, 1.5)]
        health = [Ask(f"{server.url}/health", after, "GET") for after in (0, 0.1, 1, 4)]
        reading = Ask(f"{server.url}/api/jobs/j", 1, "GET")
        for one in (*asked, *health, reading):
            one.join()
    for one in asked:
        assert (one.answer.status_code, one.answer.json()["code"]) == (503, "store_unavailable")
        assert one.took < 5
        assert 1 <= int(one.answer.headers["Retry-After"]) <= 5
    assert any("another process holds the database's lock" in one.answer.json()["detail"] for one in asked)
    for one in health:
        assert one.took < 3
        assert (one.answer.status_code, one.answer.json()["status"]) == (503, "degraded")
        assert one.answer.json()["store"] == "unwritable"
        assert "another process holds the database's lock" in one.answer.json()["detail"]
    assert (reading.answer.status_code, reading.took < 1) == (200, True)

    released = time.monotonic()
    while (answer := server.post("/api/updates", json=[update])).status_code != 200:
        time.sleep(0.02)
    assert time.monotonic() - released < 1
    assert answer.json()["jobs"]["j"]["seq"] == 2, "something that was refused was kept"
    assert server.get("/health").json() | {"version": ""} == {
        "status": "ok",
        "websocket": {"enabled": True, "connected_clients": 0},
        "version": "",
        "store": "ok",
    }
    server.session.close()
    # The store's four readers begin as they are needed, each with a connection of three files.
    eventually(lambda: in_use(server)[0] <= before[0] + 3 and in_use(server)[1] <= before[1] + 9)


def test_a_lock_that_is_held_for_a_moment_costs_nobody_an_update(server: Served, tmp_path: Path) -> None:
    update = {"type": "log", "jobId": "j", "message": "kept"}
    with locked(tmp_path):
        asked = [Ask(f"{server.url}/api/updates", after, json=update) for after in (0, 0.4, 0.8, 1.2)]
        asked.append(Ask(f"{server.url}/api/jobs/j/heartbeat", 0.5))
        health = Ask(f"{server.url}/health", 0.6, "GET")
        time.sleep(2)
    for one in (*asked, health):
        one.join()
        assert one.answer.status_code in (200, 204), one.answer.text
        assert one.took < 2.5
    assert server.get("/api/jobs/j").json()["lines"] == 4
