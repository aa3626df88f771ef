"""The log of the job page in a real Chromium before a real server."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import chip, line, log, numbered, progress, shown_lines, stored_lines
from tests.tools.serving import Served

Start = Callable[..., Served]

# The rows that are in the document, those left out that only hold a selection.
ROWS = """() => [...document.querySelectorAll("#lines .line:not(.kept)")].map(
  (row) => [Number(row.id.slice(1)), row.querySelector(".text").textContent])"""


def rows(page: Page) -> list[list[Any]]:
    found: list[list[Any]] = page.evaluate(ROWS)
    return found


def scroll_top(page: Page) -> float:
    top: float = page.evaluate("document.getElementById('log').scrollTop")
    return top


def fill(server: Served, count: int, step: int = 5_000) -> None:
    """A running job with that many lines."""
    server.update(progress(phase="building"))
    for first in range(1, count + 1, step):
        server.post("/api/jobs/j/logs", data=f"{numbered(first, min(count, first + step - 1))}\n".encode())


# All lines, few rows


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
    page.wait_for_timeout(600)
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
    # What is not there takes no room: the marker stands between the lines around it.
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


# Following


def test_the_log_follows_only_who_reads_its_end(server: Served, page: Page) -> None:
    fill(server, 400)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(log("401"))
    expect(line(page, 401)).to_be_in_viewport()
    page.locator("#log").hover()
    page.mouse.wheel(0, -1_500)
    expect(page.locator("#jump")).to_be_visible()
    page.wait_for_timeout(300)
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
    page.wait_for_timeout(400)
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
    # What it holds changes only when it is selected no more.
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


# How lines look


def test_a_line_that_is_replaced_stays_one_line(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for share in (10, 50):
        server.post("/api/jobs/j/logs", data=f"\rfetching {share}%".encode())
    server.post("/api/jobs/j/logs", data=b"\rfetching 100%\ndone\n")
    expect(page.locator("#lines .line").last).to_contain_text("done")
    assert shown_lines(page) == stored_lines(server)


def test_escape_sequences_draw_nothing_but_colours(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(
        log("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jclear\tend \x1b]8;;http://x\x07link\x1b]8;;\x07")
    )
    for _ in ("live", "read anew"):
        expect(line(page, 1)).to_have_text("red and clear\tend link")
        red = page.locator("#L1 .text span")
        expect(red).to_have_text("red")
        expect(red).to_have_css("color", "rgb(207, 34, 46)")
        assert page.locator("#L1 .text a").count() == 0
        page.reload()


COLOURS = """() => [...document.querySelectorAll("#lines .text span, #lines .text")].map((span) => {
  let ground = span;
  while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const [one, other] = [light(getComputedStyle(span).color), light(getComputedStyle(ground).backgroundColor)];
  return [span.textContent, Math.max(one, other) / Math.min(one, other)];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_can_be_read(
    server: Served, browser: Browser, complaints: Complaints, scheme: Any
) -> None:
    codes = [*(str(code) for code in (*range(30, 38), *range(90, 98), *range(40, 48), *range(100, 108)))]
    codes += [f"{way}{code}" for way in ("2;", "7;", "2;7;") for code in (*range(30, 38), *range(40, 48))]
    codes += [f"{one};{other}" for one in range(30, 38) for other in range(40, 48)]
    codes += [f"{ground};5;{code}" for ground in (38, 48) for code in range(256)]
    codes += ["38;2;255;255;0", "38;2;0;0;128", "48;2;127;127;127", "38:2::200:200:200", "2", "7", "1;4;9"]
    text = "\n".join(
        "".join(f"\x1b[{code}m{code} \x1b[0m" for code in codes[start : start + 50])
        for start in range(0, len(codes), 50)
    )
    server.update(progress(phase="building"), log(text), log("warned", stream="stderr"))
    with watched_context(browser, complaints, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        chip(page, "Live")
        contrasts = page.evaluate(COLOURS)
        assert len(contrasts) > len(codes)
        assert [one for one in contrasts if one[1] < 4.5] == []


def test_addresses_are_links_and_nothing_else_is(server: Served, page: Page) -> None:
    server.update(
        progress(phase="building"),
        log("see https://example.com/a_(b)?x=1&y=2, or (\x1b[32mhttp://example.com/\x1b[1mpath\x1b[0m)."),
        log("javascript:alert(1) data:text/html,x file:///etc/passwd http:// //x.example"),
        log('"https://example.com/"onclick=alert(1) <https://example.com/b>'),
    )
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    links = page.locator("#lines .text a").evaluate_all(
        "links => links.map((a) => [a.textContent, a.href, a.rel])"
    )
    assert [(text, href) for text, href, _ in links] == [
        ("https://example.com/a_(b)?x=1&y=2",) * 2,
        ("http://example.com/path",) * 2,
        ("https://example.com/",) * 2,
        ("https://example.com/b",) * 2,
    ]
    assert {rel for *_, rel in links} == {"noopener noreferrer nofollow"}
    assert (
        page.evaluate(ROWS)[1][1]
        == "javascript:alert(1) data:text/html,x file:///etc/passwd http:// //x.example"
    )


def test_characters_that_turn_the_order_turn_nothing_around_them(server: Served, page: Page) -> None:
    sent = "run \u202egnp.exe\u2066 now"
    server.update(progress(phase="building"), log(sent))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#L1 .bidi")).to_have_count(2)
    assert page.evaluate(ROWS) == [[1, sent]]
    places = page.evaluate("""() => {
      const range = document.createRange();
      const nodes = [...document.querySelector("#L1 .text").childNodes];
      return nodes.filter((node) => node.nodeType === 3).map((node) => {
        range.selectNodeContents(node);
        return range.getBoundingClientRect().left;
      });
    }""")
    assert places == sorted(places)


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
    # Who reads the end gets the newest; what colours cut is found as a person reads it.
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
    # What only ends a group is there, and stands back.
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
    # When it ends well it folds, too, but not under the eyes of who reads it.
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


# Copying


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
    page.wait_for_timeout(300)
    expected = ["2", *(f"line {number}" for number in range(3, 3_000)), "li"]
    assert clipboard().split("\n") == expected


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
    page.wait_for_timeout(500)
    assert clipboard() == numbered(1_000, 4_000)


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
    page.wait_for_timeout(1_500)
    assert clipboard() == numbered(1, 30_000)
    page.keyboard.press("Escape")
    expect(page.locator("#log-marked")).to_be_hidden()


# Options


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
    page.wait_for_timeout(300)
    page.locator("#log").hover()
    for delta in (100, -160, 240):
        before = page.locator("#L2500").bounding_box()
        page.mouse.wheel(0, delta)
        page.wait_for_timeout(600)
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


# Coming back


@pytest.mark.parametrize("enabled", ["true", "false"], ids=["socket", "stream"])
def test_a_connection_that_is_cut_costs_no_line(
    start_server: Start, page: Page, complaints: Complaints, enabled: str
) -> None:
    complaints.allow("ERR_", "WebSocket connection to", "Failed to load resource")
    server = start_server(WEBSOCKET_ENABLED=enabled)
    fill(server, 50)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    # Asleep: nothing is sent or answered, and nothing says so.
    server.process.send_signal(signal.SIGSTOP)
    expect(page.locator("#chip")).not_to_have_attribute("data-state", "live", timeout=4_000)
    page.wait_for_timeout(2_000)
    server.process.send_signal(signal.SIGCONT)
    chip(page, "Live")
    page.context.set_offline(True)
    server.update(log(numbered(51, 300)))
    page.wait_for_timeout(1_500)
    page.context.set_offline(False)
    server.update(log(numbered(301, 310)))
    expect(line(page, 310)).to_be_in_viewport(timeout=20_000)
    assert shown_lines(page) == stored_lines(server)


def test_a_tab_in_the_background_has_all_lines_when_it_comes_back(server: Served, page: Page) -> None:
    fill(server, 50)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    session = page.context.new_cdp_session(page)
    # As a browser freezes tabs that nobody looks at: no timer and no frame runs.
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    server.update(log(numbered(51, 2_000)))
    time.sleep(2)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    server.update(log("awake"))
    expect(line(page, 2_001)).to_be_in_viewport()
    assert shown_lines(page) == stored_lines(server)


def test_who_missed_very_much_reads_the_end_and_keeps_the_place(
    start_server: Start, server: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow(
        "ERR_CONNECTION_REFUSED", "WebSocket connection to", "net::ERR_", "Failed to load resource"
    )
    fill(server, 500)
    page.goto(f"{server.url}/jobs/j#L100")
    chip(page, "Live")
    server.kill()
    chip(page, "Reconnecting…")
    again = start_server(PORT=str(server.port))
    again.post("/api/jobs/j/logs", data=f"{numbered(501, 40_000)}\n")
    chip(page, "Live")
    expect(page.locator("#jump")).to_have_text("39,500 new lines ↓")
    expect(line(page, 100)).to_have_text("line 100")
    expect(line(page, 100)).to_be_in_viewport()
    again.update(log("live"))
    page.locator("#jump").click()
    expect(line(page, 40_001)).to_have_text("live")
    page.evaluate("location.hash = '#L20000'")
    expect(line(page, 20_000)).to_have_text("line 20000")
