"""Pages as the server renders them: what a browser without JavaScript, and one that is refused, gets."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.access.auth import issue_token
from chef.access.credentials import COOKIE
from chef.domain.clock import now_ms
from chef.pages.login import safe_next
from chef.pages.words import duration, percent, size, web_url
from chef.settings.config import Settings

SECRET = "a secret of more than thirty-two bytes, for tests"
MakeApp = Callable[..., Flask]


def post(client: FlaskClient, *updates: dict[str, Any]) -> None:
    answer = client.post("/api/updates", json=list(updates))
    assert answer.status_code == 200, answer.text


def progress(job_id: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def live(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="live">(.*?)</script>', text, re.DOTALL)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


def token(*projects: str, lifetime: int = 3600, scopes: tuple[str, ...] = ("read",)) -> str:
    return issue_token(Settings(jwt_secret=SECRET), scopes, projects, lifetime, now_ms())


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def protected(make_app: MakeApp) -> FlaskClient:
    return make_app(jwt_secret=SECRET, public_read=False).test_client()


def sign_in(client: FlaskClient, credential: str, **options: Any) -> Any:
    return client.post("/login", data={"token": credential, "next": "/jobs/j"}, **options)


# What is shown


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
    post(client, progress(), {"type": "log", "jobId": "j", "message": "a\nb"})
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
    text = client.get("/jobs/j").text.split('<script type="application/json"')[0]
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
    command = re.search(
        r'id="try-it">(.*?)</code>', client.get("/", headers={"X-Forwarded-Proto": "https"}).text
    )
    assert command
    assert html.unescape(command[1]) == (
        "curl -d projectId=web -d phase=building -d message='It works' "
        "https://localhost/api/jobs/my-first-job/progress"
    )
    path = re.search(r"https://localhost(\S+)", command[1])
    assert path
    form = {"projectId": "web", "phase": "building", "message": "It works"}
    assert client.post(path[1], data=form).status_code == 200
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
    # The colours are there for who has JavaScript, and nothing else of the sequences.
    drawn = "\x1b[31mred\x1b[0m and clear"
    assert f'class="text" data-drawn="{drawn}">red and clear</span>' in text


# Headers


@pytest.mark.parametrize("path", ["/", "/jobs/none", "/projects/none", "/nowhere", "/jobs/a/b"])
def test_every_page_has_a_strict_policy(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", policy["script-src"])
    assert policy["style-src"] == "'self'"
    assert (policy["frame-ancestors"], policy["form-action"], policy["base-uri"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_pages_have_no_inline_style_and_no_inline_handler(client: FlaskClient) -> None:
    post(client, progress(), {"type": "log", "jobId": "j", "message": "x"})
    for path in ("/", "/jobs/j", "/projects/web"):
        assert re.findall(r"<[^>]*\s(?:style|on\w+)=", client.get(path).text) == []


def test_everything_a_page_loads_is_here_and_kept_for_ever(client: FlaskClient) -> None:
    text = client.get("/").text
    modules = re.search(r'<script type="importmap">(.*?)</script>', text)
    assert modules
    addresses = [
        *json.loads(modules[1])["imports"].values(),
        *re.findall(r'(?:src|href)="(/static/[^"]+)"', text),
    ]
    assert len(addresses) > 10
    for address in addresses:
        answer = client.get(address, buffered=True)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_file_asked_for_by_another_hash_is_asked_for_again(client: FlaskClient) -> None:
    answer = client.get("/static/chef.css?v=of-yesterday", buffered=True)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/chef.css", headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["socket.io.js", "../package.json", "%2e%2e/package.json", "socket.io-client.js.map"]
)
def test_nothing_else_of_node_modules_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/lib/{name}").status_code == 404


def test_all_that_a_page_imports_is_asked_for_at_once(client: FlaskClient) -> None:
    post(client, progress())
    page = client.get("/jobs/j").text
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"?]+)\?v=', page)
    assert {"/static/dom.js", "/static/log-colors.js", "/lib/ansi-sequence-parser.js"} <= set(preloaded)
    assert "/lib/socket.io-client.js" in preloaded
    assert len(preloaded) == len(set(preloaded))
    assert "/static/overview.js" not in preloaded
    # An import map holds only if no module was asked for before.
    assert page.index('<script type="importmap">') < page.index("modulepreload")


def test_modules_name_each_other_only_as_the_import_map_does(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    known = {f"chef/{path.name}" for path in folder.glob("*.js")}
    known |= {"ansi-sequence-parser", "socket.io-client"}
    for path in folder.glob("*.js"):
        named = re.findall(r'(?:from |import\()"([^"]+)"', path.read_text("utf-8"))
        assert set(named) <= known, path.name


# Refusals


@pytest.mark.parametrize(
    "path", ["/nowhere", "/jobs", "/jobs/a%20b", "/projects/%C3%A9", "/jobs/" + "x" * 129]
)
def test_an_address_without_a_page_gets_one_that_says_so(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no such page." in answer.text


@pytest.mark.parametrize("path", ["/api/nowhere", "/api", "/lib/none"])
def test_programs_are_told_in_their_own_way(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_page_takes_no_post(client: FlaskClient) -> None:
    answer = client.post("/jobs/j")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


def test_a_cursor_that_no_list_gave_has_no_page(client: FlaskClient) -> None:
    assert client.get("/?cursor=abc").status_code == 404


# Sign in


def test_who_is_not_signed_in_is_asked_to_and_comes_back(protected: FlaskClient) -> None:
    answer = protected.get("/projects/web?cursor=MQ")
    assert answer.status_code == 303
    assert answer.location == "/login?next=%2Fprojects%2Fweb%3Fcursor%3DMQ"
    assert 'name="next" value="/projects/web?cursor=MQ"' in protected.get(answer.location).text


def test_a_token_becomes_a_cookie_that_reads(protected: FlaskClient) -> None:
    answer = sign_in(protected, token(lifetime=600))
    assert (answer.status_code, answer.location) == (303, "/jobs/j")
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Strict"
    assert not cookie["secure"]
    assert 590 <= int(cookie["max-age"]) <= 600
    assert protected.get("/").status_code == 200
    assert protected.get("/api/jobs").status_code == 200
    assert protected.post("/api/updates", json=progress(), headers={"Via": "x"}).status_code == 401


def test_the_cookie_is_secure_where_the_browser_came_over_https(protected: FlaskClient) -> None:
    answer = sign_in(protected, token(), headers={"X-Forwarded-Proto": "https"})
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"] is True


def test_signing_out_forgets_the_cookie(protected: FlaskClient) -> None:
    sign_in(protected, token())
    assert "Sign out" in protected.get("/").text
    assert protected.post("/logout").status_code == 303
    assert protected.get("/").status_code == 303


@pytest.mark.parametrize(
    ("credential", "status"),
    [
        ("", 401),
        ("nonsense", 401),
        (token(lifetime=3600)[:-3] + "abc", 401),
        (token(scopes=("write",)), 403),
        (token(*[f"project-{number}" for number in range(260)]), 401),
    ],
)
def test_a_token_that_does_not_do_is_refused_in_the_form(
    protected: FlaskClient, credential: str, status: int
) -> None:
    answer = sign_in(protected, credential)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_the_form_is_not_taken_from_another_site(protected: FlaskClient) -> None:
    for path in ("/login", "/logout"):
        answer = protected.post(
            path, data={"token": token()}, headers={"Origin": "https://elsewhere.example"}
        )
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere",
        "/\\elsewhere",
        "https://elsewhere",
        "/\t/elsewhere",
        "elsewhere",
        "",
        "/a\\b",
        "/a b",
        "/\n/x",
    ],
)
def test_the_login_leads_nowhere_else(target: str) -> None:
    assert safe_next(target) == "/"


def test_the_login_leads_back() -> None:
    assert safe_next("/jobs/a:b~c?x=1#L3") == "/jobs/a:b~c?x=1#L3"


def test_where_reading_is_open_nobody_is_asked(client: FlaskClient) -> None:
    answer = client.get("/login?next=/jobs/j")
    assert (answer.status_code, answer.location) == (303, "/jobs/j")
    assert "Sign out" not in client.get("/").text


def test_who_follows_a_link_from_elsewhere_is_sent_on_by_a_page_of_ours(protected: FlaskClient) -> None:
    answer = protected.get("/jobs/j", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/jobs/j">' in answer.text
    assert protected.get("/jobs/j", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_page_does_not_tell_whether_a_job_of_another_project_exists(make_app: MakeApp) -> None:
    app = make_app(jwt_secret=SECRET, public_read=False)
    client = app.test_client()
    writer = {"Authorization": f"Bearer {token(scopes=('write',))}"}
    client.post("/api/updates", json=[progress(), progress("theirs", projectId="docs")], headers=writer)
    sign_in(client, token("web"))
    assert client.get("/jobs/j").status_code == 200
    hidden, missing = client.get("/jobs/theirs"), client.get("/jobs/missing")
    assert hidden.status_code == missing.status_code == 403
    assert hidden.text == missing.text
    assert client.get("/projects/docs").text == client.get("/projects/missing").text
    assert "docs" not in client.get("/").text


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
