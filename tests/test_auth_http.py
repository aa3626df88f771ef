"""The rights of callers over HTTP (contract sections 1 and 6). The rules themselves: test_auth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

NOW = 1_772_443_800_000
SECRET = "a secret of the tests, 32 bytes long or more"
OLD, NEW = "an-old-token-of-the-tests", "a-new-token-of-the-tests"
UPDATE = {"type": "progress", "jobId": "j", "projectId": "p"}
READS = (
    "/api/jobs",
    "/api/jobs?projectId=p",
    "/api/jobs/j",
    "/api/jobs/j/logs",
    "/api/jobs/j/logs?raw=1",
    "/api/jobs/j/logs?q=x",
    "/api/jobs/j/events?follow=0",
    "/api/projects",
    "/api/projects/p",
    "/api/projects/p/events?follow=0",
)
OF_A_JOB = tuple(path for path in READS if path.startswith("/api/jobs/"))
WRITES = (
    ("POST", "/api/updates"),
    ("POST", "/api/jobs/j/progress"),
    ("POST", "/api/jobs/j/completed"),
    ("POST", "/api/jobs/j/error"),
    ("POST", "/api/jobs/j/exit"),
    ("POST", "/api/jobs/j/logs"),
    ("PUT", "/api/jobs/j/logs"),
    ("HEAD", "/api/jobs/j/logs"),
)


@pytest.fixture
def serve(make_app: Callable[..., Flask]) -> Callable[..., FlaskClient]:
    """A client of an application with settings of one's choice."""
    return lambda **settings: make_app(clock=lambda: NOW, **settings).test_client()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _jwt(
    scope: str, projects: list[str] | None = None, secret: str = SECRET, seconds: int = 60
) -> dict[str, str]:
    claims: dict[str, Any] = {"exp": NOW // 1000 + seconds, "scope": scope}
    if projects is not None:
        claims["projects"] = projects
    return _bearer(jwt.encode(claims, secret, algorithm="HS256"))


def _code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["code"] if answer.data else ""


# --- tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers", [{}, _bearer("wrong"), _bearer(""), {"Authorization": f"Basic {NEW}"}, {"Authorization": NEW}]
)
def test_writing_without_a_good_token_is_refused_and_keeps_nothing(
    serve: Callable[..., FlaskClient], method: str, path: str, headers: dict[str, str]
) -> None:
    client = serve(api_tokens=(NEW,))
    answer = client.open(path, method=method, headers=headers, json=UPDATE)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content_type == "application/problem+json"
    if method != "HEAD":
        assert json.loads(answer.data)["code"] == "unauthorized"
    assert client.get("/api/jobs/j").status_code == 404


def test_while_tokens_are_rotated_both_are_taken(serve: Callable[..., FlaskClient]) -> None:
    client = serve(api_tokens=(OLD, NEW))
    for token in (OLD, NEW):
        assert client.post("/api/updates", json=UPDATE, headers=_bearer(token)).status_code == 200
    client = serve(api_tokens=(NEW,))
    assert client.post("/api/updates", json=UPDATE, headers=_bearer(OLD)).status_code == 401
    assert client.post("/api/updates", json=UPDATE, headers=_bearer(NEW)).status_code == 200


def test_with_a_token_a_proxy_does_not_matter(serve: Callable[..., FlaskClient]) -> None:
    headers = _bearer(NEW) | {"X-Forwarded-For": "203.0.113.5", "Via": "1.1 router"}
    assert serve(api_tokens=(NEW,)).post("/api/updates", json=UPDATE, headers=headers).status_code == 200


def test_a_token_in_the_query_is_none(serve: Callable[..., FlaskClient]) -> None:
    client = serve(api_tokens=(NEW,))
    answer = client.post(f"/api/jobs/j/progress?projectId=p&token={NEW}&access_token={NEW}")
    assert answer.status_code == 401


def test_refusals_never_repeat_a_token(serve: Callable[..., FlaskClient]) -> None:
    answer = serve(api_tokens=(NEW,)).post("/api/updates", json=UPDATE, headers=_bearer("mistyped-token"))
    assert b"mistyped" not in answer.data
    assert NEW.encode() not in answer.data


# --- the loopback rule ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.9.9.9", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.7", {}, 401),
        ("::ffff:192.0.2.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 401),
        ("127.0.0.1", {"X-Forwarded-Anything": ""}, 401),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
        ("127.0.0.1", {"Via": "1.1 vegur"}, 401),
        ("127.0.0.1", {"Origin": "http://localhost:3001"}, 200),
        ("127.0.0.1", {"Origin": "https://evil.example"}, 401),
        ("127.0.0.1", {"Origin": "null"}, 401),
    ],
)
def test_without_tokens_only_this_machine_writes(
    serve: Callable[..., FlaskClient], address: str, headers: dict[str, str], status: int
) -> None:
    answer = serve().post(
        "/api/updates",
        json=UPDATE,
        headers={"Host": "localhost:3001"} | headers,
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == status, answer.text


def test_without_tokens_anyone_reads_from_anywhere(serve: Callable[..., FlaskClient]) -> None:
    client = serve()
    client.post("/api/updates", json=UPDATE)
    for path in (*READS, "/health", "/metrics"):
        answer = client.get(path, environ_base={"REMOTE_ADDR": "192.0.2.7"}, headers={"Via": "1.1 router"})
        assert answer.status_code == 200, path


# --- JWT -----------------------------------------------------------------------------------


@pytest.fixture
def protected(serve: Callable[..., FlaskClient]) -> FlaskClient:
    """A server that asks for a JWT, with a job `j` in project `p`."""
    client = serve(jwt_secret=SECRET)
    assert client.post("/api/updates", json=UPDATE, headers=_jwt("write")).status_code == 200
    return client


@pytest.mark.parametrize("path", READS)
def test_a_jwt_reads_what_it_is_for(protected: FlaskClient, path: str) -> None:
    headers = {"Accept": "application/json"}
    assert _code(protected.get(path, headers=headers)) == (401, "unauthorized")
    assert protected.get(path, headers=headers | _jwt("read")).status_code == 200
    assert protected.get(path, headers=headers | _jwt("read write", ["q", "p"])).status_code == 200
    assert _code(protected.get(path, headers=headers | _jwt("write"))) == (403, "forbidden")
    assert _code(protected.get(path, headers=headers | _jwt("read", seconds=0))) == (401, "unauthorized")
    assert _code(protected.get(path, headers=headers | _jwt("read", secret=SECRET[::-1]))) == (
        401,
        "unauthorized",
    )


def test_health_and_the_description_are_for_everyone(protected: FlaskClient) -> None:
    assert protected.get("/health").status_code == 200
    assert protected.get("/api/openapi.json").status_code == 200
    assert protected.get("/metrics").status_code == 401


@pytest.mark.parametrize("path", OF_A_JOB)
def test_forbidden_does_not_tell_whether_a_job_exists(protected: FlaskClient, path: str) -> None:
    headers = _jwt("read", ["other"]) | {"Accept": "application/json"}
    there = protected.get(path, headers=headers)
    nowhere = protected.get(path.replace("/j", "/k", 2).replace("/kobs", "/jobs"), headers=headers)
    assert _code(there) == (403, "forbidden")
    assert (nowhere.status_code, nowhere.data) == (there.status_code, there.data)


def test_a_project_that_is_not_the_tokens_is_forbidden_whether_or_not_it_exists(
    protected: FlaskClient,
) -> None:
    for project in ("p", "nowhere"):
        for path in (
            f"/api/projects/{project}",
            f"/api/projects/{project}/events",
            f"/api/jobs?projectId={project}",
        ):
            assert _code(protected.get(path, headers=_jwt("read", ["other"]))) == (403, "forbidden")


def test_lists_show_the_tokens_projects_alone(protected: FlaskClient) -> None:
    for job, project in (("k", "q"), ("l", "r"), ("m", "q")):
        update = {"type": "progress", "jobId": job, "projectId": project}
        protected.post("/api/updates", json=update, headers=_jwt("write"))

    def seen(projects: list[str] | None) -> tuple[list[str], list[str]]:
        jobs = protected.get("/api/jobs", headers=_jwt("read", projects)).get_json()["jobs"]
        found = protected.get("/api/projects", headers=_jwt("read", projects)).get_json()["projects"]
        return [job["jobId"] for job in jobs], [project["projectId"] for project in found]

    assert seen(["q"]) == (["m", "k"], ["q"])
    assert seen(["p", "r", "nowhere"]) == (["l", "j"], ["r", "p"])
    assert seen([]) == ([], [])
    assert seen(None) == (["m", "l", "k", "j"], ["q", "r", "p"])


@pytest.mark.parametrize(
    "update",
    [
        UPDATE,
        {"type": "progress", "jobId": "j"},
        UPDATE | {"projectId": "other"},
        {"type": "log", "jobId": "j", "message": "x"},
        {"type": "progress", "jobId": "new", "projectId": "p"},
        {"type": "progress", "jobId": "new"},
    ],
)
def test_a_token_for_another_project_writes_nothing_and_learns_nothing(
    protected: FlaskClient, update: dict[str, Any]
) -> None:
    before = protected.get("/api/jobs", headers=_jwt("read")).data
    answer = protected.post("/api/updates", json=update, headers=_jwt("write", ["other"]))
    assert _code(answer) == (403, "forbidden")
    assert b"'p'" not in answer.data
    assert protected.get("/api/jobs", headers=_jwt("read")).data == before


def test_a_batch_with_one_forbidden_update_is_refused_whole(protected: FlaskClient) -> None:
    batch = [{"type": "progress", "jobId": "o", "projectId": "other"}, UPDATE]
    assert protected.post("/api/updates", json=batch, headers=_jwt("write", ["other"])).status_code == 403
    assert protected.get("/api/jobs/o", headers=_jwt("read")).status_code == 404
    assert protected.post("/api/updates", json=batch[:1], headers=_jwt("write", ["other"])).status_code == 200


def test_a_reading_token_does_not_write(protected: FlaskClient) -> None:
    for method, path in WRITES:
        answer = protected.open(path, method=method, headers=_jwt("read"), json=UPDATE)
        assert answer.status_code == 403, path


def test_a_log_position_tells_nothing_of_other_projects(protected: FlaskClient) -> None:
    protected.post("/api/jobs/j/logs", data=b"12345\n", headers=_jwt("write", ["p"]))
    mine = protected.head("/api/jobs/j/logs", headers=_jwt("write", ["p"]))
    others = _jwt("write", ["other"]) | {"X-Request-Id": "one"}
    theirs = protected.head("/api/jobs/j/logs", headers=others)
    nowhere = protected.head("/api/jobs/k/logs", headers=others)
    assert mine.headers["Upload-Offset"] == "6"
    assert dict(theirs.headers) == dict(nowhere.headers)
    for offset in ("", "?offset=3", "?offset=999"):
        answer = protected.post(f"/api/jobs/j/logs{offset}", data=b"x", headers=_jwt("write", ["other"]))
        assert _code(answer) == (403, "forbidden")


def test_api_tokens_read_and_write_beside_jwts(serve: Callable[..., FlaskClient]) -> None:
    client = serve(jwt_secret=SECRET, api_tokens=(NEW,))
    assert client.post("/api/updates", json=UPDATE, headers=_bearer(NEW)).status_code == 200
    assert client.get("/api/jobs/j", headers=_bearer(NEW)).status_code == 200
    assert client.post("/api/updates", json=UPDATE).status_code == 401


# --- the cookie ----------------------------------------------------------------------------


def test_the_cookie_reads_and_never_writes(protected: FlaskClient) -> None:
    token = _jwt("read write")["Authorization"].removeprefix("Bearer ")
    protected.set_cookie("chef_token", token)
    assert protected.get("/api/jobs/j").status_code == 200
    assert protected.get("/api/jobs/j", headers={"Origin": "http://localhost"}).status_code == 200
    for method, path in WRITES:
        # From another machine: on this one, without CHEF_API_TOKEN, no token is needed at all.
        answer = protected.open(path, method=method, json=UPDATE, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert answer.status_code == 401, path


def test_trap_13_the_cookie_does_not_count_from_a_foreign_origin(protected: FlaskClient) -> None:
    protected.set_cookie("chef_token", _jwt("read")["Authorization"].removeprefix("Bearer "))
    for origin in ("https://evil.example", "http://localhost:8000", "null"):
        assert protected.get("/api/jobs/j", headers={"Origin": origin}).status_code == 401
