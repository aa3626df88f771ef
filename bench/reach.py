"""What a build's progress costs where it is shown elsewhere: badges."""

from __future__ import annotations

import http.client

from bench.driver import JOB, progress
from bench.report import Table, figures, judge
from bench.servers import CHEF, Server, serve

_BADGES = 5_000


def run(*, quick: bool) -> list[Table]:
    table = figures()
    table.text = "Badges: one client, kept alive; CPU time of the server, user and system."
    count = _BADGES // 10 if quick else _BADGES
    with serve(CHEF) as server:
        _post(server, progress())
        for name, path in (
            ("job", f"/jobs/{JOB}/badge.svg"),
            ("project", "/projects/bench/badge.svg"),
            ("project, one branch", "/projects/bench/badge.svg?branch=main"),
        ):
            judge(
                table, f"badges of a {name} for each second of CPU", _badges(server, path, count), ">= 1000"
            )
    return [table]


def _post(server: Server, body: bytes) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    client.request("POST", "/api/updates", body, {"Content-Type": "application/json"})
    assert client.getresponse().status == 200
    client.close()


def _badges(server: Server, path: str, count: int) -> float:
    """How many a second of the server's CPU time makes."""
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    for is_counted in (False, True):
        before = server.cpu()
        for _ in range(count if is_counted else 100):
            client.request("GET", path)
            answer = client.getresponse()
            assert answer.status in (200, 404), answer.status
            answer.read()
    client.close()
    return count / (server.cpu() - before)
