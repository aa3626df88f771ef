"""Lists with many finished jobs, on SQLite and on PostgreSQL: first pages, filters, words, runs, pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.chromium import launched
from bench.manyjobs import fill
from bench.report import Table, figures, judge, median, number
from bench.servers import CHEF, Server, free_port, start
from bench.web import Web
from tests.tools.postgres import Postgres

_MANY = 1_000_000
_READS = 21
_REQUESTS = {
    "jobs": "/api/jobs",
    "of one project": "/api/jobs?projectId=project-7",
    "a frequent branch": "/api/jobs?projectId=project-7&branch=main",
    "an author, a kind and an outcome": "/api/jobs?author=Amina&kind=CI+%2F+test&status=failed",
    "a branch that is nowhere": "/api/jobs?branch=nowhere",
    "an outcome that no job of the branch has": "/api/jobs?branch=main&status=cancelled",
    "a frequent word": "/api/jobs?q=upload",
    "a commit's first letters": "/api/jobs?q=4f1c2d",
    "an absent word": "/api/jobs?q=zzzznotthere",
    "an absent word of two letters": "/api/jobs?q=qx",
    "two words that never meet": "/api/jobs?q=passed+exit",
    "runs of one project": "/api/projects/project-7/runs",
    "failed runs with a word": "/api/projects/project-7/runs?status=failed&q=upload",
    "HTML of the overview": "/",
    "HTML of a project": "/projects/project-7",
}
# Of a page with one word all time is the browser's and the machine's.
_BARE = "first paint of a page with one word"
_PAINTED = {
    "first paint of the overview, in Chromium": "/",
    "first paint of a project's page": "/projects/project-7",
}
_OPENINGS = 7
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_BOUNDS = {"an absent word": 300, "a branch that is nowhere": 300, "HTML of the overview": 500}
_BOUNDS |= dict.fromkeys(_PAINTED, 500)


def run(*, quick: bool) -> list[Table]:
    many = _MANY // 10 if quick else _MANY
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        for name in ("SQLite", "PostgreSQL"):
            with _serve(name, Path(place) / name, many) as server:
                web = Web(server.port)
                found[name] = {what: median(web.times([path] * _READS)) for what, path in _REQUESTS.items()}
                found[name] |= _paintings(server)
    return _tables(found, many)


@contextmanager
def _serve(name: str, folder: Path, many: int) -> Iterator[Server]:
    """A server over a store with so many jobs."""
    folder.mkdir()
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'chef.db'}"
        if name == "PostgreSQL":
            url = stack.enter_context(Postgres()).new_database()
        fill(url, many)
        server = start(CHEF, folder, free_port(), DATABASE_URL=url, CHEF_RETENTION_DAYS="0")
        stack.callback(server.stop)
        yield server


def _paintings(server: Server) -> dict[str, float]:
    """When Chromium first paints something of a page, by its own clock (ms): the median of some openings."""
    pages = {what: f"http://127.0.0.1:{server.port}{path}" for what, path in _PAINTED.items()}
    pages[_BARE] = "data:text/html,one"
    times: dict[str, list[float]] = {what: [] for what in pages}
    with sync_playwright() as playwright:
        browser = launched(playwright)
        for what, url in list(pages.items()) * _OPENINGS:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(url)
            page.wait_for_function(_FIRST_PAINT)
            times[what].append(page.evaluate(_FIRST_PAINT))
            page.close()
        browser.close()
    return {what: median(found) for what, found in times.items()}


def _tables(found: dict[str, dict[str, float]], many: int) -> list[Table]:
    table = Table(["p50 of a page of 50, ms", *found])
    table.text = f"{many:,} finished jobs of ten projects, four a run, 60 % of them of one branch."
    for what in (*_REQUESTS, *_PAINTED, _BARE):
        table.rows.append([what, *(number(times[what]) for times in found.values())])
    judged = figures()
    for name, times in found.items():
        for what, bound in _BOUNDS.items():
            judge(judged, f"{what}, {name}", times[what], f"< {bound}", " ms")
    return [table, judged]
