"""A log follows its end for a reader who is there, and leaves all others alone: in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.tools.pages import (
    at_rest,
    chip,
    fill,
    line,
    log,
    numbered,
    rows,
    scroll_top,
)
from tests.tools.serving import Served


def test_the_log_follows_only_who_reads_its_end(server: Served, page: Page) -> None:
    fill(server, 400)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(log("401"))
    expect(line(page, 401)).to_be_in_viewport()
    page.locator("#log").hover()
    page.mouse.wheel(0, -1_500)
    expect(page.locator("#jump")).to_be_visible()
    at_rest(page)
    top = scroll_top(page)
    server.update(log("402\n403"))
    expect(page.locator("#jump")).to_have_text("2 new lines ↓")
    assert scroll_top(page) == top
    page.locator("#jump").click()
    expect(line(page, 403)).to_be_in_viewport()
    expect(page.locator("#jump")).to_be_hidden()
    server.update(log("404"))
    expect(line(page, 404)).to_be_in_viewport()
    # Back at the end by oneself is following again.
    page.mouse.wheel(0, -500)
    expect(page.locator("#jump")).to_be_visible()
    page.mouse.wheel(0, 5_000)
    expect(page.locator("#jump")).to_be_hidden()
    server.update(log("405"))
    expect(line(page, 405)).to_be_in_viewport()


@pytest.mark.parametrize("key", ["PageUp", "ArrowUp", "Home"])
def test_a_key_that_leads_upward_lets_go_of_the_end(server: Served, page: Page, key: str) -> None:
    fill(server, 400)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.locator("#log").focus()
    page.keyboard.press(key)
    at_rest(page)
    top = scroll_top(page)
    server.update(log("more"))
    expect(page.locator("#jump")).to_have_text("1 new line ↓")
    assert scroll_top(page) == top


def test_who_reads_the_beginning_of_a_busy_log_is_left_alone(server: Served, page: Page) -> None:
    fill(server, 1_000)
    page.goto(f"{server.url}/jobs/j#L10")
    chip(page, "Live")
    expect(line(page, 10)).to_be_in_viewport()
    server.update(log(numbered(1_001, 3_000)))
    expect(page.locator("#jump")).to_have_text("2,000 new lines ↓")
    numbers = [number for number, _ in rows(page)]
    assert numbers == list(range(1, numbers[-1] + 1))
    expect(line(page, 10)).to_be_in_viewport()
    page.locator("#jump").click()
    expect(line(page, 3_000)).to_be_in_viewport()
    server.update(log("3001"))
    expect(line(page, 3_001)).to_be_in_viewport()


def test_what_is_selected_stays_while_lines_come(server: Served, page: Page) -> None:
    fill(server, 300)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.evaluate("""() => {
      const text = document.querySelector("#L295 .text").firstChild;
      getSelection().setBaseAndExtent(text, 0, text, 8);
    }""")
    server.update(log(numbered(301, 900)))
    expect(page.locator("#jump")).to_have_text("600 new lines ↓")
    assert page.evaluate("getSelection().toString()") == "line 295"
    # A selected line changes only when it is selected no more.
    server.post("/api/jobs/j/logs?stream=bar", data=b"10%\r")
    page.evaluate("document.getElementById('log').scrollTop = 1e9")
    expect(line(page, 901)).to_have_text("10%")
    page.evaluate("""() => {
      const text = document.querySelector("#L901 .text").firstChild;
      getSelection().setBaseAndExtent(text, 0, text, 2);
    }""")
    page.wait_for_timeout(200)
    server.post("/api/jobs/j/logs?stream=bar", data=b"90%\r")
    page.wait_for_timeout(500)
    assert page.evaluate("getSelection().toString()") == "10"
    page.evaluate("getSelection().removeAllRanges()")
    expect(line(page, 901)).to_have_text("90%")
    page.evaluate("""() => {
      const text = document.querySelector("#L895 .text").firstChild;
      getSelection().setBaseAndExtent(text, 0, text, 8);
    }""")
    # It stays, too, when its row is far out of view.
    page.evaluate("document.getElementById('log').scrollTop = 0")
    expect(line(page, 1)).to_be_in_viewport()
    assert page.evaluate("getSelection().toString()") == "line 895"
