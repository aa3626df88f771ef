"""Every page in every state: axe-core finds no fault, in light, dark and on a phone, in both languages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.serving import Served

Start = Callable[..., Served]
AXE = "node_modules/axe-core/axe.min.js"
SECRET = "a secret of more than thirty-two bytes, for tests"
LOOKS = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}, "locale": "fr-FR"},
    {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "locale": "fr-FR"},
    {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]
IDS = ["light", "dark", "phone", "dark phone"]


FINGER = 44
# Elements that are too small for a finger, by their own box or that of the row or label around them. Lines of
# the log are text, and the bars of a run are drawn beside the names of their jobs, which lead to the same.
TOO_SMALL = """(least) => {
  const small = [];
  for (const one of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")) {
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (one.closest(".line, svg")) continue;
    const around = one.matches(".row-link") ? one.closest("li") : (one.closest("label") ?? one);
    const box = around.getBoundingClientRect();
    if (box.width && Math.min(box.width, box.height) < least)
      small.push([one.outerHTML.slice(0, 150), box.width, box.height]);
  }
  return small;
}"""


# Waits for all movements that end; on a busy machine they take longer than they are meant to.
AT_REST = """async () => {
  const ends = (one) => one.playState === "running" && one.effect?.getComputedTiming().endTime !== Infinity;
  for (let left; (left = document.getAnimations().filter(ends)).length > 0; )
    await Promise.allSettled(left.map((one) => one.finished));
}"""


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "log", "jobId": "run", "message": message} | fields


def cook(server: Served, folder: Path) -> None:
    """Jobs in every state."""
    about = {
        "branch": "main",
        "commit": "9fceb02",
        "author": "Ada",
        "url": "https://x.example/",
        "node": "24",
    }
    for number in range(5):
        past = progress(f"past-{number}", phase="building", meta={"kind": "CI"})
        server.update(past, {"type": "completed", "jobId": f"past-{number}"})
    server.update(
        progress("run", phase="preparing", meta={"kind": "CI"}),
        progress(
            "run", phase="building", message="compiling", meta=about | {"title": "Fix it", "node": "24"}
        ),
        log("plain \x1b[31mred\x1b[0m \x1b[32mgreen\x1b[0m \x1b[2mdim\x1b[0m https://x.example/"),
        log("warned", stream="stderr"),
        log("wrong", level="error"),
        progress("bad"),
        {"type": "error", "jobId": "bad", "message": "no", "code": 1},
        progress("gone", status="cancelled", message="no longer wanted"),
        progress("quiet", phase="building"),
        progress("lost", phase="building"),
        progress("good"),
        *[progress(one, meta=about | {"run": "482", "kind": one}) for one in ("lint", "unit")],
        {
            "type": "completed",
            "jobId": "good",
            "artifacts": [{"name": "a", "url": "https://x.example/a", "size": 10}],
            "integrity": {"stdout": {"bytes": 100}},
        },
    )
    with sqlite3.connect(folder / "chef.db", timeout=20) as database:
        for job_id, minutes in (("quiet", 5), ("lost", 60)):
            older = "UPDATE jobs SET updated_at = updated_at - ? WHERE job_id = ?"
            database.execute(older, (minutes * 60_000, job_id))


def faults_of(page: Page) -> list[Any]:
    # Elements that move into place, or change their colour, would be judged on their way.
    page.wait_for_function("!document.querySelector('#chip[data-state=connecting]')")
    page.wait_for_timeout(500)
    page.evaluate(AT_REST)
    page.add_script_tag(path=AXE)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def looking(browser: Browser, complaints: Complaints, look: dict[str, Any]) -> Any:
    # axe is put into the page by the test, which the page's own policy would not allow.
    return watched_context(browser, complaints, bypass_csp=True, permissions=["notifications"], **look)


def check(context: BrowserContext, url: str, paths: tuple[str, ...]) -> None:
    page = context.new_page()
    for path in paths:
        page.goto(url + path)
        assert faults_of(page) == [], path


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_no_page_has_a_fault_in_any_state(
    server: Served, browser: Browser, complaints: Complaints, tmp_path: Path, look: dict[str, Any]
) -> None:
    complaints.allow("status of 404")
    with looking(browser, complaints, look) as context:
        check(context, server.url, ("/",))
        cook(server, tmp_path)
        check(context, server.url, ("/", "/projects/web", "/projects/web?status=failed", "/projects/none"))
        check(
            context, server.url, ("/?branch=main&q=fix", "/projects/web/runs/482", "/projects/web/runs/none")
        )
        jobs = tuple(f"/jobs/{one}" for one in ("run", "bad", "gone", "quiet", "lost", "good", "none"))
        check(context, server.url, (*jobs, "/nowhere"))
        page = context.new_page()
        page.goto(f"{server.url}/jobs/run")
        page.keyboard.press("b")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        assert faults_of(page) == []


def test_on_a_phone_everything_is_large_enough_for_a_finger(
    start_server: Start, browser: Browser, complaints: Complaints, tmp_path: Path
) -> None:
    """WCAG 2.2, 2.5.5 (Target Size, Enhanced): 44 by 44 CSS pixels."""
    complaints.allow("status of 404", "status of 401")
    server = start_server()
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with looking(browser, complaints, phone) as context:
        page = context.new_page()
        page.goto(server.url)
        assert page.evaluate(TOO_SMALL, FINGER) == []
        cook(server, tmp_path)
        server.post(
            "/api/jobs/bad/logs", data="src/a.c:1:2: error: 'x' undeclared\n1 failed, 2 passed in 1s\n"
        )
        report = '<testsuite><testcase name="a"><failure message="no"/></testcase></testsuite>'
        server.post("/api/jobs/bad/tests", data=report)
        jobs = [f"/jobs/{one}" for one in ("run", "bad", "quiet", "good", "none")]
        lists = ["/", "/?branch=main", "/projects/web", "/projects/web/runs/482", "/wall", "/nowhere"]
        for path in (*jobs, *lists):
            page.goto(server.url + path)
            page.locator("main").wait_for()
            for button in page.locator("#log-menu > summary, #search-open").all():
                if button.is_visible():
                    button.click()
            assert page.evaluate(TOO_SMALL, FINGER) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.goto(start_server(CHEF_JWT_SECRET=SECRET).url)
        assert page.evaluate(TOO_SMALL, FINGER) == []


def test_what_is_too_long_for_its_place_is_scrolled_by_keyboard(
    server: Served, browser: Browser, complaints: Complaints
) -> None:
    long = {"title": "T" * 2_000} | {f"key-{number}": "value" for number in range(60)}
    server.update(progress("long", message="m " * 2_000, meta=long), progress("bad", meta=long))
    server.update({"type": "error", "jobId": "bad", "message": "one of many\n" * 200})
    with looking(browser, complaints, LOOKS[0]) as context:
        check(context, server.url, ("/jobs/long", "/jobs/bad"))
        page = context.pages[-1]
        failure = page.locator("#failure")
        failure.focus()
        page.keyboard.press("Home")
        page.wait_for_function("document.getElementById('failure').scrollTop === 0")


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_the_login_has_no_fault(
    start_server: Start, browser: Browser, complaints: Complaints, look: dict[str, Any]
) -> None:
    complaints.allow("status of 401")
    server = start_server(CHEF_JWT_SECRET=SECRET)
    with looking(browser, complaints, look) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        assert faults_of(page) == []
        page.locator("#token").fill("nonsense")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        assert faults_of(page) == []


def test_a_connection_that_is_lost_has_no_fault(
    server: Served, browser: Browser, complaints: Complaints
) -> None:
    complaints.allow("ERR_", "WebSocket", "Failed to load")
    server.update(progress("run", phase="building"))
    for look in LOOKS[:2]:
        with looking(browser, complaints, look) as context:
            page = context.new_page()
            page.goto(f"{server.url}/jobs/run")
            expect(page.locator("#chip")).to_have_attribute("data-state", "live")
            context.set_offline(True)
            expect(page.locator("#chip")).to_have_attribute("data-state", "reconnecting")
            assert faults_of(page) == []


def test_a_progress_bar_is_one_to_who_does_not_see_it(server: Served, page: Page) -> None:
    server.update(progress("j", phase="building", progress=72.5))
    page.goto(f"{server.url}/jobs/j")
    bar = page.get_by_role("progressbar", name="Build progress")
    expect(bar).to_have_attribute("aria-valuenow", "72.5")
    expect(bar).to_have_attribute("aria-valuetext", "72%, phase building")
    expect(page.locator("#chip-word")).to_have_text("Live")
    announced = page.get_by_role("status").filter(has_text="phase")
    expect(announced).to_have_count(0)
    server.update(progress("j", phase="completed", progress=90))
    expect(bar).to_have_attribute("aria-valuetext", "90%, phase completed")
    expect(announced).to_have_text("Building, phase completed")


def test_who_wants_no_motion_gets_none(server: Served, browser: Browser, complaints: Complaints) -> None:
    server.update(progress("j", phase="building"))
    with watched_context(browser, complaints, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        expect(page.locator("#chip-word")).to_have_text("Live")
        assert page.evaluate("document.getAnimations().length") == 0
