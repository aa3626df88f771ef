"""`GET /health/ready`, by which load balancers know whether to send requests here."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.tools.postgres import Postgres
from tests.tools.serving import Served
from tests.tools.watching import eventually


def ask(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    connection.request("GET", "/health/ready")
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_server_that_leaves_tells_its_balancer_first_also_on_a_kept_connection(
    start_server: Callable[..., Served],
) -> None:
    # No token is needed, whatever reading needs.
    served = start_server(CHEF_PUBLIC_READ="false", CHEF_API_TOKEN="a-token-of-some-length")
    with (
        closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as kept,
        closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as other,
    ):
        assert ask(kept) == (200, b'{"status":"ready"}\n')
        other.connect()
        served.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in served.output.read_text())
        # It still answers those who have not heard of it.
        other.request("GET", "/api/jobs", headers={"Authorization": "Bearer a-token-of-some-length"})
        assert other.getresponse().status == 200
        status, body = ask(kept)
        assert (status, b'"code":"stopping"' in body) == (503, True)
        assert served.process.wait(timeout=30) == 0


def test_a_server_that_nobody_asks_leaves_at_once(start_server: Callable[..., Served]) -> None:
    served = start_server()
    served.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert served.process.wait(timeout=30) == 0
    assert time.monotonic() - began < 1.9


@pytest.mark.slow
def test_a_server_without_its_store_is_not_ready(start_server: Callable[..., Served]) -> None:
    with Postgres() as postgres:
        served = start_server(DATABASE_URL=postgres.new_database())
        assert served.get("/health/ready").status_code == 200
        postgres.stop()
        refused = served.get("/health/ready")
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        postgres.start()
        eventually(lambda: served.get("/health/ready").status_code == 200)
