"""The durations of a project's runs: what the chart tells, where its bars lead, live after an end."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import event

from chef.store import Store
from chef.store.engine import make_engine
from chef.store.finishedruns import finished_runs
from chef.store.listing import filter_menu
from tests.tools.pages import chip, progress
from tests.tools.rendered import post
from tests.tools.serving import Served

ENDS: dict[str, dict[str, Any]] = {
    "completed": {"type": "completed"},
    "failed": {"type": "error", "message": "no"},
    "cancelled": {"type": "cancelled"},
    "abandoned": {"type": "progress", "status": "abandoned"},
}


class Runs:
    """Runs of one project after another, each of as many seconds as is said."""

    def __init__(self, make_app: Callable[..., Flask]) -> None:
        self.now = 1_790_000_000_000
        self.app = make_app(clock=lambda: self.now)
        self.client: FlaskClient = self.app.test_client()
        self.store: Store = self.app.extensions["chef"].store

    def add(self, job_id: str, seconds: float, outcome: str = "completed", **meta: Any) -> None:
        self.now += 60_000
        begun = {"type": "progress", "jobId": job_id, "projectId": "web", "phase": "building", "meta": meta}
        post(self.client, begun)
        self.now += round(seconds * 1000)
        post(self.client, {"jobId": job_id} | ENDS[outcome])

    def page(self, query: str = "") -> str:
        answer = self.client.get(f"/projects/web{query}")
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def runs(make_app: Callable[..., Flask]) -> Runs:
    return Runs(make_app)


def bars(text: str) -> list[tuple[str, str, float]]:
    """The bars of a chart: job, status, height."""
    found = re.findall(
        r'<a [^>]*data-status="(\w+)" data-run="([^"]+)">.*?class="chart-run"[^>]* height="([\d.]+)"',
        text,
        re.DOTALL,
    )
    return [(job, status, float(height)) for status, job, height in found]


def facts(text: str) -> str:
    """The sentences above a chart, as one reads them."""
    found = re.search(r'<p class="chart-facts">(.*?)</p>', text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[1]).split()) if found else ""


def test_there_is_a_bar_for_each_run_oldest_first_and_as_high_as_it_was_long(runs: Runs) -> None:
    runs.add("a", 30)
    runs.add("b", 60, "failed")
    runs.add("c", 15, "cancelled")
    runs.add("d", 0, "abandoned")
    post(runs.client, {"type": "progress", "jobId": "running", "phase": "building", "projectId": "web"})
    text = runs.page()
    assert bars(text) == [
        ("a", "completed", 60),
        ("b", "failed", 120),
        ("c", "cancelled", 30),
        # One that took no time is still to be seen.
        ("d", "abandoned", 3),
    ]
    assert 'aria-label="b: Failed, 1 min 00 s"' in text
    assert "<title>b: Failed, 1 min 00 s</title>" in text
    assert 'role="group" aria-label="Durations of the newest 4 runs, oldest first"' in text
    rows = re.findall(r'<th scope="row"><a href="/jobs/(\w+)">', text)
    assert rows == ["d", "c", "b", "a"]


def test_what_the_chart_tells_in_words(runs: Runs) -> None:
    for number in range(1, 11):
        runs.add(f"job-{number}", 50 + number, number=str(1000 + number))
    assert facts(runs.page()).startswith("100% of 10 runs succeeded usually 52 s to 59 s last green: #1010")
    assert "red since" not in runs.page()
    runs.add("stopped", 5, "cancelled")
    runs.add("bad", 55, "failed", title="Break it")
    runs.add("worse", 55, "failed", number="1014")
    runs.add("given-up", 55, "abandoned")
    said = facts(runs.page())
    assert said.startswith("83% of 12 runs succeeded")
    assert "red since Break it last green: #1010" in said
    runs.add("good", 55, number="1016")
    said = facts(runs.page())
    assert "red since" not in said
    assert "last green: #1016" in said


def test_red_and_green_are_known_though_they_are_older_than_the_chart(runs: Runs) -> None:
    runs.add("green", 5)
    for number in range(55):
        runs.add(f"red-{number}", 5, "failed")
    text = runs.page()
    assert len(bars(text)) == 50
    assert facts(text).startswith("0% of 50 runs succeeded")
    assert "red since red-0 last green: green" in facts(text)


def test_a_project_that_was_never_green_and_one_without_runs(runs: Runs) -> None:
    post(runs.client, {"type": "progress", "jobId": "running", "phase": "building", "projectId": "web"})
    assert 'id="durations"' not in runs.page()
    assert runs.client.get("/projects/web/durations").status_code == 404
    runs.add("red", 5, "failed")
    assert facts(runs.page()) == "0% of 1 run succeeded red since red"


def test_few_runs_have_no_usual_time_and_one_long_one_does_not_flatten_the_others(runs: Runs) -> None:
    for number in range(4):
        runs.add(f"job-{number}", 60)
    assert "chart-usual" not in runs.page()
    runs.add("job-4", 60)
    runs.add("endless", 6_000, "failed")
    text = runs.page()
    assert "chart-usual" in text
    assert [height for _, _, height in bars(text)] == [40] * 5 + [120]
    assert text.count("chart-cut") == 1
    assert '<span class="chart-top number muted" aria-hidden="true">3 min 00 s</span>' in text


def test_each_kind_has_its_chart(runs: Runs) -> None:
    runs.add("old", 5)
    runs.add("lint-1", 5, kind="CI / lint")
    runs.add("test-1", 50, kind="CI / test")
    text = runs.page()
    # That of the newest job, unless one chooses.
    assert [job for job, _, _ in bars(text)] == ["test-1"]
    assert re.findall(r'href="/projects/web\?kind=([^"]*)"( aria-current="true")?', text) == [
        ("CI+/+test", ' aria-current="true"'),
        ("CI+/+lint", ""),
        ("", ""),
    ]
    assert [job for job, _, _ in bars(runs.page("?kind=CI+/+lint"))] == ["lint-1"]
    assert [job for job, _, _ in bars(runs.page("?kind="))] == ["old"]
    assert bars(runs.page("?kind=none")) == []
    assert "No run of this kind has ended yet." in runs.page("?kind=none")
    one = runs.client.get("/projects/web/durations?kind=CI+/+lint")
    assert [job for job, _, _ in bars(one.text)] == ["lint-1"]
    assert "default-src 'none'" in one.headers["Content-Security-Policy"]


def test_names_of_kinds_and_runs_are_text(runs: Runs) -> None:
    runs.add("a", 5, kind="<b>kind</b>", title="<img src=x onerror=alert(1)>")
    runs.add("b", 5, kind='" onload="x', number=[1])
    text = runs.page("?kind=%3Cb%3Ekind%3C/b%3E")
    assert "<b>kind" not in text
    assert "<img" not in text
    assert 'onload="x' not in text


def test_the_chart_is_read_over_indexes_alone(runs: Runs, tmp_path: Path) -> None:
    """A scan of the table, or a sort of it, would take seconds where it has a million jobs."""
    runs.add("a", 5, kind="k")
    runs.add("b", 5, "failed", kind="k")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    # An engine of its own: upkeep reads, too.
    engine = make_engine(f"sqlite:///{tmp_path / 'chef.db'}")
    event.listen(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        filter_menu(connection, "web", None)
        finished_runs(connection, "web", "k", 50)
        finished_runs(connection, "web", None, 50)
    engine.dispose()
    reads = [one for one in asked if one[0].startswith("SELECT")]
    assert len(reads) > 12
    with sqlite3.connect(tmp_path / "chef.db") as database:
        for statement, parameters in reads:
            plan = str(database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall())
            # Meanwhile the upkeep may look for what is to be made searchable: few rows, by their index.
            plan = plan.replace("SCAN jobs USING INDEX ix_jobs_unsearchable", "")
            assert "SCAN jobs" not in plan, (statement, plan)
            assert "TEMP B-TREE" not in plan, (statement, plan)


# In a browser


def test_a_run_that_ends_is_in_the_chart_at_once(server: Served, page: Page) -> None:
    server.update(progress("a", phase="building"), {"type": "completed", "jobId": "a"})
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    links = page.locator(".chart a")
    expect(links).to_have_count(1)
    links.first.focus()
    server.update(progress("b", phase="building"), {"type": "error", "jobId": "b", "message": "no"})
    expect(links).to_have_count(2)
    expect(links.nth(1)).to_have_attribute("data-status", "failed")
    expect(page.locator(".chart-facts")).to_contain_text("50% of 2 runs succeeded")
    # The reader's place is kept.
    expect(links.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/jobs/b")


def test_the_chart_comes_with_the_first_end(server: Served, page: Page) -> None:
    server.update(progress("a", phase="building"))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    expect(page.locator("#durations")).to_have_count(0)
    server.update({"type": "completed", "jobId": "a"})
    expect(page.locator(".chart a")).to_have_count(1)
    page.get_by_text("As a table").click()
    expect(page.locator(".chart-table td").nth(0)).to_contain_text("Completed")
