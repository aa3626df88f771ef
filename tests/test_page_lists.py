"""Lists of jobs on pages: rows that say what a build is, filters in the address, one row for a run."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from chef.pages.rowwords import row_facts, row_reason, row_title
from tests.tools.modules import run as run_modules
from tests.tools.pages import chip, progress
from tests.tools.rendered import post
from tests.tools.serving import ROOT, Served

Start = Callable[..., Served]
COMMIT = "4f1c2d9ab0d1e2f3a4b5c6d7e8f90123456789ab"
ABOUT = {
    "branch": "main",
    "commit": COMMIT,
    "author": "Amina",
    "number": 482,
    "title": "Retry the upload\n\nWhy",
}


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Start) -> Served:
    """A server with Socket.IO, and one without: the page shows the same."""
    return start_server(WEBSOCKET_ENABLED=request.param)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# Words


METAS: list[dict[str, Any]] = [
    ABOUT,
    {"command": "npm test"},
    {},
    {"title": "", "command": "make"},
    {"title": " \x1b[31mred\x1b[0m ", "kind": "CI / lint", "pullRequest": 12, "branch": "b"},
    {"title": "t", "repository": "https://gitlab.example/a/b", "pullRequest": "12", "commit": "v1.2"},
    {"kind": "make", "command": "make", "number": "77", "author": "Ze"},
]


def test_rows_say_the_same_before_and_after_the_page_is_live() -> None:
    script = """
import { rowFacts, rowTitle, rowReason } from "chef/row-words.js";
const answer = ({ metas, jobs }) => [
  metas.map((meta) => [rowTitle(meta, "j"), rowFacts(meta, "j")]), jobs.map(rowReason),
];
"""
    jobs: list[dict[str, Any]] = [
        {"message": "m"},
        {"message": "a\n b"},
        {"message": "m", "error": {"message": "pytest ended with exit status 1", "code": 1}},
        {"error": {"message": "e", "code": 1}, "failure": {"summary": "3 failed, 41 passed", "lines": []}},
        {"message": None},
    ]
    titles, reasons = run_modules(script, {"metas": METAS, "jobs": jobs})
    assert titles == [[row_title(meta, "j"), row_facts(meta, "j")] for meta in METAS]
    assert reasons == [row_reason(job) for job in jobs]
    assert titles[:4] == [
        ["Retry the upload", "main · 4f1c2d9 · Amina · #482"],
        ["npm test", "j"],
        ["j", ""],
        ["make", "j"],
    ]
    assert titles[4:6] == [["red", "b · PR #12 · CI / lint"], ["t", "v1.2 · PR !12"]]
    assert reasons == ["m", "a b", "pytest ended with exit status 1", "3 failed, 41 passed", ""]


def test_a_page_filters_as_the_store_does() -> None:
    script = """
import { matches } from "chef/filtering.js";
const filterOf = ({ words, statuses, ...rest }) => ({ ...rest, q: words ?? "", status: statuses?.[0] ?? "" });
const answer = (cases) => cases.map(({ job, given }) => matches(filterOf(given), job));
"""
    cases = json.loads((ROOT / "tests/data/filter-cases.json").read_text(encoding="utf-8"))
    asked = [
        ({"jobId": one["job"]["job_id"], "status": one["job"]["status"], "message": one["job"].get("message"),
          "meta": one["job"]}, given, expected)
        for one in cases
        for key, expected in (("in", True), ("not in", False))
        for given in one[key]
        if "project_id" not in given
    ]  # fmt: skip
    assert len(asked) > 60
    found = run_modules(script, [{"job": job, "given": given} for job, given, _expected in asked])
    assert [(given, one) for (_job, given, _x), one in zip(asked, found, strict=True)] == [
        (given, expected) for _job, given, expected in asked
    ]


# Without JavaScript


def test_a_row_says_what_the_build_is(client: FlaskClient) -> None:
    post(client, progress(meta=ABOUT), {"type": "error", "jobId": "j", "message": "pytest ended", "code": 1})
    row = client.get("/projects/web").text.split('id="jobs"')[1].split("</li>")[0]
    assert ">Retry the upload</bdi>" in row
    assert 'title="main · 4f1c2d9 · Amina · #482">main · 4f1c2d9 · Amina · #482</bdi>' in row
    assert ">pytest ended</bdi>" in row
    assert re.search(r'<time data-field="when" datetime="[^"]+" title="[^"]+ UTC">just now</time>', row)
    assert row.count("<a ") == 1


@pytest.mark.parametrize("path", ["/", "/projects/web"])
def test_the_address_limits_a_list(client: FlaskClient, path: str) -> None:
    post(
        client,
        progress("one", meta=ABOUT | {"kind": "lint"}),
        progress("two", meta={"branch": "main", "author": "Ben"}),
        progress("three", meta={"branch": "topic"}, message="retry later"),
        {"type": "completed", "jobId": "two"},
    )

    def shown(query: str) -> list[str]:
        text = client.get(f"{path}?{query}").text
        listed = text.split('id="jobs"')[1].split("</ul>")[0]
        return re.findall(r'data-job="(\w+)"', listed)

    assert shown("branch=main") == ["two", "one"]
    assert shown("branch=main&status=running") == ["one"]
    assert shown("q=retry") == ["three", "one"]
    assert shown("q=retry&author=Amina&kind=lint&branch=main&status=") == ["one"]
    assert shown("q=nothing+of+it") == []
    text = client.get(f"{path}?branch=main&q=RETRY").text
    assert 'value="RETRY"' in text
    assert f'id="filter-clear" href="{path}"' in text
    assert html.unescape(text).count("branch=main&q=RETRY&status=failed") == 1
    assert "No matching jobs." in client.get(f"{path}?q=absent").text
    assert client.get(f"{path}?status=nonsense").status_code == 404
    assert client.get(f"{path}?q={'x' * 3000}&branch=%00").status_code == 200
    assert "filter-clear" not in client.get(f"{path}?q=&branch=&author=&kind=").text


def run_of(*jobs: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        progress(job, phase="building", meta=ABOUT | {"run": "ci/482", "kind": kind}) for job, kind in jobs
    ]


def test_a_run_is_one_row_and_has_a_page(client: FlaskClient) -> None:
    post(client, *run_of(("one", "lint"), ("two", "unit")), progress("alone", meta={"run": "483"}))
    post(client, {"type": "error", "jobId": "two", "message": "3 failed", "code": 1})
    text = client.get("/projects/web").text.split('id="jobs"')[1].split("</ul>")[0]
    assert re.findall(r'<li class="job[^"]*" data-(\w+)="([^"]+)" data-status="(\w+)"', text) == [
        ("job", "alone", "queued"), ("run", "ci/482", "failed"),
    ]  # fmt: skip
    assert 'aria-label="lint: Building, unit: Failed"' in text
    assert "1 of 2 jobs done" in text
    address = re.search(r'href="(/projects/web/runs/[^"]+)"', text)
    assert address
    page = client.get(address[1])
    assert page.status_code == 200
    assert re.findall(r'class="bar-name" href="/jobs/(\w+)"', page.text) == ["one", "two"]
    assert 'href="/jobs/two#phase=building"' in page.text
    assert "<h1><bdi>Retry the upload</bdi></h1>" in page.text
    assert client.get("/projects/web/runs/none").status_code == 404
    post(client, *(progress(str(n), projectId="docs", meta={"run": ".."}) for n in range(2)))
    # A browser takes the page of that name for the one above.
    assert 'href="/projects/docs?run=.."' in client.get("/projects/docs").text
    everywhere = client.get("/api/runs?projectId=web").json
    assert everywhere
    assert [one["worst"]["jobId"] for one in everywhere["runs"]] == ["alone", "two"]


# Live


def test_a_filtered_list_stays_right_by_itself(either: Served, page: Page) -> None:
    either.update(progress("one", phase="building", meta=ABOUT), progress("two", meta={"branch": "topic"}))
    for path in ("/projects/web", "/"):
        page.goto(f"{either.url}{path}?branch=main&status=running")
        chip(page, "Live")
        expect(page.locator("#jobs > li")).to_have_count(1)
        job = f"new-{len(path)}"
        either.update(progress(job, phase="building", meta={"branch": "main"}))
        expect(page.locator(f"#jobs > [data-job={job}]")).to_be_visible()
        either.update({"type": "completed", "jobId": job})
        expect(page.locator("#jobs > li")).to_have_count(1)
    page.locator("#filter-clear").click()
    expect(page).to_have_url(f"{either.url}/")


def test_a_list_is_filtered_by_keyboard(server: Served, page: Page) -> None:
    server.update(progress("one", meta=ABOUT), progress("two", meta={"branch": "topic"}))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    page.keyboard.press("/")
    page.keyboard.type("upload")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/projects/web?q=upload")
    expect(page.locator("#jobs > li")).to_have_count(1)
    page.locator("select[name=branch]").select_option("topic")
    expect(page.get_by_text("No matching jobs.")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/projects/web?q=upload&branch=topic")


def test_a_page_that_one_goes_back_to_says_what_its_list_is_limited_to(server: Served, page: Page) -> None:
    """A browser put the choice that led on back into the form: it stood above a list of all."""
    server.update(progress("a", meta={"branch": "main"}), progress("b", meta={"branch": "topic"}))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    page.locator("select[name=branch]").select_option("topic")
    expect(page.locator("#jobs > li")).to_have_count(1)
    chip(page, "Live")
    page.go_back()
    chip(page, "Live")
    expect(page.locator("#jobs > li")).to_have_count(2)
    expect(page.locator("select[name=branch]")).to_have_value("")
    page.go_forward()
    chip(page, "Live")
    expect(page.locator("#jobs > li")).to_have_count(1)
    expect(page.locator("select[name=branch]")).to_have_value("topic")


def test_the_overview_offers_what_the_jobs_of_visible_projects_have(client: FlaskClient) -> None:
    post(client, progress("a", meta={"branch": "main", "author": "Amina"}))
    post(client, progress("b", projectId="docs", meta={"branch": "<topic>", "kind": "CI / docs"}))
    known = ["Branch", "<topic>", "main", "Author", "Amina", "Kind", "CI / docs"]
    for address, more in (("/", []), ("/?branch=gone", ["gone"])):
        form = client.get(address).text.partition('id="filter"')[2].partition("</form>")[0]
        options = re.findall(r"<option[^>]*>([^<]*)</option>", form)
        assert [html.unescape(one) for one in options] == [*known[:1], *more, *known[1:]]


def test_a_whole_row_is_a_link_and_its_text_can_be_selected(server: Served, page: Page) -> None:
    server.update(progress("one", meta=ABOUT, message="compiling"))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    box = page.get_by_text("compiling").bounding_box()
    assert box
    page.mouse.move(box["x"] + 1, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 8, steps=4)
    page.mouse.up()
    assert page.evaluate("String(getSelection()).trim()") == "compiling"
    expect(page).to_have_url(f"{server.url}/projects/web")
    page.evaluate("getSelection().removeAllRanges()")
    page.locator("#jobs > li").click(position={"x": 6, "y": 6})
    expect(page).to_have_url(f"{server.url}/jobs/one")


def test_a_double_click_on_a_rows_text_selects_a_word(server: Served, page: Page) -> None:
    """The first of the two clicks went to the job."""
    server.update(progress("one", meta=ABOUT, message="compiling"))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    page.get_by_text("compiling").dblclick(position={"x": 10, "y": 8})
    assert page.evaluate("String(getSelection()).trim()") == "compiling"
    page.wait_for_timeout(500)  # Nothing follows the link later either.
    expect(page).to_have_url(f"{server.url}/projects/web")
    page.evaluate("getSelection().removeAllRanges()")
    page.get_by_text("compiling").click()
    expect(page).to_have_url(f"{server.url}/jobs/one")


def test_what_runs_now_are_runs(either: Served, page: Page, plain: Page) -> None:
    """A run in which one job has failed runs on, though its own status says that it failed."""
    either.update(*run_of(("one", "lint"), ("two", "unit"), ("three", "docs")), progress("alone"))
    either.update({"type": "error", "jobId": "two", "message": "3 failed", "code": 1})
    run = '#running > [data-run="ci/482"]'
    for tab in (plain, page):
        tab.goto(f"{either.url}/")
        expect(tab.locator("#running > li")).to_have_count(2)
        expect(tab.locator(run)).to_contain_text("Failed")
        expect(tab.locator(run)).to_contain_text("1 of 3 jobs done")
        expect(tab).to_have_title("(2) Chef")
    chip(page, "Live")
    either.update({"type": "completed", "jobId": "one"})
    expect(page.locator(run)).to_contain_text("2 of 3 jobs done")
    either.update({"type": "completed", "jobId": "three"}, progress("four", meta={"run": "5"}))
    expect(page.locator(run)).to_have_count(0)
    expect(page.locator("#running > [data-job]")).to_have_count(2)
    either.update(progress("five", meta={"run": "5"}))
    expect(page.locator('#running > [data-run="5"]')).to_contain_text("0 of 2 jobs done")
    expect(page).to_have_title("(2) Chef")


def test_rows_are_of_one_height_and_as_wide_as_the_window(server: Served, page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    server.update(
        progress("a"), progress("b", phase="building", meta=ABOUT | {"title": "t" * 400}, message="m " * 500),
        *run_of(("c", "lint"), ("d", "unit")),
    )  # fmt: skip
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    expect(page.locator("#jobs > li")).to_have_count(3)
    boxes = page.evaluate(
        "[...document.querySelectorAll('#jobs > li')].map((one) => [one.offsetHeight, one.offsetWidth])"
    )
    assert len({height for height, _width in boxes}) == 1
    assert min(width for _height, width in boxes) > 1800


def test_the_row_and_the_page_of_a_run_follow_its_jobs(either: Served, page: Page) -> None:
    either.update(*run_of(("one", "lint"), ("two", "unit")))
    page.goto(f"{either.url}/projects/web")
    chip(page, "Live")
    row = page.locator("#jobs > [data-run]")
    expect(row).to_contain_text("0 of 2 jobs done")
    either.update({"type": "error", "jobId": "two", "message": "3 failed", "code": 1})
    expect(row).to_have_attribute("data-status", "failed")
    expect(row).to_contain_text("1 of 2 jobs done")
    expect(row).to_contain_text("3 failed")
    row.locator("[data-field=link]").click()
    expect(page).to_have_url(re.compile("/projects/web/runs/ci(/|%2F)482$"))
    chip(page, "Live")
    expect(page.locator(".bar-row")).to_have_count(2)
    page.locator("#run-table summary").click()
    either.update(*run_of(("three", "deploy")))
    expect(page.locator(".bar-row")).to_have_count(3)
    expect(page.locator("#run-table")).to_have_attribute("open", "")
    expect(page.get_by_role("cell", name="Failed")).to_have_count(1)
    either.update({"type": "completed", "jobId": "one"}, {"type": "completed", "jobId": "three"})
    expect(page.locator("#run-view")).to_have_attribute("data-ended", "yes")
    expect(page).to_have_title("Failed · Retry the upload · Chef")
