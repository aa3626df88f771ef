"""Share links show what their level shows, and nothing else: every address is asked for with each of them.

Secrets are put into everything that a build may say. The addresses are those of `app.url_map`, so that a new
one is asked for, too, with the parameters that the API describes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from chef.access.levels import LEVELS, Level, at_level, event_at
from chef.api.openapi.document import document
from chef.domain.payloads import (
    CompletedEvent,
    ErrorEvent,
    JobJson,
    PhaseSpanJson,
    ProgressEvent,
    ProjectJson,
)
from chef.domain.runpayloads import BriefJobJson, NeighboursJson, RunJson, WholeRunJson
from tests.tools.sharing import bearer, share

TEXTS = (
    *("message", "title", "branch", "commit", "author", "command", "kind", "run", "repository", "number"),
    *("pullRequest", "url", "own", "error", "code"),
)
SUMMARY = tuple(f"SECRET-{name}" for name in TEXTS)
"""What `summary` shows and `progress` does not."""
LOG = (
    *("SECRET-line", "SECRET-stream", "SECRET-level", "SECRET-artifact", "SECRET-address", "SECRET-suite"),
    *("SECRET-output", "SECRET-assertion", "SECRET-case", "SECRET-slow", "SECRET-pause"),
)
"""What `log` alone shows."""
OTHERS = ("SECRET-elsewhere", "other-job", "other-project")
"""What no link to the job shows."""

JUNIT = """<testsuites><testsuite name="SECRET-suite">
<testcase classname="SECRET-suite" name="SECRET-case" time="9.9">
<failure message="SECRET-assertion">SECRET-output</failure></testcase>
<testcase classname="SECRET-suite" name="SECRET-slow" time="99.9"/></testsuite></testsuites>"""

ACCEPTS = ("text/html", "text/plain", "application/json", "text/event-stream")
QUERY = {
    **{name: f"SECRET-{name}" for name in ("branch", "author", "kind", "run")},
    "q": "SECRET",
    "projectId": "web",
    "project": "web",
    "status": "failed",
    "stream": "SECRET-stream",
    "cursor": "MXo",
    "epoch": "x",
    "budget": "20000",
    "follow": "0",
    "fail": "0",
    "wait": "0",
}
"""Values of parameters; that of others is 1."""
OF_PAGES = ("q", "kind", "part")
FILES = ("/static/", "/lib/", "/favicon", "/login", "/logout", "/health", "/chef", "/client", "/embed.js")


def meta(**more: str) -> dict[str, Any]:
    found = {name: f"SECRET-{name}" for name in TEXTS if name not in ("message", "error", "code")}
    return found | more


def build(client: Any, job_id: str, project_id: str, message: str, ends: bool) -> None:
    """A build that says a secret wherever it can."""
    begins = {
        "type": "progress",
        "jobId": job_id,
        "projectId": project_id,
        "phase": "building",
        "message": message,
    }
    updates: list[dict[str, Any]] = [
        begins | {"progress": 55, "meta": meta()},
        {"type": "log", "jobId": job_id, "message": "SECRET-line 1\nerror: SECRET-line 2"},
        {
            "type": "log",
            "jobId": job_id,
            "message": "SECRET-line 3",
            "stream": "SECRET-stream",
            "level": "SECRET-level",
        },
    ]
    assert client.post("/api/updates", json=updates).status_code == 200
    assert client.put(f"/api/jobs/{job_id}/tests", data=JUNIT).status_code == 200
    if ends:
        ending = {"type": "error", "jobId": job_id, "message": "SECRET-error", "code": "SECRET-code"}
        assert client.post("/api/updates", json=ending).status_code == 200


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application with builds that are shared, and others."""
    from chef import create_app
    from chef.settings.config import Settings

    url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'chef.db'}"
    made = create_app(Settings(database_url=url, frame_ancestors=("*",)))
    client = made.test_client()
    build(client, "failed", "web", "SECRET-message", ends=True)
    build(client, "running", "web", "SECRET-message", ends=False)
    artifact = {"name": "SECRET-artifact", "url": "https://x.example/SECRET-address"}
    done = {"type": "completed", "jobId": "done", "projectId": "web", "message": "SECRET-message"}
    client.post("/api/updates", json=done | {"artifacts": [artifact], "meta": meta()})
    elsewhere = {"type": "progress", "message": "SECRET-elsewhere"}
    client.post("/api/updates", json=elsewhere | {"jobId": "other-job", "projectId": "other-project"})
    yield made
    made.extensions["chef"].close()


def addresses(app: Flask) -> list[tuple[str, str]]:
    """Every address of the application with its method: with what is shared, and with what is not."""
    values = {
        "job_id": ("failed", "other-job"),
        "project_id": ("web", "other-project"),
        "run": ("SECRET-run",),
        "share_id": ("unknown",),
        "platform": ("render",),
        "name": ("socket.io-client.js",),
        "filename": ("job.js",),
    }
    found = []
    for rule in app.url_map.iter_rules():
        methods = sorted((rule.methods or set()) - {"OPTIONS"})
        for chosen in product(*(values.get(name, ("x",)) for name in sorted(rule.arguments))):
            given = dict(zip(sorted(rule.arguments), chosen, strict=True))
            path = rule.rule
            for name, value in given.items():
                for form in (f"<{name}>", f"<run:{name}>", f"<path:{name}>", f"<string:{name}>"):
                    path = path.replace(form, quote(value))
            assert "<" not in path, path
            found += [(method, path) for method in methods]
    assert len(found) > 100
    return sorted(set(found))


def hidden(level: Level) -> tuple[str, ...]:
    """The secrets that a link must not show."""
    own: tuple[str, ...] = {"progress": (*SUMMARY, *LOG), "summary": LOG, "log": ()}[level]
    return (*own, *OTHERS)


def asked(path: str, text: str) -> str:
    """An answer without what was asked for: a refusal may name it."""
    for part in (path, quote(path)):
        for word in part.replace("?", "/").replace("=", "/").replace("&", "/").split("/"):
            text = text.replace(word, "") if word.startswith(("SECRET-", "other-")) else text
    return text


@pytest.mark.parametrize("kind", ["job", "project"])
@pytest.mark.parametrize("level", LEVELS)
def test_no_address_shows_more_than_the_level_does(app: Flask, level: Level, kind: str) -> None:
    target = "jobs/failed" if kind == "job" else "projects/web"
    token = share(app, target, level)
    secrets = hidden(level)
    leaks, shown, count = [], set(), 0
    for method, path in addresses(app):
        for query, accept in wishes(app, method, path):
            count += 1
            text = text_of(app, method, path + query, accept, token)
            leaks += [
                (method, path + query, accept, one) for one in secrets if one in asked(path + query, text)
            ]
            if kind == "job" and any(
                f'"jobId":"{name}"' in text.replace(" ", "") for name in ("running", "done")
            ):
                leaks.append((method, path + query, accept, "another job"))
            shown |= {one for one in (*SUMMARY, *LOG) if one in asked(path + query, text)}
    assert leaks == []
    assert count > 300
    # What it is for is shown.
    if level != "progress":
        assert shown >= {"SECRET-title", "SECRET-branch", "SECRET-error", "SECRET-own"}
    if level == "log":
        assert shown >= {"SECRET-line", "SECRET-case", "SECRET-assertion", "SECRET-output"}


def wishes(app: Flask, method: str, path: str) -> Iterator[tuple[str, str]]:
    """Queries and types that an address is asked for with. A stream that goes on is not asked for here."""
    follows = "?follow=0" if path.endswith("/events") else ""
    yield follows, ""
    if method == "GET" and not path.startswith(FILES):
        for name in parameters(app, path):
            value = f"{name}={QUERY.get(name, '1')}"
            yield f"{follows}&{value}" if follows else f"?{value}", ""
        for accept in ("text/plain",) if path.startswith("/api/") else ACCEPTS:
            yield "?follow=0", accept


@cache
def described(app: Flask) -> dict[str, Any]:
    """The paths of the API's description."""
    paths: dict[str, Any] = document(app.extensions["chef"].settings)["paths"]
    return paths


def parameters(app: Flask, path: str) -> list[str]:
    """The parameters of the query that an address has: as the API describes them, and those of pages."""
    if not path.startswith("/api/"):
        return list(OF_PAGES)
    for template, operations in described(app).items():
        if re.fullmatch(re.sub("{[^}]+}", "[^/]+", template), path):
            given = operations.get("get", {}).get("parameters", [])
            named = [one.get("name") or one["$ref"].rpartition("/")[2] for one in given]
            return [name for name in named if f"{{{name}}}" not in template]
    return []


def text_of(app: Flask, method: str, path: str, accept: str, token: str) -> str:
    """All that an answer says, headers included; plainly asked also by the address of the link."""
    headers = {"Accept": accept} if accept else {}
    ways: list[tuple[str, dict[str, str]]] = [(path, headers | bearer(token))]
    if not headers:
        ways.append((f"/s/{token}{path}", {}))
    if "/badge." in path:
        ways.append((f"{path}{'&' if '?' in path else '?'}token={token}", headers))
    texts = []
    for address, more in ways:
        body: dict[str, Any] = {"json": {}} if method not in ("GET", "HEAD") else {}
        answer = app.test_client().open(address, method=method, headers=more, **body)
        assert method in ("GET", "HEAD") or answer.status_code >= 400 or path == "/logout", address
        texts.append(f"{answer.headers}\n{answer.get_data().decode(errors='replace')}")
        answer.close()
    return "\n".join(texts)


@pytest.mark.parametrize("level", LEVELS)
def test_the_page_of_a_link_shows_what_its_level_does(app: Flask, level: Level) -> None:
    for target in ("jobs/failed", "jobs/running", "projects/web"):
        token = share(app, target, level)
        for agent in ("Mozilla/5.0", "Slackbot-LinkExpanding 1.0", "curl/8.0"):
            answer = app.test_client().get(f"/s/{token}", headers={"User-Agent": agent})
            assert answer.status_code == 200
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
            found = [secret for secret in hidden(level) if secret in answer.text]
            assert found == []
            assert 'href="/"' not in answer.text
            assert ("SECRET-title" in answer.text) == (level != "progress")
            assert ("SECRET-line" in answer.text) == (level == "log" and target.startswith("jobs"))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("method", ["tools/list", "tools/call"])
def test_agents_see_no_more_either(app: Flask, level: Level, method: str) -> None:
    for target in ("jobs/failed", "projects/web"):
        token = share(app, target, level)
        calls = [("find_jobs", {}), ("find_runs", {"project": "web"}), ("compare_jobs", {"job": "failed"})]
        calls += [(name, {"job": job}) for name in JOB_TOOLS for job in ("failed", "other-job", "done")]
        calls += [("search_log", {"job": job, "text": "SECRET"}) for job in ("failed", "other-job")]
        calls += [("compare_jobs", {"job": "failed", "other": other}) for other in ("done", "other-job")]
        for name, arguments in calls if method == "tools/call" else [("", {})]:
            params = {"name": name, "arguments": arguments} if name else {}
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            answer = app.test_client().post(
                "/mcp",
                json=message,
                headers=bearer(token) | {"Accept": "application/json, text/event-stream"},
            )
            assert (answer.status_code == 200) == (level == "log")
            told = answer.text.replace("other-job", "") if "other" in str(arguments) else answer.text
            assert [one for one in hidden(level) if one in told] == []
            if target == "jobs/failed":
                assert '"done"' not in told or arguments.get("job") == "done"


JOB_TOOLS = ("get_digest", "read_log", "failed_tests", "wait_for_job")


# --- Socket.IO -----------------------------------------------------------------------------


@pytest.mark.parametrize("recovers", [False, True])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_viewers_are_sent_no_more_and_all_that_they_may_see(
    make_app: Callable[..., Flask], level: Level, batch: bool, recovers: bool
) -> None:
    app = make_app()
    client = app.test_client()
    build(client, "failed", "web", "SECRET-message", ends=False)
    build(client, "other-job", "other-project", "SECRET-elsewhere", ends=False)
    token = share(app, "jobs/failed", level)
    auth = {"token": token, "recovery": recovers}
    viewer = app.extensions["socketio"].test_client(app, auth=auth)
    wanted = {"jobId": "failed", "after": 0, "batch": batch}
    answers = [
        viewer.emit("subscribe:job", wanted, callback=True),
        viewer.emit("subscribe:job", "other-job", callback=True),
        viewer.emit("subscribe:project", "web", callback=True),
        viewer.emit("subscribe:job", "none", callback=True),
    ]
    assert [one["ok"] for one in answers] == [True, False, False, False]
    build(client, "failed", "web", "SECRET-message", ends=True)
    names = []
    texts = [json.dumps(answers)]
    for _ in range(200):
        import gevent

        gevent.sleep(0.01)
        for event in viewer.get_received():
            names.append(event["name"])
            texts.append(json.dumps(event["args"]))
        if "job:error" in names:
            break
    told = "\n".join(texts).replace("other-job", "")
    assert [one for one in hidden(level) if one in told] == []
    assert "job:error" in names
    assert ("SECRET-message" in told) == (level != "progress")
    assert any(name.startswith("job:log") for name in names) == (level == "log")


# --- the tables ----------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS[:2])
def test_nothing_shows_that_is_not_named(level: Level) -> None:
    """Fields that are added later are not shown until somebody says from which level on."""
    assert at_level(level, {"jobId": "a", "newField": "secret"}) == {"jobId": "a"}
    assert at_level(level, {"jobs": [{"jobId": "a", "newField": "secret"}]}) == {"jobs": [{"jobId": "a"}]}
    assert event_at(level, "job:new-event", '{"jobId": "a"}') is None
    assert event_at(level, "job:log", '{"jobId": "a", "message": "secret"}') is None
    assert event_at(level, "job:removed", '{"jobId": "a", "log": {}}') is None
    assert (
        event_at(level, "job:removed", '{"jobId": "a", "projectId": "b"}') == '{"jobId":"a","projectId":"b"}'
    )


SHAPES = (
    *(JobJson, ProjectJson, PhaseSpanJson, RunJson, WholeRunJson, BriefJobJson, NeighboursJson),
    *(ProgressEvent, CompletedEvent, ErrorEvent),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reduced_object_still_has_the_fields_that_its_readers_count_on(shape: Any) -> None:
    """A client that knows the shape of a job finds it, whatever the level."""
    import msgspec

    fields = msgspec.structs.fields(shape)
    given: dict[str, Any] = {field.encode_name: None for field in fields}
    given |= {"failure": {"summary": "x", "lines": [], "tests": []}} if "failure" in given else {}
    needed = {field.encode_name for field in fields if field.required}
    for level in LEVELS:
        assert needed <= at_level(level, given).keys(), level
