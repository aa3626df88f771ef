"""A server that stops: its parts in good order, and within a second where it is told twice."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import gevent
import gevent.event
import pytest
from flask import Flask

from chef.access.shares import new_share
from chef.live import control, etatelling, hub, sharebook
from chef.live.readers import Reader
from chef.services import Services
from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually


def test_nothing_looks_at_a_store_that_is_closed(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module, name in (
        (hub, "SAFETY_POLL_S"),
        (etatelling, "TICK_S"),
        (control, "LOOK_S"),
        (sharebook, "KEEP_S"),
    ):
        monkeypatch.setattr(module, name, 0.001)
    services: Services = make_app(control=True).extensions["chef"]
    services.start()
    looked = gevent.event.Event()
    job_seqs, close = services.store.job_seqs, services.store.close

    def look(names: Sequence[str]) -> dict[str, int]:
        found = job_seqs(names)
        looked.set()
        return found

    monkeypatch.setattr(services.store, "job_seqs", look)
    with services.hub.room(("job", "job")) as room:
        room.join(Reader(room, 0))
    services.shares.watch(new_share("job", "job", "web", "log", 1, services.clock()), lambda: None)

    def close_slowly() -> None:
        close()
        gevent.sleep(0.05)

    monkeypatch.setattr(services.store, "close", close_slowly)
    assert looked.wait(20)
    services.close()
    assert [record.getMessage() for record in caplog.records] == []


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


@pytest.mark.slow
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


@pytest.mark.slow
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
