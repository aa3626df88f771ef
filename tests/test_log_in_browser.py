"""The log of the job page in a real Chromium before a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import chip, line, log, numbered, progress, shown_lines, stored_lines
from tests.tools.serving import Served

pytestmark = pytest.mark.real

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
    # It stays, too, when its row is far out of view.
    page.evaluate("document.getElementById('log').scrollTop = 0")
    expect(line(page, 1)).to_be_in_viewport()
    assert page.evaluate("getSelection().toString()") == "line 295"


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
