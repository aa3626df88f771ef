"""Commit statuses: what each forge is told, and what is made of its answers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from chef.domain.model import Job
from chef.outbox.channel import NotifyChannel
from chef.outbox.kinds import make_channels
from chef.outbox.statusplaces import context_of, place_of
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request, Word
from chef.settings.config import Settings
from tests.tools.forges import SHA, TOKEN, FakeForge, FakeGitea, FakeGitHub, FakeGitLab, ForgeReply
from tests.tools.notices import AT, LINK, ended_job, estimated, notice_of, told_job

FORGES: tuple[type[FakeForge], ...] = (FakeGitHub, FakeGitLab, FakeGitea)


def channels(setting: str) -> tuple[NotifyChannel, ...]:
    return make_channels(Settings.from_env({"CHEF_STATUS_TOKEN": setting}, dotenv=None))


def channel(forge: FakeForge) -> NotifyChannel:
    (found,) = channels(forge.setting)
    return found


def sender(forge: FakeForge) -> Callable[[Request], Answer]:
    """Hands requests to a forge as a server would."""

    def send(request: Request) -> Answer:
        assert request.method == "POST"
        assert request.url.startswith(f"http://127.0.0.1:{forge.port}/")
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = forge.take(urlsplit(request.url).path, headers, request.body)
        answered = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, answered, json.dumps(reply.body).encode())

    return send


def of(forge: FakeForge, make: Callable[..., Job] = told_job, *args: Any, **fields: Any) -> Job:
    """A job of the forge's commit."""
    meta = {"repository": forge.repository, "commit": SHA, "branch": "main"} | fields.pop("meta", {})
    return make(*args, meta=meta, **fields)


def tell(forge: FakeForge, job: Job, handle: str | None = None, **about: Any) -> Outcome:
    notice = notice_of(job, **about)
    return channel(forge).tell(notice, handle, sender(forge))


@pytest.fixture(params=FORGES, ids=lambda forge: forge.kind)
def forge(request: pytest.FixtureRequest) -> FakeForge:
    made: FakeForge = request.param(port=3000)
    return made


@pytest.fixture
def gitlab() -> FakeGitLab:
    return FakeGitLab(port=3000)


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub(port=3000)


ENDS = {
    "github": {"completed": "success", "failed": "failure", "cancelled": "error", "abandoned": "error"},
    "gitlab": {"completed": "success", "failed": "failed", "cancelled": "canceled", "abandoned": "failed"},
    "gitea": {"completed": "success", "failed": "failure", "cancelled": "error", "abandoned": "error"},
}


def test_a_running_build_is_pending_with_its_percent_and_time(forge: FakeForge) -> None:
    outcome = tell(forge, of(forge, phase="deploying"), estimate=estimated(180_000))
    assert isinstance(outcome, Delivered)
    (said,) = forge.said("chef/web")
    assert said.state == ("running" if forge.kind == "gitlab" else "pending")
    assert said.description.startswith("deploying 62 %, about 3 min")
    assert said.target_url == LINK
    assert f"/{SHA}" in forge.asked[0][0]


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "abandoned"])
def test_each_end_is_the_forges_own(forge: FakeForge, status: Any) -> None:
    assert isinstance(tell(forge, of(forge, ended_job, status), word=Word(status)), Delivered)
    (said,) = forge.said("chef/web")
    assert said.state == ENDS[forge.kind][status]
    assert said.description.startswith(status)


def test_a_queued_build_is_pending_everywhere(forge: FakeForge) -> None:
    tell(forge, of(forge, status="queued", phase="queued", progress=0))
    assert [said.state for said in forge.said("chef/web")] == ["pending"]


def test_jobs_of_one_commit_have_names_of_their_own(forge: FakeForge) -> None:
    """By project and kind, so that a leg of a matrix does not overwrite another."""
    for kind in ("CI / test / Python 3.11", "CI / test / Python 3.12"):
        tell(forge, of(forge, meta={"kind": kind}))
    names = [said.context for said in forge.statuses[SHA]]
    assert names == ["chef/web: CI / test / Python 3.11", "chef/web: CI / test / Python 3.12"]


@pytest.mark.parametrize("kind", ["x" * 5000, "\U0001f680 deploy", "a\nb\0c", " a  b ", "é" * 190])
def test_a_name_fits_and_differs_where_kinds_differ(forge: FakeForge, kind: str) -> None:
    for other in (kind, f"{kind}x"):
        assert isinstance(tell(forge, of(forge, meta={"kind": other})), Delivered)
    names = [said.context for said in forge.statuses[SHA]]
    assert len(set(names)) == 2
    assert all(len(name) <= 200 and name.isprintable() and max(name) <= "\uffff" for name in names)


def test_a_kind_that_is_no_text_is_none() -> None:
    assert context_of(told_job(meta={"kind": {"a": "b"}})) == "chef/web"
    assert context_of(told_job(meta={"kind": 7})) == "chef/web: 7"


def test_what_a_build_says_is_cut_and_made_plain(forge: FakeForge) -> None:
    message = "\U0001f4a5 it\x1b[31m broke\r\n" + "very " * 200
    assert isinstance(tell(forge, of(forge, ended_job, "failed", message=message)), Delivered)
    (said,) = forge.said("chef/web")
    assert said.description.startswith("failed: it broke very")
    assert said.description.isprintable()
    assert len(said.description) <= (140 if forge.kind == "github" else 255)


def test_a_job_without_a_link_or_with_a_long_one_is_told_all_the_same(gitlab: FakeGitLab) -> None:
    for link in ("", "https://chef.example/" + "a" * 300):
        notice = Notice(of(gitlab, ended_job, "failed"), Word.FAILED, None, link, AT, "5f" * 16)
        assert isinstance(channel(gitlab).tell(notice, None, sender(gitlab)), Delivered)
    assert [said.target_url for said in gitlab.said("chef/web")] == [None, None]


# Which jobs


def test_only_jobs_of_a_whole_commit_are_told_and_the_log_says_so_once(
    forge: FakeForge, caplog: pytest.LogCaptureFixture
) -> None:
    told = channel(forge)
    assert told.concerns(of(forge))
    assert told.concerns(of(forge, meta={"commit": SHA.upper()}))
    for meta in ({"commit": None}, {"commit": ""}, {"repository": None}, {"repository": "acme"}):
        assert not told.concerns(of(forge, meta=meta))
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert not told.concerns(of(forge, meta={"commit": SHA[:7]}))
    (line,) = caplog.messages
    assert "job web-17: its meta.commit is not a whole commit id" in line
    assert TOKEN not in line


SETTING = "github.com=a,github.com/acme=b,github.com/acme/shop=c,gitlab+http://git.example.com:3000=d"


@pytest.mark.parametrize(
    ("repository", "token"),
    [
        ("https://github.com/other/shop", "a"),
        ("https://github.com/ACME/web", "b"),
        ("git@github.com:acme/shop.git", "c"),
        ("https://github.com/acme/shop/tree/main", "c"),
        ("https://github.com/acme/shopping", "b"),
        ("http://git.example.com:3000/a/b/c", "d"),
        ("https://git.example.com/a/b/c", "d"),
        ("ssh://git@git.example.com:2222/a/b/c", "d"),
        ("https://git.example.com:8443/a/b/c", None),
        ("https://github.com.evil.example/acme/shop", None),
        ("https://api.github.com/acme/shop", None),
        ("https://gitlab.com/acme/shop", None),
        ("acme/shop", None),
    ],
)
def test_a_token_is_for_its_own_repositories(repository: str, token: str | None) -> None:
    found = [
        one.key.rpartition(" ")[2]
        for one in channels(SETTING)
        if one.concerns(told_job(meta={"repository": repository, "commit": SHA}))
    ]
    assert found == ([token] if token else [])


def test_owner_and_name_alone_are_of_the_host_that_is_known() -> None:
    meta = {"repository": "acme/shop", "commit": SHA}
    tokens = Settings.from_env({"CHEF_STATUS_TOKEN": SETTING}, dotenv=None).status_tokens
    assert place_of(meta, tokens) is None
    place = place_of(meta | {"url": "https://github.com/acme/shop/actions/runs/1"}, tokens)
    assert place is not None
    assert (place.token.token, place.path) == ("c", "acme/shop")
    (only,) = channels("gitlab.example.com=x")
    assert only.concerns(told_job(meta=meta))
    assert place_of(meta | {"url": "http://[bad"}, tokens) is None


def test_a_host_with_several_ports_is_meant_by_its_own_port() -> None:
    meta = {"repository": "git@gitlab.com:acme/shop.git", "commit": SHA}
    tokens = Settings.from_env(
        {"CHEF_STATUS_TOKEN": "gitlab.com:8443=a,gitlab.com=b,gitea+git.com:1=c,gitea+git.com:2=d"},
        dotenv=None,
    ).status_tokens
    found = place_of(meta, tokens)
    assert found is not None
    assert found.token.token == "b"
    assert place_of(meta | {"repository": "git@git.com:acme/shop.git"}, tokens) is None


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("x", f"https://api.github.com/repos/acme/shop/statuses/{SHA}"),
        ("acme.ghe.com=x", f"https://api.acme.ghe.com/repos/acme/shop/statuses/{SHA}"),
        ("github+git.example.com=x", f"https://git.example.com/api/v3/repos/acme/shop/statuses/{SHA}"),
        ("gitlab.com=x", f"https://gitlab.com/api/v4/projects/acme%2Fshop/statuses/{SHA}"),
        ("codeberg.org=x", f"https://codeberg.org/api/v1/repos/acme/shop/statuses/{SHA}"),
        ("forgejo+git.io:3000=x", f"https://git.io:3000/api/v1/repos/acme/shop/statuses/{SHA}"),
    ],
)
def test_the_token_goes_to_its_forge_alone(setting: str, url: str) -> None:
    (told,) = channels(setting)
    sent: list[Request] = []

    def send(request: Request) -> Answer:
        sent.append(request)
        return Answer(201)

    job = told_job(meta={"repository": "acme/shop", "commit": SHA})
    assert isinstance(told.tell(notice_of(job), None, send), Delivered)
    assert [request.url for request in sent] == [url]
    assert "x" not in told.label.rpartition("//")[0]


# Answers


def test_gitlab_shows_the_first_words_of_a_running_build_until_its_end(gitlab: FakeGitLab) -> None:
    """It refuses a state again: no error, and not asked once more. Words that stay say of when they are."""
    handle: str | None = None
    steps = [
        of(gitlab, status="queued", phase="queued", progress=0),
        of(gitlab, status="queued", phase="queued", progress=0, message="waits"),
        of(gitlab, status="queued", phase="queued", progress=0, message="waits still"),
        *(of(gitlab, progress=percent) for percent in (20, 40, 60, 80)),
        of(gitlab, ended_job, "failed"),
    ]
    for job in steps:
        outcome = tell(gitlab, job, handle)
        assert isinstance(outcome, Delivered)
        handle = outcome.handle
    assert [said.state for said in gitlab.said("chef/web")] == ["pending", "running", "failed"]
    assert [status for _, status in gitlab.asked] == [201, 400, 201, 400, 201]
    assert gitlab.said("chef/web")[1].description.endswith(" UTC)")


def test_gitlab_is_told_of_a_run_in_the_pipeline_in_which_it_began(gitlab: FakeGitLab) -> None:
    begun = tell(gitlab, of(gitlab))
    assert isinstance(begun, Delivered)
    gitlab.pipeline = 71
    tell(gitlab, of(gitlab, ended_job, "completed"), begun.handle)
    assert [(one.pipeline, one.ref) for one in gitlab.said("chef/web")] == [(70, "main"), (70, None)]
    job_page = f"{gitlab.repository}/-/jobs/5"
    tell(gitlab, of(gitlab, ended_job, "completed", meta={"url": job_page, "kind": "own"}))
    assert [one.ref for one in gitlab.said("chef/web: own")] == [None]


def test_a_rerun_of_the_same_commit_is_running_again(forge: FakeForge) -> None:
    tell(forge, of(forge, ended_job, "failed"))
    tell(forge, of(forge))
    assert forge.said("chef/web")[-1].state in ("pending", "running")


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        (ForgeReply(403, {"message": "secondary rate limit"}, {"Retry-After": "30"}), 30, 30),
        (ForgeReply(429, {}, {"Retry-After": "7"}), 7, 7),
        (ForgeReply(403, {"message": "You have exceeded a secondary rate limit."}), 60, 60),
        (ForgeReply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "RESET"}), 30, 41),
        (ForgeReply(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 15}), 3600, 3600),
        (ForgeReply(403, {}, {"X-RateLimit-Remaining": "0"}), 60, 60),
    ],
)
def test_github_is_given_the_time_that_it_asks_for(
    github: FakeGitHub, reply: ForgeReply, least: float, most: float
) -> None:
    headers = {
        name: str(int(time.time()) + 40) if value == "RESET" else value
        for name, value in reply.headers.items()
    }
    github.faults = [reply._replace(headers=headers)]
    outcome = tell(github, of(github))
    assert isinstance(outcome, NotNow)
    assert outcome.after_s is not None
    assert least <= outcome.after_s <= most


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "the token is not valid"),
        (403, "the token may not set statuses of acme/shop"),
        (404, "there is no acme/shop with this commit, or the token may not see it"),
        (422, "the commit is not in acme/shop, or has too many statuses"),
        (301, "acme/shop has another name by now"),
    ],
)
def test_a_refusal_says_what_to_look_at(status: int, reason: str) -> None:
    for forge in (FakeGitHub(port=3000), FakeGitea(port=3000), FakeGitLab(path="acme/shop", port=3000)):
        forge.faults = [ForgeReply(status, {"message": f"no {TOKEN}"})]
        outcome = tell(forge, of(forge))
        assert outcome == Rejected(f"status {status}: {reason}", until_end=True)
        forge.faults = [ForgeReply(status, {"message": f"no {TOKEN}"})]
        assert tell(forge, of(forge, ended_job, "failed")) == Rejected(f"status {status}: {reason}")


def test_what_passes_is_tried_again(forge: FakeForge) -> None:
    for status in (500, 502, 503, 429, 408):
        forge.faults = [ForgeReply(status, "<html>")]
        assert isinstance(tell(forge, of(forge)), NotNow)
    if forge.kind == "gitlab":
        forge.faults = [ForgeReply(409, {"message": "Another update to this commit status is in progress"})]
        assert isinstance(tell(forge, of(forge)), NotNow)


def test_a_job_that_names_another_commit_by_now_is_not_told(forge: FakeForge) -> None:
    assert isinstance(tell(forge, of(forge, meta={"commit": "later"})), Rejected)
    assert forge.asked == []
