"""Commit statuses as people see them: real Chef processes, and forges that behave as documented."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.tools.forges import SHA, TOKEN, FakeForge, FakeGitea, FakeGitHub, FakeGitLab, ForgeReply, served
from tests.tools.proxies import make_certificate
from tests.tools.serving import Served

pytestmark = pytest.mark.slow

StartServer = Callable[..., Served]
PATIENCE_S = 40.0
OTHER = "a" * 40


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def forges() -> Iterator[list[FakeForge]]:
    made: list[FakeForge] = [FakeGitHub(), FakeGitLab(), FakeGitea()]
    with ExitStack() as stack:
        for forge in made:
            stack.enter_context(served(forge))
        yield made


@pytest.fixture
def gitea() -> Iterator[FakeGitea]:
    forge = FakeGitea()
    forge.commits.add(OTHER)
    with served(forge):
        yield forge


def settings(*forges: FakeForge, **more: str) -> dict[str, str]:
    found = {
        "CHEF_STATUS_TOKEN": ",".join(forge.setting for forge in forges),
        "CHEF_URL": "https://chef.example.com",
    }
    return found | more


def post(server: Served, forge: FakeForge, job: str, type: str = "progress", **fields: Any) -> None:
    """An update of a job of the forge's commit, in a project that is called after the forge."""
    meta = {"repository": forge.repository, "commit": SHA} | fields.pop("meta", {})
    server.update({"type": type, "jobId": job, "projectId": forge.kind, "meta": meta, **fields})


def newest(forge: FakeForge, context: str = "") -> tuple[str, str]:
    """State and description that a commit shows."""
    said = forge.said(context or f"chef/{forge.kind}")
    return (said[-1].state, said[-1].description) if said else ("", "")


def shows(forge: FakeForge, words: str) -> bool:
    return words in newest(forge)[1]


def stands(forge: FakeForge, state: str, context: str = "") -> bool:
    return newest(forge, context)[0] == state


def test_a_build_is_on_its_commit_from_start_to_end(
    start_server: StartServer, forges: list[FakeForge]
) -> None:
    server = start_server(**settings(*forges))
    for forge in forges:
        post(server, forge, f"{forge.kind}-1", phase="deploying", progress=62)
    for forge in forges:
        wait_until(partial(shows, forge, "deploying 62 %"), forge.kind)
        assert newest(forge)[0] == ("running" if forge.kind == "gitlab" else "pending")
        post(server, forge, f"{forge.kind}-1", phase="deploying", progress=80)
        post(server, forge, f"{forge.kind}-1", "error", message="no space left")
    for forge in forges:
        end = "failed" if forge.kind == "gitlab" else "failure"
        wait_until(partial(stands, forge, end), forge.kind)
        assert newest(forge)[1] == "failed: no space left"
        links = {said.target_url for said in forge.said(f"chef/{forge.kind}")}
        assert links == {f"https://chef.example.com/jobs/{forge.kind}-1"}
        assert [status for _, status in forge.asked if status == 401] == []
    told = server.output.read_text() + server.get("/metrics").text + server.get("/api/jobs").text
    assert TOKEN not in told


def test_an_end_is_told_once_over_a_kill_and_an_outage(start_server: StartServer, gitea: FakeGitea) -> None:
    server = start_server(**settings(gitea))
    post(server, gitea, "job-1", phase="building", progress=10)
    wait_until(lambda: newest(gitea)[0] == "pending", "begun")
    gitea.is_away = True
    post(server, gitea, "job-1", "completed")
    post(server, gitea, "job-2", "completed", meta={"kind": "lint"})
    server.kill()
    again = start_server(**settings(gitea))
    time.sleep(1)
    gitea.is_away = False
    wait_until(lambda: newest(gitea)[0] == "success", "its end")
    wait_until(lambda: newest(gitea, "chef/gitea: lint")[0] == "success", "the other's end")
    assert again.get("/health").status_code == 200
    time.sleep(1)
    assert [said.state for said in gitea.said("chef/gitea")] == ["pending", "success"]
    assert [said.state for said in gitea.said("chef/gitea: lint")] == ["success"]


def test_the_same_state_again_is_harmless_where_an_answer_got_lost(
    start_server: StartServer, forges: list[FakeForge]
) -> None:
    server = start_server(**settings(*forges))
    for forge in forges:
        forge.losing = 1
        post(server, forge, f"{forge.kind}-1", phase="building", progress=10, meta={"kind": forge.kind})
        post(server, forge, f"{forge.kind}-1", "cancelled", meta={"kind": forge.kind})
    for forge in forges:
        context = f"chef/{forge.kind}: {forge.kind}"
        end = "canceled" if forge.kind == "gitlab" else "error"
        wait_until(partial(stands, forge, end, context), forge.kind)


def test_of_two_runs_of_one_commit_the_later_one_counts(
    start_server: StartServer, gitea: FakeGitea, any_database_url: str
) -> None:
    """The end of the older one comes late: once since the forge was away, once since it ends late."""
    server = start_server(**settings(gitea, DATABASE_URL=any_database_url))
    post(server, gitea, "run-1", phase="building", progress=10)
    post(server, gitea, "run-2", phase="building", progress=11, meta={"kind": "slow"})
    wait_until(lambda: {said.state for said in gitea.said("chef/gitea: slow")} == {"pending"}, "begun")
    gitea.is_away = True
    post(server, gitea, "run-1", "error", message="flaky")
    post(server, gitea, "another-commit", "error", message="no", meta={"commit": OTHER})
    post(server, gitea, "run-3", phase="building", progress=33)
    post(server, gitea, "run-4", phase="building", progress=44, meta={"kind": "slow"})
    time.sleep(1)
    gitea.is_away = False
    wait_until(partial(shows, gitea, "33 %"), "the later one")
    post(server, gitea, "run-2", "error", message="late")
    post(server, gitea, "run-3", "completed")
    post(server, gitea, "run-4", "completed", meta={"kind": "slow"})
    for context in ("chef/gitea", "chef/gitea: slow"):
        wait_until(partial(stands, gitea, "success", context), context)
    wait_until(lambda: [one.state for one in gitea.statuses.get(OTHER, [])] == ["failure"], "another commit")
    time.sleep(1)
    assert {said.state for said in gitea.statuses[SHA]} == {"pending", "success"}


def test_a_token_goes_over_tls_to_whoever_proves_to_be_its_host(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Of authorities that are trusted; in the open only where the setting says http."""
    (folder := tmp_path / "tls").mkdir()
    certificate = make_certificate(folder)
    forge, open_one = FakeGitea(), FakeGitea()
    with served(forge, certificate), served(open_one):
        tokens = ",".join(one.setting.replace("http://", "") for one in (forge, open_one))
        server = start_server(CHEF_STATUS_TOKEN=tokens)
        for one in (forge, open_one):
            meta = {"repository": f"https://127.0.0.1:{one.port}/acme/shop"}
            post(server, one, f"job-{one.port}", "completed", meta=meta)
        wait_until(lambda: server.output.read_text().count("is told later") == 2, "neither is trusted")
        assert forge.asked == open_one.asked == []
        server.stop()
        start_server(CHEF_STATUS_TOKEN=tokens, SSL_CERT_FILE=str(certificate[0]))
        wait_until(lambda: len(forge.asked) == 1, "trusted")
        assert newest(forge)[0] == "success"
        assert open_one.asked == []


def test_a_short_commit_is_told_to_nobody_and_the_log_says_so_once(
    start_server: StartServer, gitea: FakeGitea
) -> None:
    server = start_server(**settings(gitea))
    for progress in (10, 20, 30):
        post(server, gitea, "job-1", phase="building", progress=progress, meta={"commit": SHA[:7]})
    post(server, gitea, "job-1", "completed", meta={"commit": SHA[:7]})
    post(server, gitea, "job-2", "completed")
    wait_until(partial(stands, gitea, "success"), "the whole one")
    assert server.output.read_text().count("is not a whole commit id") == 1
    assert len(gitea.asked) == 1


def test_a_commit_at_which_a_forge_fails_holds_up_no_other(
    start_server: StartServer, gitea: FakeGitea
) -> None:
    """The failing ones are there first, so that they would be tried first again and again."""
    gitea.broken.add(OTHER)
    server = start_server(**settings(gitea))
    commits = [OTHER] * 5 + [SHA] * 20
    metas = [
        {"repository": gitea.repository, "commit": commit, "kind": f"{number}"}
        for number, commit in enumerate(commits)
    ]
    updates = [
        {"type": "completed", "jobId": f"job-{number}", "projectId": "gitea", "meta": meta}
        for number, meta in enumerate(metas)
    ]
    server.update(*updates)
    wait_until(lambda: len(gitea.statuses.get(SHA, [])) == 20, "all others")


def test_no_other_host_hears_of_a_token(start_server: StartServer, gitea: FakeGitea) -> None:
    """Nor of a build: a redirect is not followed, and a repository elsewhere has no token."""
    other = FakeGitea()
    with served(other):
        server = start_server(**settings(gitea))
        post(server, other, "job-1", "completed")
        gitea.faults = [ForgeReply(301, {}, {"Location": f"{other.repository}"})]
        post(server, gitea, "job-2", "completed")
        wait_until(lambda: "has another name by now" in server.output.read_text(), "refused")
        assert other.asked == []
        assert [status for _, status in gitea.asked] == [301]
