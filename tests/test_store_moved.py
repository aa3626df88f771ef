"""SQLite's file is removed or exchanged under a server: nothing is taken that nobody would find again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

pytestmark = pytest.mark.slow

UPDATE = {"type": "log", "jobId": "j", "message": "a line"}
MOVED = "the database file was removed or exchanged"
PLACE = "data/chef.db"


@pytest.fixture
def server(tmp_path: Path, serving: Serving) -> Iterator[Served]:
    """Its database stands in a folder of its own, and lines come to it all the time until it refuses one."""
    (tmp_path / "data").mkdir()
    with serving(tmp_path, {"DATABASE_URL": f"sqlite:///{PLACE}"}) as served:
        served.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
        served.update(UPDATE)
        yield served


def remove(folder: Path) -> None:
    for file in folder.glob("data/chef.db*"):
        file.unlink()


def remove_the_file_alone(folder: Path) -> None:
    (folder / PLACE).unlink()


def remove_the_log_beside_it(folder: Path) -> None:
    (folder / f"{PLACE}-wal").unlink()


def remove_the_folder(folder: Path) -> None:
    shutil.rmtree(folder / "data")


def exchange(folder: Path) -> None:
    """Another store of the same shape takes its place."""
    with closing(sqlite3.connect(folder / PLACE)) as source, closing(sqlite3.connect(folder / "o")) as other:
        source.backup(other)
    os.replace(folder / "o", folder / PLACE)


def exchange_the_folder(folder: Path) -> None:
    shutil.copytree(folder / "data", folder / "other")
    (folder / "data").rename(folder / "old")
    (folder / "other").rename(folder / "data")


@pytest.mark.parametrize(
    "change",
    [
        remove,
        remove_the_file_alone,
        remove_the_log_beside_it,
        remove_the_folder,
        exchange,
        exchange_the_folder,
    ],
    ids=lambda change: change.__name__,
)
def test_nothing_is_taken_any_more_and_health_says_why(
    server: Served, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    change(tmp_path)
    began = time.monotonic()
    answer = server.post("/api/updates", json=[UPDATE])
    health = server.get("/health")
    assert time.monotonic() - began < 1
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (health.status_code, health.json()["status"]) == (503, "degraded")
    for said in (answer, health):
        assert MOVED in said.json()["detail"]
    for other in (
        server.post("/api/jobs/j/logs", data=b"x\n"),
        server.post("/api/jobs/j/heartbeat"),
        server.get("/api/jobs/j"),
    ):
        assert other.status_code == 503
    time.sleep(2.5)  # What looks now and then looks meanwhile.
    lines = [line for line in server.output.read_text().splitlines() if MOVED in line and "ERROR" in line]
    assert 1 <= len(lines) <= 2
    assert "data/chef.db" in lines[0]


@pytest.mark.parametrize("alone", [False, True])
def test_the_same_file_put_back_goes_on_where_it_was(server: Served, tmp_path: Path, alone: bool) -> None:
    """Renamed away and back, with the files beside it or without."""
    names = ["chef.db"] if alone else [file.name for file in (tmp_path / "data").iterdir()]
    for name in names:
        (tmp_path / "data" / name).rename(tmp_path / name)
    assert server.post("/api/updates", json=[UPDATE]).status_code == 503
    for name in names:
        (tmp_path / name).rename(tmp_path / "data" / name)
    back = time.monotonic()
    while (answer := server.post("/api/updates", json=[UPDATE])).status_code != 200:
        time.sleep(0.02)
    assert time.monotonic() - back < 1
    assert answer.json()["jobs"]["j"]["seq"] == 3, "what was refused is not there"
    assert server.get("/health").status_code == 200
    assert server.get("/api/jobs/j").json()["lines"] == 2
    assert "the database file is back" in server.output.read_text()


def test_with_another_file_a_new_start_goes_on(tmp_path: Path, serving: Serving) -> None:
    """The one of the day before: the running server does not mix the two histories."""
    with serving(tmp_path, {}) as server:
        server.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
        with (
            closing(sqlite3.connect(tmp_path / "chef.db")) as source,
            closing(sqlite3.connect(tmp_path / "old.db")) as copy,
        ):
            source.backup(copy)
        server.update(UPDATE)
        for file in tmp_path.glob("chef.db*"):
            file.unlink()
        (tmp_path / "old.db").rename(tmp_path / "chef.db")
        assert server.post("/api/updates", json=[UPDATE]).status_code == 503
        assert server.stop() == 0
    with serving(tmp_path, {}) as server:
        assert server.get("/api/jobs/j").json()["seq"] == 1
        assert server.update(UPDATE)["jobs"]["j"]["seq"] == 2


def test_what_was_answered_survives_the_removal_of_the_log_beside_the_file(
    tmp_path: Path, serving: Serving
) -> None:
    """It is still open, and put into the file when the server stops."""
    with serving(tmp_path, {}) as server:
        server.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
        server.update(*[UPDATE] * 100)
        (tmp_path / "chef.db-wal").unlink()
        assert server.post("/api/updates", json=[UPDATE]).status_code == 503
        assert server.stop() == 0
    with serving(tmp_path, {}) as server:
        assert server.get("/api/jobs/j").json()["lines"] == 100


def test_a_linked_file_is_watched_where_it_stands_and_where_the_link_is(
    tmp_path: Path, serving: Serving
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "chef.db").symlink_to(tmp_path / "real" / "chef.db")
    with serving(tmp_path, {}) as server:
        server.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
        (tmp_path / "chef.db").unlink()
        (tmp_path / "chef.db").symlink_to(tmp_path / "elsewhere.db")
        assert server.post("/api/updates", json=[UPDATE]).status_code == 503
        (tmp_path / "chef.db").unlink()
        (tmp_path / "chef.db").symlink_to(tmp_path / "real" / "chef.db")
        eventually(lambda: server.post("/api/updates", json=[UPDATE]).status_code == 200)
        (tmp_path / "real" / "chef.db").rename(tmp_path / "real" / "gone.db")
        assert server.post("/api/updates", json=[UPDATE]).status_code == 503
