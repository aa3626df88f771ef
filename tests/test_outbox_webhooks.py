"""Webhooks that Chef sends, by a real server to a fake target: form, words, order, refusals, patience."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest

from chef.hooks.delivery import HookDelivery
from chef.hooks.signatures import standard_webhook
from tests.test_metrics import NOTIFY_METRICS
from tests.tools.serving import Served
from tests.tools.targets import FakeTarget, Reply, Sent, fake_target
from tests.tools.watching import eventually

KEY = b"0123456789012345678901234567890"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD_SECRET = "an-old-secret-of-ours"
HIDDEN = "hunter2hunter2"

Start = Callable[..., Served]


@pytest.fixture
def target() -> Iterator[FakeTarget]:
    with fake_target() as found:
        yield found


@pytest.fixture
def start(start_server: Start) -> Start:
    """Start a server with some targets."""

    def start(notify: str, **environment: str) -> Served:
        common = {"CHEF_HOOK_SECRET": SECRET, "CHEF_ALLOWED_HOSTS": "*"}
        return start_server(**common | {"CHEF_NOTIFY": notify} | environment)

    return start


def end(job: str, kind: str = "error", project: str = "web", **fields: Any) -> dict[str, Any]:
    message = {"message": "boom"} if kind == "error" else {}
    return {"type": kind, "jobId": job, "projectId": project, **message, **fields}


def told(sent: list[Sent]) -> list[tuple[str, str]]:
    return [(one.json["data"]["jobId"], one.json["type"]) for one in sent]


def test_it_has_the_form_of_the_specification_and_the_job_as_the_api_has_it(
    target: FakeTarget, start: Start
) -> None:
    served = start(
        f"{target.url}/hook?a=b#failed",
        CHEF_URL="https://chef.example/ci",
        CHEF_HOOK_SECRET=f"{SECRET},{OLD_SECRET}",
    )
    served.update(end("web-17"))
    (sent,) = target.wait(lambda sent: sent)
    assert (sent.method, sent.path) == ("POST", "/hook?a=b")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["host"] == f"127.0.0.1:{target.port}"
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in (KEY, OLD_SECRET.encode())
    ]
    assert sent.headers["webhook-signature"].split(" ") == expected
    assert abs(int(sent.headers["webhook-timestamp"]) - time.time()) < 60
    assert standard_webhook(HookDelivery(sent.headers, sent.body, {}), SECRET, time.time())
    job = served.get("/api/jobs/web-17").json()
    body = sent.json
    assert body["type"] == "job.failed"
    assert body["timestamp"] == job["finishedAt"]
    assert body["data"].pop("link") == "https://chef.example/ci/jobs/web-17"
    assert body["data"] == job


def test_each_word_is_told_once_in_the_order_of_the_job(target: FakeTarget, start: Start) -> None:
    words = "started,completed,failed,recovered,cancelled"
    served = start(f"{target.url}/all#{words} {target.url}/default {target.url}/web#completed&project=web")
    branch = {"kind": "ci", "branch": "main"}
    served.update(end("a", meta=branch), end("b", "completed", "web", meta=branch))
    served.update(end("c", "cancelled", meta=branch), end("d", "completed", meta=branch))
    served.update(end("e", meta=branch), end("f", "completed", meta=branch | {"branch": "other"}))
    served.update(end("g", "completed", "shop", meta=branch), end("h", "cancelled", meta=branch))
    served.update(end("i", "completed", meta=branch))
    target.wait(lambda sent: len(sent) >= 9 + 9 + 2 + 4 + 4)
    time.sleep(0.5)
    by_path = {path: told([one for one in target.sent if one.path == path]) for path in ("/all", "/default")}
    ends = {"a": ["failed"], "b": ["completed", "recovered"], "c": ["cancelled"], "d": ["completed"]}
    ends |= {"e": ["failed"], "f": ["completed"], "g": ["completed"], "h": ["cancelled"]}
    ends |= {"i": ["completed", "recovered"]}  # The one before it was cancelled, which says nothing.
    for job, words_of_job in ends.items():
        expected = ["job.started", *(f"job.{word}" for word in words_of_job)]
        assert [word for name, word in by_path["/all"] if name == job] == expected
    assert sorted(by_path["/default"]) == [
        ("a", "job.failed"),
        ("b", "job.recovered"),
        ("e", "job.failed"),
        ("i", "job.recovered"),
    ]
    assert {job for job, _ in told([one for one in target.sent if one.path == "/web"])} == {
        "b",
        "d",
        "f",
        "i",
    }
    assert len({one.headers["webhook-id"] for one in target.sent}) == len(target.sent)


def test_progress_is_told_as_it_moves_at_least_three_seconds_apart(target: FakeTarget, start: Start) -> None:
    served = start(f"{target.url}#progress,completed")
    begun = time.monotonic()
    while time.monotonic() - begun < 4.5:
        served.update(
            {
                "type": "progress",
                "jobId": "a",
                "projectId": "web",
                "progress": int(10 * (time.monotonic() - begun)),
            }
        )
        time.sleep(0.1)
    served.update(end("a", "completed"))
    sent = target.wait(lambda sent: sent and sent[-1].json["type"] == "job.completed")
    moving = [one for one in sent if one.json["type"] == "job.progress"]
    assert len(moving) == 2
    assert all(second.at - first.at >= 2.9 for first, second in pairwise(moving))
    assert sent[-1] is not moving[-1]


def refusing(status: int, **headers: str) -> Callable[[Sent], Reply]:
    """Refuses the first request, and takes all others."""
    seen = list[Sent]()

    def reply(sent: Sent) -> Reply:
        seen.append(sent)
        return (status if len(seen) == 1 else 200), headers, b"{}"

    return reply


@pytest.mark.parametrize("status", [429, 503])
def test_what_may_pass_is_tried_again_with_the_same_id(target: FakeTarget, start: Start, status: int) -> None:
    target.reply = refusing(status)
    served = start(f"{target.url}#failed")
    served.update(end("a"))
    first, second = target.wait(lambda sent: len(sent) == 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_target_says_when_to_come_again(target: FakeTarget, start: Start, form: str) -> None:
    def refuse(sent: Sent) -> Reply:
        after = "4" if form == "seconds" else formatdate(time.time() + 5, usegmt=True)  # In whole seconds.
        return (429 if len(target.sent) == 1 else 200), {"Retry-After": after}, b"{}"

    target.reply = refuse
    served = start(f"{target.url}#failed")
    served.update(end("a"))
    time.sleep(0.5)
    served.update(end("b"))
    sent = target.wait(lambda sent: len(sent) == 3)
    assert sent[1].at - sent[0].at >= 3.5
    assert sorted(told(sent[1:])) == [("a", "job.failed"), ("b", "job.failed")]


@pytest.mark.parametrize("status", [302, 404])
def test_what_will_not_get_better_is_refused_once(target: FakeTarget, start: Start, status: int) -> None:
    with fake_target() as elsewhere:
        target.reply = refusing(status, Location=f"{elsewhere.url}/moved")
        served = start(f"{target.url}/{HIDDEN}#failed")
        served.update(end("a"))
        target.wait(lambda sent: sent)
        served.update(end("b"))
        sent = target.wait(lambda sent: len(sent) == 2)
        assert told(sent) == [("a", "job.failed"), ("b", "job.failed")]
        assert elsewhere.sent == []
    log = served.output.read_text()
    assert log.count("refuses job a") == 1
    assert f"status {status}" in log
    assert HIDDEN not in log


def test_a_target_that_is_gone_is_told_nothing_more(target: FakeTarget, start: Start) -> None:
    target.reply = refusing(410)
    served = start(f"{target.url}#failed")
    served.update(end("a"))
    target.wait(lambda sent: sent)
    eventually(lambda: "is told nothing any more" in served.output.read_text())
    served.update(end("b"))
    time.sleep(1.5)
    assert told(target.sent) == [("a", "job.failed")]


def test_what_happens_is_counted(target: FakeTarget, start: Start) -> None:
    target.reply = refusing(400)
    served = start(f"{target.url}#failed")
    served.update(end("a"))
    served.update(end("b"))
    target.wait(lambda sent: len(sent) == 2)
    eventually(lambda: 'chef_notify_sent_total{kind="webhook"} 1.0' in served.get("/metrics").text)
    text = served.get("/metrics").text
    for name in NOTIFY_METRICS:
        assert f'chef_notify_{name}{{kind="webhook"}}' in text
    assert 'chef_notify_failed_total{kind="webhook"} 1.0' in text
    # What was told waits until that is stored.
    eventually(lambda: 'chef_notify_waiting{kind="webhook"} 0.0' in served.get("/metrics").text)


def test_an_answer_without_an_end_holds_nobody_up(target: FakeTarget, start: Start) -> None:
    target.reply = lambda sent: (200, {}, b"x" * 5_000_000)
    served = start(f"{target.url}#failed")
    served.update(end("a"), end("b"))
    assert len(target.wait(lambda sent: len(sent) == 2)) == 2
    eventually(lambda: 'chef_notify_sent_total{kind="webhook"} 2.0' in served.get("/metrics").text)


def test_an_erased_job_is_told_to_nobody(target: FakeTarget, start: Start) -> None:
    target.stop()
    served = start(f"{target.url}#failed")
    served.update(end("a"), end("b"))
    eventually(lambda: "is told later" in served.output.read_text())
    assert served.session.delete(f"{served.url}/api/jobs/a", timeout=10).status_code in (200, 202, 204)
    target.start()
    target.wait(lambda sent: sent)
    time.sleep(1.5)
    assert told(target.sent) == [("b", "job.failed")]
    assert json.loads(target.sent[0].body)["data"]["jobId"] == "b"
