"""Previews of links: what chats and social networks read from a page's head."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

from flask import Flask
from flask.testing import FlaskClient

from tests.tools.pages import progress
from tests.tools.rendered import post

SLACKBOT = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}


class Head(HTMLParser):
    """The `meta` elements of a page, by property or name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("property") or given.get("name")
        if tag == "meta" and name:
            assert name not in self.fields
            self.fields[name] = given["content"] or ""


def card(client: FlaskClient, path: str) -> dict[str, str]:
    fields = Head(client.get(path, headers=SLACKBOT).text).fields
    for name in ("title", "description"):
        assert fields[f"og:{name}"] == fields[f"twitter:{name}"]
    assert fields["description"] == fields["og:description"]
    assert not any("image" in name for name in fields)
    return fields


def test_a_running_job_says_its_state_its_percent_and_its_phase(app: Flask) -> None:
    client = app.test_client()
    update = progress("a", projectId="web", phase="building", message="compiling", progress=62)
    post(client, update | {"meta": {"title": "Fix the tests", "branch": "main"}})
    fields = card(client, "/jobs/a")
    assert fields["og:title"] == "Building 62% · Fix the tests"
    assert fields["og:description"] == "building · compiling · web · main"
    assert fields["og:url"] == "http://localhost/jobs/a"
    assert fields["og:site_name"] == "Chef"
    assert fields["twitter:card"] == "summary"


def test_a_failed_job_says_why_and_where(app: Flask) -> None:
    client = app.test_client()
    log = {"type": "log", "jobId": "a", "message": "=== 3 failed, 41 passed in 1.20s ==="}
    update = progress("a", projectId="web", phase="building", progress=62)
    post(client, update, log, {"type": "error", "jobId": "a", "message": "exit status 1"})
    fields = card(client, "/jobs/a")
    assert fields["og:title"] == "Failed while building, at 62% · a"
    assert fields["og:description"].startswith("3 failed, 41 passed · ")


def test_runs_and_projects_have_a_card(app: Flask) -> None:
    client = app.test_client()
    assert card(client, "/")["og:title"] == "Chef"
    assert card(client, "/projects/web")["og:title"] == "web"
    meta = {"run": "7", "title": "Fix the tests"}
    post(client, progress("a", projectId="web", meta=meta), progress("b", projectId="web", meta=meta))
    post(client, {"type": "error", "jobId": "b", "message": "no space left"})
    assert card(client, "/projects/web")["og:description"] == "Failed · Fix the tests · no space left"
    fields = card(client, "/projects/web/runs/7?x=1")
    assert fields["og:title"] == "Failed · Fix the tests"
    assert fields["og:description"].startswith("1 of 2 jobs done · no space left · web")


def test_texts_of_builds_are_cut_and_no_markup(app: Flask) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="web", message='"><script>\x1b[31m' + "x" * 2000))
    fields = card(client, "/jobs/a")
    assert len(fields["og:description"]) == 300
    assert '"><script>x' in fields["og:description"]


def test_where_reading_is_protected_a_link_tells_nothing(make_app: Callable[..., Flask]) -> None:
    app = make_app(jwt_secret="s" * 32, api_tokens=("t" * 20,))
    client = app.test_client()
    update = progress("a", projectId="web", message="secret work")
    token = {"Authorization": f"Bearer {'t' * 20}"}
    assert client.post("/api/updates", json=update, headers=token).status_code == 200
    answer = client.get("/jobs/a", headers=SLACKBOT, follow_redirects=True)
    assert "secret work" not in answer.text
    assert "web" not in Head(answer.text).fields.get("og:title", "")
