"""What was acknowledged is there: after kill -9, after SIGTERM, and whichever process took it."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.tools.serving import APP, Served, Serving, free_port
from tests.tools.watching import eventually, watch
from tests.tools.wire import wire_order

pytestmark = pytest.mark.slow

UPDATES, POSTERS, JOBS = 5000, 4, 3


def numbered(number: int) -> dict[str, Any]:
    """One of the 5,000: of one of three jobs, a log line or now and then a progress."""
    kind = {"type": "progress", "progress": number % 99} if number % 10 == 0 else {"type": "log"}
    identity = {"jobId": f"job-{number % JOBS}", "projectId": "web", "id": f"update-{number}"}
    return kind | identity | {"message": f"message {number}"}


class Poster(threading.Thread):
    """Posts a share of the updates on one connection until the server is gone; keeps what was answered."""

    def __init__(self, port: int, share: range) -> None:
        super().__init__()
        self.answered: list[int] = []
        self._port = port
        self._share = share

    def run(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            for number in self._share:
                try:
                    self._post(connection, number)
                except (OSError, http.client.HTTPException):
                    return

    def _post(self, connection: http.client.HTTPConnection, number: int) -> None:
        body = json.dumps(numbered(number))
        connection.request("POST", "/api/updates", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        self.answered.append(number)


def stored(server: Served) -> dict[str, list[tuple[int, str]]]:
    """The seqs and messages of each job, as an event stream tells them."""
    found: dict[str, list[tuple[int, str]]] = {}
    for job in range(JOBS):
        url = f"/api/jobs/job-{job}/events?after=0&follow=0"
        text = server.get(url, headers={"Accept": "application/x-ndjson"}).text
        events = [json.loads(line)["data"] for line in text.splitlines() if line]
        found[f"job-{job}"] = [(event["seq"], event["message"]) for event in events]
    return found


def test_after_kill_9_every_acknowledged_update_is_there_once(
    any_database_url: str, tmp_path: Path, serving: Serving
) -> None:
    settings = {"DATABASE_URL": any_database_url}
    with serving(tmp_path, settings) as server:
        posters = [Poster(server.port, range(first, UPDATES, POSTERS)) for first in range(POSTERS)]
        for poster in posters:
            poster.start()
        eventually(lambda: sum(len(poster.answered) for poster in posters) >= UPDATES // 2, timeout=60)
        server.kill()
        for poster in posters:
            poster.join(60)
    acknowledged = {number for poster in posters for number in poster.answered}
    assert UPDATES // 2 <= len(acknowledged) < UPDATES, "it was not killed in the middle"

    with serving(tmp_path, settings) as server:
        before = stored(server)
        for entries in before.values():
            assert [seq for seq, _ in entries] == [*range(1, len(entries) + 1)]
        kept = [message for entries in before.values() for _, message in entries]
        assert len(kept) == len(set(kept))
        assert {f"message {number}" for number in acknowledged} <= set(kept)

        # What was not answered is sent again, and so is all the rest: each is there once in the end.
        answer = {"accepted": 0, "duplicates": 0}
        for begin in range(0, UPDATES, 500):
            part = server.update(*[numbered(number) for number in range(begin, begin + 500)])
            answer = {name: answer[name] + part[name] for name in answer}
        assert answer == {"accepted": UPDATES - len(kept), "duplicates": len(kept)}
        after = stored(server)
        for name, entries in after.items():
            assert entries[: len(before[name])] == before[name]
            assert [seq for seq, _ in entries] == [*range(1, len(entries) + 1)]
        messages = sorted(message for entries in after.values() for _, message in entries)
        assert messages == sorted(f"message {number}" for number in range(UPDATES))


def test_at_sigterm_what_is_in_flight_is_stored_and_answered(tmp_path: Path, serving: Serving) -> None:
    statuses: list[int] = []

    def post(url: str, number: int) -> None:
        statuses.append(requests.post(url, json=numbered(number), timeout=60).status_code)

    with serving(tmp_path, {}, APP) as server:
        url = f"{server.url}/api/updates"
        server.update(numbered(0))
        with closing(sqlite3.connect(tmp_path / "chef.db", isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")  # So that they are in flight for as long as we like.
            posts = [threading.Thread(target=post, args=(url, number)) for number in range(1, 11)]
            for thread in posts:
                thread.start()
            time.sleep(0.5)
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert server.process.poll() is None
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{server.url}/health", timeout=5)
            blocker.execute("ROLLBACK")
        for thread in posts:
            thread.join(60)
        assert statuses == [200] * 10
        assert server.process.wait(10) == 0
        assert time.monotonic() - begin < 10
        assert "Traceback" not in server.output.read_text()
    with serving(tmp_path, {}, APP) as server:
        kept = {message for entries in stored(server).values() for _, message in entries}
        assert kept == {f"message {number}" for number in range(11)}


def test_at_sigterm_viewers_are_told_and_come_back(tmp_path: Path, serving: Serving) -> None:
    port = str(free_port())
    reconnecting: dict[str, Any] = {"reconnectionDelay": 100, "reconnectionDelayMax": 500}
    with serving(tmp_path, {"PORT": port}) as server:
        server.update(numbered(0))
        url = f"ws://127.0.0.1:{port}/ws/?EIO=4&transport=websocket"
        raw = websocket.create_connection(url, timeout=10)
        stream = requests.get(
            f"{server.url}/api/jobs/job-0/events",
            headers={"Accept": "application/x-ndjson"},
            stream=True,
            timeout=10,
        )
        with (
            closing(raw),
            stream,
            watch("js4", server.url, ["websocket"], **reconnecting) as one,
            watch("js3", server.url, ["polling"], **reconnecting) as two,
        ):
            raw.send("40")
            assert [str(raw.recv())[:2] for _ in range(2)] == ["0{", "40"]
            one.call("subscribe:job", "job-0")
            begin = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - begin < 10
            assert raw.recv() == "1"
            assert b"".join(stream.iter_content()).count(b"\n") <= 2  # It ends without an error.
            for viewer in (one, two):
                viewer.wait_until(lambda viewer=viewer: bool(viewer.disconnects))  # type: ignore[misc]
                assert viewer.disconnects == ["transport close"]
            with serving(tmp_path, {"PORT": port}):
                for viewer in (one, two):
                    viewer.wait_until(lambda viewer=viewer: viewer.connects == 2)  # type: ignore[misc]
        assert "Traceback" not in server.output.read_text()


def test_processes_on_one_database_give_every_viewer_one_order(
    postgres_url: str, tmp_path: Path, serving: Serving
) -> None:
    """Without Redis, by PostgreSQL alone."""
    settings = {"DATABASE_URL": postgres_url}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with serving(folders[0], settings) as first, serving(folders[1], settings) as second:
        servers = [first, second]

        def post(server: Served, name: str) -> None:
            with requests.Session() as session:
                for number in range(100):
                    line = {"type": "log", "jobId": "job", "projectId": "web", "message": f"{name} {number}"}
                    assert session.post(f"{server.url}/api/updates", json=line, timeout=60).status_code == 200

        with (
            watch("js4", first.url, ["websocket"]) as one,
            watch("python", second.url, ["websocket"]) as two,
            watch("js3", second.url, ["polling"]) as late,
        ):
            viewers = [one, two, late]
            for viewer in (one, two):
                assert viewer.call("subscribe:job", {"jobId": "job", "after": 0})["ok"] is True
            posts = [threading.Thread(target=post, args=(servers[n % 2], f"poster {n}")) for n in range(4)]
            for thread in posts:
                thread.start()
            time.sleep(0.3)
            late.call("subscribe:job", {"jobId": "job", "after": 0})
            for thread in posts:
                thread.join(120)
            first.update({"type": "completed", "jobId": "job"})
            for viewer in viewers:
                viewer.wait_for("job:completed")
            orders = [wire_order(viewer.events) for viewer in viewers]
            assert orders == [[*range(1, 402)]] * 3
            assert one.events == two.events == late.events
        for poster in range(4):
            mine = [
                line["message"]
                for line in one.of("job:log")
                if line["message"].startswith(f"poster {poster} ")
            ]
            assert mine == [f"poster {poster} {number}" for number in range(100)]
        epochs = []
        for server in servers:
            with watch("js4", server.url, ["websocket"]) as viewer:
                epochs.append(viewer.call("subscribe:job", "job")["epoch"])
        assert epochs[0] == epochs[1]
