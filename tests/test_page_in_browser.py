"""Pages in a real Chromium before a real server: live, in order, once; nothing that is sent executes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import chip, line, log, progress, shown_lines, stored_lines
from tests.tools.serving import Served

Start = Callable[..., Served]
SECRET = "a secret of more than thirty-two bytes, for tests"
# A browser's complaint about a status that a test provokes.
NOT_YET = "status of 404"
AWAY = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "net::ERR_", "Failed to load resource")

STATE = """() => ({
  progress: document.getElementById("bar").value,
  status: document.getElementById("summary").dataset.status,
  percent: document.getElementById("percent").textContent,
  message: document.getElementById("message").textContent,
  phases: [...document.querySelectorAll("#phases [data-field=phase]")].map((one) => one.textContent),
  times: [...document.querySelectorAll("#phases [data-field=duration]")].map((one) => one.textContent),
  artifacts: [...document.querySelectorAll("#artifacts bdi")].map((one) => one.textContent),
  title: document.title,
  name: document.getElementById("name").textContent,
  duration: document.getElementById("duration").textContent,
})"""


def websocket_enabled(page: Page) -> str:
    """The setting of the server that the page came from."""
    told = page.evaluate("JSON.parse(document.getElementById('live').textContent)")
    return "true" if told["transport"] == "socket" else "false"


# Both ways of being live


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Start) -> Served:
    """A server with Socket.IO, and one without: the page shows the same."""
    return start_server(WEBSOCKET_ENABLED=request.param)


def test_a_build_is_seen_while_it_runs(either: Served, page: Page) -> None:
    either.update(progress(phase="preparing", meta={"title": "Fix the header"}))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update(progress(phase="building", message="compiling"), log("one\ntwo"))
    expect(line(page, 2)).to_have_text("two")
    expect(page.locator("#percent")).to_have_text("50%")
    expect(page.locator("#message")).to_have_text("compiling")
    expect(page).to_have_title("50% Building · Fix the header")
    expect(page.locator("#favicon")).to_have_attribute("href", "/favicon.svg?status=building&progress=50")
    either.update(log("three"), {"type": "completed", "jobId": "j", "message": "done"}, log("late"))
    chip(page, "Ended")
    expect(page.locator("#percent")).to_have_text("100%")
    # Where Socket.IO is off the stream ends with the job, and late lines are looked for now and then.
    expect(line(page, 4)).to_have_text("late", timeout=20_000)
    assert shown_lines(page) == stored_lines(either)


def test_who_comes_before_the_build_misses_nothing(
    either: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow(NOT_YET)
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#message")).to_contain_text("Waiting for the first update")
    either.update(progress(phase="building", meta={"title": "First", "branch": "main"}), log("one"))
    expect(page.locator("#name")).to_have_text("First")
    expect(page.locator("#source")).to_contain_text("main")
    expect(page.locator("#project-link")).to_have_text("web")
    assert shown_lines(page) == [[1, "one"]]


def test_the_final_state_is_that_of_the_api(either: Served, page: Page) -> None:
    either.update(progress(phase="queued"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update(progress(phase="preparing"), progress(phase="installing", progress=31.5))
    either.update(progress(phase="building"), log("a\nb"), progress(phase="packing", message="almost"))
    artifacts = [{"name": "app.tar.gz", "url": "https://files.example.com/app.tar.gz", "size": 14_200}]
    either.update({"type": "completed", "jobId": "j", "message": "built", "artifacts": artifacts})
    chip(page, "Ended")
    page.wait_for_timeout(1_200)
    seen = page.evaluate(STATE)
    page.reload()
    chip(page, "Ended")
    assert seen == page.evaluate(STATE)
    job = either.get("/api/jobs/j").json()
    assert (seen["progress"], seen["status"], seen["message"]) == (100, "completed", "built")
    assert seen["phases"] == [span["phase"] for span in job["phases"]]
    assert seen["artifacts"] == ["app.tar.gz"]


def test_a_failure_says_what_and_with_which_code(either: Served, page: Page) -> None:
    either.update(progress(phase="building"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update({"type": "error", "jobId": "j", "message": "3 tests failed", "code": 2})
    expect(page.locator("#failure")).to_be_visible()
    expect(page.locator("#failure")).to_contain_text("3 tests failed")
    expect(page.locator("#failure-code")).to_have_text("code 2")
    expect(page).to_have_title("Failed · j")


def test_a_traceback_keeps_its_form_shows_its_end_and_opens_whole(either: Served, page: Page) -> None:
    frames = "".join(f'  File "module_{number}.py", line {number}\n    call()\n' for number in range(1, 31))
    traceback = f"Traceback (most recent call last):\n{frames}ValueError: too much"
    either.update(progress(phase="building"), {"type": "error", "jobId": "j", "message": traceback})
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Ended")
    message = page.locator("#failure-message")
    assert message.evaluate("one => one.innerText") == traceback
    assert "monospace" in message.evaluate("one => getComputedStyle(one).fontFamily")
    box = page.locator("#failure")
    place = "one => [one.scrollTop > 0, one.scrollHeight - one.clientHeight - one.scrollTop < 2]"
    assert box.evaluate(place) == [True, True]
    page.get_by_role("button", name="Show all").click()
    assert box.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    page.get_by_role("button", name="Show less").click()
    assert box.evaluate(place) == [True, True]


def test_after_a_restart_every_line_is_there_once_and_in_order(
    start_server: Start, either: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow(*AWAY)
    either.update(progress(phase="building"), log("\n".join(f"before {number}" for number in range(300))))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update(log("seen live"))
    expect(line(page, 301)).to_have_text("seen live")
    either.kill()
    chip(page, "Reconnecting…")
    enabled = websocket_enabled(page)
    again = start_server(PORT=str(either.port), WEBSOCKET_ENABLED=enabled)
    again.update(log("\n".join(f"while away {number}" for number in range(700))))
    chip(page, "Live")
    again.update(log("after"))
    expect(line(page, 1002)).to_have_text("after")
    assert shown_lines(page) == stored_lines(again)


def test_another_history_under_the_same_name_is_read_afresh(
    start_server: Start, either: Served, page: Page, complaints: Complaints, tmp_path: Any
) -> None:
    complaints.allow(*AWAY)
    either.update(progress(phase="building"), log("\n".join(f"old {number}" for number in range(50))))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    enabled = websocket_enabled(page)
    either.kill()
    chip(page, "Reconnecting…")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    again = start_server(PORT=str(either.port), WEBSOCKET_ENABLED=enabled, DATABASE_URL=other)
    again.update(progress(phase="installing"), log("new 1\nnew 2"))
    expect(line(page, 2)).to_have_text("new 2", timeout=20_000)
    assert shown_lines(page) == [[1, "new 1"], [2, "new 2"]]
    expect(page.locator("#percent")).to_have_text("30%")
    again.update(log("new 3"))
    expect(line(page, 3)).to_have_text("new 3")


def test_a_project_page_shows_new_jobs_and_what_becomes_of_them(
    either: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow(NOT_YET)
    page.goto(f"{either.url}/projects/web")
    chip(page, "Live")
    either.update(progress("one", phase="building", message="compiling"))
    row = page.locator("#jobs > [data-job=one]")
    expect(row).to_contain_text("compiling")
    expect(row).to_contain_text("50%")
    either.update(progress("two", phase="installing"), {"type": "completed", "jobId": "one"})
    expect(row).to_have_attribute("data-status", "completed")
    expect(page.locator("#jobs > li").first).to_have_attribute("data-job", "two")
    expect(page.locator("#jobs > li")).to_have_count(2)


def test_the_overview_fills_itself_and_follows(either: Served, page: Page) -> None:
    page.goto(f"{either.url}/")
    chip(page, "Live")
    expect(page.locator("#empty")).to_be_visible()
    either.update(progress("one", phase="building"))
    expect(page.locator("#running > [data-job=one]")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()
    either.update(progress("one", progress=72.5))
    expect(page.locator("#running [data-field=percent]")).to_have_text("72%")
    expect(page).to_have_title("(1) Chef")
    either.update({"type": "error", "jobId": "one", "message": "no"}, progress("two", projectId="docs"))
    expect(page.locator("#running > [data-job=one]")).to_have_count(0)
    expect(page.locator("[data-project=web] .outcomes [data-status=failed]")).to_have_count(1)
    expect(page.locator("#projects > li").first).to_have_attribute("data-project", "docs")


# Nothing executes


EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\'"&amp;<b>{{7*7}}${alert(3)}'


def test_nothing_that_is_sent_executes_and_all_is_shown_as_sent(either: Served, page: Page) -> None:
    meta = {"title": EVIL, EVIL: EVIL, "url": "javascript:alert(4)"}
    artifacts = [
        {"name": EVIL, "url": "javascript:alert(5)"},
        {"name": "ok", "url": "https://files.example.com/a"},
    ]
    either.update(progress(message=EVIL, meta=meta), log(EVIL))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    either.update(progress(phase="building", message=EVIL), log(EVIL, stream="x", level="error"))
    expect(line(page, 2)).to_have_text(EVIL)
    expect(page.locator("#message")).to_have_text(EVIL)
    either.update({"type": "completed", "jobId": "j", "message": EVIL, "artifacts": artifacts})
    chip(page, "Ended")
    for _ in ("live", "read anew"):
        assert shown_lines(page) == [[1, EVIL], [2, EVIL]]
        expect(page.locator("#name")).to_have_text(EVIL)
        expect(page.locator("#artifacts bdi").first).to_have_text(EVIL)
        assert page.locator("a[href^='javascript' i]").count() == 0
        assert page.locator("#artifacts a").evaluate_all("links => links.map((a) => [a.href, a.rel])") == [
            ["https://files.example.com/a", "noopener noreferrer nofollow"]
        ]
        assert page.locator("main img, main script, main b").count() == 0
        page.reload()
        chip(page, "Ended")
    for path in ("/", "/projects/web"):
        page.goto(either.url + path)
        chip(page, "Live")
        expect(page.get_by_text(EVIL).first).to_be_visible()
        assert page.locator("main img, main script, main b").count() == 0


# Rights of readers


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def guarded(request: pytest.FixtureRequest, start_server: Start) -> Served:
    return start_server(
        WEBSOCKET_ENABLED=request.param, CHEF_JWT_SECRET=SECRET, CHEF_API_TOKEN="writer-token"
    )


def token(*projects: str, lifetime: int = 3600) -> str:
    return issue_token(Settings(jwt_secret=SECRET), ["read"], projects, lifetime, now_ms())


def write(server: Served, *updates: dict[str, Any]) -> None:
    answer = server.post("/api/updates", json=list(updates), headers={"Authorization": "Bearer writer-token"})
    assert answer.status_code == 200


def sign_in(page: Page, credential: str) -> None:
    page.get_by_label("Token").fill(credential)
    page.get_by_role("button", name="Sign in").click()


def test_after_signing_in_one_is_where_one_wanted_to_be_and_live(
    guarded: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow("status of 401")
    write(guarded, progress(phase="building"))
    page.goto(f"{guarded.url}/jobs/j")
    sign_in(page, "nonsense")
    expect(page.get_by_role("alert")).to_contain_text("the token is not valid")
    sign_in(page, token("web"))
    expect(page).to_have_url(f"{guarded.url}/jobs/j")
    chip(page, "Live")
    write(guarded, log("one"))
    expect(line(page, 1)).to_have_text("one")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{guarded.url}/login")


def test_a_link_in_another_site_leads_in_although_the_cookie_is_strict(guarded: Served, page: Page) -> None:
    write(guarded, progress(phase="building"))
    page.goto(f"{guarded.url}/login")
    sign_in(page, token())
    expect(page).to_have_url(f"{guarded.url}/")
    # To a browser, localhost is another site than 127.0.0.1.
    page.goto(f"http://localhost:{guarded.port}/login")
    page.evaluate(f"location.href = '{guarded.url}/jobs/j'")
    chip(page, "Live")
    expect(page).to_have_url(f"{guarded.url}/jobs/j")


# Looks


def test_without_javascript_the_page_is_a_snapshot(
    server: Served, browser: Browser, complaints: Complaints
) -> None:
    server.update(progress(phase="building", message="compiling"), log("\n".join(map(str, range(1, 601)))))
    with watched_context(browser, complaints, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        expect(page.locator("#message")).to_have_text("compiling")
        expect(line(page, 600)).to_have_text("600")
        expect(page.get_by_text("from line 101; the raw log has everything")).to_be_visible()
        page.goto(f"{server.url}/")
        expect(page.locator("#running")).to_contain_text("compiling")


@pytest.mark.parametrize("path", ["/", "/projects/web", "/jobs/j"])
def test_a_phone_needs_no_sideways_scrolling(
    server: Served, browser: Browser, complaints: Complaints, path: str
) -> None:
    long = "a-very-long-name-without-any-break-" * 3
    server.update(
        progress(phase="building", message=long, meta={"title": long, "branch": long}), log(long * 20)
    )
    with watched_context(browser, complaints, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(server.url + path)
        chip(page, "Live")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_title_without_end_leaves_room_for_the_log(server: Served, browser: Browser) -> None:
    server.update(progress(phase="building", meta={"title": "T" * 400}), log("a line"))
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        expect(page.locator("h1")).to_have_text("T" * 400)
        expect(line(page, 1)).to_be_in_viewport()


def test_many_pages_at_once_show_the_same(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    tabs = [page, *(page.context.new_page() for _ in range(3))]
    for tab in tabs:
        tab.goto(f"{server.url}/jobs/j")
        chip(tab, "Live")
    writer = threading.Thread(
        target=lambda: [server.update(log(f"line {number}")) for number in range(1, 201)], daemon=True
    )
    writer.start()
    writer.join(120)
    for tab in tabs:
        expect(line(tab, 200)).to_have_text("line 200")
        assert shown_lines(tab) == [[number, f"line {number}"] for number in range(1, 201)]
