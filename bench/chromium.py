"""Chromium for what is measured in a browser: started, its frames, its memory and CPU time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Playwright

_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

FRAMES = """(seconds) => new Promise((then) => {
  const times = [];
  const begun = performance.now();
  const frame = (now) => {
    times.push(now);
    if (performance.now() - begun < seconds * 1000) return requestAnimationFrame(frame);
    const gaps = times.slice(1).map((time, index) => time - times[index]);
    then({ rate: gaps.length / ((times.at(-1) - times[0]) / 1000), worst: Math.max(...gaps) });
  };
  requestAnimationFrame(frame);
})"""
"""Frames a second of a page and the longest time (ms) between two, over some seconds."""


def launched(playwright: Playwright) -> Browser:
    """A browser; it is several processes, which have all of a viewer's machine."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return playwright.chromium.launch(executable_path=_chromium(), args=_ARGUMENTS)


def _chromium() -> str:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise SystemExit("the page is measured in Chromium, which is not on this machine")
    return path


def heap(session: CDPSession) -> float:
    """Bytes of JavaScript that a page holds, without garbage."""
    return metric(session, "JSHeapUsedSize")


def metric(session: CDPSession, name: str) -> float:
    """One of Chromium's performance metrics of a page, when its garbage was collected."""
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == name)


def _tabs(browser: Browser) -> list[int]:
    """The processes that show pages."""
    session = browser.new_browser_cdp_session()
    processes: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [one["id"] for one in processes if one["type"] == "renderer"]


def tab_cpu(browser: Browser) -> float:
    """Seconds of CPU time of all tabs so far."""
    times = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in _tabs(browser)]
    return sum(int(time[11]) + int(time[12]) for time in times) / os.sysconf("SC_CLK_TCK")


def tab_bytes(browser: Browser) -> int:
    """What the largest of the browser's tabs has for itself, in bytes, without what processes share."""
    return max(map(_private_bytes, _tabs(browser)))


def _private_bytes(pid: int) -> int:
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(fields[name].split()[0]) * 1024 for name in ("Private_Clean", "Private_Dirty"))
