"""All lines of a log can be reached, and few rows are in the document: in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.tools.pages import (
    at_rest,
    chip,
    fill,
    line,
    log,
    numbered,
    progress,
    rows,
    shown_lines,
    stored_lines,
)
from tests.tools.serving import Served

Start = Callable[..., Served]


def test_all_of_a_long_log_can_be_reached(server: Served, page: Page) -> None:
    fill(server, 3_000)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(line(page, 3_000)).to_be_in_viewport()
    page.locator("#log").focus()
    page.keyboard.press("Home")
    expect(line(page, 1)).to_have_text("line 1")
    expect(line(page, 1)).to_be_in_viewport()
    page.keyboard.press("End")
    expect(line(page, 3_000)).to_be_in_viewport()
    page.locator("#log").hover()
    page.mouse.wheel(0, -4_000)
    expect(line(page, 2_790)).to_be_in_viewport()
    assert shown_lines(page) == stored_lines(server)
    assert len(rows(page)) < 150


def test_each_place_of_a_scroll_bar_shows_its_lines(server: Served, page: Page) -> None:
    fill(server, 20_000)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for share in (0.3, 0.9, 0, 0.5, 1):
        page.evaluate(
            "(share) => { const log = document.getElementById('log');"
            " log.scrollTop = share * (log.scrollHeight - log.clientHeight); }",
            share,
        )
        middle = max(1, round(share * 20_000))
        expect(page.locator(f"#L{middle}")).to_be_attached()
        expect(page.locator("#lines .loading")).to_have_count(0)
        assert all(text == f"line {number}" for number, text in rows(page))


def test_a_log_higher_than_an_element_can_be_is_scrolled_line_by_line(server: Served, page: Page) -> None:
    fill(server, 760_000, step=50_000)
    page.goto(f"{server.url}/jobs/j#L380000")
    expect(line(page, 380_000)).to_have_text("line 380000")
    expect(line(page, 380_000)).to_be_in_viewport()
    page.locator("#log").hover()
    before = page.locator("#L380000").bounding_box()
    page.mouse.wheel(0, 200)
    at_rest(page)
    after = page.locator("#L380000").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"] - 200) < 2
    page.evaluate("document.getElementById('log').scrollTop = 0")
    expect(line(page, 1)).to_be_in_viewport()
    page.evaluate("document.getElementById('log').scrollTop = 1e9")
    expect(line(page, 760_000)).to_be_in_viewport()
    page.mouse.wheel(0, -2_000)
    expect(line(page, 759_890)).to_be_in_viewport()
    page.locator("#log").focus()
    page.keyboard.press("Home")
    expect(line(page, 1)).to_be_in_viewport()


def test_who_scrolls_comes_over_what_was_removed_to_the_beginning(start_server: Start, page: Page) -> None:
    server = start_server(CHEF_MAX_LOG_BYTES="12000")
    for start in range(1, 60_001, 10_000):
        server.update(progress(phase="building"), log("\n".join(map(str, range(start, start + 10_000)))))
    page.goto(f"{server.url}/jobs/j")
    expect(line(page, 60_000)).to_be_in_viewport()
    removed = server.get("/api/jobs/j/logs").json()["removed"]
    page.locator("#log").focus()
    page.keyboard.press("Home")
    expect(line(page, 1)).to_be_in_viewport()
    # Removed lines take no room: the marker stands between the lines around it.
    expect(page.locator("#lines .loading")).to_have_count(0)
    assert shown_lines(page) == stored_lines(server)
    page.evaluate(f"location.hash = '#L{removed['firstLine'] + 5}'")
    expect(page.get_by_text("… [removed:")).to_be_in_viewport()


def test_a_burst_of_lines_arrives_whole_and_keeps_the_page_small(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for start in range(0, 4_000, 500):
        server.update(log(numbered(start + 1, start + 500)))
    expect(line(page, 4_000)).to_be_in_viewport()
    assert len(rows(page)) < 150
    assert shown_lines(page) == stored_lines(server)
