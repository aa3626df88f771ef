"""Webhooks of platforms: payloads in the forms that the platforms document, signed as they sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.domain.clock import now_ms
from chef.hooks import PLATFORMS, address_key

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
PAYLOADS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "hooks.json").read_text())


def digest(body: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(SECRET.encode(), body, algorithm)


def standard(body: bytes, sent_at: int | None = None) -> dict[str, str]:
    at = str(int(time.time()) if sent_at is None else sent_at)
    name = f"msg_{hashlib.sha256(body).hexdigest()[:20]}"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    made = base64.b64encode(hmac.digest(key, f"{name}.{at}.".encode() + body, "sha256")).decode()
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": f"v1,bm90IGl0 v1,{made}"}


def netlify(body: bytes) -> dict[str, str]:
    claims = {"iss": "netlify", "sha256": hashlib.sha256(body).hexdigest()}
    return {"X-Webhook-Signature": jwt.encode(claims, SECRET, "HS256")}


SIGN: dict[str, Callable[[bytes], dict[str, str]]] = {
    "github": lambda body: {"X-Hub-Signature-256": f"sha256={digest(body).hex()}"},
    "gitlab": lambda body: {"X-Gitlab-Token": SECRET},
    "vercel": lambda body: {"x-vercel-signature": digest(body, "sha1").hex()},
    "netlify": netlify,
    "heroku": lambda body: {"Heroku-Webhook-Hmac-SHA256": base64.b64encode(digest(body)).decode()},
    "render": standard,
}


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app(hook_secrets=("an-older-secret-of-ours", SECRET)).test_client()


def address(platform: str, project: str = "web") -> str:
    key = "" if platform in SIGN else f"?key={address_key(platform, project, SECRET)}"
    return f"/api/hooks/{platform}/{project}{key}"


def send(client: FlaskClient, platform: str, payload: Any, **headers: str) -> dict[str, Any]:
    body = json.dumps(payload).encode()
    signed = SIGN[platform](body) if platform in SIGN else {}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(
        address(platform), data=body, headers=signed | given, content_type="application/json"
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json or {}
    return told


def job(client: FlaskClient, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json or {}
    return found


@pytest.mark.parametrize("name", PAYLOADS)
def test_each_payload_tells_what_it_says(client: FlaskClient, name: str) -> None:
    """Of each kind: beginning and end of one deployment, and its job after each delivery."""
    case = PAYLOADS[name]
    platform = name.partition(" ")[0]
    for step in case:
        told = send(client, platform, step["payload"], **step.get("headers", {}))
        for job_id, fields in step["jobs"].items():
            assert job_id in told["jobs"]
            found = job(client, job_id)
            meta = fields.pop("meta", {})
            assert {key: found.get(key, True) for key in fields} == fields
            assert {key: found["meta"].get(key) for key in meta} == meta
            assert found["projectId"] == "web"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_is_taken_without_proof(client: FlaskClient, platform: str) -> None:
    body = json.dumps(next(one for name, one in PAYLOADS.items() if name.startswith(platform))[0]["payload"])
    bare = f"/api/hooks/{platform}/web"
    kind = "application/json"
    assert client.post(bare, data=body, content_type=kind).status_code == 401
    if platform not in SIGN:
        other = address(platform, "another")
        key = other.partition("?")[2]
        assert client.post(f"{bare}?{key}", data=body, content_type=kind).status_code == 401
        return
    signed = SIGN[platform]((body + " ").encode())
    if platform == "gitlab":
        signed = {"X-Gitlab-Token": SECRET[:-1]}
    assert client.post(bare, data=body, headers=signed, content_type=kind).status_code == 401
    assert client.get("/api/jobs?projectId=web").json == {"jobs": [], "next": None}


@pytest.mark.parametrize("name", ["github workflow_job", "github deployment_status"])
def test_a_repository_of_github_enterprise_is_on_its_own_host(client: FlaskClient, name: str) -> None:
    """Else its builds would be told to a repository of that name at github.com."""
    step = PAYLOADS[name][0]
    for address in ("https://git.example.com/acme/shop", "javascript:alert(1)", None):
        payload = step["payload"] | {"repository": {"full_name": "acme/shop", "html_url": address}}
        send(client, "github", payload, **step["headers"], **{"X-GitHub-Delivery": str(address)})
        (job_id,) = step["jobs"]
        known = address if address and address.startswith("https") else "https://github.com/acme/shop"
        assert job(client, job_id)["meta"]["repository"] == known


def test_a_form_is_taken_as_github_sends_it_unless_told_otherwise(client: FlaskClient) -> None:
    (step, *_) = PAYLOADS["github workflow_job"]
    payload = step["payload"] | {"odd": "a&b=c%20d+\u2603"}
    for fields, status in (
        ({"payload": json.dumps(payload)}, 200),
        ({"payload": "[1"}, 400),
        ({"x": "y"}, 400),
    ):
        body = urlencode(fields).encode()
        headers = SIGN["github"](body) | {"X-GitHub-Event": "workflow_job"}
        told = client.post(
            address("github"), data=body, headers=headers, content_type="application/x-www-form-urlencoded"
        )
        assert told.status_code == status, told.text
    assert job(client, next(iter(step["jobs"])))["status"] == "queued"


def test_a_delivery_that_comes_again_changes_nothing(client: FlaskClient) -> None:
    payload = PAYLOADS["github workflow_job"][1]["payload"]
    headers = {"X_GitHub_Event": "workflow_job", "X_GitHub_Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    first = send(client, "github", payload, **headers)
    seq = client.get("/api/jobs/github-job-2832853555/events?follow=0").json
    again = send(client, "github", payload, **headers)
    assert (first["accepted"], again["accepted"]) == (1, 0)
    assert client.get("/api/jobs/github-job-2832853555/events?follow=0").json == seq


def test_an_end_that_comes_again_is_that_of_the_same_deploy(client: FlaskClient) -> None:
    """Render names the service alone: meanwhile another deploy may run."""
    began, ended, began_next, _ = (step["payload"] for step in PAYLOADS["render deploy"])
    send(client, "render", began)
    first = send(client, "render", ended)
    again = send(client, "render", ended)
    assert (again["accepted"], again["jobs"]) == (0, first["jobs"])
    (running,) = send(client, "render", began_next)["jobs"]
    again = send(client, "render", ended)
    assert (again["accepted"], again["jobs"]) == (0, first["jobs"])
    assert job(client, running)["status"] == "building"
    assert len((client.get("/api/jobs?projectId=web").json or {})["jobs"]) == 2


def test_deliveries_in_another_order_bring_no_job_back(client: FlaskClient) -> None:
    queued, running, ended = (step["payload"] for step in PAYLOADS["github workflow_job"])
    tell = partial(send, client, "github", X_GitHub_Event="workflow_job")
    name = "github-job-2832853555"
    tell(running, X_GitHub_Delivery="1")
    assert tell(queued, X_GitHub_Delivery="2")["ignored"] == [f"{name}: it has begun already"]
    assert job(client, name)["phase"] == "deploying"
    tell(ended, X_GitHub_Delivery="3")
    # As a replay under another name, which no signature covers.
    for number, payload in enumerate((queued, running, ended, queued | {"action": "waiting"})):
        assert tell(payload, X_GitHub_Delivery=f"again-{number}")["accepted"] == 0
    assert job(client, name)["status"] == "failed"


def test_what_was_skipped_before_it_began_is_no_job(client: FlaskClient) -> None:
    queued, _, ended = (step["payload"] for step in PAYLOADS["github workflow_job"])
    skipped = ended | {"workflow_job": ended["workflow_job"] | {"conclusion": "skipped", "steps": []}}
    tell = partial(send, client, "github", X_GitHub_Event="workflow_job")
    assert tell(skipped, X_GitHub_Delivery="1")["jobs"] == []
    assert client.get("/api/jobs/github-job-2832853555").status_code == 404
    tell(queued, X_GitHub_Delivery="2")
    tell(skipped, X_GitHub_Delivery="3")
    assert job(client, "github-job-2832853555")["status"] == "cancelled"


def test_a_delivery_to_two_projects_is_shown_in_the_first(client: FlaskClient) -> None:
    payload = PAYLOADS["vercel deployment"][0]["payload"]
    send(client, "vercel", payload)
    body = json.dumps(payload).encode()
    answer = client.post(address("vercel", "other"), data=body, headers=SIGN["vercel"](body))
    assert answer.status_code == 200
    assert "another project" in (answer.json or {})["ignored"][0]
    assert client.get("/api/jobs?projectId=other").json == {"jobs": [], "next": None}


def test_nothing_of_a_body_is_read_before_its_proof(client: FlaskClient) -> None:
    for body in (b"{", b"[" * 100_000, b"\xff", b""):
        answer = client.post("/api/hooks/github/web", data=body, content_type="application/json")
        assert answer.status_code == 401


def test_railways_event_says_how_it_ended_and_its_details_where_the_name_is_another(
    client: FlaskClient,
) -> None:
    example = PAYLOADS["railway deployment"][1]["payload"]
    for number, (kind, status, found) in enumerate(
        [
            ("Deployment.failed", "SUCCESS", "failed"),  # as the documentation's example has it
            ("Deployment.deployed", "SUCCESS", "completed"),
            ("Deployment.crashed", "", "failed"),
        ]
    ):
        named = {"resource": example["resource"] | {"deployment": {"id": f"d{number}"}}}
        told = {"type": kind, "details": example["details"] | {"status": status}}
        (job_id,) = send(client, "railway", example | told | named)["jobs"]
        assert job(client, job_id)["status"] == found


ODD: list[Any] = [
    "",
    " ",
    "\n\n",
    "\0",
    "a\0b",
    "\ud83d",
    "x" * 5000,
    "\U0001f600" * 5000,
    '"' * 5000,
    "\x1b[31m" * 500,
]
ODD += [None, True, 0, -1, 1.5, 10**30, [], {}, ["a"], "\ufffe", "a/b c#?", "\u202e"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all that is no list or object in JSON."""
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[name], (*path, name))
    else:
        yield path


def exchanged(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = exchanged(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_platforms_delivery_is_taken_whatever_stands_in_its_fields(client: FlaskClient, name: str) -> None:
    step = PAYLOADS[name][-1]
    found = list(places(step["payload"]))
    for number, odd in enumerate(ODD):
        for place in found[number % 3 :: 3]:  # Each field gets some of them.
            send(
                client,
                name.partition(" ")[0],
                exchanged(step["payload"], place, odd),
                **step.get("headers", {}),
            )


def test_an_old_delivery_of_a_standard_webhook_is_refused(client: FlaskClient) -> None:
    body = json.dumps(PAYLOADS["render deploy"][0]["payload"]).encode()
    old = standard(body, int(time.time()) - 600)
    assert client.post(address("render"), data=body, headers=old).status_code == 401


def test_what_is_not_shown_and_what_comes_late_is_answered_well(client: FlaskClient) -> None:
    ping = send(client, "github", {"zen": "Keep it logically awesome."}, X_GitHub_Event="ping")
    assert ping == {"accepted": 0, "jobs": [], "ignored": ["nothing of this event is shown"]}
    for step in PAYLOADS["vercel deployment"]:
        send(client, "vercel", step["payload"])
    late = PAYLOADS["vercel deployment"][0]["payload"] | {"id": "another"}
    told = send(client, "vercel", late)
    assert told["jobs"] == []
    assert told["ignored"][0].startswith("vercel-dpl_")


def test_odd_payloads_are_no_fault_of_ours(client: FlaskClient) -> None:
    odd: list[Any] = [{}, {"type": []}, {"workflow_job": 5, "action": {}}, {"builds": [None, 3, {"id": {}}]}]
    odd += [
        {"object_kind": "pipeline", "builds": {}},
        {"resource": "build", "data": []},
        {"state": 1, "id": []},
    ]
    for payload in odd:
        for platform in PLATFORMS:
            send(client, platform, payload, X_GitHub_Event="workflow_job")
    for body in (b"", b"[]", b"{", b"\xff", b"1e999"):
        headers = SIGN["github"](body)
        answer = client.post(address("github"), data=body, headers=headers, content_type="application/json")
        assert answer.status_code == 400
    form = client.post(address("gitlab"), data={"payload": "{}"})
    assert form.status_code == 400
    assert "application/json" in (form.json or {})["detail"]


def test_without_a_secret_and_for_unknown_platforms_it_says_so(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    assert "CHEF_HOOK_SECRET" in (client.post("/api/hooks/github/web", json={}).json or {})["detail"]
    assert client.post("/api/hooks/github/web", json={}).status_code == 403
    unknown = client.post("/api/hooks/travis/web", json={})
    assert unknown.status_code == 404
    assert "github" in (unknown.json or {})["detail"]


# The name of the deploy in the payloads, and how a beginning becomes an end that went well.
DEPLOYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "github workflow_job": (
        "2832853555",
        lambda began: (
            began | {"action": "completed", "workflow_job": began["workflow_job"] | {"conclusion": "success"}}
        ),
    ),
    "github deployment_status": (
        "145988746",
        lambda began: began | {"deployment_status": {"state": "success"}},
    ),
    "gitlab job": ("1977", lambda began: began | {"build_status": "success"}),
    "vercel deployment": ("dpl_5WJ", lambda began: began | {"id": "evt_2", "type": "deployment.succeeded"}),
    "netlify deploy": ("5ebc34bf", lambda began: began | {"state": "ready"}),
    "heroku build": (
        "01234567",
        lambda began: began | {"webhook_metadata": {}, "data": began["data"] | {"status": "succeeded"}},
    ),
    "render deploy": (
        "evt-1",
        lambda began: (
            began
            | {"type": "deploy_ended", "data": began["data"] | {"id": "evt-1-end", "status": "succeeded"}}
        ),
    ),
    "railway deployment": (
        "8107edff",
        lambda began: (
            began | {"type": "Deployment.success", "details": began["details"] | {"status": "SUCCESS"}}
        ),
    ),
}


@pytest.mark.parametrize("name", DEPLOYS)
def test_from_the_second_deploy_on_the_bar_moves_by_the_usual_time(
    make_app: Callable[..., Flask], name: str
) -> None:
    now = [now_ms()]
    client = make_app(hook_secrets=(SECRET,), clock=lambda: now[0]).test_client()
    known_by, ending = DEPLOYS[name]
    step = next(one for one in PAYLOADS[name] if "building" in str(one["jobs"].values()))
    platform, headers = name.partition(" ")[0], step.get("headers", {})

    def tell(payload: Any) -> list[str]:
        jobs: list[str] = send(client, platform, payload, **headers)["jobs"]
        return jobs

    (first,) = tell(step["payload"])
    assert job(client, first)["eta"] is None
    now[0] += 100_000
    assert tell(ending(step["payload"])) == [first]
    assert job(client, first)["status"] == "completed"

    second = json.loads(json.dumps(step["payload"]).replace(known_by, known_by[:-1] + "9"))
    (running,) = tell(second)
    assert running != first
    now[0] += 25_000
    times = job(client, running)["eta"]["remainingMs"]
    assert times["low"] == times["median"] == times["high"] == 75_000
    shown = [_percent(client, running)]
    now[0] += 25_000
    assert "about 50 s left, as the last time" in client.get(f"/jobs/{running}").text
    shown.append(_percent(client, running))
    assert 15 <= shown[0] < shown[1] <= 60
    now[0] += 120_000
    assert job(client, running)["eta"]["overMs"] == 70_000


def _percent(client: FlaskClient, job_id: str) -> float:
    bar = client.get(f"/jobs/{job_id}").text.partition('id="bar"')[2].partition(">")[0]
    return float(bar.partition('value="')[2].partition('"')[0])


def test_of_other_jobs_one_run_says_nothing(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    for name in ("one", "two"):
        begun = {"type": "progress", "jobId": name, "projectId": "web", "phase": "building"}
        assert client.post("/api/updates", json=begun).status_code == 200
        assert job(client, name)["eta"] is None
        assert client.post("/api/updates", json={"type": "completed", "jobId": name}).status_code == 200


@pytest.mark.real
def test_the_address_is_printed(tmp_path: Path) -> None:
    def run(*words: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).parent.parent)
        environment = {"CHEF_HOOK_SECRET": secret, "PYTHONPATH": root}
        command = [sys.executable, "-m", "chef", "hook", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )

    assert run("github", "web").stdout == "http://localhost:3001/api/hooks/github/web\n"
    assert run("railway", "web").stdout == f"http://localhost:3001{address('railway')}\n"
    for wrong in (run("railway", "a b"), run("travis", "web"), run("github", "web", secret="")):
        assert wrong.returncode == 2
        assert wrong.stderr.count("\n") == 1
