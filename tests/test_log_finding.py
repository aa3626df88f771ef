"""Links to lines, search, groups and errors of a log: in a real Chromium."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import (
    chip,
    fill,
    line,
    log,
    numbered,
    progress,
    rows,
    wait_until,
)
from tests.tools.serving import Served

# Links to lines


def test_a_link_leads_to_its_lines(server: Served, page: Page) -> None:
    fill(server, 2_000)
    page.goto(f"{server.url}/jobs/j#L120-L122")
    expect(line(page, 121)).to_be_in_viewport()
    marked = "rows => rows.map((row) => row.id)"
    assert page.locator(".line.marked").evaluate_all(marked) == ["L120", "L121", "L122"]
    page.locator("#L125 .n").click()
    page.locator("#L127 .n").click(modifiers=["Shift"])
    assert page.evaluate("location.hash") == "#L125-L127"
    expect(page.locator(".line.marked")).to_have_count(3)


def test_a_link_to_a_line_that_cannot_be_marks_none(server: Served, page: Page) -> None:
    fill(server, 50)
    for place in ("#L0", "#L0-L5", "#L", "#log"):
        page.goto(f"{server.url}/jobs/j{place}")
        chip(page, "Live")
        expect(line(page, 50)).to_be_in_viewport()
        expect(page.locator("#log-marked")).to_be_hidden()
        page.goto("about:blank")


def test_a_link_into_a_long_log_leads_there(server: Served, page: Page) -> None:
    fill(server, 30_000, step=30_000)
    page.goto(f"{server.url}/jobs/j#L17000-L17002")
    expect(line(page, 17_001)).to_have_text("line 17001")
    expect(line(page, 17_001)).to_be_in_viewport()
    expect(page.locator("#marked-lines")).to_have_text("Lines 17000 to 17002")
    page.locator("#marked-clear").click()
    expect(page.locator(".line.marked")).to_have_count(0)
    assert page.evaluate("location.hash") == ""
    page.keyboard.press("l")
    page.keyboard.type("42")
    page.keyboard.press("Enter")
    expect(line(page, 42)).to_be_in_viewport()
    assert page.evaluate("location.hash") == "#L42"


def test_a_link_to_a_line_beyond_the_end_says_that_there_is_none_until_it_comes(
    server: Served, page: Page
) -> None:
    fill(server, 47)
    page.goto(f"{server.url}/jobs/j#L999999")
    chip(page, "Live")
    expect(line(page, 47)).to_be_in_viewport()
    expect(page.locator("#marked-lines")).to_have_text("There is no line 999,999: the log has 47 lines")
    expect(page.locator("#marked-copy")).to_be_hidden()
    expect(page.locator(".line.marked")).to_have_count(0)
    page.evaluate("location.hash = '#L46-L49'")
    expect(page.locator("#marked-lines")).to_have_text("Lines 46 to 47")
    page.evaluate("location.hash = '#L49'")
    expect(page.locator("#marked-lines")).to_have_text("There is no line 49: the log has 47 lines")
    server.update(log("line 48\nline 49"))
    expect(page.locator("#marked-lines")).to_have_text("Line 49")
    expect(page.locator(".line.marked")).to_have_text("line 49")
    expect(page.locator("#marked-copy")).to_be_visible()


def test_a_second_tap_on_a_number_makes_a_range_and_the_third_begins_anew(
    server: Served, browser: Browser, complaints: Complaints
) -> None:
    fill(server, 40)
    with watched_context(
        browser, complaints, has_touch=True, viewport={"width": 390, "height": 844}
    ) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j#L20")
        chip(page, "Live")
        for number, marked in ((22, "#L22"), (26, "#L22-L26"), (24, "#L24"), (23, "#L23-L24")):
            page.locator(f"#L{number} .n").tap()
            assert page.evaluate("location.hash") == marked


def test_a_swipe_at_the_logs_end_moves_the_page(
    server: Served, browser: Browser, complaints: Complaints
) -> None:
    fill(server, 300)
    with watched_context(
        browser, complaints, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 600}
    ) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        chip(page, "Live")
        expect(line(page, 300)).to_be_in_viewport()
        finger = context.new_cdp_session(page)
        for height in range(450, 320, -10):
            name = "touchStart" if height == 450 else "touchMove"
            points = [{"x": 200, "y": height}]
            finger.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait_until(page, lambda: bool(page.evaluate("document.scrollingElement.scrollTop > 50")))


# Search


def test_search_finds_in_the_whole_log_and_while_it_grows(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    lines = [f"line {number}" for number in range(1, 5_001)]
    for number in (7, 2_000, 4_990):
        lines[number - 1] = f"\x1b[31mnee\x1b[0mDLE <{number}> (.*)"
    server.post("/api/jobs/j/logs", data="\n".join([*lines, ""]))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    page.keyboard.press("Control+f")
    expect(page.locator("#search-field")).to_be_focused()
    page.keyboard.type("needle <")
    # A reader of the end gets the newest; text that colours cut is found as a person reads it.
    expect(page.locator("#search-count")).to_have_text("3 of 3 lines")
    expect(page.locator("#L4990 mark")).to_have_text(["nee", "DLE <"])
    page.keyboard.press("Enter")
    expect(page.locator("#search-count")).to_have_text("1 of 3 lines")
    expect(line(page, 7)).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(line(page, 2_000)).to_be_in_viewport()
    page.keyboard.press("Shift+Enter")
    expect(line(page, 7)).to_be_in_viewport()
    server.update(log("another Needle <\nand none"))
    expect(page.locator("#search-count")).to_have_text("1 of 4 lines")
    page.keyboard.press("Shift+Enter")
    expect(line(page, 5_001)).to_be_in_viewport()
    page.locator("#search-field").fill("(.*)")
    expect(page.locator("#search-count")).to_contain_text("of 3 lines")
    page.locator("#search-field").fill("nowhere")
    expect(page.locator("#search-count")).to_have_text("Nothing found")
    page.keyboard.press("Escape")
    expect(page.locator("#log-search")).to_be_hidden()
    expect(page.locator("#lines mark")).to_have_count(0)
    expect(page.locator("#log")).to_be_focused()


def test_a_frequent_word_is_counted_whole_and_found_from_where_one_is(server: Served, page: Page) -> None:
    fill(server, 60_000, step=20_000)
    page.goto(f"{server.url}/jobs/j#L50000")
    expect(line(page, 50_000)).to_be_in_viewport()
    first = page.evaluate("Number(document.querySelector('.line:not(.kept)').dataset.number)")
    page.keyboard.press("Control+f")
    page.keyboard.type("line")
    expect(page.locator("#search-count")).to_contain_text("of 60,000 lines")
    expect(line(page, 50_000)).to_be_in_viewport()
    place = page.locator(".line.current")
    current = int(place.get_attribute("data-number") or 0)
    assert first <= current <= 50_000
    page.keyboard.press("Enter")
    expect(place).to_have_attribute("data-number", str(current + 1))
    # Before the next hit is known it is waited for.
    page.locator("#search-field").fill("line ")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#search-count")).to_contain_text("of 60,000 lines")
    assert int(place.get_attribute("data-number") or 0) > 49_000


def test_the_second_time_ctrl_f_is_the_browsers_own(server: Served, page: Page) -> None:
    fill(server, 10)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    taken = """() => {
      const pressed = { key: "f", ctrlKey: true, bubbles: true, cancelable: true };
      const event = new KeyboardEvent("keydown", pressed);
      document.activeElement.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert page.evaluate(taken) is True
    assert page.evaluate(taken) is False


# Groups and errors


def test_groups_are_folded_but_those_that_fail_or_run(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(
        log("::group::Fetch\nfetching\nfetched\n::endgroup::\nbetween"),
        log("::group::Test\nok 1\nerror: not ok 2\n::endgroup::"),
        log("::group::Pack <b>\npacking"),
    )
    fetch = page.locator("#L1 .fold")
    expect(fetch).to_have_attribute("aria-expanded", "false")
    expect(fetch).to_have_attribute("aria-label", "Fetch, group of 2 lines")
    expect(page.locator("#L1 .text")).to_have_text("::group::Fetch")
    assert page.locator("#L1 .text").inner_text().startswith("Fetch")
    expect(line(page, 2)).to_have_count(0)
    expect(line(page, 5)).to_be_visible()
    expect(line(page, 8)).to_be_visible()
    expect(line(page, 11)).to_be_visible()
    # A line that only ends a group is there, and stands back.
    expect(line(page, 9)).to_have_text("::endgroup::")
    colours = [
        page.locator(f"#L{number} .text").evaluate("one => getComputedStyle(one).color") for number in (7, 9)
    ]
    assert colours[0] != colours[1]
    fetch.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#L1 .fold")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#L1 .fold")).to_be_focused()
    expect(line(page, 2)).to_have_text("fetching")
    page.keyboard.press("x")
    expect(line(page, 2)).to_have_count(0)
    # When it ends well it folds, too, but not under the eyes of its reader.
    page.keyboard.press("G")
    server.update(log("::endgroup::\nafter"))
    expect(line(page, 11)).to_have_count(0)
    expect(line(page, 13)).to_have_text("after")
    page.reload()
    expect(line(page, 13)).to_have_text("after")
    expect(line(page, 2)).to_have_count(0)
    expect(line(page, 8)).to_be_visible()
    # A link leads into what is folded.
    page.evaluate("location.hash = '#L3'")
    expect(line(page, 3)).to_be_in_viewport()


def test_a_section_whose_mark_was_replaced_by_its_title_is_folded_after_a_reload(
    server: Served, page: Page
) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    # As GitLab's runner has it: a title takes the place of its mark.
    body = "section_start:1:a[collapsed=true]\r\x1b[0KTitle\nwithin\nsection_end:2:a\r\x1b[0K\nafter\n"
    server.post("/api/jobs/j/logs", data=body)
    for _ in range(2):
        expect(page.locator("#L1 .fold")).to_have_attribute("aria-expanded", "false")
        expect(line(page, 1)).to_have_text("Title")
        expect(line(page, 2)).to_have_count(0)
        expect(line(page, 4)).to_have_text("after")
        page.reload()


def test_a_completed_job_has_no_red_and_stderr_has_no_colour(server: Served, page: Page) -> None:
    def colour(selector: str) -> str:
        return str(page.locator(selector).evaluate("one => getComputedStyle(one).color"))

    server.update(
        progress(phase="building"),
        log("plain"),
        log("fetching", stream="stderr"),
        log("error: the first\nerror: its neighbour\nbetween\nerror: the second"),
        log("by its level", level="error"),
    )
    page.goto(f"{server.url}/jobs/j")
    expect(page.locator("#error-count")).to_have_text("2 errors")
    assert colour("#L2 .text") == colour("#L1 .text")
    red = colour("#error-next")
    assert colour("#L7 .text") == red != colour("#L1 .text")
    server.update({"type": "completed", "jobId": "j"})
    chip(page, "Ended")
    expect(page.locator("#error-count")).to_have_text("2 errors")
    assert red not in (colour("#error-next"), colour("#L7 .text"))


def test_groups_and_errors_of_lines_that_were_never_loaded(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    section = "\x1b[0Ksection_start:1:{0}\r\x1b[0KSection {0}\n{1}\n\x1b[0Ksection_end:2:{0}\r\x1b[0K\n"
    body = "".join(section.format(name, numbered(1, 1_000)) for name in ("one", "two"))
    body += f"{numbered(1, 2_000)}\nTypeError: x is not a function\n{numbered(1, 2_000)}\n"
    server.post("/api/jobs/j/logs", data=body)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#error-count")).to_have_text("1 error")
    page.keyboard.press("e")
    expect(page.get_by_text("TypeError: x is not a function")).to_be_in_viewport()
    # Which of the lines in view it is shows without reading them.
    expect(page.locator(".line.current")).to_have_text("TypeError: x is not a function")
    expect(page.locator(".line.current")).to_have_css("outline-style", "solid")
    page.keyboard.press("g")
    expect(page.locator("#L1 .fold")).to_have_attribute("aria-expanded", "false")
    expect(line(page, 1)).to_have_text("Section one")
    expect(line(page, 1_003)).to_have_text("Section two")
    expect(line(page, 2_005)).to_have_text("line 1")
    assert [number for number, _ in rows(page)][:3] == [1, 1_003, 2_005]
