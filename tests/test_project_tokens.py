"""Tokens that write one project alone, and the exchange of keys: contract sections 1 and 6."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import jwt
import pytest
import requests

from chef.domain.clock import now_ms
from tests.tools.serving import Served, Serving
from tests.tools.watching import watch

pytestmark = pytest.mark.real

ALL, WEB, NEW_WEB, SHOP = (f"{name}-token-of-these-tests" for name in ("all", "web", "new-web", "shop"))
SECRET, PREVIOUS = "s" * 40, "p" * 40
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server of two projects and of one token for everything, where reading is protected."""
    settings = {
        "CHEF_API_TOKEN": ALL,
        "CHEF_PROJECT_TOKENS": f"web={WEB},shop={SHOP},web={NEW_WEB}",
        "CHEF_PUBLIC_READ": "false",
    }
    with serving(tmp_path_factory.mktemp("projects"), settings) as served:
        yield served


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def new_job(server: Served, project: str) -> str:
    job = f"job-{next(_numbers)}"
    update = {"type": "progress", "jobId": job, "projectId": project, "phase": "building"}
    assert server.post("/api/updates", json=update, headers=bearer(ALL)).status_code == 200
    return job


def writes(job: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Each way to write to a job: method, path, body."""
    report = {"report": {"passed": 1, "failed": 0, "skipped": 0}}
    updates = [
        ("POST", "/api/updates", {"json": [{"type": kind, "jobId": job} | fields]})
        for kind, fields in (
            ("progress", {}),
            ("log", {"message": "x"}),
            ("error", {"message": "x"}),
            ("mask", {"value": "something"}),
            ("tests", report),
        )
    ]
    by_hand = [
        ("POST", f"/api/jobs/{job}/{name}", {"data": fields})
        for name, fields in (
            ("progress", {"progress": "60"}),
            ("heartbeat", {}),
            ("completed", {}),
            ("error", {"message": "x"}),
            ("cancelled", {}),
            ("exit", {"code": "0"}),
        )
    ]
    junit = b"<testsuite><testcase name='a'/></testsuite>"
    bodies = [
        ("POST", f"/api/jobs/{job}/logs", {"data": b"a line\n"}),
        ("PUT", f"/api/jobs/{job}/logs?offset=0", {"data": b"a line\n" * 20_000}),
        ("PUT", f"/api/jobs/{job}/tests", {"data": junit}),
    ]
    return [*updates, *by_hand, *bodies]


def send(server: Served, way: tuple[str, str, dict[str, Any]], token: str) -> requests.Response:
    method, path, body = way
    return server.session.request(method, server.url + path, headers=bearer(token), timeout=30, **body)


@pytest.mark.parametrize("place", range(len(writes("job"))))
def test_a_projects_token_writes_its_project_and_no_other(server: Served, place: int) -> None:
    mine, theirs = new_job(server, "web"), new_job(server, "shop")
    before = server.get(f"/api/jobs/{theirs}", headers=bearer(ALL)).json()["seq"]
    for token in (WEB, NEW_WEB):
        refused = send(server, writes(theirs)[place], token)
        assert refused.status_code == 403, refused.text
        assert refused.json()["code"] == "forbidden"
        assert "shop" not in refused.json()["detail"]
    assert server.get(f"/api/jobs/{theirs}", headers=bearer(ALL)).json()["seq"] == before
    taken = send(server, writes(mine)[place], NEW_WEB)
    assert taken.status_code == 200, taken.text
    assert send(server, writes(theirs)[place], ALL).status_code == 200


def test_a_projects_token_begins_no_job_of_another_project(server: Served) -> None:
    job = f"job-{next(_numbers)}"
    update = {"type": "progress", "jobId": job, "projectId": "shop"}
    assert server.post("/api/updates", json=update, headers=bearer(WEB)).status_code == 403
    assert server.get(f"/api/jobs/{job}", headers=bearer(ALL)).status_code == 404
    mine = update | {"projectId": "web"}
    assert (
        server.post(
            "/api/updates", json=[mine, update | {"jobId": f"{job}-b"}], headers=bearer(WEB)
        ).status_code
        == 403
    )
    assert server.get(f"/api/jobs/{job}", headers=bearer(ALL)).status_code == 404
    assert server.post("/api/updates", json=mine, headers=bearer(WEB)).status_code == 200


def test_a_projects_token_reads_its_project_and_no_other(server: Served) -> None:
    mine, theirs = new_job(server, "web"), new_job(server, "shop")
    for path in ("", "/logs", "/events?follow=0", "/digest", "/tests", "/new"):
        read = server.get(f"/api/jobs/{mine}{path}", headers=bearer(WEB) | {"Accept": "*/*"})
        hidden = server.get(f"/api/jobs/{theirs}{path}", headers=bearer(WEB))
        missing = server.get(f"/api/jobs/nowhere{path}", headers=bearer(WEB))
        assert read.status_code == 200, path
        assert (hidden.status_code, hidden.content) == (403, missing.content), path
    assert server.get("/api/projects/shop", headers=bearer(WEB)).status_code == 403
    listed = server.get("/api/projects", headers=bearer(WEB)).json()["projects"]
    assert [one["projectId"] for one in listed] == ["web"]
    assert server.get("/api/projects").status_code == 401


def test_a_projects_token_signs_in_for_its_project(server: Served) -> None:
    mine, theirs = new_job(server, "web"), new_job(server, "shop")
    with requests.Session() as browser:
        browser.post(f"{server.url}/login", data={"token": WEB, "next": "/"}, timeout=30)
        assert browser.get(f"{server.url}/jobs/{mine}", timeout=30).status_code == 200
        assert browser.get(f"{server.url}/jobs/{theirs}", timeout=30).status_code == 403


def test_a_viewer_with_a_projects_token_follows_its_project_alone(server: Served) -> None:
    mine, theirs = new_job(server, "web"), new_job(server, "shop")
    with watch("python", server.url, auth={"token": WEB}) as viewer:
        assert viewer.call("subscribe:job", mine)["ok"] is True
        assert viewer.call("subscribe:project", "web")["ok"] is True
        for name, other in (
            ("subscribe:job", theirs),
            ("subscribe:job", "nowhere"),
            ("subscribe:project", "shop"),
        ):
            assert viewer.call(name, other)["error"]["code"] == "forbidden"


def test_with_projects_tokens_alone_nobody_writes_without_one(start_server: Callable[..., Served]) -> None:
    """Else somebody on this machine would write all projects by leaving the token away."""
    server = start_server(CHEF_PROJECT_TOKENS=f"web={WEB}")
    update = {"type": "progress", "jobId": "j", "projectId": "web"}
    for headers in ({}, bearer(SHOP), bearer(f"web={WEB}")):
        assert server.post("/api/updates", json=update, headers=headers).status_code == 401
    assert server.post("/api/updates", json=update, headers=bearer(WEB)).status_code == 200
    assert server.get("/api/jobs/j").status_code == 200  # reading is public here


def signed(secret: str) -> str:
    return jwt.encode({"exp": now_ms() // 1000 + 600, "scope": "read write"}, secret, algorithm="HS256")


def test_while_a_secret_is_exchanged_tokens_of_both_are_taken(start_server: Callable[..., Served]) -> None:
    server = start_server(CHEF_JWT_SECRET=SECRET, CHEF_JWT_SECRET_PREVIOUS=PREVIOUS)
    update = {"type": "progress", "jobId": "j", "projectId": "p"}
    for secret in (SECRET, PREVIOUS):
        headers = bearer(signed(secret))
        assert server.post("/api/updates", json=update, headers=headers).status_code == 200
        with watch("python", server.url, auth={"token": signed(secret)}) as viewer:
            assert viewer.call("subscribe:job", "j")["ok"] is True
    assert server.get("/api/jobs/j", headers=bearer(signed("x" * 40))).status_code == 401
    server.stop()
    server = start_server(CHEF_JWT_SECRET=SECRET)
    assert server.get("/api/jobs/j", headers=bearer(signed(SECRET))).status_code == 200
    assert server.get("/api/jobs/j", headers=bearer(signed(PREVIOUS))).status_code == 401
