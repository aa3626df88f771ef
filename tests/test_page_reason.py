"""A job page says why the job failed, with failed tests and lines as links, and opens at the error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.tools.pages import chip, line, log, numbered, progress
from tests.tools.serving import ROOT, Served
from tests.tools.watching import eventually

Start = Callable[..., Served]
JEST = (ROOT / "tests/recordings/errors/jest-failed.log").read_text()
FAILED = {"type": "error", "jobId": "j", "message": "jest ended with exit status 1", "code": 1}


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Start) -> Served:
    return start_server(WEBSOCKET_ENABLED=request.param)


def seen(page: Page) -> tuple[str, list[str], list[str]]:
    """The summary, the failed tests and the numbers of the lines that the page shows."""
    return (
        page.locator("#reason-summary").inner_text(),
        page.locator("#reason-tests bdi[data-field=name]").all_inner_texts(),
        page.locator("#reason-lines a").all_text_contents(),
    )


EXPECTED = (
    "2 failed, 3 passed",
    ["error handling › adds", "error handling › reads"],
    [str(number) for number in range(10, 23)],
)


def test_a_failure_is_told_live_and_on_a_page_that_is_opened_later(either: Served, page: Page) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#reason")).to_be_hidden()
    either.update(log(JEST), FAILED)
    expect(page.locator("#reason")).to_be_visible()
    live = seen(page)
    page.reload()
    assert live == seen(page) == EXPECTED


def test_tests_and_lines_are_links_into_the_log(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log(JEST), FAILED)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    page.get_by_role("link", name="error handling › reads").click()
    expect(line(page, 24)).to_be_in_viewport()
    expect(page.locator("#marked-lines")).to_have_text("Line 24")


def test_a_failed_job_opens_where_its_log_says_why(server: Served, page: Page) -> None:
    texts = f"{numbered(1, 3000)}\nsrc/till.c:3:5: error: no till\n{numbered(3002, 6000)}"
    server.update(progress(phase="building"), log(texts))
    server.update(FAILED)
    # On a busy machine the look before the end may be given up; then another one follows.
    eventually(lambda: "failure" in server.get("/api/jobs/j").json())
    page.goto(f"{server.url}/jobs/j")
    expect(line(page, 3001)).to_be_in_viewport()
    expect(line(page, 3001)).to_have_text("src/till.c:3:5: error: no till")
    page.goto("about:blank")
    page.goto(f"{server.url}/jobs/j#L5000")
    expect(line(page, 5000)).to_be_in_viewport()


def test_what_a_later_look_finds_is_shown_by_itself(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log("packing"), FAILED)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    server.update(log("fatal: no disk"))
    expect(page.locator("#reason-summary")).to_have_text("fatal: no disk", timeout=30_000)


def test_a_code_that_the_message_has_is_not_said_again(server: Served, page: Page) -> None:
    for code, job in ((1, "j"), (2, "other")):
        server.update(progress(job, phase="building"), FAILED | {"jobId": job, "code": code})
    page.goto(f"{server.url}/jobs/j")
    expect(page.locator("#failure-code")).to_be_hidden()
    page.goto(f"{server.url}/jobs/other")
    expect(page.locator("#failure-code")).to_have_text("code 2")


def test_markup_in_a_failure_is_text(server: Served, page: Page) -> None:
    attack = "<img src=x onerror=alert(1)>"
    texts = f"FAILED a.py::test_{attack} - {attack}\n= 1 failed in 0.01s ="
    server.update(progress(phase="building"), log(texts), FAILED)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    assert seen(page)[1] == [f"a.py::test_{attack}"]
    assert page.locator("#reason img").count() == 0


def test_more_than_twenty_tests_are_counted(server: Served, page: Page) -> None:
    texts = "".join(f"FAILED a.py::test_{number} - no\n" for number in range(25))
    server.update(progress(phase="building"), log(f"{texts}= 25 failed in 0.01s ="), FAILED)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    assert len(seen(page)[1]) == 20
    expect(page.locator("#reason-more")).to_have_text("and 5 more tests")


def test_rows_of_lists_have_the_summary_for_a_message(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    server.update(log(JEST), FAILED)
    eventually(lambda: "failure" in server.get("/api/jobs/j").json())
    message = page.locator("[data-job=j] [data-field=message]")
    expect(message).to_have_text("2 failed, 3 passed")
    page.reload()
    expect(message).to_have_text("2 failed, 3 passed")


def test_kinds_of_lines_that_green_runs_do_not_have_are_links(server: Served, page: Page) -> None:
    meta = {"kind": "CI / test"}
    server.update(progress("green", phase="building", meta=meta), log("one\ntwo", "green"))
    server.update({"type": "completed", "jobId": "green"})
    server.update(progress(phase="building", meta=meta), log("one\nfatal: no disk\ntwo"), FAILED)
    page.goto(f"{server.url}/jobs/j")
    word = page.locator("#novelty-word")
    expect(word).to_have_text("1 kind of line that green runs do not have, first at line 2", timeout=45_000)
    word.click()
    page.locator("#novelty-lines a").click()
    expect(page.locator("#marked-lines")).to_have_text("Line 2")
