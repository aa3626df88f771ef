"""CHEF_RETENTION_DAYS: finished jobs that are too old go, whole, in short steps, and nobody stumbles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest
import requests
from flask import Flask
from sqlalchemy import Connection, func, select

from chef.domain.model import Job
from chef.errors import StoreUnavailable
from chef.live.hub import Hub
from chef.live.readers import Reader
from chef.live.retention import Retention
from chef.live.rooms import Key
from chef.store import Removed, Store, removing, upkeep
from chef.store.tables import entries, jobs, projects, sent, streams
from tests.test_hub import Viewer
from tests.test_sockets import call, connect
from tests.tools.logs import all_entries
from tests.tools.making import AT, batch, log, open_store, update
from tests.tools.serving import Served
from tests.tools.until import until

DAY = 24 * 60 * 60 * 1000
TABLES = (entries, jobs, projects, sent, streams)


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def finish(
    store: Store, job_id: str, project_id: str = "web", at: int = AT, type: Any = "completed", lines: int = 2
) -> None:
    """A whole job that ends at a time."""
    of_job: dict[str, Any] = {"job_id": job_id, "project_id": project_id}
    said = [log(f"line {n}", id=f"id-{n}", **of_job) for n in range(lines)]
    store.append(batch(update(phase="building", **of_job), *said, at=at))
    store.append(batch(update(type, message="end", **of_job), at=at))


def counts(store: Store, project_id: str = "web") -> tuple[int, int, int, int]:
    found = store.project(project_id)
    assert found is not None
    project = found.project
    return project.running, project.completed, project.failed, project.cancelled


def rows_left(store: Store) -> dict[str, int]:
    def run(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES
        }

    return store._read(run)


def job_ids(store: Store) -> list[str]:
    return [job.job_id for job in store.jobs().jobs]


def newest_job(store: Store, project_id: str) -> Job | None:
    found = store.project(project_id)
    return found.newest if found else None


# What goes


def test_only_finished_jobs_that_ended_before_are_removed(store: Store) -> None:
    finish(store, "old")
    finish(store, "young", at=AT + DAY)
    store.append(batch(update(job_id="running"), at=AT - 100 * DAY))
    assert store.remove_finished(AT + DAY) == 1
    assert job_ids(store) == ["running", "young"]
    assert store.job("old") is None
    assert store.entries("old", 0) == []
    assert store.lines("old", 1, 9) == store.search("old", "line", 0, 9) == []
    assert store.stream("old", "stdout").line == 0
    assert store.remove_finished(AT + DAY) == 0


def test_nothing_of_a_removed_job_is_left_in_any_table(store: Store) -> None:
    for n in range(30):
        finish(store, f"job-{n}", f"project-{n % 3}", lines=5)
    assert store.remove_finished(AT + 1) == 30
    assert rows_left(store) == dict.fromkeys((table.name for table in TABLES), 0)


def test_a_projects_counts_and_newest_job_stay_right(store: Store) -> None:
    finish(store, "a", at=AT + 9)
    finish(store, "b", type="error")
    finish(store, "c")
    finish(store, "d", at=AT + 9)
    finish(store, "e")
    store.append(batch(update(job_id="cancelled", status="cancelled")))
    assert counts(store) == (0, 4, 1, 1)
    assert store.remove_finished(AT + 1) == 4
    assert counts(store) == (0, 2, 0, 0)
    newest = newest_job(store, "web")
    assert newest is not None
    assert newest.job_id == "d"
    assert [one.project.project_id for one in store.projects()] == ["web"]


def test_a_project_without_jobs_disappears_and_may_come_back(store: Store) -> None:
    finish(store, "old", "gone")
    finish(store, "young", "stays", at=AT + DAY)
    store.remove_finished(AT + 1)
    assert store.project("gone") is None
    assert [one.project.project_id for one in store.projects()] == ["stays"]
    assert store.project_entries("gone", 0) == []
    finish(store, "new", "gone")
    assert counts(store, "gone") == (0, 1, 0, 0)
    assert [entry.project_seq for entry in store.project_entries("gone", 0)] == [1, 2]  # type: ignore[union-attr]


def test_the_id_of_a_removed_job_begins_a_new_history(store: Store) -> None:
    finish(store, "job", lines=30)
    store.remove_finished(AT + 1)
    receipt = store.append(batch(log("new", id="id-1", project_id="another")))
    assert (receipt.seqs["job"], receipt.duplicates) == (1, 0)
    assert [entry.seq for entry in all_entries(store)] == [1]
    job = store.job("job")
    assert job is not None
    assert (job.project_id, job.lines) == ("another", 1)


# In steps


def test_large_jobs_go_in_bounded_steps_and_are_out_of_sight_after_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "_ROWS", 7)
    finish(store, "job", lines=50)
    finish(store, "other", "docs", at=AT + 9)
    left = [sum(rows_left(store).values())]

    def step() -> Removed:
        removed = store._run_upkeep(lambda connection: removing.remove_step(connection, AT + 1))
        left.append(sum(rows_left(store).values()))
        return removed

    assert step() == Removed(("job",), ("web",))
    assert (store.job("job"), store.project("web"), job_ids(store)) == (None, None, ["other"])
    assert [one.project.project_id for one in store.projects()] == ["docs"]
    # Its id is free while its rows are still there.
    finish(store, "job", at=AT + 9, lines=1)
    left[-1] = sum(rows_left(store).values())
    while step().more:
        pass
    # 102 rows of entries and ids, a stream, the job itself, and its project.
    assert all(before - after <= 9 for before, after in pairwise(left[1:]))
    assert len(left) > 14
    assert counts(store) == (0, 1, 0, 0)
    assert len(all_entries(store)) == 3


def test_a_new_job_never_gets_rows_of_one_that_is_being_removed(
    any_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives the key of a deleted newest row to the next one. A stop in the middle is no end."""
    monkeypatch.setattr(removing, "_ROWS", 5)
    with open_store(any_database_url) as store:
        finish(store, "old", lines=40)
        for _ in range(4):
            store._run_upkeep(lambda connection: removing.remove_step(connection, AT + 1))
    with open_store(any_database_url) as store:
        finish(store, "new", at=AT + DAY, lines=3)
        before = all_entries(store, "new")
        assert len(before) == 5
        assert store.remove_finished(AT + 1) == 0  # It had been counted.
        assert all_entries(store, "new") == before
        assert rows_left(store) == {"entries": 5, "jobs": 1, "projects": 1, "sent": 3, "streams": 1}


def test_appends_go_on_while_jobs_are_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "_ROWS", 3)
    monkeypatch.setattr(upkeep, "_APART_S", 0.0)
    for n in range(10):
        finish(store, f"old-{n}", lines=10)
    removal = gevent.spawn(store.remove_finished, AT + 1)
    for n in range(40):
        receipt = store.append(batch(log(f"{n}"), at=AT + DAY))
        assert receipt.seqs["job"] == n + 1
    assert removal.get(timeout=20) == 10
    assert len(store.lines("job", 1, 99)) == 40
    assert counts(store) == (1, 0, 0, 0)


def test_two_processes_may_remove_at_once(any_database_url: str) -> None:
    with open_store(any_database_url) as one, open_store(any_database_url) as other:
        for n in range(30):
            finish(one, f"job-{n}", f"project-{n % 7}")
        greenlets = [gevent.spawn(store.remove_finished, AT + 1) for store in (one, other)]
        gevent.joinall(greenlets, timeout=30, raise_error=True)
        assert sum(int(greenlet.value or 0) for greenlet in greenlets) == 30
        one.remove_finished(AT + 1)
        assert sum(rows_left(one).values()) == 0


def test_who_waits_for_a_removal_is_told_that_the_store_closes(database_url: str) -> None:
    with open_store(database_url) as store:
        finish(store, "job")
        store._upkeep._not_before = store._upkeep._clock() + 60
        removal = gevent.spawn(store.remove_finished, AT + 1)
        gevent.sleep(0.01)
    with pytest.raises(StoreUnavailable):
        removal.get(timeout=30)
    with pytest.raises(StoreUnavailable):
        store.remove_finished(AT + 1)


# Viewers


JOB: Key = ("job", "job")


@pytest.mark.parametrize("here", [True, False], ids=["this process", "another process"])
def test_a_viewer_of_a_removed_job_gets_what_comes_under_its_name(any_database_url: str, here: bool) -> None:
    with open_store(any_database_url) as store, open_store(any_database_url) as other:
        hub = Hub(store)
        store.on_commit(hub.publish)
        store.on_removal(hub.forget)
        finish(store, "job", lines=20)
        viewer, project = Viewer().follow(hub), Viewer().follow(hub, 0, ("project", "web"))
        reader = join_as_reader(hub)
        until(lambda: len(viewer.events) == 23 and len(project.events) == 3)
        (store if here else other).remove_finished(AT + 1)
        if not here:
            hub.load_heads()
        assert not reader.wait(0)
        finish(store if here else other, "job", lines=5)
        if not here:
            hub.load_heads()
        until(lambda: len(viewer.events) == 31 and len(project.events) == 6)
        assert viewer.seqs[23:] == [1, 2, 3, 4, 5, 6, 7, 7]
        assert project.seqs[3:] == [1, 7, 7]
        assert [event.seq for event in reader.load()] == viewer.seqs[23:]
        hub.close()


def join_as_reader(hub: Hub) -> Reader:
    with hub.room(JOB) as room:
        reader = Reader(room, 0)
        room.join(reader)
    while reader.load():
        pass
    return reader


def test_what_was_read_of_a_removed_job_is_not_taken_for_its_successors(store: Store) -> None:
    """The job goes while a viewer's page is on its way from the store."""
    hub = Hub(store)
    store.on_commit(hub.publish)
    store.on_removal(hub.forget)
    finish(store, "job", lines=20)
    load, removed = store.entries, False

    def remove_then_answer(job_id: str, after: int) -> Any:
        nonlocal removed
        page = load(job_id, after)
        if not removed:
            removed = True
            store.remove_finished(AT + 1)
            finish(store, "job", lines=3)
        return page

    store.entries = remove_then_answer  # type: ignore[method-assign]
    viewer = Viewer().follow(hub)
    until(lambda: viewer.seqs == [1, 2, 3, 4, 5, 5])
    hub.close()


def test_a_viewer_that_may_not_see_all_projects_does_not_follow_to_another_job(store: Store) -> None:
    hub = Hub(store)
    store.on_commit(hub.publish)
    store.on_removal(hub.forget)
    finish(store, "job", lines=1)
    viewer = Viewer().follow(hub)
    assert viewer.cursor is not None
    viewer.cursor.stays = False
    until(lambda: len(viewer.events) == 4)
    store.remove_finished(AT + 1)
    finish(store, "job", "secret")
    gevent.sleep(0.05)
    assert len(viewer.events) == 4
    assert hub.viewers(JOB) == 0
    hub.close()


def test_a_cursor_of_a_removed_job_is_told_that_this_is_another_history(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    store = app.extensions["chef"].store
    finish(store, "job", lines=20)
    viewer = connect(app)
    assert call(viewer, "subscribe:job", {"jobId": "job", "after": 22})["complete"] is True
    store.remove_finished(AT + 1)
    store.append(batch(log("new")))
    (event,) = viewer.take(1)
    assert (event[1]["seq"], event[1]["message"]) == (1, "new")
    answer = call(connect(app), "subscribe:job", {"jobId": "job", "after": 22})
    assert (answer["ok"], answer["complete"], answer["seq"]) == (True, False, 1)


# The task


def wait_until_gone(store: Store, job_id: str) -> None:
    until(lambda: store.job(job_id) is None)


def test_it_looks_at_once_and_then_again_and_again(store: Store) -> None:
    now = AT
    finish(store, "first")
    finish(store, "second", at=AT + DAY)
    now += 30 * DAY + 1
    retention = Retention(store, 30, lambda: now, interval_s=0.02)
    retention.start()
    wait_until_gone(store, "first")
    gevent.sleep(0.1)
    assert job_ids(store) == ["second"]
    now += DAY
    wait_until_gone(store, "second")
    retention.close()


def test_0_days_keep_all(store: Store) -> None:
    finish(store, "job")
    retention = Retention(store, 0, lambda: AT + 99_999 * DAY, interval_s=0.01)
    retention.start()
    gevent.sleep(0.1)
    assert job_ids(store) == ["job"]
    retention.close()


def test_it_tries_again_when_the_store_could_not_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    step = removing.remove_step
    failures = iter([StoreUnavailable("the disk is full")])

    def fail_first(connection: Connection, before: int) -> Removed:
        for failure in failures:
            raise failure
        return step(connection, before)

    monkeypatch.setattr(upkeep, "remove_step", fail_first)
    monkeypatch.setattr(upkeep, "_RETRY_S", 0.01)
    finish(store, "job")
    retention = Retention(store, 1, lambda: AT + 2 * DAY, interval_s=0.05)
    retention.start()
    wait_until_gone(store, "job")
    retention.close()
    assert "old jobs cannot be removed now: the disk is full" in caplog.text


def test_a_server_removes_what_is_too_old_when_it_starts(
    start_server: Callable[..., Served], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    now = time.time_ns() // 1_000_000
    with open_store(url) as store:
        finish(store, "old", at=now - 2 * DAY)
        finish(store, "young", at=now - DAY // 2)
    server = start_server(DATABASE_URL=url, CHEF_RETENTION_DAYS="1")
    found: list[Any] = []
    for _ in range(100):
        found = requests.get(f"{server.url}/api/jobs", timeout=30).json()["jobs"]
        if len(found) == 1:
            break
        time.sleep(0.05)
    assert [job["jobId"] for job in found] == ["young"]
