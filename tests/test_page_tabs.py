"""Many tabs of one browser, which has six connections to a server for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, expect

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


def test_twelve_tabs_of_event_streams_are_all_live(
    start_server: Callable[..., Served], browser: Browser, complaints: Complaints
) -> None:
    server = start_server(WEBSOCKET_ENABLED="false")
    jobs = [f"j{number}" for number in range(TABS)]
    server.update(*[progress(job, phase="building") for job in jobs])
    with watched_context(browser, complaints) as context:
        context.add_init_script(STATES)
        tabs = []
        for job in jobs:
            tab = context.new_page()
            tab.goto(f"{server.url}/jobs/{job}")
            expect(tab.locator("#chip-word")).to_have_text("Live")
            tabs.append(tab)
        for number in range(1, 21):
            server.update(*[log(f"line {number}", job) for job in jobs])
        for tab in tabs:
            expect(tab.locator("#L20 .text")).to_have_text("line 20")
        server.update(*[{"type": "completed", "jobId": job} for job in jobs])
        seen: list[Any] = []
        for tab in tabs:
            expect(tab.locator("#chip-word")).to_have_text("Ended")
            lines = tab.locator("#lines .line .text").all_text_contents()
            assert lines == [f"line {number}" for number in range(1, 21)]
            seen += tab.evaluate("window.states")
        assert "reconnecting" not in seen
