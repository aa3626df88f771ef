"""Helpers for tests of the job page: updates to send, lines that are stored, lines that the page shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.tools.serving import Served

# The rows that are in the document, without those that only hold a selection.
ROWS = """() => [...document.querySelectorAll("#lines .line:not(.kept)")].map(
  (row) => [Number(row.id.slice(1)), row.querySelector(".text").textContent])"""

# Waits until the log has not moved for as long as a rest takes to be one (static/scroll-input.js).
_AT_REST = """async () => {
  const log = document.getElementById("log");
  const place = () => `${log.scrollTop} ${document.querySelector("#lines .rows").style.top}`;
  for (let before = place(), since = performance.now(); performance.now() - since < 300; ) {
    await new Promise((then) => requestAnimationFrame(then));
    if (place() !== before) [before, since] = [place(), performance.now()];
  }
}"""

# All lines of a log as a reader sees them by scrolling from its beginning to its end.
_READ_THROUGH = """async () => {
  const log = document.getElementById("log");
  const frame = () => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
  const seen = new Map();
  log.scrollTop = 0;
  for (;;) {
    await frame();
    for (let wait = 0; log.querySelector(".loading") && wait < 300; wait++) await frame();
    for (const row of log.querySelectorAll(".line:not(.kept)")) {
      seen.set(Number(row.id.slice(1)), row.querySelector(".text").textContent);
    }
    if (log.scrollTop + log.clientHeight >= log.scrollHeight - 1) break;
    log.scrollTop += log.clientHeight;
  }
  return [...seen].sort((one, other) => one[0] - other[0]);
}"""


def progress(job_id: str = "j", **fields: Any) -> dict[str, Any]:
    """A `progress` update."""
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(message: str, job_id: str = "j", **fields: Any) -> dict[str, Any]:
    """A `log` update."""
    return {"type": "log", "jobId": job_id, "message": message} | fields


def numbered(first: int, last: int) -> str:
    """Lines that say their numbers."""
    return "\n".join(f"line {number}" for number in range(first, last + 1))


def chip(page: Page, word: str) -> None:
    """Wait until the chip says so."""
    expect(page.locator("#chip-word")).to_have_text(word)


def line(page: Page, number: int) -> Locator:
    """The text of a line."""
    return page.locator(f"#L{number} .text")


def shown_lines(page: Page) -> list[list[Any]]:
    """All lines that the page shows, `[number, text]`, by scrolling through them; ends at the end."""
    shown: list[list[Any]] = page.evaluate(_READ_THROUGH)
    return shown


def stored_lines(server: Served, job_id: str = "j", **options: Any) -> list[list[Any]]:
    """All lines that the server has, in the same form."""
    found: list[list[Any]] = []
    after = 0
    while True:
        query = {"after": after, "limit": 1000}
        answer = server.get(f"/api/jobs/{job_id}/logs", params=query, **options).json()
        found += [[one["line"], one["message"]] for one in answer["lines"]]
        if not answer["lines"] or found[-1][0] >= answer["total"]:
            return found
        after = found[-1][0]


def rows(page: Page) -> list[list[Any]]:
    """The rows in the document, `[number, text]`."""
    found: list[list[Any]] = page.evaluate(ROWS)
    return found


def scroll_top(page: Page) -> float:
    """Where the log's scroll bar is."""
    top: float = page.evaluate("document.getElementById('log').scrollTop")
    return top


def at_rest(page: Page) -> None:
    """Wait until the log moves no more."""
    page.evaluate(_AT_REST)


def wait_until(page: Page, condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something is so that the page itself cannot tell, such as what the clipboard holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come true in time"
        page.wait_for_timeout(20)


def fill(server: Served, count: int, step: int = 5_000) -> None:
    """A running job with that many lines."""
    server.update(progress(phase="building"))
    for first in range(1, count + 1, step):
        last = min(count, first + step - 1)
        server.post("/api/jobs/j/logs", data=f"{numbered(first, last)}\n".encode())
