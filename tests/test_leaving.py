"""A server that is told to stop, and told again: the second time it is gone within a second."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

pytestmark = pytest.mark.slow


@contextmanager
def held_up(server: Served, folder: Path) -> Iterator[None]:
    """A request of this server waits for a lock that others hold: it is in flight for some seconds."""
    with closing(sqlite3.connect(folder / "chef.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            body = json.dumps({"type": "log", "jobId": "j", "projectId": "p", "message": "x"})
            connection.request("POST", "/api/updates", body, {"Content-Type": "application/json"})
            time.sleep(0.3)
            yield


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_same_signal_again_ends_it_within_a_second(
    tmp_path: Path, serving: Serving, number: signal.Signals
) -> None:
    with serving(tmp_path, {}) as server, held_up(server, tmp_path):
        server.process.send_signal(number)
        eventually(lambda: "stopping" in server.output.read_text(), timeout=10)
        assert server.process.poll() is None, "it does not wait for what is in flight"
        again = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(10) == -number
        assert time.monotonic() - again < 1
        assert "told twice to stop" in server.output.read_text()
        assert "Traceback" not in server.output.read_text()


def test_ctrl_c_that_comes_as_two_signals_is_told_once(tmp_path: Path, serving: Serving) -> None:
    """A terminal tells all programs of a Procfile, and their starter tells them again by SIGTERM."""
    with serving(tmp_path, {}) as server:
        statuses: list[int] = []
        with held_up(server, tmp_path):
            late = threading.Thread(
                target=lambda: statuses.append(
                    server.post(
                        "/api/updates", json={"type": "log", "jobId": "k", "message": "x"}
                    ).status_code
                )
            )
            late.start()
            time.sleep(0.3)
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert server.process.poll() is None
        late.join(30)
        assert server.process.wait(15) == 0
        assert statuses == [422], "it is refused for what it is, once the lock is gone"
