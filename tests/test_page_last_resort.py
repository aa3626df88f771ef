"""Pages where Socket.IO cannot get through: they go on by the event stream within ten seconds and say why."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints, watched_context
from tests.tools.relay import relay
from tests.tools.serving import Served

SECONDS_10 = 10_000
WHY = {
    "refused": ("· WebSocket refused", "· WebSocket refusé", "a proxy refuses Socket.IO"),
    "unanswered": ("· WebSocket not answered", "· WebSocket sans réponse", "Nobody answers"),
}


def progress(job_id: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


@pytest.fixture(params=WHY)
def obstacle(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(start_server: Callable[..., Served], obstacle: str) -> Iterator[tuple[Served, str]]:
    """A server, and its address behind what keeps Socket.IO away."""
    served = start_server()
    with relay(
        served.port, rewrites_host=obstacle == "refused", swallows_upgrades=obstacle == "unanswered"
    ) as port:
        yield served, f"http://127.0.0.1:{port}"


def test_pages_go_on_by_the_event_stream_and_the_chip_says_why(
    url: tuple[Served, str], obstacle: str, browser: Browser, page: Page, complaints: Complaints
) -> None:
    complaints.allow("WebSocket connection to", "Failed to load resource")
    served, address = url
    english, french, title = WHY[obstacle]
    served.update(progress(phase="building", message="before"))
    with watched_context(browser, complaints, locale="fr-FR") as context:
        lists = context.new_page(), context.new_page()
        page.goto(f"{address}/jobs/j")
        for one, path in zip(lists, ("/", "/projects/web"), strict=True):
            one.goto(f"{address}{path}")
        served.update(progress(message="while it connects"), {"type": "log", "jobId": "j", "message": "one"})
        expect(page.locator("#chip-word")).to_have_text("Live", timeout=SECONDS_10)
        expect(page.locator("#chip-why")).to_have_text(english)
        expect(page.locator("#chip-why")).to_have_attribute("title", re.compile(title))
        for one in lists:
            expect(one.locator("#chip-word")).to_have_text("En direct", timeout=SECONDS_10)
            expect(one.locator("#chip-why")).to_have_text(french)
        # Nothing is missing, and nothing is there twice.
        expect(page.locator("#message-line")).to_contain_text("while it connects")
        served.update({"type": "log", "jobId": "j", "message": "two"}, progress(message="live again"))
        served.update(progress("k", phase="building"))
        expect(page.locator("#message-line")).to_contain_text("live again")
        expect(page.locator("#log .line")).to_have_count(2)
        for one in lists:
            expect(one.locator("[data-job=k]").first).to_be_visible()
        served.update({"type": "completed", "jobId": "j"})
        expect(page.locator(".badge")).to_have_text("Completed")


def test_an_outage_of_the_server_is_waited_for_and_leaves_socket_io_in_its_place(
    start_server: Callable[..., Served], page: Page, complaints: Complaints
) -> None:
    complaints.allow("WebSocket connection to", "Failed to load resource", "ERR_")
    served = start_server()
    served.update(progress(phase="building"))
    page.goto(f"{served.url}/jobs/j")
    expect(page.locator("#chip-word")).to_have_text("Live")
    served.process.send_signal(signal.SIGSTOP)
    page.wait_for_timeout(7_000)
    served.process.send_signal(signal.SIGCONT)
    expect(page.locator("#chip-word")).to_have_text("Live", timeout=SECONDS_10)
    served.update(progress(message="back"))
    expect(page.locator("#message-line")).to_contain_text("back")
    assert page.locator("#chip-why").text_content() == ""
