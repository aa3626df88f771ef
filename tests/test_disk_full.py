"""A disk that is full or read-only: senders and operators are told, and with room again it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.disks import SmallDisk, small_disk
from tests.tools.serving import APP, Served, Serving, free_port
from tests.tools.watching import eventually

pytestmark = [pytest.mark.slow, pytest.mark.real]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def line(message: str) -> dict[str, str]:
    return {"type": "log", "jobId": "j", "projectId": "p", "message": message}


def fill_with_updates(server: Served) -> str:
    """Send until one is refused; its detail."""
    for _ in range(2000):
        answer = server.post("/api/updates", json=[line(os.urandom(2000).hex())])
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            return str(answer.json()["detail"])
    raise AssertionError("the disk does not get full")


def test_a_full_disk_tells_the_sender_why_and_goes_on_when_there_is_room(
    disk: SmallDisk, tmp_path: Path, serving: Serving
) -> None:
    reason = "the disk is full" if disk.mounted else "the disk cannot be read or written"
    with serving(tmp_path, {"DATABASE_URL": f"sqlite:///{disk.folder / 'chef.db'}"}) as server:
        server.update({**line("first"), "type": "progress", "phase": "building"})
        disk.fill(server)
        assert reason in fill_with_updates(server)
        kept = server.get("/api/jobs/j").json()["lines"]
        health = server.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "degraded")
        assert health.json()["store"] == "unwritable"
        assert reason in health.json()["detail"]
        upload = server.post("/api/jobs/j/logs", data=os.urandom(2000).hex().encode() + b"\n")
        assert upload.status_code == 503
        assert reason in upload.json()["detail"]
        assert server.post("/api/jobs/j/completed").status_code == 503
        assert "full" in server.output.read_text() or not disk.mounted

        disk.make_room(server)
        room = time.monotonic()
        while server.post("/api/updates", json=[line("last")]).status_code != 200:
            time.sleep(0.02)
        assert time.monotonic() - room < 1
        eventually(lambda: server.get("/health").status_code == 200)
        job = server.get("/api/jobs/j").json()
        assert (job["lines"], job["status"]) == (kept + 1, "building"), "a refused update was kept"
        assert server.stop() == 0
    with serving(tmp_path, {"DATABASE_URL": f"sqlite:///{disk.folder / 'chef.db'}"}) as server:
        assert server.get("/api/jobs/j").json()["lines"] == kept + 1


def started(folder: Path, database: Path) -> tuple[int, str]:
    """How a start ends that fails: its status and what it writes."""
    command: list[str] = [sys.executable, *APP]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "CHEF_ALLOWED_HOSTS": "*",  # Else a start has a line about that, too.
            "DATABASE_URL": f"sqlite:///{database}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("state", ["none", "stopped", "killed"])
def test_a_read_only_database_stops_the_start_with_one_line(
    disk: SmallDisk, tmp_path: Path, serving: Serving, state: str
) -> None:
    """Where there is none yet, one that was closed in good order, and one whose log stands beside it."""
    database = disk.folder / "chef.db"
    if state != "none":
        with serving(tmp_path, {"DATABASE_URL": f"sqlite:///{database}"}) as server:
            server.update(line("first"))
            if state == "killed":
                server.kill()
    disk.make_read_only()
    status, said = started(tmp_path, database)
    assert status == 1
    assert said.count("\n") == 1, said
    assert said.startswith("chef: ")
    assert "read-only" in said
    assert str(database) in said
