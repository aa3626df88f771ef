"""A job's page in a frame: only the pages that the setting names may show it, and no other page ever."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, expect

from tests.tools.browser import Complaints
from tests.tools.elsewhere import page_elsewhere
from tests.tools.pages import progress
from tests.tools.rendered import post
from tests.tools.serving import Served


def framed(address: str) -> str:
    """A page with a frame in it."""
    return f"<!doctype html><title>Docs</title><iframe src='{address}' width=900 height=600></iframe>"


def ancestors(app: Flask, path: str) -> str:
    policy = app.test_client().get(path).headers["Content-Security-Policy"]
    return policy.partition("frame-ancestors ")[2].partition(";")[0]


def test_only_what_is_made_for_frames_is_shown_in_them(make_app: Callable[..., Flask]) -> None:
    app = make_app(frame_ancestors=("https://docs.example", "http://localhost:3000"))
    post(app.test_client(), progress("a", projectId="web"))
    assert ancestors(app, "/embed/jobs/a") == "https://docs.example http://localhost:3000"
    for path in ("/jobs/a", "/", "/projects/web", "/wall", "/login", "/embed", "/nowhere"):
        assert ancestors(app, path) == "'none'"
    assert ancestors(make_app(frame_ancestors=("*",)), "/embed/jobs/a") == "*"
    assert ancestors(make_app(), "/embed/jobs/a") == "'none'"


def test_an_embedded_job_shows_all_and_leads_nowhere_within_the_frame(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/embed/jobs/a").status_code == 404
    post(client, progress("a", projectId="web", phase="building"))
    text = client.get("/embed/jobs/a").text
    assert '<base target="_blank">' in text
    assert '<base target="_blank">' not in client.get("/jobs/a").text


def test_a_frame_that_may_not_read_says_so(
    start_server: Callable[..., Served], page: Page, complaints: Complaints
) -> None:
    """The login is a page that no frame shows, so that nobody is led to type a token there."""
    complaints.allow("status of 401")
    server = start_server(CHEF_FRAME_ANCESTORS="*", CHEF_JWT_SECRET="a secret of more than thirty-two bytes")
    with page_elsewhere(framed(f"{server.url}/embed/jobs/a")) as address:
        page.goto(address)
        frame = page.frame_locator("iframe")
        expect(frame.locator(".card")).to_contain_text("Reading needs a token")
        with page.expect_popup() as opened:
            frame.get_by_role("link", name="All projects").click()
        expect(opened.value).to_have_url(f"{server.url}/login?next=%2F")
        assert "frame-ancestors 'none'" in server.get("/login").headers["Content-Security-Policy"]


def test_a_page_of_another_origin_shows_a_job_live(start_server: Callable[..., Served], page: Page) -> None:
    server = start_server(CHEF_FRAME_ANCESTORS="*")
    server.update(progress("a", projectId="web", phase="building"))
    with page_elsewhere(framed(f"{server.url}/embed/jobs/a")) as address:
        page.goto(address)
        frame = page.frame_locator("iframe")
        expect(frame.locator("#percent")).to_have_text("50%")
        expect(frame.locator(".brand")).to_be_hidden()
        server.update(progress("a", progress=62))
        expect(frame.locator("#percent")).to_have_text("62%")
