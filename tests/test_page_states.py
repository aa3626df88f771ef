"""A job's page in states that no update tells: silence, a lost connection, an end while away."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.browser import Complaints
from tests.tools.serving import Served

Start = Callable[..., Served]
MINUTE = 60_000
SECRET = "a secret of more than thirty-two bytes, for tests"


def progress(job_id: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def chip(page: Page, word: str) -> None:
    expect(page.locator("#chip-word")).to_have_text(word)


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Start) -> Served:
    return start_server(WEBSOCKET_ENABLED=request.param)


@pytest.fixture
def make_older(tmp_path: Path) -> Callable[[str, int], None]:
    """Put a job's last update further into the past, as if so many minutes had gone by."""

    def change(job_id: str, minutes: int) -> None:
        with sqlite3.connect(tmp_path / "chef.db", timeout=20) as database:
            changed = database.execute(
                "UPDATE jobs SET updated_at = updated_at - ? WHERE job_id = ?", (minutes * MINUTE, job_id)
            )
            assert changed.rowcount == 1

    return change


# Silence


def test_a_quiet_build_is_said_to_be_quiet_until_it_speaks(
    either: Served, page: Page, plain: Page, make_older: Callable[[str, int], None]
) -> None:
    either.update(progress(phase="building", message="linking"))
    make_older("j", 5)
    plain.goto(f"{either.url}/jobs/j")
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    for tab in (plain, page):
        expect(tab.locator("#silence")).to_be_visible()
        expect(tab.locator("#silence-word")).to_have_text("No update for 5 min")
        expect(tab.locator(".badge")).to_have_text("Building")
    expect(page.locator("#chip-age")).to_have_text("· no update for 5 min")
    either.update(progress(message="linked"))
    expect(page.locator("#silence")).to_be_hidden()


def test_a_build_that_says_nothing_at_all_has_lost_its_reporter_and_is_not_failed(
    either: Served, page: Page, plain: Page, make_older: Callable[[str, int], None]
) -> None:
    either.update(progress(phase="building"))
    make_older("j", 50)
    plain.goto(f"{either.url}/jobs/j")
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    for tab in (plain, page):
        expect(tab.locator(".badge")).to_have_text("Reporter lost")
        expect(tab.locator("#silence")).to_contain_text("The build may or may not still be running")
        expect(tab).to_have_title("Reporter lost · j")
    page.goto(f"{either.url}/projects/web")
    chip(page, "Live")
    row = page.locator("[data-job=j]")
    expect(row).to_have_attribute("data-status", "lost")
    page.go_back()
    chip(page, "Live")
    either.update({"type": "log", "jobId": "j", "message": "here I am"})
    expect(page.locator(".badge")).to_have_text("Building")
    expect(page).to_have_title("50% Building · j")
    expect(page.locator("#silence")).to_be_hidden()


def test_a_reporter_that_keeps_its_promise_is_told_from_one_that_broke_it(
    either: Served, page: Page, plain: Page, make_older: Callable[[str, int], None]
) -> None:
    either.update(progress(phase="building"))
    make_older("j", 70)
    beat(either, every=60)
    plain.goto(f"{either.url}/jobs/j")
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    for tab in (plain, page):
        expect(tab.locator(".badge")).to_have_text("Building")
        expect(tab.locator("#silence-word")).to_have_text("No update for 1 h")
        expect(tab.locator("#silence-more")).to_contain_text("the reporter of the build is still there")
    beat(either, every=1)
    page.wait_for_timeout(3_500)
    # Heartbeats make no event: a page asks every half minute, and when one comes back to it.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    plain.reload()
    for tab in (plain, page):
        expect(tab.locator(".badge")).to_have_text("Reporter lost")
        expect(tab.locator("#silence")).to_have_attribute("data-kind", "lost")
    beat(either, every=60)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".badge")).to_have_text("Building")


def beat(server: Served, every: int) -> None:
    assert server.post("/api/jobs/j/heartbeat", data={"every": every}).status_code == 200


# Integrity


@pytest.mark.parametrize(
    ("claimed", "word", "faults"),
    [
        ({"bytes": 8, "lines": 2}, "The log is complete", ["2 lines were sent and have arrived"]),
        ({"bytes": 20}, "The log is not complete", ["stdout: 12 B missing from byte 8 on"]),
        (
            {"bytes": 20, "lines": 3},
            "The log is not complete",
            ["stdout: 1 line, 12 B missing from byte 8 on"],
        ),
    ],
)
def test_a_page_says_whether_all_of_the_log_arrived(
    either: Served, page: Page, plain: Page, claimed: dict[str, int], word: str, faults: list[str]
) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#integrity-section")).to_be_hidden()
    either.post("/api/jobs/j/logs", data=b"one\ntwo\n")
    either.update({"type": "completed", "jobId": "j", "integrity": {"stdout": claimed}})
    expect(page.locator("#integrity-word")).to_have_text(word)
    plain.goto(f"{either.url}/jobs/j")
    for tab in (plain, page):
        expect(tab.locator("#integrity-word")).to_have_text(word)
        expect(tab.locator("#integrity-faults li")).to_have_text(faults)


def test_what_a_build_says_of_itself_on_the_way_is_shown_on_the_way(either: Served, page: Page) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    report = {"name": "report", "url": "https://files.example.com/r"}
    either.update(progress(message="half", meta={"branch": "main"}, artifacts=[report]))
    expect(page.locator("#source")).to_contain_text("main")
    expect(page.locator("#artifacts a")).to_have_attribute("href", "https://files.example.com/r")


# The connection


def test_a_server_that_answers_nothing_is_noticed_at_once(either: Served, page: Page) -> None:
    """TCP says nothing of a peer that is frozen, and Engine.IO's heartbeat only after 40 seconds."""
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.process.send_signal(signal.SIGSTOP)
    try:
        expect(page.locator("#chip-word")).to_have_text("Reconnecting…", timeout=12_000)
        expect(page.locator("#chip")).to_have_attribute("data-state", "reconnecting")
    finally:
        either.process.send_signal(signal.SIGCONT)
    chip(page, "Live")
    either.update({"type": "log", "jobId": "j", "message": "one"})
    expect(page.locator("#L1 .text")).to_have_text("one")


def test_an_idle_page_stays_live(either: Served, page: Page) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    page.evaluate("""() => {
      window.states = [];
      new MutationObserver(() => window.states.push(document.getElementById("chip").dataset.state))
        .observe(document.getElementById("chip"), {attributes: true, attributeFilter: ["data-state"]});
    }""")
    page.wait_for_timeout(6_000)
    assert page.evaluate("window.states") == []
    expect(page.locator("#chip-age")).to_contain_text("updated")


# No job


def test_a_job_that_is_not_there_is_said_not_to_be(
    either: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow("404")
    page.goto(f"{either.url}/jobs/mistyped")
    expect(page.locator("#message")).to_have_text("Waiting for the first update of this job…")
    chip(page, "Live")
    expect(page.locator("#message")).to_contain_text("There is no job with this id", timeout=12_000)
    chip(page, "Waiting")
    # It may have been too early: what comes is shown.
    either.update(progress("mistyped", message="here it is"))
    expect(page.locator("#message")).to_have_text("here it is")
    expect(page.locator(".badge")).to_have_text("Queued")
    chip(page, "Live")


# Ends that are no failures, and no percent


def test_a_build_that_was_given_up_says_so_and_goes_on_when_it_speaks(
    either: Served, page: Page, plain: Page
) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update(progress(status="abandoned", message="nothing was heard"))
    chip(page, "Ended")
    plain.goto(f"{either.url}/jobs/j")
    for tab in (page, plain):
        expect(tab.locator(".badge")).to_have_text("Abandoned")
        expect(tab.locator("#failure")).to_contain_text("Abandoned nothing was heard")
        expect(tab.locator("#failure strong")).to_have_css("color", "rgb(23, 32, 44)")
        expect(tab).to_have_title("Abandoned · j")
        expect(tab.locator("#favicon")).to_have_attribute("href", re.compile("status=abandoned"))
        expect(tab.locator("body")).not_to_contain_text("Failed")
    assert "M16 8.5v8l5 3.2" in either.get("/favicon.svg?status=abandoned").text
    plain.goto(f"{either.url}/projects/web?status=abandoned")
    expect(plain.locator("[data-job=j] [data-field=status]")).to_have_text("Abandoned")
    expect(plain.locator("[data-job=j] .job-bar")).to_be_hidden()
    either.post("/api/jobs/j/logs", data=b"here I am\n")
    expect(page.locator("#L1 .text")).to_have_text("here I am")
    expect(page.locator(".badge")).to_have_text("Building")
    expect(page.locator("#failure")).to_be_hidden()
    chip(page, "Live")
    either.update({"type": "completed", "jobId": "j"})
    expect(page.locator(".badge")).to_have_text("Completed")


def test_a_build_that_was_stopped_has_not_failed(either: Served, page: Page, plain: Page) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update({"type": "cancelled", "jobId": "j", "message": "superseded"})
    chip(page, "Ended")
    plain.goto(f"{either.url}/jobs/j")
    for tab in (page, plain):
        expect(tab.locator(".badge")).to_have_text("Cancelled")
        expect(tab.locator("#failure")).to_contain_text("Cancelled superseded")
        expect(tab.locator("#failure strong")).to_have_css("color", "rgb(23, 32, 44)")
        expect(tab).to_have_title("Cancelled · j")
        expect(tab.locator("body")).not_to_contain_text("Failed")


def test_no_percent_is_shown_where_none_is_known(
    either: Served, page: Page, plain: Page, complaints: Complaints
) -> None:
    complaints.allow("404")
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.post("/api/jobs/j/logs?projectId=web", data=b"one\n")
    expect(page.locator("#L1 .text")).to_have_text("one")
    plain.goto(f"{either.url}/jobs/j")
    for tab in (page, plain):
        expect(tab.locator(".badge")).to_have_text("Building")
        expect(tab.locator("#percent")).to_have_text("progress unknown")
        expect(tab.locator("#bar:indeterminate")).to_have_count(1)
        expect(tab.locator("#bar")).not_to_have_attribute("aria-valuenow", re.compile(""))
        expect(tab).to_have_title("Building · j")
    plain.goto(f"{either.url}/projects/web")
    expect(plain.locator("[data-job=j] [data-field=percent]")).to_have_text("")
    expect(plain.locator("[data-job=j] progress:indeterminate")).to_have_count(1)
    either.update(progress(progress=70))
    expect(page.locator("#percent")).to_have_text("70%")
    expect(page).to_have_title("70% Building · j")


# An end while away


TELL = """
window.told = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() { return (this.permission = window.answer ?? "granted"); }
  constructor(title, options) { super(); window.told.push([title, options.body]); }
  close() {}
};
Object.defineProperty(document, "hidden", { get: () => Boolean(window.away) });
"""


@pytest.mark.parametrize("away", [True, False])
def test_who_asked_is_told_of_the_end_if_looking_elsewhere(server: Served, page: Page, away: bool) -> None:
    """A stand-in for the browser's notifications sees whether it is asked to show one, and which."""
    page.add_init_script(TELL)
    server.update(progress(phase="building", meta={"title": "Fix it"}))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    button = page.get_by_role("button", name="Notify me")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(page.get_by_role("button", name="Notification on")).to_have_attribute("aria-pressed", "true")
    page.evaluate(f"window.away = {str(away).lower()}")
    server.update({"type": "error", "jobId": "j", "message": "3 tests failed"})
    expect(page.locator("#failure")).to_be_visible()
    assert page.evaluate("window.told") == ([["Failed · Fix it", "3 tests failed"]] if away else [])
    expect(page.locator("#notify")).to_be_hidden()


def test_who_did_not_ask_or_is_not_allowed_is_told_nothing(server: Served, page: Page) -> None:
    page.add_init_script(TELL)
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.evaluate("window.answer = 'denied'")
    page.keyboard.press("b")
    expect(page.locator("#notify")).to_have_attribute("title", "Notifications are blocked in this browser")
    expect(page.locator("#notify")).to_have_attribute("aria-pressed", "false")
    page.evaluate("window.away = true")
    server.update({"type": "completed", "jobId": "j"})
    chip(page, "Ended")
    assert page.evaluate("window.told") == []


# Lists


def test_a_list_shows_a_silent_job_for_what_it_is(
    either: Served, page: Page, plain: Page, make_older: Callable[[str, int], None]
) -> None:
    either.update(progress("quiet", phase="building"), progress("busy", phase="building"))
    make_older("quiet", 5)
    for path in ("/", "/projects/web"):
        for tab in (plain, page):
            tab.goto(f"{either.url}{path}")
            row, busy = tab.locator('.job[data-job="quiet"]'), tab.locator('.job[data-job="busy"]')
            expect(row.locator("[data-field=status]")).to_have_text("No update for 5 min")
            expect(row.locator(".state-icon")).to_have_css("animation-name", "none")
            expect(busy.locator("[data-field=status]")).to_have_text("Building")
            expect(busy.locator(".state-icon")).to_have_css("animation-name", "turn")
    chip(page, "Live")
    # It is busy again as soon as it speaks.
    either.update(progress("quiet", phase="building", message="on"))
    expect(page.locator('.job[data-job="quiet"] [data-field=status]')).to_have_text("Building")


def test_the_overview_shows_five_running_jobs_and_then_all(either: Served, page: Page, plain: Page) -> None:
    either.update(*[progress(f"j{number}", phase="building") for number in range(7)])
    for tab in (plain, page):
        tab.goto(f"{either.url}/")
        expect(tab.locator("#running > li:visible")).to_have_count(5)
        expect(tab.locator("#running-all")).to_have_text("All 7")
        expect(tab.get_by_text("Nothing is running.")).to_be_hidden()
        tab.locator("#running-all").click()
        expect(tab.locator("#running > li:visible")).to_have_count(7)
        expect(tab.locator("#running-all")).to_be_hidden()


def test_a_project_shows_those_of_its_jobs_that_one_wants_to_see(either: Served, page: Page) -> None:
    either.update(progress("one", phase="building"), progress("two"), progress("three"))
    either.update({"type": "error", "jobId": "two", "message": "no"})
    page.goto(f"{either.url}/projects/web")
    chip(page, "Live")
    expect(page).to_have_title("(2) web · Chef")
    page.get_by_role("navigation", name="Which jobs").get_by_role("link", name="Failed").click()
    chip(page, "Live")
    expect(page.locator("#jobs > li")).to_have_count(1)
    expect(page.get_by_role("link", name="Failed", exact=True)).to_have_attribute("aria-current", "true")
    either.update({"type": "error", "jobId": "one", "message": "no"}, progress("four"))
    expect(page.locator("#jobs > li")).to_have_count(2)
    page.goto(f"{either.url}/projects/web?status=running")
    chip(page, "Live")
    expect(page.locator("#jobs > li")).to_have_count(2)
    either.update({"type": "completed", "jobId": "three"}, {"type": "completed", "jobId": "four"})
    expect(page.locator("#jobs > li")).to_have_count(0)
    expect(page.get_by_text("No matching jobs.")).to_be_visible()
    expect(page).to_have_title("web · Chef")


# Rights of readers, and their end


@pytest.mark.parametrize("path", ["/jobs/j", "/projects/web", "/"])
@pytest.mark.parametrize("enabled", ["true", "false"], ids=["socket", "stream"])
def test_a_token_that_expires_ends_what_is_live_and_leads_to_the_login(
    start_server: Start, page: Page, complaints: Complaints, enabled: str, path: str
) -> None:
    complaints.allow("status of 401", "WebSocket")
    server = start_server(WEBSOCKET_ENABLED=enabled, CHEF_JWT_SECRET=SECRET, CHEF_API_TOKEN="writer-token")
    headers = {"Authorization": "Bearer writer-token"}
    assert server.post("/api/updates", json=progress(phase="building"), headers=headers).status_code == 200
    page.goto(server.url + path)
    page.get_by_label("Token").fill(issue_token(Settings(jwt_secret=SECRET), ["read"], [], 8, now_ms()))
    page.get_by_role("button", name="Sign in").click()
    chip(page, "Live")
    # The server sends away within a minute of the end, and looks every ten seconds.
    expect(page.locator("#chip-word")).to_have_text("Signed out", timeout=60_000)
    page.locator("#chip-word a").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.locator("input[name=next]").input_value() == path
