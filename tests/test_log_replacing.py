"""Lines that are replaced far back in a log, as a terminal's redraws do: in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.tools.pages import chip, line, numbered, progress, shown_lines, stored_lines, wait_until
from tests.tools.serving import Served

LINES = 300


@pytest.fixture
def clipboard(page: Page) -> Callable[[], str]:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: str(page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture
def redraw(server: Served, page: Page) -> Callable[[int, str], None]:
    """Draw a line of an open page's log anew, from the end of the log."""
    server.update(progress(phase="building"))
    group = f"::group::steps\n{numbered(202, 219)}\n::endgroup::\n"
    server.post("/api/jobs/j/logs", data=f"{numbered(1, 200)}\n{group}{numbered(221, LINES)}\n")
    page.goto(f"{server.url}/jobs/j#L150")
    chip(page, "Live")
    expect(line(page, 150)).to_be_in_viewport()

    def draw(number: int, text: str) -> None:
        up = LINES + 1 - number
        server.post("/api/jobs/j/logs", data=f"\x1b[{up}A\r\x1b[2K{text}\x1b[{up}B\r")

    return draw


def test_a_line_is_replaced_wherever_it_stands(
    server: Served, page: Page, redraw: Callable[[int, str], None]
) -> None:
    redraw(150, "in view")
    expect(line(page, 150)).to_have_text("in view")
    expect(line(page, 150)).to_be_in_viewport()
    expect(page.locator("#jump")).not_to_contain_text("new")
    redraw(110, "above")
    page.evaluate("location.hash = '#L110'")
    expect(line(page, 110)).to_have_text("above")
    assert shown_lines(page) == [one for one in stored_lines(server) if not 201 < one[0] <= 220]
    page.reload()
    expect(line(page, 110)).to_have_text("above")


def test_search_knows_replaced_lines_also_in_folded_groups(
    redraw: Callable[[int, str], None], page: Page
) -> None:
    page.keyboard.press("Control+f")
    page.keyboard.type("again")
    expect(page.locator("#search-count")).to_have_text("Nothing found")
    redraw(150, "drawn again")
    redraw(210, "hidden again")
    expect(page.locator("#search-count")).to_have_text("2 lines")
    expect(page.locator("#L150 mark")).to_have_text("again")
    expect(page.locator("#L210")).to_have_count(0)
    for _ in range(2):
        page.keyboard.press("Enter")
    expect(line(page, 210)).to_have_text("hidden again")
    expect(line(page, 210)).to_be_in_viewport()
    redraw(150, "another time")
    expect(page.locator("#search-count")).to_have_text("1 of 1 line")
    page.evaluate("location.hash = '#L149'")
    expect(line(page, 150)).to_have_text("another time")
    expect(page.locator("#L150 mark")).to_have_count(0)


def test_what_is_selected_stays_and_is_copied_as_it_is_seen(
    redraw: Callable[[int, str], None], page: Page, clipboard: Callable[[], str]
) -> None:
    page.evaluate("""() => {
      const text = (number) => document.querySelector(`#L${number} .text`).firstChild;
      getSelection().setBaseAndExtent(text(150), 2, text(151), 6);
    }""")
    redraw(150, "0")
    redraw(152, "beside it")
    expect(line(page, 152)).to_have_text("beside it")
    expect(line(page, 150)).to_have_text("line 150")
    page.keyboard.press("Control+c")
    wait_until(page, lambda: clipboard() == "ne 150\nline 1")
    page.evaluate("getSelection().removeAllRanges()")
    expect(line(page, 150)).to_have_text("0")
    # Marked lines are the log's own.
    page.evaluate("location.hash = '#L149-L150'")
    expect(page.locator("#marked-lines")).to_have_text("Lines 149 to 150")
    page.keyboard.press("Control+c")
    wait_until(page, lambda: clipboard() == "line 149\n0")
