"""CHEF_ABANDON_HOURS: builds of which nothing is heard any more end, once, before everybody's eyes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest
import requests
from flask import Flask
from sqlalchemy import Connection, text

from chef.domain.filtering import JobFilter
from chef.domain.model import Heartbeat, Job
from chef.errors import StoreUnavailable
from chef.live import abandoning
from chef.live.abandoning import Abandoning
from chef.live.hub import Hub
from chef.live.readers import Reader
from chef.live.tracker import Tracker
from chef.metrics import Metrics
from chef.store import Store, reading
from tests.test_retention import DAY, counts
from tests.tools.making import AT, batch, log, open_store, update
from tests.tools.serving import Served
from tests.tools.until import until

HOUR = 60 * 60 * 1000


class Server:
    """As much of a server as ends silent jobs; its clock stands at `at`."""

    def __init__(self, store: Store, hours: int = 24) -> None:
        self.at = AT
        self.store = store
        self.hub = Hub(store)
        self.tracker = Tracker(store, Metrics(), lambda: self.at, self.hub.publish)
        self.abandoning = Abandoning(store, self.tracker, hours, lambda: self.at, interval_s=0.02)

    def job(self, job_id: str = "job") -> Job:
        job = self.store.job(job_id)
        assert job is not None
        return job

    def close(self) -> None:
        self.abandoning.close()
        self.hub.close()


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    made = Server(store)
    yield made
    made.close()


def test_only_running_jobs_that_were_silent_for_so_long_are_abandoned(server: Server) -> None:
    for name in ("dead", "ended", "speaks", "beats"):
        server.tracker.record([update(job_id=name, phase="building")])
    server.tracker.record([update("completed", job_id="ended")])
    server.at = AT + 2 * HOUR
    server.tracker.record([log("still here", job_id="speaks")])
    server.store.save_heartbeat("beats", server.at, 30)
    server.at = AT + DAY
    assert server.abandoning.run() == 0
    server.at += 1
    assert server.abandoning.run() == 1
    assert {name: server.job(name).status for name in ("dead", "ended", "speaks", "beats")} == {
        "dead": "abandoned",
        "ended": "completed",
        "speaks": "building",
        "beats": "building",
    }
    assert counts(server.store) == (2, 1, 0, 0)
    abandoned = server.store.jobs(JobFilter(statuses=("abandoned",))).jobs
    assert [job.job_id for job in abandoned] == ["dead"]
    server.at = AT + 2 * DAY
    assert server.abandoning.run() == 2
    assert server.abandoning.run() == 0


def test_viewers_learn_of_it_at_once_and_of_what_comes_after_all(server: Server) -> None:
    server.tracker.record([update(phase="building")])
    with server.hub.room(("job", "job")) as room:
        reader = Reader(room, 1)
        room.join(reader)
    server.at = AT + 2 * DAY
    server.abandoning.run()
    server.tracker.record([log("after all")])
    assert [(event.name, event.seq) for event in reader.load()] == [
        ("job:progress", 2),
        ("job:error", 2),
        ("job:progress", 3),
        ("job:log", 4),
    ]
    assert server.job().status == "building"


def test_a_heartbeat_takes_it_up_again(server: Server) -> None:
    """That is how a reporter begins that was asleep with its machine."""
    server.tracker.record([update(phase="building")])
    server.at = AT + 2 * DAY
    server.abandoning.run()
    assert server.tracker.heartbeat(Heartbeat("job")) == 3
    assert (server.job().status, server.job().reporter(server.at)) == ("building", "alive")


def test_many_end_in_steps_beside_the_updates_of_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoning, "_AT_ONCE", 3)
    server.tracker.record([update(job_id=f"dead-{n}") for n in range(10)])
    server.at = AT + 2 * DAY
    ending = gevent.spawn(server.abandoning.run)
    until(lambda: server.job("dead-0").ended)
    server.tracker.record([update(job_id="new", phase="building")])
    seen = [server.job(f"dead-{n}").ended for n in range(10)]
    assert ending.get(timeout=10) == 10
    assert not all(seen)
    assert server.store.project("web").project.abandoned == 10  # type: ignore[union-attr]


def test_several_processes_on_one_database_do_it_once(any_database_url: str) -> None:
    with open_store(any_database_url) as one, open_store(any_database_url) as other:
        servers = [Server(one), Server(other)]
        servers[0].tracker.record([update(job_id=f"dead-{n}") for n in range(50)])
        for server in servers:
            server.at = AT + 2 * DAY
        ended = gevent.joinall([gevent.spawn(server.abandoning.run) for server in servers], timeout=30)
        assert sum(task.get() for task in ended) == 50
        assert {servers[0].job(f"dead-{n}").seq for n in range(50)} == {2}
        assert one.project("web").project.seq == 100  # type: ignore[union-attr]
        for server in servers:
            server.close()


def test_it_is_found_by_the_index_of_running_jobs(database_url: str) -> None:
    with open_store(database_url) as store:

        def plan(connection: Connection) -> str:
            query = reading._silent(AT).compile(connection, compile_kwargs={"literal_binds": True})
            return str(connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all())

        assert "ix_jobs_status_pk" in store._read(plan)


def test_it_is_looked_at_once_at_start_and_then_again_and_again(server: Server) -> None:
    server.tracker.record([update(job_id="one")])
    server.at = AT + 2 * DAY
    server.abandoning.start()
    until(lambda: server.job("one").ended)
    server.tracker.record([update(job_id="two")])
    server.at += 2 * DAY
    until(lambda: server.job("two").ended)


def test_0_hours_end_none(store: Store) -> None:
    server = Server(store, hours=0)
    server.tracker.record([update()])
    server.at = AT + 9999 * DAY
    server.abandoning.start()
    gevent.sleep(0.1)
    assert not server.job().ended
    server.close()


def test_it_tries_again_when_the_store_could_not_be_written(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append = server.store.append
    failures = iter([StoreUnavailable("the disk is full")])
    server.tracker.record([update()])

    def fail_first(*args: object) -> object:
        for failure in failures:
            raise failure
        return append(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(server.store, "append", fail_first)
    server.at = AT + 2 * DAY
    server.abandoning.start()
    until(lambda: server.job().ended)
    assert "silent jobs cannot be ended now: the disk is full" in caplog.text


def test_what_was_abandoned_is_removed_in_its_time(server: Server) -> None:
    server.tracker.record([update()])
    server.at = AT + 2 * DAY
    server.abandoning.run()
    assert server.store.remove_finished(AT + 2 * DAY + 1) == 1
    assert server.store.project("web") is None


def test_one_of_many_that_is_removed_leaves_the_counts_right(server: Server) -> None:
    server.tracker.record([update(job_id="dead"), update(job_id="runs")])
    server.at = AT + 2 * DAY
    server.store.save_heartbeat("runs", server.at, 30)
    server.abandoning.run()
    server.store.remove_finished(AT + 2 * DAY + 1)
    found = server.store.project("web")
    assert found is not None
    assert (found.project.abandoned, found.project.running, found.project.total) == (0, 1, 1)


def test_over_http(make_app: Callable[..., Flask]) -> None:
    now = [AT]
    app = make_app(clock=lambda: now[0])
    client = app.test_client()
    client.post("/api/jobs/job/progress?projectId=web&phase=building")
    now[0] = AT + DAY + 1
    app.extensions["chef"].abandoning.run()
    assert [one["jobId"] for one in client.get("/api/jobs?status=abandoned").get_json()["jobs"]] == ["job"]
    assert client.get("/api/jobs?status=running").get_json()["jobs"] == []
    shown = client.get("/api/jobs/job").get_json()
    assert (shown["status"], shown["finishedAt"]) == ("abandoned", "2023-11-15T22:13:20.001Z")
    assert (shown["seenAt"], shown["error"]["code"]) == ("2023-11-14T22:13:20.000Z", None)
    found = client.get("/api/projects/web").get_json()["counts"]
    assert found == {"total": 1, "running": 0, "completed": 0, "failed": 0, "cancelled": 0, "abandoned": 1}
    late = client.post("/api/jobs/job/logs", data=b"after all\n", content_type="text/plain")
    assert (late.status_code, late.get_json()["seq"]) == (200, 4)
    assert client.get("/api/jobs/job").get_json()["status"] == "building"


def test_a_server_ends_what_is_dead_when_it_starts(
    start_server: Callable[..., Served], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'dead.db'}"
    now = time.time_ns() // 1_000_000
    with open_store(url) as store:
        store.append(batch(update(job_id="dead"), at=now - 2 * HOUR))
        store.append(batch(update(job_id="runs"), at=now))
    server = start_server(DATABASE_URL=url, CHEF_ABANDON_HOURS="1")
    found: list[str] = []
    for _ in range(100):
        answer = requests.get(f"{server.url}/api/jobs?status=abandoned", timeout=30).json()
        found = [job["jobId"] for job in answer["jobs"]]
        if found:
            break
        time.sleep(0.05)
    assert found == ["dead"]
