"""The options of a log, kept for the next time, and its accessibility: in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import (
    at_rest,
    chip,
    fill,
    line,
    log,
    numbered,
    progress,
    shown_lines,
    stored_lines,
)
from tests.tools.serving import Served


def test_times_are_shown_on_demand_and_long_lines_wrap(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log("short"), log("long " * 200), log(numbered(3, 400)))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    shown = "document.querySelector('#L400 .at').dataset.t ?? ''"
    assert page.evaluate(shown) == ""
    page.keyboard.press("t")
    assert page.evaluate(shown).startswith("+0:0")
    page.keyboard.press("t")
    assert len(page.evaluate(shown)) == 8
    page.keyboard.press("w")
    page.reload()
    chip(page, "Live")
    # Both are kept for the next time.
    assert len(page.evaluate(shown)) == 8
    expect(line(page, 400)).to_be_in_viewport()
    page.keyboard.press("g")
    expect(line(page, 2)).to_be_in_viewport()
    box = page.locator("#L2").bounding_box()
    assert box
    assert box["height"] > 60
    assert page.evaluate("(log => log.scrollWidth <= log.clientWidth)(document.getElementById('log'))")
    assert shown_lines(page) == stored_lines(server)


def test_where_lines_wrap_a_wheel_moves_by_pixels_and_links_lead_to_their_lines(
    server: Served, page: Page
) -> None:
    words = "\n".join(f"{number} " + "words " * (number * 7 % 60) for number in range(1, 5_001))
    server.update(progress(phase="building"))
    server.post("/api/jobs/j/logs", data=f"{words}\n")
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.keyboard.press("w")
    expect(line(page, 5_000)).to_be_in_viewport()
    page.evaluate("location.hash = '#L2500'")
    expect(line(page, 2_500)).to_be_in_viewport()
    expect(page.locator("#lines .loading")).to_have_count(0)
    at_rest(page)
    page.locator("#log").hover()
    for delta in (100, -160, 240):
        before = page.locator("#L2500").bounding_box()
        page.mouse.wheel(0, delta)
        at_rest(page)
        after = page.locator("#L2500").bounding_box()
        assert before
        assert after
        assert abs(before["y"] - after["y"] - delta) < 2
    page.evaluate("document.getElementById('log').scrollTop = 1e9")
    expect(line(page, 5_000)).to_be_in_viewport()
    expect(page.locator("#jump")).to_be_hidden()
    server.update(log("followed again"))
    expect(line(page, 5_001)).to_be_in_viewport()


def test_new_lines_are_said_aloud_to_who_asks(server: Served, page: Page) -> None:
    fill(server, 3)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#log")).to_have_attribute("aria-live", "off")
    server.update(log("quiet"))
    expect(line(page, 4)).to_be_visible()
    expect(page.locator("#log-said")).to_have_text("")
    page.locator("#log-menu summary").click()
    page.locator("#log-speak").check()
    server.update(log("\x1b[1mloud\x1b[0m"))
    expect(page.locator("#log-said")).to_have_text("loud")


AXE = "node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_log_has_no_accessibility_fault_with_all_of_it_open(
    server: Served, browser: Browser, complaints: Complaints, scheme: Any
) -> None:
    server.update(
        progress(phase="building"),
        log("::group::a\nx\n::endgroup::\n::group::b\nerror: y https://x.example/\n::endgroup::"),
        log("\x1b[31mred\x1b[0m \x1b[44mon blue\x1b[0m found"),
    )
    # axe is put into the page by the test, which the page's own policy would not allow.
    with watched_context(browser, complaints, color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j#L5-L7")
        chip(page, "Live")
        page.keyboard.press("Control+f")
        page.keyboard.type("found")
        expect(page.locator("#search-count")).to_have_text("1 of 1 line")
        page.locator("#log-menu summary").click()
        page.add_script_tag(path=AXE)
        faults = page.evaluate("async () => (await axe.run()).violations")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in faults] == []
