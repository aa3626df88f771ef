"""How the lines of a log look: colours, links, characters that turn the order; in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import (
    ROWS,
    chip,
    line,
    log,
    progress,
    shown_lines,
    stored_lines,
)
from tests.tools.serving import Served


def test_a_line_that_is_replaced_stays_one_line(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for share in (10, 50):
        server.post("/api/jobs/j/logs", data=f"\rfetching {share}%".encode())
    server.post("/api/jobs/j/logs", data=b"\rfetching 100%\ndone\n")
    expect(page.locator("#lines .line").last).to_contain_text("done")
    assert shown_lines(page) == stored_lines(server)


def test_escape_sequences_draw_nothing_but_colours_and_links(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(
        log(
            "\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jclear\tend "
            "\x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b]8;;ftp://x\x07none\x1b]8;;\x07"
        )
    )
    for _ in ("live", "read anew"):
        expect(line(page, 1)).to_have_text("red and clear\tend link none")
        red = page.locator("#L1 .text span")
        expect(red).to_have_text("red")
        expect(red).to_have_css("color", "rgb(207, 34, 46)")
        link = page.locator("#L1 .text a")
        expect(link).to_have_text("link")
        expect(link).to_have_attribute("href", "http://x")
        expect(link).to_have_attribute("title", "http://x")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
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
