"""Badges: how a job or a project stands, as a picture, and as shields.io's endpoint form."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page

from tests.tools.pages import progress
from tests.tools.rendered import post
from tests.tools.serving import Served


def said(client: FlaskClient, path: str, status: int = 200) -> tuple[str, str]:
    """Label and message of a badge, which is the same in both forms."""
    picture = client.get(path)
    assert picture.status_code == status
    assert picture.mimetype == "image/svg+xml"
    texts = [text.text for text in ET.fromstring(picture.text).iter("{http://www.w3.org/2000/svg}text")]
    form = client.get(path.replace("badge.svg", "badge.json"))
    assert form.status_code == status
    assert form.json is not None
    assert [form.json["label"], form.json["message"]] == texts
    assert form.json["schemaVersion"] == 1
    return str(texts[0]), str(texts[1])


def test_a_job_says_how_it_stands(app: Flask) -> None:
    client = app.test_client()
    assert said(client, "/jobs/a/badge.svg", 404) == ("a", "no build yet")
    post(client, progress("a", projectId="web", phase="building", meta={"kind": "deploy"}))
    assert said(client, "/jobs/a/badge.svg") == ("deploy", "50 %")
    post(client, progress("a", progress=62.9))
    assert said(client, "/jobs/a/badge.svg") == ("deploy", "62 %")
    post(client, {"type": "completed", "jobId": "a"})
    assert said(client, "/jobs/a/badge.svg") == ("deploy", "passing")
    assert said(client, "/jobs/a/badge.svg?label=ship+it") == ("ship it", "passing")


@pytest.mark.parametrize(
    ("update", "word"),
    [
        ({"type": "error", "message": "3 failed"}, "failing"),
        ({"type": "cancelled"}, "cancelled"),
        ({"type": "completed"}, "passing"),
    ],
)
def test_each_end_has_its_word(app: Flask, update: dict[str, Any], word: str) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="web", progress=40), {"jobId": "a"} | update)
    assert said(client, "/jobs/a/badge.svg") == ("web", word)


def test_a_job_of_which_nobody_told_how_far_it_is_says_its_status(app: Flask) -> None:
    client = app.test_client()
    post(client, {"type": "log", "jobId": "a", "projectId": "web", "message": "hello"})
    assert said(client, "/jobs/a/badge.svg") == ("web", "building")


def test_the_time_left_is_said_in_english(make_app: Callable[..., Flask]) -> None:
    now = [1_750_000_000_000]
    client = make_app(clock=lambda: now[0]).test_client()
    for number in range(12):
        post(client, progress(f"j{number}", projectId="web", phase="building"))
        now[0] += 600_000
        post(client, {"type": "completed", "jobId": f"j{number}"})
    post(client, progress("now", projectId="web", phase="building"))
    now[0] += 180_000
    for path in ("/projects/web/badge.svg", "/jobs/now/badge.svg"):
        text = client.get(path, headers={"Accept-Language": "fr"}).text
        assert ">50 % · ~7 min<" in text
    now[0] += 540_000
    assert said(client, "/jobs/now/badge.svg") == ("web", "building · +2 min")


def test_a_project_is_as_its_newest_run_by_branch_and_kind(app: Flask) -> None:
    client = app.test_client()
    assert said(client, "/projects/web/badge.svg", 404) == ("web", "no build yet")
    lint = {"run": "1", "kind": "lint", "branch": "main"}
    test = {"run": "1", "kind": "test", "branch": "main"}
    post(client, progress("lint", projectId="web", meta=lint), progress("test", projectId="web", meta=test))
    assert said(client, "/projects/web/badge.svg") == ("web", "0 of 2 jobs done")
    post(client, {"type": "completed", "jobId": "lint"})
    assert said(client, "/projects/web/badge.svg") == ("web", "1 of 2 jobs done")
    post(client, {"type": "error", "jobId": "test", "message": "no"})
    assert said(client, "/projects/web/badge.svg") == ("web", "failing")
    assert said(client, "/projects/web/badge.svg?kind=lint") == ("lint", "passing")
    # Nothing behind `=`, as in the address of a form: as if it were not there.
    assert said(client, "/projects/web/badge.svg?branch=&kind=&label=") == ("web", "failing")
    post(client, progress("other", projectId="web", progress=10, meta={"branch": "next"}))
    assert said(client, "/projects/web/badge.svg") == ("web", "10 %")
    assert said(client, "/projects/web/badge.svg?branch=main") == ("web", "failing")
    assert said(client, "/projects/web/badge.svg?branch=none") == ("web", "no build yet")
    assert said(client, "/projects/web/badge.svg?kind=none") == ("none", "no build yet")


def test_a_badge_is_asked_for_again_each_time(app: Flask) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="web", progress=40))
    first = client.get("/projects/web/badge.svg")
    assert first.headers["Cache-Control"] == "no-cache"
    etag = {"If-None-Match": first.headers["ETag"]}
    for ask in (client.get, client.head):
        same = ask("/projects/web/badge.svg", headers=etag)
        assert same.status_code == 304
        # They take the place of those that a cache has kept (RFC 9111, section 4.3.4).
        for name in ("Cache-Control", "Content-Security-Policy", "ETag", "Vary"):
            assert same.headers.get(name) == first.headers.get(name)
    post(client, progress("a", progress=41))
    assert client.get("/projects/web/badge.svg", headers=etag).status_code == 200


def test_texts_of_builds_are_no_markup(app: Flask) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="web", meta={"kind": '<script>alert(1)</script>"\x1b[31m'}))
    picture = client.get("/jobs/a/badge.svg")
    assert "<script" not in picture.text
    ET.fromstring(picture.text)
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'"
    long = said(client, f"/jobs/a/badge.svg?label={'x' * 5000}")[0]
    assert len(long) == 60
    assert said(client, "/jobs/a/badge.svg?label=a%EF%BF%BE%EF%BF%BF%00%1B%0Ab")[0] == "a b"
    assert client.get("/jobs/%20/badge.svg").status_code == 404


def test_what_is_kept_of_badges_does_not_grow_with_what_is_asked_for(app: Flask) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="web", progress=40))

    def kept(length: int) -> int:
        recent = app.extensions["chef"].badges
        recent.forget(None)
        for query in ("label", "branch", "kind"):
            assert client.get(f"/projects/web/badge.svg?{query}={'x' * length}").status_code == 200
        (forms,) = recent._kept.values()
        assert len(forms) == 3
        return len(pickle.dumps(forms))

    assert kept(5000) == kept(500)


def test_whoever_may_not_read_sees_no_state(make_app: Callable[..., Flask]) -> None:
    client = make_app(jwt_secret="s" * 32).test_client()
    assert said(client, "/jobs/a/badge.svg", 401) == ("chef", "not public")
    assert said(client, "/projects/web/badge.svg", 401) == ("chef", "not public")


def test_a_badge_is_drawn_by_a_browser_on_any_page(server: Served, page: Page) -> None:
    server.update(progress("a", projectId="web", progress=62, meta={"kind": "deploy"}))
    page.set_content(f'<img id="badge" src="{server.url}/jobs/a/badge.svg">')
    page.wait_for_function("document.getElementById('badge').naturalWidth > 60")
    assert page.evaluate("document.getElementById('badge').naturalHeight") == 20
