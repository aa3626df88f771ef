"""Viewers that are cut off, come late or do not read: each sees everything once, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from bench.client import Breaker, Deaf, Seen, follow, follow_stream
from bench.driver import JOB, drive, progress
from bench.report import Table, figures, judge
from bench.servers import CHEF, PEERS, Server, serve

_EVENTS = 10_000
_JOINS = 50
_DEAF = 20
_SEED = 7
# With it an event is 500 bytes long.
_MESSAGE = 330


def run(*, quick: bool) -> list[Table]:
    table = figures()
    events = 3_000 if quick else _EVENTS
    table.text = f"{events:,} events, posted one by one by 8 posters at about 1,000 a second."
    for name, viewer in (
        ("`after` and `epoch`", _by_after),
        ("socket.io-client, recovery only", _by_recovery),
        ("SSE, `Last-Event-ID`", _by_stream),
    ):
        with serve(CHEF) as server:
            asyncio.run(_cut(table, name, server, viewer, events))
    with serve(CHEF) as server:
        asyncio.run(_join(table, server, events))
    with serve(CHEF) as server:
        _ignore(table, server, events)
    return [table]


Viewer = Callable[[int, int, asyncio.Event], Coroutine[Any, Any, Seen]]
"""A viewer at a port until an event's seq; it says when the posting may begin."""


async def _by_after(port: int, last: int, joined: asyncio.Event) -> Seen:
    joined.set()
    return await follow(port, JOB, last)


async def _by_stream(port: int, last: int, joined: asyncio.Event) -> Seen:
    joined.set()
    return await follow_stream(port, JOB, last)


async def _by_recovery(port: int, last: int, joined: asyncio.Event) -> Seen:
    client = await asyncio.create_subprocess_exec(
        "node",
        PEERS / "recovering.js",
        str(port),
        JOB,
        str(last),
        stdout=-1,
        stderr=subprocess.PIPE,
        limit=2**26,
    )
    assert client.stdout is not None
    assert client.stderr is not None
    await client.stderr.readline()
    joined.set()
    try:
        answer = await client.stdout.read()
    except asyncio.CancelledError:
        client.terminate()
        answer = await client.stdout.read()
        found = json.loads(answer)
        return Seen(found["seqs"], found["connections"])
    found = json.loads(answer)
    return Seen(found["seqs"], found["connections"], asyncio.get_running_loop().time())


async def _post_all(port: int, events: int) -> float:
    """Post the events; returns when the last was answered (loop time)."""
    options = {"posters": 8, "rate": 1000, "count": events, "seconds": 600, "patience": 0}
    with drive(port, progress(), **options) as driver:
        driver.begin()
        found = await asyncio.to_thread(driver.result)
    assert found["posts"] == events, found
    return asyncio.get_running_loop().time()


async def _seen(viewer: asyncio.Task[Seen], timeout: float) -> Seen:
    """What a viewer saw, at the latest after a while."""
    await asyncio.wait([viewer], timeout=timeout)
    viewer.cancel()
    with suppress(asyncio.CancelledError):
        return await viewer
    return Seen()


async def _cut(table: Table, name: str, server: Server, viewer: Viewer, events: int) -> None:
    async with Breaker(server.port, random.Random(_SEED)) as breaker:
        joined = asyncio.Event()
        task = asyncio.create_task(viewer(breaker.port, events, joined))
        await joined.wait()
        ended = await _post_all(server.port, events)
        seen = await _seen(task, 10)
    what = f"cut with RST every 200 to 800 ms ({breaker.cuts} times), {name}"
    judge(table, f"{what}: events missing, twice or not in order", seen.faults(1, events), "= 0")
    late = seen.finished - ended if seen.finished else float("inf")
    judge(table, "the same: complete after the last event", max(late, 0), "< 1", " s")


async def _join(table: Table, server: Server, events: int) -> None:
    chance = random.Random(_SEED)

    async def late() -> Seen:
        await asyncio.sleep(chance.uniform(0, events / 1000))
        return await follow(server.port, JOB, events)

    tasks = [asyncio.create_task(late()) for _ in range(_JOINS)]
    await _post_all(server.port, events)
    everyone = [await _seen(task, 20) for task in tasks]
    faults = sum(seen.faults(1, events) for seen in everyone)
    judge(
        table, f"{_JOINS} viewers that join meanwhile: events missing, twice or not in order", faults, "= 0"
    )


def _ignore(table: Table, server: Server, events: int) -> None:
    # Ten a POST: what is measured is what the viewers who do not read cost, not the POSTs.
    body, healthy = b"[%s]" % b",".join([progress(size=_MESSAGE)] * 10), 5
    options = {"posters": 8, "rate": 50, "lines": 10, "count": events // 10, "seconds": 600}
    alone = server.connections()
    deaf = [Deaf(server.port, JOB) for _ in range(_DEAF)]
    ports = {one.port for one in deaf}
    with drive(server.port, body, viewers=healthy, **options) as driver:
        assert server.holds(ports) == _DEAF
        before = server.memory()
        found = driver.go()
        grown, begun = server.memory() - before, time.monotonic()
        # From the last event: 60 s without any progress until the server lets go, then 5 s.
        while server.holds(ports) and time.monotonic() - begun < 80:
            time.sleep(0.2)
        freed = time.monotonic() - begun
    for one in deaf:
        one.close()
    what = f"{_DEAF} viewers that never read, {events:,} events of 500 bytes"
    judge(table, f"{what}: memory grows by", grown / 1e6, "< 20", " MB")
    judge(table, "the same: p99 to a healthy viewer", found["p99"], "< 100", " ms")
    judge(
        table, "the same: messages that a healthy viewer missed", found["expected"] - found["messages"], "= 0"
    )
    judge(table, "the same: their descriptors are free after", freed, "< 65", " s")
    time.sleep(1)
    judge(table, "the same: descriptors left when all have gone", max(server.connections() - alone, 0), "= 0")
