"""`<chef-log>`: any number of lines in few nodes, followed as on a job's own page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.tools.browser import Complaints
from tests.tools.elements import nodes, opened, read_through, rows, strict
from tests.tools.modules import run
from tests.tools.pages import fill, log, progress, stored_lines, wait_until
from tests.tools.serving import Served

MOST_NODES = 500
LOG = '<chef-log job="j"></chef-log>'
# Twelve words, each in another colour than the one before it.
COLOURED = "".join(f"\x1b[3{number % 7 + 1}mword{number} " for number in range(12)) + "\x1b[0m\n"
# Watches how many nodes there ever are, and not at some moments alone.
WATCH = """(host) => {
  const count = (node) => 1 + [...node.childNodes].reduce((sum, one) => sum + count(one), 0);
  window.most = 0;
  const look = () => {
    window.most = Math.max(window.most, count(host.shadowRoot) - 1);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.fixture
def server(start_server: Callable[..., Served]) -> Served:
    """A server whose builds pages of any origin may show."""
    return start_server(WEBSOCKET_CORS_ORIGIN="*")


def scroller(page: Page) -> Locator:
    return page.locator("chef-log .log")


def last_row(page: Page) -> Locator:
    return page.locator("chef-log .row:not(.kept)").last


def test_a_hundred_thousand_lines_are_at_most_five_hundred_nodes(server: Served, page: Page) -> None:
    """All of them can be read, in a tall element, too, and where lines have many colours."""
    fill(server, 100_000)
    server.post("/api/jobs/j/logs", data=(COLOURED * 300).encode())
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_contain_text("word11")
        page.locator("chef-log").evaluate(WATCH)
        # Colours as far as there is room, and the text wholly.
        assert last_row(page).locator("span").count() >= 6
        assert last_row(page).inner_text().split() == [f"word{number}" for number in range(12)]
        scroller(page).focus()
        for height in ("200px", "900px", "5000px"):
            page.locator("chef-log").evaluate("(one, height) => { one.style.height = height; }", height)
            page.keyboard.press("Home")
            expect(page.locator("chef-log .row").first).to_have_text("line 1")
            for share in (0.25, 0.5, 0.997, 1):
                scroller(page).evaluate(
                    "(one, share) => { one.scrollTop = one.scrollHeight * share; }", share
                )
                expect(page.locator("chef-log .loading")).to_have_count(0)
                assert 20 < nodes(page) <= MOST_NODES
        page.locator("chef-log").evaluate("(one) => one.setAttribute('wrap', '')")
        for share in (0.5, 1):
            scroller(page).evaluate("(one, share) => { one.scrollTop = one.scrollHeight * share; }", share)
            expect(page.locator("chef-log .loading")).to_have_count(0)
            assert 20 < nodes(page) <= MOST_NODES
        assert page.evaluate("window.most") <= MOST_NODES


def test_every_line_is_shown_once_and_in_order(server: Served, page: Page) -> None:
    fill(server, 1_500)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 1500")
        server.update(log("\n".join(f"line {number}" for number in range(1501, 1701))))
        expect(last_row(page)).to_have_text("line 1700")
        assert read_through(page) == stored_lines(server)


def test_the_end_is_followed_until_one_scrolls_up(server: Served, page: Page) -> None:
    fill(server, 300)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 300")
        scroller(page).hover()
        page.mouse.wheel(0, -300)
        wait_until(page, lambda: rows(page)[-1][0] < 300)
        before = scroller(page).evaluate("(one) => one.scrollTop")
        server.update(log("line 301\nline 302"))
        jump = page.locator("chef-log .jump")
        expect(jump).to_have_text("2 new lines ↓")
        assert scroller(page).evaluate("(one) => one.scrollTop") == before
        jump.click()
        expect(last_row(page)).to_have_text("line 302")
        expect(jump).to_be_hidden()
        server.update(log("line 303"))
        expect(last_row(page)).to_have_text("line 303")


def test_the_place_stays_where_the_page_around_is_laid_out_anew(server: Served, page: Page) -> None:
    """Chromium puts scrollers of contained rows back to their start when it takes a whole page's picture."""
    fill(server, 64)
    with opened(page, server, f"{'<br>' * 80}{LOG}"):
        expect(last_row(page)).to_have_text("line 64")
        page.screenshot(full_page=True)
        server.update(log("line 65"))
        expect(last_row(page)).to_have_text("line 65")


def test_a_move_in_the_document_keeps_the_place(server: Served, page: Page) -> None:
    """Browsers put what is moved back to its start."""
    fill(server, 300)
    move = "document.getElementById('there').append(document.querySelector('chef-log'))"
    with opened(page, server, f"{LOG}<div id='here'></div><div id='there'></div>"):
        expect(last_row(page)).to_have_text("line 300")
        page.evaluate(move)
        server.update(log("line 301"))
        expect(last_row(page)).to_have_text("line 301")
        scroller(page).hover()
        page.mouse.wheel(0, -1_000)
        wait_until(page, lambda: rows(page)[-1][0] < 300)
        before = scroller(page).evaluate("(one) => one.scrollTop")
        page.evaluate(move.replace("there", "here"))
        assert scroller(page).evaluate("(one) => one.scrollTop") == before > 0
        server.update(log("line 302"))
        expect(page.locator("chef-log .jump")).to_have_text("1 new line ↓")


def test_the_keyboard_scrolls(server: Served, page: Page) -> None:
    fill(server, 300)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 300")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('chef-log').shadowRoot.activeElement.className") == "log"
        page.keyboard.press("PageUp")
        expect(page.locator("chef-log .jump")).to_be_visible()
        page.keyboard.press("Home")
        expect(page.locator("chef-log .row").first).to_have_text("line 1")
        page.keyboard.press("End")
        expect(last_row(page)).to_have_text("line 300")
        expect(page.locator("chef-log .jump")).to_be_hidden()


def test_a_replaced_line_changes_in_its_place(server: Served, page: Page) -> None:
    server.update(progress(phase="building"))
    server.post("/api/jobs/j/logs", data=b"first\n10 %\r")
    with opened(page, server, LOG, strict(server)):
        expect(page.locator("chef-log .row")).to_have_text(["first", "10 %"])
        server.post("/api/jobs/j/logs", data=b"20 %\r")
        server.post("/api/jobs/j/logs", data=b"30 %\nlast\n")
        expect(page.locator("chef-log .row")).to_have_text(["first", "30 %", "last"])
        assert [number for number, _ in rows(page)] == [1, 2, 3]


def test_colours_links_and_levels_are_drawn_as_on_the_page(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log("\x1b[31mred\x1b[0m \x1b[1mbold\x1b[0m \x1b[2Jplain"))
    server.update(
        log("see https://x.example/a."), log("<b>no markup</b>"), log("::error file=a.c,line=3::no such")
    )
    with opened(page, server, LOG, strict(server)):
        row = page.locator("chef-log .row")
        expect(row).to_have_text(
            ["red bold plain", "see https://x.example/a.", "<b>no markup</b>", "a.c:3: no such"]
        )
        expect(row.nth(0).locator("span").first).to_have_css("color", "rgb(207, 34, 46)")
        expect(row.nth(0).locator(".sgr-bold")).to_have_css("font-weight", "700")
        expect(row.nth(1).locator("a")).to_have_attribute("href", "https://x.example/a")
        expect(row.nth(3)).to_have_css("color", "rgb(192, 42, 38)")


def test_new_lines_are_said_now_and_then_and_not_where_one_asks_for_quiet(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log("earlier"))
    body = f'<chef-log job="j" quiet id="quiet"></chef-log>{LOG}'
    with opened(page, server, body, strict(server)):
        said = page.locator("chef-log:not([quiet]) .said")
        expect(page.locator("chef-log .row")).to_have_text(["earlier", "earlier"])
        expect(page.locator("chef-log .log").first).to_have_attribute("aria-live", "off")
        said.evaluate("""(one) => {
          window.said = [];
          new MutationObserver(() => window.said.push(one.textContent)).observe(one, { childList: true });
        }""")
        for number in range(30):
            server.update(log(f"line {number}"))
        expect(said).to_have_text("line 27\nline 28\nline 29", timeout=20_000)
        assert len(page.evaluate("window.said")) <= 2
        expect(page.locator("#quiet .said")).to_have_text("")


def test_a_selection_stays_and_lets_go(server: Served, page: Page) -> None:
    fill(server, 300)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 300")
        last_row(page).dblclick(position={"x": 75, "y": 10})
        server.update(log("\n".join(f"more {number}" for number in range(200))))
        expect(page.locator("chef-log .jump")).to_have_text("200 new lines ↓")
        selected = "document.querySelector('chef-log').shadowRoot.getSelection().toString().trim()"
        assert page.evaluate(selected) in ("line", "300")


def test_an_erased_log_is_shown_no_more(server: Served, page: Page) -> None:
    fill(server, 50)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 50")
        server.session.delete(f"{server.url}/api/jobs/j/logs", timeout=30).raise_for_status()
        expect(page.locator("chef-log .row").filter(has_text=re.compile(r"^line \d"))).to_have_count(0)


def test_lines_come_back_whole_from_a_break(
    start_server: Callable[..., Served], server: Served, page: Page, complaints: Complaints
) -> None:
    """More came meanwhile than a connection brings: what is looked at is read."""
    complaints.allow("ERR_", "Failed to load resource")
    fill(server, 500)
    with opened(page, server, LOG, strict(server)):
        expect(last_row(page)).to_have_text("line 500")
        server.kill()
        expect(page.locator("chef-log .connection")).to_contain_text("Reconnecting…")
        again = start_server(WEBSOCKET_CORS_ORIGIN="*", PORT=str(server.port))
        again.update(log("\n".join(f"line {number}" for number in range(501, 1_901))))
        expect(last_row(page)).to_have_text("line 1900", timeout=40_000)
        assert read_through(page) == stored_lines(again)


def test_few_nodes_are_shared_out_fairly() -> None:
    script = """
    import { fairShare } from "chef/embed/fair-share.js";
    const answer = (cases) => cases.map(([needs, most]) => {
      const share = fairShare(needs, most);
      return Number.isFinite(share) ? share : "enough";
    });
    """
    cases = [
        ([], 0),
        ([3, 4], 7),
        ([3, 4], 6),
        ([1, 1, 100], 12),
        ([9, 9, 9], 12),
        ([5, 5], 1),
        ([1, 50, 50], 61),
    ]
    assert run(script, cases) == ["enough", "enough", 3, 10, 4, 1, 30]
