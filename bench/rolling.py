"""A rolling deploy under load, three times: nothing that was answered is lost, no viewer misses anything.

Two processes behind HAProxy are ended by SIGTERM and started anew, one after the other, while posters send
what is not answered again, with the same `id`, and viewers go on from where they were.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time

from bench.client import Seen, follow
from bench.cluster import Cluster
from bench.report import Table, figures, judge, number
from bench.web import Web

_ROUNDS = 3
_EVENTS = 10_000
_POSTERS = 8
_VIEWERS = 6
# Posts a second of each, so that both are replaced meanwhile.
_PACE = 40
_PATIENCE_S = 120
_JOB = "rolling"


def run(*, quick: bool) -> list[Table]:
    table, events = figures(), 2_000 if quick else _EVENTS
    table.text = (
        f"{events:,} updates by {_POSTERS} posters and {_VIEWERS} viewers on two processes behind HAProxy, "
        "each of which is ended by SIGTERM and replaced meanwhile."
    )
    for turn in range(_ROUNDS):
        with Cluster(2) as cluster:
            asyncio.run(_deploy(table, cluster, events, turn + 1))
    return [table]


class Poster(threading.Thread):
    """Posts a share of the updates at a pace; what is not answered with 200 it sends again."""

    def __init__(self, port: int, share: range) -> None:
        super().__init__(daemon=True)
        self.again = 0
        self.slowest = 0.0
        self._port = port
        self._share = share

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        for number_ in self._share:
            begun = time.monotonic()
            while not self._post(connection, number_):
                self.again += 1
                connection.close()
                time.sleep(0.1)
            took = time.monotonic() - begun
            self.slowest = max(self.slowest, took)
            time.sleep(max(0, 1 / _PACE - took))

    def _post(self, connection: http.client.HTTPConnection, number_: int) -> bool:
        update = {
            "type": "log",
            "jobId": _JOB,
            "projectId": "p",
            "id": f"u{number_}",
            "message": f"{number_}",
        }
        try:
            connection.request(
                "POST", "/api/updates", json.dumps(update), {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200


async def _deploy(table: Table, cluster: Cluster, events: int, turn: int) -> None:
    posters = [Poster(cluster.port, range(first, events, _POSTERS)) for first in range(_POSTERS)]
    viewers = [asyncio.create_task(follow(cluster.port, _JOB, events)) for _ in range(_VIEWERS)]
    await asyncio.sleep(1)
    for poster in posters:
        poster.start()
    await asyncio.sleep(1)
    statuses = [await asyncio.to_thread(cluster.replace, number_) for number_ in range(2)]
    overlapped = any(poster.is_alive() for poster in posters)
    for poster in posters:
        await asyncio.to_thread(poster.join)
    await asyncio.wait(viewers, timeout=_PATIENCE_S)
    seen = [viewer.result() if viewer.done() else Seen() for viewer in viewers]
    stored = Web(cluster.port).json(f"/api/jobs/{_JOB}/logs?tail=1")["total"]
    what = f"deploy {turn}"
    judge(table, f"{what}: updates lost or stored twice", abs(events - stored), "= 0")
    judge(
        table, "the same: events that viewers missed, had twice or not in order", _faults(seen, events), "= 0"
    )
    judge(table, "the same: exit statuses that are not 0", sum(map(bool, statuses)), "= 0")
    judge(table, "the same: replaced while updates came", overlapped, "= 1")
    again, slowest = sum(poster.again for poster in posters), max(poster.slowest for poster in posters)
    table.rows.append(
        ["the same: sent again; the longest until an answer", f"{again}; {number(slowest, ' s')}", "", ""]
    )


def _faults(seen: list[Seen], events: int) -> int:
    return sum(one.faults(1, events) for one in seen)
