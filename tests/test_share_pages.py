"""The page of a share link in a browser: live, without what it must not show, over once the link is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.tools.pages import chip, log, progress
from tests.tools.serving import Served

API = "an-api-token-long-enough"


@pytest.fixture
def protected(start_server: Callable[..., Served]) -> Served:
    """A server with a build, that shows it to nobody without a token."""
    server = start_server(CHEF_API_TOKEN=API, CHEF_PUBLIC_READ="false")
    server.session.headers["Authorization"] = f"Bearer {API}"
    meta = {"title": "Fix the tests", "branch": "main"}
    server.update(
        progress("a", projectId="web", phase="building", message="compiling", progress=62, meta=meta)
    )
    server.update(log("a line", "a"), progress("b", projectId="web", phase="building"))
    return server


def shared(server: Served, address: str, level: str) -> dict[str, str]:
    made: dict[str, str] = server.session.post(
        f"{server.url}/api/{address}/shares", json={"level": level}
    ).json()
    return made


def test_a_link_to_progress_is_live_shows_no_more_and_ends_at_once(protected: Served, page: Page) -> None:
    link = shared(protected, "jobs/a", "progress")
    page.goto(link["url"])
    chip(page, "Live")
    expect(page.locator("h1")).to_have_text("a")
    for hidden in ("#log", "#share", "#copy-digest", "#project-link", "#source li"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("a[href='/']").count() == 0
    protected.update(progress("a", progress=75, message="SECRET"), log("SECRET", "a"))
    expect(page.locator("#percent")).to_have_text("75%")
    assert "SECRET" not in page.content()
    protected.session.delete(f"{protected.url}/api/shares/{link['id']}")
    chip(page, "This link has ended")


def test_two_links_side_by_side_keep_their_levels_and_sign_nobody_in(protected: Served, page: Page) -> None:
    whole, part = (shared(protected, "jobs/a", level) for level in ("log", "progress"))
    other = page.context.new_page()
    for tab, link in ((page, whole), (other, part)):
        tab.goto(link["url"])
        chip(tab, "Live")
    protected.update(log("another line", "a"))
    expect(page.locator("#lines")).to_contain_text("another line")
    assert other.locator("#lines").count() == 0
    other.reload()
    assert other.locator("#lines").count() == 0
    assert page.context.cookies() == []
    page.goto(f"{protected.url}/jobs/a")
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_link_to_a_project_leads_to_its_jobs_alone(protected: Served, page: Page) -> None:
    link = shared(protected, "projects/web", "summary")
    page.goto(link["url"])
    chip(page, "Live")
    page.get_by_role("link", name="Fix the tests").click()
    expect(page.locator("#message")).to_have_text("compiling")
    chip(page, "Live")
    assert page.url.startswith(link["url"])
    page.locator("#project-link").click()
    expect(page.locator("h1")).to_have_text("web")
    assert page.url.startswith(link["url"])


def test_whoever_may_write_makes_and_ends_a_link_on_the_page(protected: Served, page: Page) -> None:
    page.goto(f"{protected.url}/login?next=/jobs/a")
    page.get_by_label("Token").fill(API)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Create link").click()
    address = page.locator("#share-links input")
    expect(address).to_have_count(1)
    link = address.input_value()
    assert requests.get(link, timeout=10).status_code == 200
    page.locator("#share-links").get_by_role("button", name="End").click()
    expect(address).to_have_count(0)
    assert requests.get(link, timeout=10).status_code == 410


@pytest.mark.real
def test_what_is_followed_ends_within_two_seconds_also_in_another_process(
    start_server: Callable[..., Served], postgres_url: str
) -> None:
    one, other = (start_server(DATABASE_URL=postgres_url, CHEF_API_TOKEN=API) for _ in range(2))
    one.session.headers["Authorization"] = f"Bearer {API}"
    one.update(progress("a", projectId="web", phase="building"))
    link = shared(one, "jobs/a", "progress")
    headers = {"Authorization": f"Bearer {link['token']}", "Accept": "application/x-ndjson"}
    with requests.get(f"{other.url}/api/jobs/a/events", headers=headers, stream=True, timeout=30) as answer:
        lines: Iterator[bytes] = answer.iter_lines()
        assert json.loads(next(lines))["data"]["message"] is None
        ended = time.monotonic()
        one.session.delete(f"{one.url}/api/shares/{link['id']}")
        assert [line for line in lines if line.strip()] == []
        assert time.monotonic() - ended < 10  # Two seconds, on a machine with nothing else to do.
    assert requests.get(f"{other.url}/api/jobs/a", headers=headers, timeout=10).status_code == 401


@pytest.mark.real
@pytest.mark.parametrize("form", [{"params": {"raw": "1"}}, {"headers": {"Accept": "text/plain"}}])
def test_a_download_breaks_off_when_its_link_ends(protected: Served, form: dict[str, dict[str, str]]) -> None:
    """And not as if that had been all of the log."""
    url = f"{protected.url}/api/jobs/a/logs"
    line, count = b"x" * 999 + b"\n", 40_000  # More than the buffers between two sockets hold.
    assert protected.session.put(url, data=line * count, timeout=60).status_code == 200
    link = shared(protected, "jobs/a", "log")
    headers = {"Authorization": f"Bearer {link['token']}", **form.get("headers", {})}
    with requests.get(url, params=form.get("params"), headers=headers, stream=True, timeout=30) as answer:
        parts = answer.iter_content(1 << 16)
        assert next(parts)
        protected.session.delete(f"{protected.url}/api/shares/{link['id']}")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(parts)
