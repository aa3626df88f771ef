"""A log after its page was cut off, frozen or far behind: in a real Chromium."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.tools.browser import Complaints
from tests.tools.pages import (
    chip,
    fill,
    line,
    log,
    numbered,
    shown_lines,
    stored_lines,
)
from tests.tools.serving import Served

Start = Callable[..., Served]


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
