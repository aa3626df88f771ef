"""Long logs: late viewers, a log of 100 MB while somebody follows it, reading and searching it."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.client import SocketViewer, follow
from bench.driver import drive, progress
from bench.report import Table, figures, judge, number
from bench.servers import CHEF, Server, serve
from bench.web import Web

_LATE_LINES = 100_000
_LONG_LINES = 1_000_000
_LINE_BYTES = 100
_SEED = 7
_LAST_LINE = re.compile(rb'"line":(\d+)')
_WORDS = ("cc", "gcc", "link", "install", "copy", "test", "resolve", "fetch", "unpack", "write", "src", "lib")


def run(*, quick: bool) -> list[Table]:
    return [
        _late(_LATE_LINES // 10 if quick else _LATE_LINES),
        _long(_LONG_LINES // 10 if quick else _LONG_LINES),
    ]


def lines_of(count: int) -> Iterator[bytes]:
    """A log of lines of 100 bytes in blocks of 1,000, as different from each other as a build's are."""
    chance = random.Random(_SEED)
    for start in range(0, count, 1000):
        block = []
        for number_ in range(start, min(count, start + 1000)):
            text = f"[{number_:7}] {' '.join(chance.choices(_WORDS, k=5))} {chance.getrandbits(64):016x}"
            block.append(text[: _LINE_BYTES - 1].ljust(_LINE_BYTES - 1, "."))
        yield ("\n".join(block) + "\n").encode()


def _prepare(server: Server, job: str) -> None:
    update = f'{{"type":"progress","jobId":"{job}","projectId":"bench","phase":"building"}}'
    Web(server.port).post("/api/updates", update.encode())


def _late(count: int) -> Table:
    table = figures()
    table.text = f"A viewer that comes when a job has {count:,} lines already."
    with serve(CHEF) as server:
        _prepare(server, "late")
        Web(server.port).post("/api/jobs/late/logs", b"".join(lines_of(count)), "text/plain")
        last = Web(server.port).json("/api/jobs/late")["seq"]
        state = max(asyncio.run(_first_event(server.port)) for _ in range(5))
        judge(table, "state after it connects, the slowest of 5", state, "< 100", " ms")
        tail = Web(server.port).times(["/api/jobs/late/logs?tail=200"] * 5)
        judge(table, "the newest 200 lines", sorted(tail)[2], "< 100", " ms")
        for batch, name in ((False, "a `job:log` a line"), (True, "`job:logs`")):
            seconds, faults = asyncio.run(_all_lines(server.port, last, count, batch=batch))
            judge(table, f"all lines, {name}", seconds, "< 3", " s")
            judge(table, "lines missing, twice or not in order", faults, "= 0")
    return table


async def _first_event(port: int) -> float:
    begun = time.perf_counter()
    async for _ in SocketViewer(port, jobId="late").events():
        break
    return (time.perf_counter() - begun) * 1000


async def _all_lines(port: int, last: int, count: int, *, batch: bool) -> tuple[float, int]:
    begun = time.perf_counter()
    if not batch:
        seen = await follow(port, "late", last)
        return time.perf_counter() - begun, seen.faults(1, last)
    expected = wrong = 0
    async for packets in SocketViewer(port, jobId="late", after=0, batch=True).events():
        for packet in packets:
            for found in _LAST_LINE.findall(packet):
                expected += 1
                wrong += int(found) != expected
        if expected >= count:
            break
    return time.perf_counter() - begun, wrong + abs(count - expected)


@contextmanager
def _watch_memory(server: Server) -> Iterator[list[int]]:
    """The server's memory ten times a second."""
    samples, ended = [server.memory()], threading.Event()

    def sample() -> None:
        while not ended.wait(0.1):
            samples.append(server.memory())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _long(count: int) -> Table:
    table = figures()
    blocks = list(lines_of(count))
    size = sum(map(len, blocks))
    with serve(CHEF) as server:
        _prepare(server, "long")
        _append(table, server, blocks, count)
        web = Web(server.port)
        chance = random.Random(_SEED)
        places = [chance.randrange(count - 200) for _ in range(30)]
        times = sorted(web.times([f"/api/jobs/long/logs?after={place}&limit=200" for place in places]))
        judge(table, "any 200 lines, the slowest of 30 reads", times[-1], "< 20", " ms")
        judge(table, "any 200 lines, p50", times[len(times) // 2], "< 20", " ms")
        search = sorted(web.times(["/api/jobs/long/logs?q=notthereatall"] * 3))[1]
        judge(table, "search for a word that is not there", search / 1000, "< 2", " s")
        database = sum(path.stat().st_size for path in server.folder.glob("chef.db*"))
        table.text += f" On disk {number(database / size)} bytes for each byte of log."
    return table


def _append(table: Table, server: Server, blocks: list[bytes], count: int) -> None:
    """Append the log in one stream while a viewer follows, and others follow another job."""
    others = {
        "viewers": 5,
        "posters": 1,
        "rate": 20,
        "seconds": 600,
        "subscribe": '420["subscribe:job","other"]',
    }
    with _watch_memory(server) as samples, drive(server.port, progress("other"), **others) as driver:
        cpu = server.cpu()
        driver.begin()
        appended, followed, faults = asyncio.run(_append_and_follow(server.port, blocks, count))
        cpu = server.cpu() - cpu
        driver.end()
        found = driver.result()
    megabytes, later = number(sum(map(len, blocks)) / 1e6), number(max(followed - appended, 0))
    table.text = (
        f"A log of {count:,} lines ({megabytes} MB) in one stream, flat out, followed by a viewer "
        f"line by line: taken in {number(appended)} s, all at the viewer {later} s later, "
        f"{number(count / cpu)} lines per server CPU second for both."
    )
    judge(table, "the server's memory grows by", (max(samples) - samples[0]) / 1e6, "< 100", " MB")
    judge(table, "the viewer's lines missing, twice or not in order", faults, "= 0")
    judge(table, "p99 to viewers of another job meanwhile", found["p99"], "< 100", " ms")


async def _append_and_follow(port: int, blocks: list[bytes], count: int) -> tuple[float, float, int]:
    viewer = asyncio.create_task(follow(port, "long", count + 1))
    await asyncio.sleep(0.5)
    begun = asyncio.get_running_loop().time()
    web = Web(port)
    await asyncio.to_thread(web.post, "/api/jobs/long/logs", iter(blocks), "text/plain")
    appended = asyncio.get_running_loop().time() - begun
    seen = await asyncio.wait_for(viewer, 300)
    return appended, seen.finished - begun, seen.faults(1, count + 1)
