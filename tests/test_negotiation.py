"""One address for everything: pages for browsers, text for terminals, JSON and events for programs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chef.api.negotiation import preferred_form
from tests.tools.serving import Served

HTML, JSON, PLAIN, MARKDOWN = "text/html", "application/json", "text/plain", "text/markdown"
SSE, NDJSON = "text/event-stream", "application/x-ndjson"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MOZILLA = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    meta = {"title": "Add retry", "branch": "main"}
    updates = [
        {"type": "log", "jobId": "b-1", "projectId": "web", "message": "src/a.c:1:2: error: no"},
        {"type": "progress", "jobId": "b-1", "meta": meta},
        {"type": "error", "jobId": "b-1", "message": "make failed", "code": 2},
        {
            "type": "progress",
            "jobId": "b-2",
            "projectId": "web",
            "phase": "building",
            "meta": {"run": "ci/\n7"},
        },
    ]
    assert client.post("/api/updates", json=updates).status_code == 200
    return client


def ask(
    client: FlaskClient, path: str, accept: str | None = "*/*", agent: str = "curl/8.5.0"
) -> TestResponse:
    headers = {"User-Agent": agent} | ({} if accept is None else {"Accept": accept})
    return client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", HTML),
        ("*/*", PLAIN),
        ("text/*", PLAIN),
        (CHROME, HTML),
        (FIREFOX, HTML),
        (MARKDOWN, MARKDOWN),
        ("text/markdown, text/html;q=0.9, */*;q=0.1", MARKDOWN),
        ("text/markdown;q=0.5, text/html;q=0.9", HTML),
        ("text/markdown;variant=GFM", MARKDOWN),
        ("text/plain; charset=utf-8", PLAIN),
        ("application/json, text/plain, */*", JSON),
        ("TEXT/HTML", HTML),
        ("application/*", JSON),
        ("application/json;q=0, */*;q=0.1", PLAIN),
        ("text/plain;q=0, */*", HTML),
        ("image/png", PLAIN),
        ("text/event-stream", SSE),
        ("nonsense", PLAIN),
    ],
)
def test_the_form_that_is_wanted_most(accept: str, form: str) -> None:
    otherwise = PLAIN if accept else HTML
    assert preferred_form(accept, (HTML, PLAIN, MARKDOWN, JSON, SSE, NDJSON), otherwise) == form


@pytest.mark.parametrize("path", ["/", "/projects/web", "/projects/web/runs/ci%2F%0A7", "/jobs/b-1"])
@pytest.mark.parametrize(
    ("accept", "agent"),
    [
        (CHROME, MOZILLA),
        (FIREFOX, MOZILLA),
        ("*/*", MOZILLA),
        ("image/gif, image/jpeg, application/x-ms-application, */*", "Mozilla/4.0 (compatible; MSIE 8.0)"),
        (None, "curl/8.5.0"),
        ("text/html", "curl/8.5.0"),
        ("*/*", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"),
        ("*/*", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
        ("*/*", "Twitterbot/1.0"),
        ("*/*", "WhatsApp/2.23.20.0"),
        ("*/*", "TelegramBot (like TwitterBot)"),
        ("*/*", "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"),
        ("*/*", "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"),
        ("*/*", "Iframely/1.3.1 (+https://iframely.com/docs/about)"),
        ("*/*", "Mattermost-Bot/1.1"),
        ("*/*", "Synapse (bot; +https://github.com/matrix-org/synapse)"),
        ("*/*", "Bluesky Cardyb/1.1"),
        ("*/*", "SkypeUriPreview Preview/0.5"),
    ],
)
def test_browsers_and_previews_of_links_get_pages(
    client: FlaskClient, path: str, accept: str | None, agent: str
) -> None:
    answer = ask(client, path, accept, agent)
    assert answer.mimetype == HTML
    assert answer.status_code == 200
    assert answer.headers["Vary"] == "Accept, Cookie, Accept-Language"


def test_a_fetch_of_a_page_gets_the_page(client: FlaskClient) -> None:
    headers = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "User-Agent": "some engine"}
    assert client.get("/jobs/b-1", headers=headers).mimetype == HTML


@pytest.mark.parametrize("agent", ["curl/8.5.0", "Wget/1.21.3", "HTTPie/3.2.4", "python-requests/2.34", ""])
def test_a_terminal_gets_a_summary(client: FlaskClient, agent: str) -> None:
    answer = ask(client, "/jobs/b-1", agent=agent)
    assert answer.content_type == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "Failed: Add retry"
    assert lines[1] == "web · main · b-1"
    assert "make failed" in lines
    assert ">     1 | src/a.c:1:2: error: no" in lines
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "b-2" in ask(client, "/", agent=agent).text
    assert "failed" in ask(client, "/projects/web", agent=agent).text


def test_programs_get_what_the_api_says(client: FlaskClient) -> None:
    for path, same in (
        ("/", "/api/projects"),
        ("/projects/web", "/api/projects/web"),
        ("/projects/web/runs/ci%2F%0A7", "/api/projects/web/runs/ci%2F%0A7"),
        ("/jobs/b-1", "/api/jobs/b-1"),
    ):
        answer = ask(client, path, JSON)
        assert answer.mimetype == JSON
        assert answer.get_json() == client.get(same).get_json()
    assert ask(client, "/jobs/b-1", MARKDOWN).text == client.get("/api/jobs/b-1/digest").text
    assert len(ask(client, "/jobs/b-1?budget=500", MARKDOWN).text) <= 500
    assert ask(client, "/jobs/b-1?fail=1", JSON).status_code == 417


def test_a_terminal_sees_a_run_and_its_jobs(client: FlaskClient) -> None:
    lines = ask(client, "/projects/web/runs/ci%2F%0A7").text.splitlines()
    assert lines[:3] == ["building: ci/ 7", "web · ci/ 7", "1 running"]
    assert [line.split()[0] for line in lines[4:]] == ["building"]
    for accept in ("*/*", JSON, MARKDOWN):
        assert ask(client, "/projects/web/runs/none", accept).status_code == 404


def test_a_list_for_a_terminal_is_limited_by_its_address(client: FlaskClient) -> None:
    """It named all jobs whatever was asked for."""
    for path in ("/", "/projects/web"):
        assert "b-2" in ask(client, path).text
        found = ask(client, f"{path}?branch=main&q=RETRY").text
        assert "b-1" in found
        assert "b-2" not in found
        assert ask(client, f"{path}?status=odd").status_code == 422
    assert ask(client, "/?branch=none").text == "There are no such jobs.\n"


def test_events_come_from_the_same_address(client: FlaskClient) -> None:
    stream = ask(client, "/jobs/b-1?follow=0", SSE)
    assert stream.content_type == "text/event-stream; charset=utf-8"
    assert "event: job:error" in stream.text
    lines = ask(client, "/jobs/b-1?follow=0", NDJSON).text.splitlines()
    assert json.loads(lines[-1])["event"] == "end"
    assert ask(client, "/projects/web?follow=0&after=0", SSE).text.count("event: project:") == 4
    assert ask(client, "/", f"{SSE}, text/html;q=0.5").mimetype == HTML


@pytest.mark.parametrize("path", ["/jobs/b-1", "/projects/web", "/"])
def test_head_says_what_get_would(client: FlaskClient, path: str) -> None:
    for accept in ("*/*", JSON, MARKDOWN, FIREFOX):
        got = ask(client, path, accept)
        asked = client.head(path, headers={"Accept": accept, "User-Agent": "curl/8.5.0"})
        assert (asked.status_code, asked.text) == (got.status_code, "")
        assert asked.headers["Content-Type"] == got.headers["Content-Type"]


def test_what_is_not_there_is_404_in_each_form(client: FlaskClient) -> None:
    for accept in ("*/*", JSON, MARKDOWN, SSE):
        answer = ask(client, "/jobs/none?follow=0", accept)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert ask(client, "/jobs/none", FIREFOX, MOZILLA).mimetype == HTML


def test_without_a_token_a_program_is_told_and_a_browser_is_sent_to_the_login(
    make_app: Callable[..., Flask],
) -> None:
    client = make_app(public_read=False, api_tokens=("a-token-of-the-tests",)).test_client()
    assert ask(client, "/jobs/b-1", FIREFOX, MOZILLA).status_code == 303
    answer = ask(client, "/jobs/b-1")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_api_keeps_its_json_and_has_text_for_those_who_ask(client: FlaskClient) -> None:
    for path in ("/api/projects", "/api/projects/web", "/api/jobs/b-1"):
        for accept in (None, "*/*", FIREFOX, JSON):
            assert ask(client, path, accept).mimetype == JSON
    assert ask(client, "/api/projects/web", PLAIN).text.startswith("web: 1 running, 1 failed\n")
    assert ask(client, "/api/projects/web", MARKDOWN).text.startswith("```text\nweb: ")
    assert ask(client, "/api/jobs/b-1/digest", PLAIN).text.startswith("Failed: Add retry\n")


def test_what_a_build_wrote_does_nothing_to_a_terminal(client: FlaskClient) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\u202eabc\x9b31m"
    update = {"type": "error", "jobId": "b-2", "message": evil, "meta": {"title": evil, "branch": evil}}
    assert client.post("/api/updates", json=update).status_code == 200
    for path in ("/jobs/b-2", "/projects/web", "/"):
        text = ask(client, path).text
        assert not any(character in text for character in "\x1b\x07\x9b\u202e")


@pytest.mark.real
def test_curl_by_itself_gets_a_summary(server: Served) -> None:
    server.update({"type": "completed", "jobId": "b-1", "projectId": "web", "meta": {"title": "Add retry"}})
    done = subprocess.run(
        ["curl", "-sS", f"{server.url}/jobs/b-1"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Completed: Add retry\nweb · b-1\n")
    assert server.get("/jobs/b-1", headers={"Accept": FIREFOX}).headers["Content-Type"].startswith(HTML)
