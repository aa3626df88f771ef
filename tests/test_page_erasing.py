"""Pages that are open while what they show is erased: they forget it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.tools.browser import Complaints
from tests.tools.pages import chip, line, log, progress
from tests.tools.serving import Served

SECRET = "s3cr3t-Kf8Zq2"


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Callable[..., Served]) -> Served:
    """A server with Socket.IO, and one without: the page shows the same."""
    return start_server(WEBSOCKET_ENABLED=request.param)


def erase(server: Served, path: str) -> None:
    assert server.session.delete(server.url + path, timeout=60).status_code in (200, 202)


def test_the_page_of_a_job_forgets_its_log_and_then_the_job(
    either: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    either.update(progress(phase="building", meta={"title": f"a title with {SECRET}"}))
    either.update(log(f"one\ntwo {SECRET}\nthree"))
    page.goto(f"{either.url}/jobs/j")
    chip(page, "Live")
    expect(line(page, 2)).to_contain_text(SECRET)
    erase(either, "/api/jobs/j/logs")
    expect(page.locator("#lines")).to_contain_text("[removed: 3 lines")
    expect(page.locator("#lines")).not_to_contain_text(SECRET)
    either.update(log("four"))
    expect(line(page, 4)).to_have_text("four")
    expect(page.locator("h1")).to_contain_text(SECRET)
    erase(either, "/api/jobs/j")
    expect(page.locator("h1")).not_to_contain_text(SECRET)
    expect(page.locator("#lines .line")).to_have_count(0)
    expect(page).not_to_have_title(SECRET)
    assert SECRET not in page.locator("main").inner_text()


def test_the_page_of_a_job_that_is_long_over_forgets_them_too(
    either: Served, page: Page, complaints: Complaints
) -> None:
    """Where the stream has ended the page looks now and then: no event would reach it."""
    complaints.allow("status of 404")
    either.update(progress(phase="building"), log(f"one\ntwo {SECRET}"))
    either.update({"type": "completed", "jobId": "j"})
    page.clock.install()
    page.goto(f"{either.url}/jobs/j")
    expect(line(page, 2)).to_contain_text(SECRET)
    chip(page, "Ended")
    for path, gone in (("/api/jobs/j/logs", line(page, 2)), ("/api/jobs/j", page.locator("#lines .line"))):
        for _ in range(3):
            page.clock.fast_forward(180_000)
            page.wait_for_timeout(500)
        erase(either, path)
        page.clock.fast_forward(61_000)
        expect(gone.filter(has_text=SECRET)).to_have_count(0)
    expect(page.locator("#lines .line")).to_have_count(0)


def test_lists_forget_a_job(either: Served, page: Page, complaints: Complaints) -> None:
    complaints.allow("status of 404")
    either.update(progress("old", message=SECRET), progress("other"))
    page.goto(f"{either.url}/projects/web")
    chip(page, "Live")
    expect(page.locator("#jobs > *")).to_have_count(2)
    erase(either, "/api/jobs/old")
    expect(page.locator("#jobs > *")).to_have_count(1)
    page.goto(either.url)
    chip(page, "Live")
    expect(page.locator("#running > *")).to_have_count(1)
    erase(either, "/api/projects/web")
    expect(page.locator("#empty")).to_be_visible()
    assert SECRET not in page.content()
