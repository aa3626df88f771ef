"""Signing in and out, and what is seen by those who may see some projects only."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.access.credentials import HOST_COOKIE, PLAIN_COOKIE
from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.pages.login import safe_next
from chef.settings.config import Settings
from tests.tools.pages import progress

SECRET = "a secret of more than thirty-two bytes, for tests"
MakeApp = Callable[..., Flask]


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


def test_who_is_not_signed_in_is_asked_to_and_comes_back(protected: FlaskClient) -> None:
    answer = protected.get("/projects/web?cursor=MQ")
    assert answer.status_code == 303
    assert answer.location == "/login?next=%2Fprojects%2Fweb%3Fcursor%3DMQ"
    assert 'name="next" value="/projects/web?cursor=MQ"' in protected.get(answer.location).text


def test_a_token_becomes_a_cookie_that_reads(protected: FlaskClient) -> None:
    answer = sign_in(protected, token(lifetime=600))
    assert (answer.status_code, answer.location) == (303, "/jobs/j")
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[PLAIN_COOKIE]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Strict"
    assert not cookie["secure"]
    assert 590 <= int(cookie["max-age"]) <= 600
    assert protected.get("/").status_code == 200
    assert protected.get("/api/jobs").status_code == 200
    assert protected.post("/api/updates", json=progress(), headers={"Via": "x"}).status_code == 401


def test_the_cookie_is_secure_where_the_browser_came_over_https(protected: FlaskClient) -> None:
    answer = sign_in(protected, token(), headers={"X-Forwarded-Proto": "https"})
    assert SimpleCookie(answer.headers["Set-Cookie"])[HOST_COOKIE]["secure"] is True


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
