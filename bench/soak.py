"""`python -m bench.soak --minutes 40`: builds and viewers that come and go, for as long as one likes.

Builders run one build after the other: states, log lines in small bodies, an end. A viewer of each stays
from its beginning to its end and must see all of it, once and in order; others join and leave at random, by
Socket.IO and by event stream. Ended builds are made two days old in the database after a while, so that
retention, which looks every ten seconds here, removes them; small log rows are put together meanwhile.
Memory and descriptors are compared in the second and the last quarter of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import Seen, follow, follow_stream
from bench.report import Table, figures, judge, number
from bench.servers import DRIVER_CORE, SOAKED, Server, free_port, start
from bench.web import Web

_BUILDERS = 6
_GUESTS = 20
_LINES = 240
_LINES_A_POST = 4
_POST_EVERY_S = 0.1
_SAMPLE_EVERY_S = 5.0
# How long an ended build stays before it is two days old.
_KEPT_S = 30
_SEED = 7
_MB = 1e6


@dataclass
class Soak:
    """What has happened so far."""

    server: Server
    until: float
    chance: random.Random = field(default_factory=lambda: random.Random(_SEED))
    builds: int = 0
    faults: int = 0
    lines_lost: int = 0
    guests: int = 0
    removed: int = 0
    running: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[float, int, int, float]] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    given = parser.parse_args()
    os.sched_setaffinity(0, {DRIVER_CORE})
    with _server() as server:
        soak = Soak(server, time.monotonic() + 60 * given.minutes)
        asyncio.run(_run(soak))
        print(_table(soak, given.minutes).markdown())


@contextmanager
def _server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="chef-soak-") as place:
        limits = {"CHEF_RETENTION_DAYS": "1", "CHEF_MAX_CONNECTIONS_PER_ADDRESS": "0"}
        server = start(SOAKED, Path(place), free_port(), **limits)
        try:
            yield server
        finally:
            server.stop()


async def _run(soak: Soak) -> None:
    builders = [asyncio.create_task(_build_on(soak, number_)) for number_ in range(_BUILDERS)]
    others = [asyncio.create_task(_visit_on(soak)) for _ in range(_GUESTS)]
    others += [asyncio.create_task(_sample_on(soak)), asyncio.create_task(asyncio.to_thread(_age_on, soak))]
    for builder in builders:
        await builder
    for task in others:
        await task


async def _build_on(soak: Soak, builder: int) -> None:
    web = Web(soak.server.port)
    while soak.goes_on:
        job = f"job-{builder}-{soak.builds}"
        soak.builds += 1
        soak.running[job] = 0
        await _build(soak, web, job, builder)
        del soak.running[job]


async def _build(soak: Soak, web: Web, job: str, builder: int) -> None:
    """One build and the viewer that stays; it is watched to the end, whose seq the last answer tells."""
    last = 2 + _LINES + 1
    viewer = asyncio.create_task(follow(soak.server.port, job, last))
    await _post(web, job, {"type": "progress", "projectId": f"p{builder}", "phase": "building"})
    await _post(web, job, {"type": "progress", "progress": 60, "message": "half"})
    for first in range(0, _LINES, _LINES_A_POST):
        text = "\n".join(f"{first + n:6} {soak.chance.getrandbits(256):064x}" for n in range(_LINES_A_POST))
        await _post(web, job, {"type": "log", "message": text})
        await asyncio.sleep(_POST_EVERY_S)
    answer = await _post(web, job, {"type": "completed"})
    assert answer["jobs"][job]["seq"] == last, answer
    await asyncio.wait([viewer], timeout=60)
    soak.faults += _faults(viewer.result(), last) if viewer.done() else last
    viewer.cancel()
    logs = await asyncio.to_thread(web.json, f"/api/jobs/{job}/logs?tail=1")
    soak.lines_lost += abs(_LINES - logs["total"])


def _faults(seen: Seen, last: int) -> int:
    """The end is two events of one seq."""
    if seen.seqs[-2:] == [last, last]:
        seen.seqs.pop()
    return seen.faults(1, last)


async def _post(web: Web, job: str, update: dict[str, object]) -> dict[str, dict[str, dict[str, int]]]:
    body = json.dumps({"jobId": job} | update).encode()
    answer: dict[str, dict[str, dict[str, int]]] = json.loads(
        await asyncio.to_thread(web.post, "/api/updates", body)
    )
    return answer


async def _visit_on(soak: Soak) -> None:
    """Guests look at some running build for a while, and leave without a word."""
    while soak.goes_on:
        jobs = list(soak.running)
        way = soak.chance.choice((follow, follow_stream))
        if jobs:
            soak.guests += 1
            visit = asyncio.create_task(_visit(way(soak.server.port, soak.chance.choice(jobs), 10**9)))
            await asyncio.sleep(soak.chance.uniform(0.2, 6))
            visit.cancel()
        await asyncio.sleep(soak.chance.uniform(0.1, 1))


async def _visit(coming: object) -> None:
    with suppress(asyncio.CancelledError):
        await coming  # type: ignore[misc]


async def _sample_on(soak: Soak) -> None:
    web = Web(soak.server.port)
    while soak.goes_on:
        text = (await asyncio.to_thread(web.get, "/metrics")).decode()
        found = re.search(r"^chef_rooms ([\d.e+]+)$", text, re.MULTILINE)
        rooms = float(found[1]) if found else 0
        server = soak.server
        soak.samples.append((time.monotonic(), server.memory(), server.descriptors(), rooms))
        await asyncio.sleep(_SAMPLE_EVERY_S)


def _age_on(soak: Soak) -> None:
    """Make builds that ended a while ago two days old; count those that retention removed."""
    with closing(sqlite3.connect(soak.server.folder / "chef.db", timeout=30, isolation_level=None)) as store:
        while soak.goes_on:
            now = int(time.time() * 1000)
            store.execute(
                "UPDATE jobs SET finished_at = finished_at - 172800000 WHERE finished_at BETWEEN ? AND ?",
                (now - 86_400_000, now - _KEPT_S * 1000),
            )
            (kept,) = store.execute("SELECT count(*) FROM jobs").fetchone()
            soak.removed = soak.builds - kept
            time.sleep(_SAMPLE_EVERY_S)


def _table(soak: Soak, minutes: float) -> Table:
    table = figures()
    table.text = (
        f"{minutes:g} minutes: {soak.builds:,} builds of {_LINES} lines by {_BUILDERS} builders, "
        f"{soak.guests:,} guests."
    )
    second, last = _quarter(soak, 2), _quarter(soak, 4)
    judge(table, "events that the viewers who stayed missed, had twice or not in order", soak.faults, "= 0")
    judge(table, "log lines that are not in the store at a build's end", soak.lines_lost, "= 0")
    judge(table, "builds removed by retention meanwhile", soak.removed, ">= 1")
    memory = [statistics.median(sample[1] for sample in part) / _MB for part in (second, last)]
    table.rows.append(
        ["memory in the second quarter, in the last", f"{number(memory[0])}, {number(memory[1])} MB", "", ""]
    )
    judge(table, "memory grows by", memory[1] - memory[0], "< 5", " MB")
    descriptors = [statistics.median(sample[2] for sample in part) for part in (second, last)]
    table.rows.append(["descriptors in them", f"{number(descriptors[0])}, {number(descriptors[1])}", "", ""])
    judge(table, "descriptors grow by", descriptors[1] - descriptors[0], "< 10")
    rooms = [statistics.median(sample[3] for sample in part) for part in (second, last)]
    judge(table, "followed logs grow by", rooms[1] - rooms[0], "< 5")
    return table


def _quarter(soak: Soak, which: int) -> list[tuple[float, int, int, float]]:
    size = len(soak.samples) // 4
    return soak.samples[(which - 1) * size : which * size]


if __name__ == "__main__":
    main()
