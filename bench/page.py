"""The job page in a real Chromium: opening, scrolling and following long logs, and its memory."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.chromium import FRAMES, heap, launched, tab_bytes, tab_cpu
from bench.logs import lines_of
from bench.report import Table, figures, judge, median, number
from bench.servers import CHEF, Server, serve
from bench.web import Web

_LONG_LINES = 1_000_000
_BURST_PER_S, _SLOW_PER_S = 5_000, 20
_SEED = 7

# Notes when the state and the newest line were first to be seen, by the page's own clock.
_PAINTED = """
(() => {
  const look = () => {
    const log = document.getElementById("log")?.getBoundingClientRect();
    const last = document.querySelector("#lines .line:last-child")?.getBoundingClientRect();
    const isSeen = last && last.bottom > log.top && last.bottom <= log.bottom + 1 && last.height > 0;
    // The frame after the one that is being made is on the screen.
    if (isSeen && document.getElementById("percent")?.textContent) {
      requestAnimationFrame(() => (window.painted = performance.now()));
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
const found = (window.complaints = []);
addEventListener("error", (event) => found.push(String(event.message)));
addEventListener("unhandledrejection", (event) => found.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => found.push(event.violatedDirective));
"""
_SCROLL = """async (share) => {
  const log = document.getElementById("log");
  const frame = () => new Promise(requestAnimationFrame);
  log.scrollTop = share * (log.scrollHeight - log.clientHeight);
  const begun = performance.now();
  await frame();
  await frame();
  while (log.querySelector(".loading")) await frame();
  return performance.now() - begun;
}"""
_WHEEL = """async (seconds) => {
  const log = document.getElementById("log");
  const scroll = () => { log.scrollTop -= 60; if (performance.now() < end) requestAnimationFrame(scroll); };
  const end = performance.now() + seconds * 1000;
  requestAnimationFrame(scroll);
}"""
_READ_THROUGH = """async () => {
  const log = document.getElementById("log");
  const frame = () => new Promise(requestAnimationFrame);
  const seen = [];
  log.scrollTop = 0;
  for (;;) {
    await frame();
    await frame();
    while (log.querySelector(".loading")) await frame();
    for (const row of log.querySelectorAll(".line")) seen[Number(row.id.slice(1)) - 1] = row.textContent;
    if (log.scrollTop + log.clientHeight >= log.scrollHeight - 1) return seen;
    log.scrollTop += log.clientHeight;
  }
}"""


def run(*, quick: bool) -> list[Table]:
    count, burst, slow = (100_000, 3, 20) if quick else (_LONG_LINES, 10, 600)
    with sync_playwright() as playwright, serve(CHEF) as server:
        browser = launched(playwright)
        try:
            return [
                _long(browser, server, count),
                _burst(browser, server, burst),
                _slow(browser, server, slow),
            ]
        finally:
            browser.close()


@contextmanager
def _opened(browser: Browser, server: Server, job: str) -> Iterator[tuple[Page, CDPSession]]:
    """A tab of its own that shows a job, live."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(_PAINTED)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    try:
        page.goto(f"http://127.0.0.1:{server.port}/jobs/{job}")
        page.locator("#chip[data-state=live]").wait_for()
        yield page, context.new_cdp_session(page)
        complaints += page.evaluate("window.complaints")
        if complaints:
            raise RuntimeError(f"the page complains: {complaints}")
    finally:
        context.close()


def _start_job(server: Server, job: str) -> None:
    update = f'{{"type":"progress","jobId":"{job}","projectId":"bench","phase":"building"}}'
    Web(server.port).post("/api/updates", update.encode())


def _long(browser: Browser, server: Server, count: int) -> Table:
    _start_job(server, "long")
    Web(server.port).post("/api/jobs/long/logs", lines_of(count), "text/plain")
    table = figures()
    table.text = f"A log of {count:,} lines of 100 bytes, in a window of 1280 by 800."
    painted = []
    for _ in range(5):
        with _opened(browser, server, "long") as (page, _session):
            page.wait_for_timeout(300)
            painted.append(page.evaluate("window.painted"))
    judge(table, "state and newest lines painted, p50 of 5 openings", median(painted), "< 500", " ms")
    table.rows.append(["the slowest of them", number(max(painted), " ms"), "", ""])
    chance = random.Random(_SEED)
    with _opened(browser, server, "long") as (page, session):
        waits = sorted(page.evaluate(_SCROLL, chance.random()) for _ in range(30))
        judge(table, "text at any place after scrolling stops, the slowest of 30", waits[-1], "< 100", " ms")
        page.evaluate(_WHEEL, 3)
        frames = page.evaluate(FRAMES, 2.5)
        judge(table, "frames a second while scrolling", frames["rate"], ">= 55")
        _judge_memory(table, browser, session)
    return table


def _burst(browser: Browser, server: Server, seconds: int) -> Table:
    _start_job(server, "burst")
    table = figures()
    table.text = f"{_BURST_PER_S:,} lines a second for {seconds} s, followed."
    with _opened(browser, server, "burst") as (page, session), _writing(server, "burst", _BURST_PER_S, 50):
        page.wait_for_timeout(1_000)
        cpu = tab_cpu(browser)
        frames = page.evaluate(FRAMES, seconds)
        cpu = tab_cpu(browser) - cpu
        judge(table, "frames a second", frames["rate"], ">= 30")
        table.rows.append(["the longest time between two frames", number(frames["worst"], " ms"), "", ""])
        table.rows.append(["CPU time of the tab a second", number(cpu / seconds, " s"), "", ""])
        _judge_memory(table, browser, session)
    return table


def _slow(browser: Browser, server: Server, seconds: int) -> Table:
    _start_job(server, "slow")
    table = figures()
    table.text = f"{_SLOW_PER_S} lines a second for {seconds} s, followed."
    with _opened(browser, server, "slow") as (page, session):
        with _writing(server, "slow", _SLOW_PER_S, 1):
            page.wait_for_timeout(5_000)
            before = heap(session)
            page.wait_for_timeout(seconds * 1_000)
            after = heap(session)
        judge(table, "the page's memory grows by", (after - before) / 1e6, "< 5", " MB")
        _judge_memory(table, browser, session)
        page.wait_for_timeout(1_000)
        shown = page.evaluate(_READ_THROUGH)
        stored = Web(server.port).json("/api/jobs/slow")["lines"]
        wrong = sum(text != f"line {number}" for number, text in enumerate(shown, 1))
        judge(table, "lines missing or wrong against GET /logs", wrong + abs(stored - len(shown)), "= 0")
    return table


@contextmanager
def _writing(server: Server, job: str, rate: int, at_once: int) -> Iterator[None]:
    """Lines that say their numbers, so many a second, for the time of the block."""
    ended = threading.Event()

    def write() -> None:
        web, last, due = Web(server.port), 0, time.monotonic()
        while not ended.is_set():
            text = "".join(f"line {last + one}\n" for one in range(1, at_once + 1))
            web.post(f"/api/jobs/{job}/logs", text.encode(), "text/plain")
            last, due = last + at_once, due + at_once / rate
            ended.wait(max(0, due - time.monotonic()))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _judge_memory(table: Table, browser: Browser, session: CDPSession) -> None:
    judge(table, "the page's JavaScript memory", heap(session) / 1e6, "< 50", " MB")
    judge(table, "memory that the tab's process has for itself", tab_bytes(browser) / 1e6, "< 150", " MB")
