"""WEBSOCKET_ENABLED=false: no Socket.IO endpoint, and everything else as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask import Flask

from tests.tools.serving import Served

UPDATE = {"type": "progress", "jobId": "job", "projectId": "web", "phase": "building"}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(websocket_enabled=False)


@pytest.mark.parametrize(
    "path", ["/ws", "/ws/", "/ws/?EIO=4&transport=polling", "/ws/?EIO=4&transport=websocket"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_there_is_no_endpoint(app: Flask, path: str, method: str) -> None:
    assert getattr(app.test_client(), method)(path).status_code == 404


def test_there_is_no_extension(app: Flask) -> None:
    assert "socketio" not in app.extensions


def test_health_says_so(app: Flask, make_app: Callable[..., Flask]) -> None:
    health = app.test_client().get("/health")
    assert (health.status_code, health.json["status"]) == (200, "ok")  # type: ignore[index]
    assert health.json["websocket"] == {"enabled": False, "connected_clients": 0}  # type: ignore[index]
    other = make_app().test_client().get("/health").json
    assert other["websocket"] == {"enabled": True, "connected_clients": 0}  # type: ignore[index]


def test_updates_are_taken_and_read(app: Flask) -> None:
    client = app.test_client()
    answer = client.post("/api/updates", json=UPDATE, environ_overrides={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.json == {"accepted": 1, "duplicates": 0, "jobs": {"job": {"seq": 1, "viewers": 0}}}
    job: Any = client.get("/api/jobs/job").json
    assert job["status"] == "building"


def test_a_served_one_refuses_the_socket_and_still_shows_a_build_live(
    start_server: Callable[..., Served],
) -> None:
    server = start_server(WEBSOCKET_ENABLED="false")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert server.get("/ws/?EIO=4&transport=websocket", headers=upgrade).status_code == 404
    assert server.get("/ws/?EIO=4&transport=polling").status_code == 404
    accept = {"Accept": "application/x-ndjson"}
    url = f"{server.url}/api/jobs/job/events"
    with requests.get(url, headers=accept, stream=True, timeout=10) as stream:
        lines = (line for line in stream.iter_lines() if line)
        server.update(UPDATE)
        assert b'"job:progress"' in next(lines)
        server.update({"type": "completed", "jobId": "job"})
        assert [line.partition(b",")[0] for line in lines] == [
            b'{"event":"job:progress"',
            b'{"event":"job:completed"',
            b'{"event":"end"',
        ]
    assert server.get("/jobs/job").status_code == 200
