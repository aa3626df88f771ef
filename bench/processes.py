"""One, two and four processes on one PostgreSQL behind HAProxy, posters and viewers on all, and a crowd.

What it says of larger installations is worked out in docs/performance.md, "A hundred thousand viewers".
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field

from bench.capacity import Costs, capacity
from bench.client import SocketViewer, seqs_of
from bench.cluster import Cluster, Cpu
from bench.driver import MARK, POSTER, drive, progress
from bench.report import Table, figures, judge, number
from bench.web import Web

_COUNTS = (1, 2, 4)
_EVENTS = 20_000
_POSTERS = 16
_VIEWERS_EACH = 2
_PACE = 100
_PACED_S = 20
_CROWD = 5_000
_CROWD_S = 20
_JOBS = 1000
_JOBS_RATE = 250
_JOBS_S = 20
_STAMP = re.compile(MARK.replace("0" * 19, r"(\d{19})").encode())
_LATE_S = 120


@dataclass
class Viewed:
    """What a viewer had of its job: the seqs in their order, and how late each was, in ms."""

    job: str
    seqs: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def take(self, packets: list[bytes]) -> None:
        now = time.monotonic_ns()
        self.seqs += seqs_of(packets)
        stamps = (_STAMP.search(packet) for packet in packets)
        self.delays += [(now - int(stamp[1])) / 1e6 for stamp in stamps if stamp]

    def faults(self, last: int) -> int:
        """How many of 1 to `last` are missing, twice or not in order."""
        return sum(one != other for one, other in zip(self.seqs, range(1, last + 1), strict=False)) + abs(
            last - len(self.seqs)
        )


@dataclass
class Outcome:
    """One run: the driver's figures, CPU of the servers, delays to viewers (ms), bytes stored an event."""

    posting: dict[str, float]
    seconds: float
    cpu: Cpu
    faults: int
    delays: list[float]
    stored: float

    def of(self, part: str) -> float:
        """CPU seconds of a part of the whole for each event."""
        return float(getattr(self.cpu, part)) / self.posting["posts"]

    def delay(self, share: float) -> float:
        return self.delays[min(int(len(self.delays) * share), len(self.delays) - 1)]


def run(*, quick: bool) -> list[Table]:
    scale = 10 if quick else 1
    flat: dict[int, Outcome] = {}
    paced: dict[int, Outcome] = {}
    for count in _COUNTS:
        with Cluster(count) as cluster:
            flat[count] = _measure(cluster, _POSTERS, _EVENTS // scale, 0, 600)
        with Cluster(count) as cluster:
            paced[count] = _measure(cluster, _POSTERS, -1, _PACE, _PACED_S / (4 if quick else 1))
    with Cluster(2) as cluster:
        jobs = _measure(
            cluster, _JOBS // scale, -1, _JOBS_RATE / (2 if quick else 1), _JOBS_S / (2 if quick else 1)
        )
    with Cluster(2) as cluster:
        crowd = _crowd(cluster, _CROWD // scale, _CROWD_S / (4 if quick else 1))
    costs = _costs(paced, crowd, flat[1].stored)
    return [
        _table(flat, paced),
        _judged(flat, paced),
        *_simulated(jobs, crowd, scale, costs),
        capacity(costs),
    ]


def _costs(paced: dict[int, Outcome], crowd: _Crowd, stored: float) -> Costs:
    """With two processes each event is read by the other one once, since both have a viewer of each job."""
    one, two = paced[1], paced[2]
    messages = max(crowd.figures["messages"], 1)
    # Storing and reading is in the time of the crowd, too, once for each event.
    sending = crowd.cpu.chefs - crowd.figures["posts"] * two.of("chefs")
    message, haproxy_message = max(sending, 0) / messages, crowd.cpu.haproxy / messages
    sent = _VIEWERS_EACH * message
    return Costs(
        post=max(one.of("chefs") - sent, 0),
        read=max(two.of("chefs") - one.of("chefs"), 0),
        message=message,
        postgres_post=one.of("postgres"),
        postgres_read=max(two.of("postgres") - one.of("postgres"), 0),
        haproxy_post=max(one.of("haproxy") - _VIEWERS_EACH * haproxy_message, 0),
        haproxy_message=haproxy_message,
        viewer_bytes=crowd.memory,
        stored_bytes=stored,
    )


def _measure(cluster: Cluster, posters: int, count: int, rate: float, seconds: float) -> Outcome:
    """Posters, each with a job and a project of its own, and viewers of each job, all by HAProxy."""
    return asyncio.run(_run(cluster, posters, count, rate, seconds))


async def _run(cluster: Cluster, posters: int, count: int, rate: float, seconds: float) -> Outcome:
    jobs = [f"job-{number:06}" for number in range(posters)]
    each = _VIEWERS_EACH if posters <= _POSTERS else 1
    views = [Viewed(job) for job in jobs for _ in range(each)]
    joined = [asyncio.Event() for _ in views]
    tasks = [asyncio.create_task(_view(cluster.port, *pair)) for pair in zip(views, joined, strict=True)]
    for event in joined:
        await asyncio.wait_for(event.wait(), _LATE_S)
    body = progress(job=f"job-{POSTER}").replace(
        b'"projectId": "bench"', b'"projectId": "p-%s"' % POSTER.encode()
    )
    options = {
        "posters": posters,
        "rate": rate,
        "count": count,
        "seconds": seconds,
        "patience": 0,
        "turns": 1,
    }
    before, empty, begun = cluster.cpu(), cluster.stored(), time.monotonic()
    with drive(cluster.port, body, **options) as driver:
        driver.begin()
        posting = await asyncio.to_thread(driver.result)
        listed = Web(cluster.port).json("/api/jobs?limit=1000")["jobs"]
        heads = dict.fromkeys(jobs, 0) | {job["jobId"]: job["seq"] for job in listed}
        await _wait_for_all(views, heads)
    taken, used = time.monotonic() - begun, cluster.cpu().since(before)
    for task in tasks:
        task.cancel()
    assert sum(heads.values()) == posting["posts"], "an update that was answered is not there"
    faults = sum(view.faults(heads[view.job]) for view in views)
    stored = (cluster.stored() - empty) / posting["posts"]
    delays = sorted(delay for view in views for delay in view.delays)
    return Outcome(posting, taken, used, faults, delays, stored)


async def _view(port: int, viewed: Viewed, joined: asyncio.Event) -> None:
    viewer = SocketViewer(port, jobId=viewed.job, after=0)

    async def watch() -> None:
        async for packets in viewer.events():
            viewed.take(packets)

    task = asyncio.create_task(watch())
    try:
        while not viewer.acknowledged:
            await asyncio.sleep(0.01)
        joined.set()
        await task
    finally:
        task.cancel()


async def _wait_for_all(views: list[Viewed], heads: dict[str, int]) -> None:
    deadline = time.monotonic() + _LATE_S
    with suppress(TimeoutError):
        while any(len(view.seqs) < heads[view.job] for view in views):
            if time.monotonic() > deadline:
                raise TimeoutError
            await asyncio.sleep(0.05)


@dataclass
class _Crowd:
    """Viewers of one job: the driver's figures, CPU seconds and bytes of the Chefs for each viewer."""

    figures: dict[str, float]
    cpu: Cpu
    memory: float
    viewers: int


def _crowd(cluster: Cluster, viewers: int, seconds: float) -> _Crowd:
    memory = sum(server.memory() for server in cluster.servers)
    with drive(cluster.port, progress(), viewers=viewers, posters=1, rate=1, seconds=seconds) as driver:
        grown = sum(server.memory() for server in cluster.servers) - memory
        before = cluster.cpu()
        found = driver.go()
        used = cluster.cpu().since(before)
    return _Crowd(found, used, grown / viewers, viewers)


def _table(flat: dict[int, Outcome], paced: dict[int, Outcome]) -> Table:
    table = Table(
        ["processes", "events a second", "POST p50, p99 ms", "to a viewer p50, p99 ms"]
        + [f"CPU ms an event, {part}" for part in ("Chefs", "PostgreSQL", "HAProxy")]
    )
    table.text = (
        f"{flat[1].posting['posts']:,.0f} events by {_POSTERS} posters, flat out, each with a job of its own "
        f"and {_VIEWERS_EACH} viewers of it, all by HAProxy in turn: most viewers are at another process "
        "than the POST was. Two cores: the Chefs are pinned to them in turn; PostgreSQL, HAProxy and the "
        "load share them."
    )
    for name, runs in (("", flat), (f", {_PACE} a second", paced)):
        for count, one in runs.items():
            posts = one.posting["posts"]
            cpu = [1000 * part / posts for part in (one.cpu.chefs, one.cpu.postgres, one.cpu.haproxy)]
            post = f"{number(one.posting['post_p50'])}, {number(one.posting['post_p99'])}"
            delay = f"{number(one.delay(0.5))}, {number(one.delay(0.99))}"
            table.rows.append(
                [f"{count}{name}", number(posts / one.posting["posting_s"]), post, delay, *map(number, cpu)]
            )
    return table


def _judged(flat: dict[int, Outcome], paced: dict[int, Outcome]) -> Table:
    table = figures()
    for count, one in flat.items():
        faults = one.faults + paced[count].faults
        judge(table, f"processes: {count}: events missing, twice or not in order", faults, "= 0")
        judge(
            table,
            f"the same, {_PACE} events a second: p99 POST to viewer",
            paced[count].delay(0.99),
            "< 100",
            " ms",
        )
    return table


def _simulated(jobs: Outcome, crowd: _Crowd, scale: int, costs: Costs) -> list[Table]:
    table = figures()
    table.text = "Two processes, as above."
    posts = jobs.posting["posts"]
    # The one viewer of a job is at the process that was posted to, or at the other one.
    expected = 1000 * (costs.post + costs.read / 2 + costs.message)
    what = f"{_JOBS // scale:,} jobs at once, {posts:,.0f} events, a viewer of each"
    judge(table, f"{what}: events missing, twice or not in order", jobs.faults, "= 0")
    table.rows.append(["the same: p99 POST to viewer", number(jobs.delay(0.99), " ms"), "", ""])
    table.rows.append(["the same: CPU of the Chefs an event", number(1000 * jobs.of("chefs"), " ms"), "", ""])
    table.rows.append(["the same, worked out of the figures above", number(expected, " ms"), "", ""])
    table.rows.append(
        ["the same: CPU of PostgreSQL an event", number(1000 * jobs.of("postgres"), " ms"), "", ""]
    )
    found = crowd.figures
    missed = found["expected"] - found["messages"]
    judge(table, f"{crowd.viewers:,} viewers of one job: messages missed", missed, "= 0")
    table.rows.append(["the same: p99 POST to viewer", number(found["p99"], " ms"), "", ""])
    table.rows.append(["the same: memory of the Chefs a viewer", number(crowd.memory / 1000, " KB"), "", ""])
    for part, cpu in (("the Chefs", crowd.cpu.chefs), ("HAProxy", crowd.cpu.haproxy)):
        per = 1e6 * cpu / max(found["messages"], 1)
        table.rows.append([f"the same: CPU of {part} a message", number(per, " µs"), "", ""])
    return [table]
