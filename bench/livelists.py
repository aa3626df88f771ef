"""The overview and a project's page in a real Chromium while 200 jobs run, begin and end."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.chromium import FRAMES, heap, launched, metric, tab_bytes, tab_cpu
from bench.report import Table, figures, judge, number
from bench.servers import CHEF, Server, serve
from bench.web import Web

_JOBS, _UPDATES_PER_S = 200, 20
_PROJECT = "bench"
# Half of the jobs are in runs of four. So often one job ends and another one begins.
_IN_RUN = 4
_EXCHANGED_S = 5.0
_PAGES = {"the overview": "/?running=all", "a project's page": f"/projects/{_PROJECT}"}
_SETTLING_S = 15


def run(*, quick: bool) -> list[Table]:
    seconds = 60 if quick else 600
    with sync_playwright() as playwright, serve(CHEF) as server:
        browser = launched(playwright)
        try:
            with _working(server):
                return [_measured(browser, server, name, seconds) for name in _PAGES]
        finally:
            browser.close()


def _measured(browser: Browser, server: Server, name: str, seconds: int) -> Table:
    table = figures()
    table.text = (
        f"{name.capitalize()} for {seconds} s: {_JOBS} jobs run, {_UPDATES_PER_S} updates a second in all, "
        f"every {_EXCHANGED_S:g} s one job ends and another one begins."
    )
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    session = page.context.new_cdp_session(page)
    page.goto(f"http://127.0.0.1:{server.port}{_PAGES[name]}")
    page.locator("#chip[data-state=live]").wait_for()
    page.wait_for_timeout(_SETTLING_S * 1000)
    before, nodes, cpu = heap(session), metric(session, "Nodes"), tab_cpu(browser)
    frames = page.evaluate(FRAMES, seconds)
    cpu = tab_cpu(browser) - cpu
    judge(table, "the longest time between two frames", frames["worst"], "< 100", " ms")
    judge(table, "frames a second", frames["rate"], ">= 30")
    judge(table, "the page's memory grows by", (heap(session) - before) / 1e6, "< 5", " MB")
    judge(table, "its nodes grow by", metric(session, "Nodes") / nodes, "< 1.5", " x")
    judge(table, "memory that the tab's process has for itself", tab_bytes(browser) / 1e6, "< 150", " MB")
    table.rows.append(["CPU time of the tab a second", number(cpu / seconds, " s"), "", ""])
    page.close()
    return table


@contextmanager
def _working(server: Server) -> Iterator[None]:
    """Jobs that run, begin and end, for the time of the block."""
    numbers = itertools.count()
    jobs = [next(numbers) for _ in range(_JOBS)]
    _send(Web(server.port), [_begin(job) for job in jobs])
    ended = threading.Event()

    def work() -> None:
        web, due, exchanged = Web(server.port), time.monotonic(), time.monotonic()
        for turn in itertools.count():
            if ended.is_set():
                return
            if time.monotonic() - exchanged > _EXCHANGED_S:
                exchanged = time.monotonic()
                jobs.append(next(numbers))
                _send(web, [{"type": "completed", "jobId": f"job-{jobs.pop(0)}"}, _begin(jobs[-1])])
            _send(web, [_progress(jobs[turn % len(jobs)], turn)])
            due += 1 / _UPDATES_PER_S
            ended.wait(max(0, due - time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _send(web: Web, updates: list[dict[str, Any]]) -> None:
    web.post("/api/updates", json.dumps(updates).encode())


def _begin(job: int) -> dict[str, Any]:
    meta: dict[str, Any] = {"title": f"Change {job} of the parser", "branch": "main", "author": "Amina"}
    meta |= {"commit": f"{job:040x}", "kind": f"CI / job {job % _IN_RUN}"}
    if job // _IN_RUN % 2:
        meta["run"] = f"run {job // _IN_RUN}"
    begin = {"type": "progress", "jobId": f"job-{job}", "projectId": _PROJECT, "phase": "building"}
    return begin | {"meta": meta}


def _progress(job: int, turn: int) -> dict[str, Any]:
    percent = turn // _JOBS % 100
    return {
        "type": "progress",
        "jobId": f"job-{job}",
        "message": f"{percent} of 100 files compiled",
        "phaseProgress": percent,
    }
