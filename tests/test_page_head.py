"""A job page's head: when, where from, copied for an issue. Long details fold; the log takes the screen."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import chip, log, numbered, progress
from tests.tools.serving import Served

COMMAND = "npm run test -- " + "--reporters=default " * 10 + "--the-end"
META = {
    "branch": "main",
    "commit": "4f1c2d9e8b7a",
    "pullRequest": 482,
    "repository": "https://github.com/acme/shop",
    "url": "https://github.com/acme/shop/actions/runs/9",
    "command": COMMAND,
}


def test_it_says_when_it_began_and_ended_and_how_long_ago(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#started-at")).to_have_text(re.compile(r"^Started .*20\d\d.*\d\d:\d\d"))
    expect(page.locator("#ended-at")).to_be_hidden()
    server.update({"type": "completed", "jobId": "j"})
    expect(page.locator("#ended-at")).to_have_text(re.compile(r"^Ended .*20\d\d.*\d\d:\d\d"))
    live = page.locator("#times").inner_text()
    job = server.get("/api/jobs/j").json()
    page.reload()
    chip(page, "Ended")
    assert page.locator("#ended-at").get_attribute("datetime") == job["finishedAt"]
    assert page.locator("#times").inner_text().splitlines()[:2] == live.splitlines()[:2]
    expect(page.locator("#ended-ago time")).to_have_attribute("title", re.compile(r"20\d\d"))


def test_where_it_comes_from_is_links_live_and_after_a_reload(server: Served, page: Page) -> None:
    server.update(progress(phase="queued"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(progress(phase="building", meta=META))
    shop = "https://github.com/acme/shop"
    expected = {
        "main": f"{shop}/tree/main",
        "4f1c2d9e8b7a": f"{shop}/commit/4f1c2d9e8b7a",
        "#482": f"{shop}/pull/482",
        "Open in GitHub Actions": f"{shop}/actions/runs/9",
    }
    for _ in ("live", "read anew"):
        expect(page.locator("#source a")).to_have_count(4)
        links = page.locator("#source a").evaluate_all("all => all.map((a) => [a.textContent, a.href])")
        assert dict(links) == expected
        page.reload()


def test_a_long_command_folds_and_opens_whole(server: Served, page: Page) -> None:
    server.update(progress(phase="queued"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(progress(phase="building", meta=META))
    for _ in ("live", "read anew"):
        whole = page.locator("#details details.long > bdi")
        expect(whole).to_be_hidden()
        page.locator("#details summary").click()
        expect(whole).to_have_text(COMMAND)
        expect(whole).to_be_visible()
        page.reload()


def test_a_log_that_is_whole_has_a_tick_and_no_sentence(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    server.session.put(f"{server.url}/api/jobs/j/logs", data=b"one\n", timeout=10)
    server.update({"type": "completed", "jobId": "j", "integrity": {"stdout": {"bytes": 4}}})
    page.goto(f"{server.url}/jobs/j")
    expect(page.locator("#integrity-word")).to_be_visible()
    expect(page.locator("#integrity-faults li")).to_be_hidden()


def test_a_job_is_copied_for_an_issue(server: Served, browser: Browser, complaints: Complaints) -> None:
    server.update(progress(phase="building", meta={"title": "Fix the header"}), log("fatal: no disk"))
    server.update({"type": "error", "jobId": "j", "message": "make failed"})
    with watched_context(browser, complaints, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        page.get_by_role("button", name="Copy for an issue").click()
        expect(page.locator("#copy-digest")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == server.get("/api/jobs/j/digest").text
    assert "fatal: no disk" in copied


def test_the_log_takes_the_whole_screen_by_key_and_button_and_gives_it_back(
    server: Served, page: Page
) -> None:
    server.update(progress(phase="building"), log(numbered(1, 200)))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    height = "document.getElementById('log').clientHeight / innerHeight"
    before = page.evaluate(height)
    page.keyboard.press("f")
    expect(page.locator("#summary")).to_be_hidden()
    assert page.evaluate(height) > 0.9 > before
    page.keyboard.press("Escape")
    expect(page.locator("#summary")).to_be_visible()
    button = page.get_by_role("button", name="Whole-screen log")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#summary")).to_be_hidden()
    page.keyboard.press("f")
    expect(page.locator("#summary")).to_be_visible()


def test_runs_before_and_after_and_the_last_green_one_are_links(server: Served, page: Page) -> None:
    for job, end in (("a", "completed"), ("b", "error"), ("c", "error"), ("d", "completed")):
        server.update(progress(job, phase="building", meta={"kind": "CI / test"}))
        server.update({"type": end, "jobId": job, "message": "done"})
    server.update(progress("other", phase="building", meta={"kind": "CI / lint"}))
    page.goto(f"{server.url}/jobs/c")
    links = page.locator(".neighbours a").evaluate_all(
        "all => all.map((a) => [a.textContent.trim(), a.getAttribute('href'), a.title])"
    )
    assert links == [
        ["Previous run", "/jobs/b", "b: Failed"],
        ["Next run", "/jobs/d", "d: Completed"],
        ["Last green run", "/jobs/a", "a: Completed"],
    ]
    page.goto(f"{server.url}/jobs/other")
    expect(page.locator(".neighbours")).to_have_count(0)
