"""Copying from a log: clean text of all that is selected or marked; in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.tools.pages import (
    chip,
    fill,
    line,
    numbered,
    progress,
    wait_until,
)
from tests.tools.serving import Served


@pytest.fixture
def clipboard(page: Page) -> Callable[[], str]:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: str(page.evaluate("navigator.clipboard.readText()"))


def test_what_is_copied_is_clean_text_of_all_that_is_selected(
    server: Served, page: Page, clipboard: Callable[[], str]
) -> None:
    server.update(progress(phase="building"))
    server.post(
        "/api/jobs/j/logs", data="".join(f"\x1b[32mline\x1b[0m {number}\n" for number in range(1, 3_001))
    )
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.locator("#log").focus()
    page.keyboard.press("Home")
    expect(line(page, 2)).to_have_text("line 2")
    page.evaluate("getSelection().collapse(document.querySelector('#L2 .text').lastChild, 1)")
    page.keyboard.press("End")
    page.evaluate("document.getElementById('log').scrollTop = 0")
    expect(line(page, 2)).to_be_in_viewport()
    page.evaluate("""() => {
      const begin = document.querySelector("#L2 .text").lastChild;
      getSelection().setBaseAndExtent(begin, 1, begin, 2);
    }""")
    page.evaluate("document.getElementById('log').scrollTop = 1e9")
    expect(line(page, 3_000)).to_be_in_viewport()
    page.evaluate("""() => {
      const end = document.querySelector("#L3000 .text").firstChild.firstChild;
      getSelection().extend(end, 2);
    }""")
    page.wait_for_timeout(500)
    page.keyboard.press("Control+c")
    expected = ["2", *(f"line {number}" for number in range(3, 3_000)), "li"]
    wait_until(page, lambda: clipboard().split("\n") == expected)


def test_marked_lines_are_copied_as_they_are(
    server: Served, page: Page, clipboard: Callable[[], str]
) -> None:
    fill(server, 5_000)
    page.goto(f"{server.url}/jobs/j#L1000-L4000")
    chip(page, "Live")
    page.locator("#marked-copy").click()
    expect(page.locator("#marked-copy")).to_have_text("Copied")
    assert clipboard() == numbered(1_000, 4_000)
    page.locator("#log").focus()
    page.evaluate("navigator.clipboard.writeText('')")
    page.keyboard.press("Control+c")
    wait_until(page, lambda: clipboard() == numbered(1_000, 4_000))


def test_marked_lines_are_copied_right_after_their_page_was_opened(
    server: Served, page: Page, clipboard: Callable[[], str]
) -> None:
    fill(server, 20)
    page.goto(f"{server.url}/jobs/j#L8-L11")
    chip(page, "Live")
    expect(page.locator("#marked-lines")).to_have_text("Lines 8 to 11")
    page.evaluate("navigator.clipboard.writeText('')")
    page.keyboard.press("Control+c")
    wait_until(page, lambda: clipboard() == numbered(8, 11))
    # With the focus elsewhere the keys are the browser's own.
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator("#notify").focus()
    page.keyboard.press("Control+c")
    page.locator("#log").focus()
    assert clipboard() == ""


def test_copying_needs_no_https(server: Served, page: Page, clipboard: Callable[[], str]) -> None:
    fill(server, 3_000)
    reader = page
    plain = page.context.new_page()
    # As browsers have it for pages that come by plain HTTP from another machine.
    plain.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    plain.goto(f"{server.url}/jobs/j#L500-L1500")
    reader.goto(f"{server.url}/projects/web")
    chip(plain, "Live")
    plain.bring_to_front()
    plain.locator("#marked-copy").click()
    expect(plain.locator("#marked-copy")).to_have_text("Copied")
    reader.bring_to_front()
    assert clipboard() == numbered(500, 1_500)


def test_all_lines_are_marked_and_copied_with_the_usual_keys(
    server: Served, page: Page, clipboard: Callable[[], str]
) -> None:
    fill(server, 30_000, step=30_000)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.locator("#log").focus()
    page.keyboard.press("Control+a")
    expect(page.locator("#marked-lines")).to_have_text("Lines 1 to 30000")
    page.keyboard.press("Control+c")
    wait_until(page, lambda: clipboard() == numbered(1, 30_000))
    page.keyboard.press("Escape")
    expect(page.locator("#log-marked")).to_be_hidden()
