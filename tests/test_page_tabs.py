"""Many tabs of one browser, which has six connections to a server for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.pages import log, progress
from tests.tools.serving import Served

TABS = 12
# Remembers every state that the chip shows.
STATES = """
window.states = [];
addEventListener("DOMContentLoaded", () => {
  const chip = document.getElementById("chip");
  new MutationObserver(() => window.states.push(chip.dataset.state)).observe(chip, { attributes: true });
});
"""
NO_WEBSOCKET = "window.WebSocket = undefined;"
# As for pages without https.
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });"


@pytest.mark.parametrize(
    ("enabled", "browser_lacks"),
    [("false", ""), ("false", NO_LOCKS), ("true", NO_WEBSOCKET)],
    ids=["streams", "streams without https", "polling"],
)
def test_twelve_tabs_are_all_live(
    start_server: Callable[..., Served],
    browser: Browser,
    complaints: Complaints,
    enabled: str,
    browser_lacks: str,
) -> None:
    server = start_server(WEBSOCKET_ENABLED=enabled)
    jobs = [f"j{number}" for number in range(TABS)]
    server.update(*[progress(job, phase="building") for job in jobs])
    with watched_context(browser, complaints) as context:
        context.add_init_script(STATES + browser_lacks)
        begin = time.monotonic()
        tabs = [opened(context.new_page(), f"{server.url}/jobs/{jobs[0]}")]
        # The first has all connections for itself: it says how busy the machine is.
        patience = 8 + 4 * (time.monotonic() - begin)
        tabs += [opened(context.new_page(), f"{server.url}/jobs/{job}", patience) for job in jobs[1:]]
        for number in range(1, 21):
            server.update(*[log(f"line {number}", job) for job in jobs])
        for tab in tabs:
            expect(tab.locator("#L20 .text")).to_have_text("line 20", timeout=30_000)
        # Longer than it takes to call a connection silent, or to give it up.
        tabs[-1].wait_for_timeout(9_000)
        server.update(*[{"type": "completed", "jobId": job} for job in jobs])
        for tab in tabs:
            expect(tab.locator("#chip-word")).to_have_text("Ended", timeout=30_000)
            lines = tab.locator("#lines .line .text").all_text_contents()
            assert lines == [f"line {number}" for number in range(1, 21)]
            assert "reconnecting" not in tab.evaluate("window.states")


def opened(tab: Page, address: str, seconds: float = 30) -> Page:
    """A tab that shows an address, live within so many seconds."""
    begin = time.monotonic()
    tab.goto(address)
    expect(tab.locator("#chip-word")).to_have_text("Live", timeout=seconds * 1000)
    assert time.monotonic() - begin < seconds
    return tab


def test_a_hidden_tab_gives_its_stream_to_one_that_is_looked_at(
    start_server: Callable[..., Served], browser: Browser, complaints: Complaints
) -> None:
    server = start_server(WEBSOCKET_ENABLED="false")
    server.update(progress(phase="building"))
    streams: list[Page] = []

    def note(request: Request) -> None:
        if "events" in request.url and request.resource_type == "eventsource":
            streams.append(request.frame.page)

    with watched_context(browser, complaints) as context:
        context.add_init_script(
            "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) });"
        )
        context.on("request", note)
        first = [opened(context.new_page(), f"{server.url}/jobs/j") for _ in range(3)]
        assert streams == first
        # Nobody else wants it yet.
        first[0].evaluate("window.away = true")
        server.update(log("one"))
        expect(first[0].locator("#L1 .text")).to_have_text("one", timeout=30_000)
        fourth = opened(context.new_page(), f"{server.url}/jobs/j")
        with fourth.expect_request("**/events?after=*", timeout=30_000):
            pass
        assert streams == [*first, fourth]
        server.update(log("two"))
        # A hidden tab asks less often.
        for tab in (*first, fourth):
            expect(tab.locator("#L2 .text")).to_have_text("two", timeout=30_000)
