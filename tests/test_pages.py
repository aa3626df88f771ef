"""Pages as the server renders them: what a browser without JavaScript gets."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.pages.words import duration, percent, size, web_url
from tests.tools.pages import progress
from tests.tools.rendered import live, post

MakeApp = Callable[..., Flask]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# Contents


def test_the_job_page_shows_state_phases_and_log_without_javascript(client: FlaskClient) -> None:
    post(
        client,
        progress(phase="installing", message="npm ci"),
        progress(
            phase="building", progress=70.9, message="running tests", meta={"branch": "main", "node": 24}
        ),
        {"type": "log", "jobId": "j", "message": "first line\nsecond line"},
    )
    answer = client.get("/jobs/j")
    text = answer.text
    assert answer.status_code == 200
    assert '<progress id="bar" max="100" value="70.9" role="progressbar"' in text
    assert '<output class="number" id="percent" for="bar">70%</output>' in text
    assert "running tests" in text
    assert re.findall(r'data-field="phase">(\w+)<', text) == ["installing", "building"]
    assert re.findall(r'id="L(\d+)".*?class="text">(.*?)</span>', text) == [
        ("1", "first line"),
        ("2", "second line"),
    ]
    assert re.findall(r'<li data-kind="(\w+)">.*?<bdi>(.*?)</bdi>', text) == [("branch", "main")]
    assert "<dt>node</dt><dd><bdi>24</bdi></dd>" in text
    assert "<title>70% Building · j</title>" in text


def test_the_live_part_goes_on_where_the_snapshot_ends(client: FlaskClient) -> None:
    post(client, progress(phase="building"), {"type": "log", "jobId": "j", "message": "a\nb"})
    told = live(client.get("/jobs/j").text)
    assert told["job"] == client.get("/api/jobs/j").json
    assert (told["job"]["seq"], told["log"]) == (3, {"first": 1, "last": 2})
    assert told["epoch"]


def test_a_long_log_begins_with_its_newest_lines(client: FlaskClient) -> None:
    post(client, progress(), {"type": "log", "jobId": "j", "message": "\n".join(map(str, range(1, 1201)))})
    text = client.get("/jobs/j").text
    assert live(text)["log"] == {"first": 701, "last": 1200}
    assert re.findall(r'id="L(\d+)"', text) == [str(number) for number in range(701, 1201)]


def test_long_lines_do_not_make_the_first_paint_long(client: FlaskClient) -> None:
    post(client, progress(), {"type": "log", "jobId": "j", "message": "\n".join(["x" * 50_000] * 18)})
    text = client.get("/jobs/j").text
    assert live(text)["log"] == {"first": 9, "last": 18}
    assert len(text) < 600_000


def test_a_job_without_an_update_has_a_page_that_waits_for_it(client: FlaskClient) -> None:
    answer = client.get("/jobs/not-yet")
    assert answer.status_code == 404
    assert "Waiting for the first update" in answer.text
    assert live(answer.text)["job"] is None


def test_a_project_without_a_job_has_a_page_that_waits_for_it(client: FlaskClient) -> None:
    answer = client.get("/projects/not-yet")
    assert answer.status_code == 404
    assert "Waiting for the first job" in answer.text


def test_a_failed_job_says_why_once(client: FlaskClient) -> None:
    post(client, progress(), {"type": "error", "jobId": "j", "message": "tests failed", "code": 2})
    text = client.get("/jobs/j").text.partition("<body")[2].split('<script type="application/json"')[0]
    assert text.count("tests failed") == 1
    assert "code 2" in text


def test_the_project_page_lists_its_jobs_newest_first_in_parts(client: FlaskClient) -> None:
    post(client, *[progress(f"j{number}") for number in range(60)], progress("other", projectId="docs"))
    text = client.get("/projects/web").text
    assert re.findall(r'data-job="(\w+)"', text) == [f"j{number}" for number in range(59, 9, -1)]
    older = re.search(r'rel="next" href="([^"]+)"', text)
    assert older
    rest = client.get(html.unescape(older[1])).text
    assert re.findall(r'data-job="(\w+)"', rest) == [f"j{number}" for number in range(9, -1, -1)]
    assert 'rel="next"' not in rest


def test_the_overview_shows_what_runs_and_how_the_last_jobs_ended(client: FlaskClient) -> None:
    post(
        client,
        progress("one"),
        {"type": "completed", "jobId": "one"},
        progress("two", phase="building"),
        progress("three", projectId="docs"),
        {"type": "error", "jobId": "three", "message": "no"},
    )
    text = client.get("/").text
    running, projects = text.split('id="projects-title"')
    assert re.findall(r'class="job" data-job="(\w+)"', running) == ["two"]
    assert re.findall(r'<li class="project" data-project="(\w+)"', projects) == ["docs", "web"]
    assert re.findall(r'<li data-job="(\w+)" data-status="(\w+)"', projects) == [
        ("three", "failed"),
        ("two", "building"),
        ("one", "completed"),
    ]


def test_an_empty_overview_shows_the_line_that_fills_it(client: FlaskClient) -> None:
    page = client.get("/", headers={"X-Forwarded-Proto": "https"}).text
    command = re.search(r'id="try-it">(.*?)</code>', page, re.DOTALL)
    assert command
    assert html.unescape(command[1]) == (
        "JOB=https://localhost/api/jobs/my-first-job\n"
        "curl -d projectId=web -d phase=building $JOB/progress; sleep 5; "
        "curl -d message='It works' $JOB/completed"
    )
    job = "/api/jobs/my-first-job"
    assert client.post(f"{job}/progress", data={"projectId": "web", "phase": "building"}).status_code == 200
    assert client.post(f"{job}/completed", data={"message": "It works"}).status_code == 200
    # It ends the job that it begins.
    assert "my-first-job: Completed" in client.get("/").text
    assert "my-first-job" in client.get("/").text


def test_a_project_page_is_parted_by_how_jobs_stand(client: FlaskClient) -> None:
    post(client, *[progress(f"j{number}", status="cancelled") for number in range(60)], progress("runs"))
    shown = {
        status: re.findall(r'data-job="(\w+)"', client.get(f"/projects/web?status={status}").text)
        for status in ("running", "failed", "cancelled")
    }
    newest = [f"j{number}" for number in range(59, 9, -1)]
    assert shown == {"running": ["runs"], "failed": [], "cancelled": newest}
    older = re.search(r'rel="next" href="([^"]+)"', client.get("/projects/web?status=cancelled").text)
    assert older
    rest = client.get(html.unescape(older[1])).text
    assert re.findall(r'data-job="(\w+)"', rest) == [f"j{number}" for number in range(9, -1, -1)]
    assert client.get("/projects/web?status=nonsense").status_code == 404


# Escaping


EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\'"&amp;{{7*7}}'


def test_what_a_build_sends_is_shown_as_text(client: FlaskClient) -> None:
    post(
        client,
        progress(message=EVIL, meta={"title": EVIL, EVIL: EVIL, "nested": {"a": [EVIL]}}),
        {"type": "log", "jobId": "j", "message": EVIL, "stream": "stderr"},
        {
            "type": "completed",
            "jobId": "j",
            "message": EVIL,
            "artifacts": [{"name": EVIL, "url": "https://x/"}],
        },
    )
    for path in ("/jobs/j", "/projects/web", "/"):
        text = client.get(path).text
        assert "<img" not in text
        assert "<script>" not in text
        assert "alert(1)" in text
    assert live(client.get("/jobs/j").text)["job"]["meta"]["title"] == EVIL


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//elsewhere", "https:", "x"],
)
def test_only_addresses_of_the_web_are_links(client: FlaskClient, address: str) -> None:
    artifacts = [{"name": "report", "url": address}]
    post(client, progress(meta={"url": address}), {"type": "completed", "jobId": "j", "artifacts": artifacts})
    page = client.get("/jobs/j").text.split('<script type="application/json"')[0]
    assert web_url(address) is None
    assert '<bdi data-field="name">report</bdi>' in page
    assert f'href="{html.escape(address)}"' not in page


def test_links_to_elsewhere_tell_nothing_and_vouch_for_nothing(client: FlaskClient) -> None:
    post(client, progress(meta={"url": "https://git.example.com/c/1"}))
    page = client.get("/jobs/j").text
    assert '<a href="https://git.example.com/c/1" rel="noopener noreferrer nofollow">' in page


def test_escape_sequences_are_left_out_of_the_log(client: FlaskClient) -> None:
    message = "\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jclear"
    post(client, progress(), {"type": "log", "jobId": "j", "message": message})
    text = client.get("/jobs/j").text
    # Of the sequences the colours are there for readers with JavaScript, and nothing else.
    drawn = "\x1b[31mred\x1b[0m and clear"
    assert f'class="text" data-drawn="{drawn}">red and clear</span>' in text


# Icon and words


def test_the_icon_shows_the_state(client: FlaskClient) -> None:
    icons = {
        client.get(f"/favicon.svg?{query}").text
        for query in (
            "",
            "status=failed",
            "status=completed",
            "status=building&progress=45",
            "status=<x>&progress=-1",
        )
    }
    assert len(icons) == 4
    assert all(icon.startswith("<svg") and "<x>" not in icon for icon in icons)
    assert client.get("/favicon.ico").mimetype == "image/svg+xml"


def test_words_for_numbers() -> None:
    given = (None, 0, 4_249, 42_300, 125_000, 59_999, 3_600_000, 7_390_000)
    assert [duration(one) for one in given] == [
        "", "0 s", "4.2 s", "42 s", "2 min 05 s", "1 min 00 s", "1 h 00 min", "2 h 03 min",
    ]  # fmt: skip
    assert [percent(one) for one in (0, 99.99, 100)] == ["0%", "99%", "100%"]
    assert [size(one) for one in (0, 999, 14_200, 999_960, 3e9, None, True, -1)] == [
        "0 B", "999 B", "14.2 kB", "1.0 MB", "3.0 GB", "", "", "",
    ]  # fmt: skip


def test_the_page_and_the_fallback_agree_on_how_they_get_live(make_app: MakeApp) -> None:
    assert live(make_app(websocket_enabled=False).test_client().get("/").text)["transport"] == "stream"


def test_without_npm_the_pages_use_the_event_stream(app: Flask, client: FlaskClient) -> None:
    assert live(client.get("/").text)["transport"] == "socket"
    app.extensions["chef.assets"]._library_hashes.clear()
    assert live(client.get("/").text)["transport"] == "stream"
    assert client.get("/lib/socket.io-client.js").status_code == 404


def test_colours_in_a_message_become_nothing(client: FlaskClient) -> None:
    post(client, progress() | {"message": "lin\x1b[31mki\x1b[0mng"})
    assert ">linking</bdi>" in client.get("/jobs/j").text
    assert ">linking</bdi>" in client.get("/projects/web").text
    post(client, {"type": "error", "jobId": "j", "message": "te\x1b[1;31msts failed"})
    assert ">tests failed</bdi>" in client.get("/jobs/j").text
