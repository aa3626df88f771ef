"""Where reports go to and as what: options, environment, CI systems."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.model import ID
from chef.reporter.ci.git import commit_meta
from chef.reporter.ids import make_id
from chef.reporter.output.masking import Masker
from chef.reporter.running import command_text
from chef.reporter.target import UsageError, check_token, find_target
from tests.tools.ci_systems import SYSTEMS

SECRET = "s3cr3t-Value/42"


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_system_that_runs_us_says_which_job_this_is(name: str) -> None:
    environ, job, project, meta = SYSTEMS[name]
    target = find_target({**environ, "CHEF_URL": "https://chef.example.com/"})
    assert (target.url, target.job, target.project, target.meta) == (
        "https://chef.example.com",
        job,
        project,
        meta,
    )
    assert not target.is_new
    assert find_target({**environ, "CHEF_JOB": "mine", "CHEF_PROJECT": "own"})[2:4] == ("mine", "own")
    assert find_target({**environ, "CHEF_JOB": "mine"}, job="more")[2] == "more"


def test_legs_of_a_matrix_are_jobs_of_their_own() -> None:
    environ = SYSTEMS["github"][0]
    one, other = [find_target({**environ, "RUNNER_TRACKING_ID": f"github_{n}"}).job for n in (1, 2)]
    assert one != other
    assert one == find_target({**environ, "RUNNER_TRACKING_ID": "github_1", "RUNNER_NAME": "x"}).job


def test_a_system_that_says_too_little_is_none() -> None:
    for name, (environ, *_) in SYSTEMS.items():
        target = find_target(dict(list(environ.items())[:1]))
        assert ID.fullmatch(target.job), name
        assert ID.fullmatch(target.project), name


def test_without_a_name_each_run_is_a_job_of_its_own() -> None:
    one, other = find_target({}), find_target({})
    assert one.job != other.job
    assert one.is_new
    assert one.is_guess


@given(st.lists(st.text(max_size=90), max_size=4))
def test_ids_are_ids_whatever_they_are_made_of(parts: list[str]) -> None:
    made = make_id(*parts)
    assert made is None or ID.fullmatch(made)


def test_ids_that_are_too_long_stay_different() -> None:
    one, other = make_id("x" * 200, "1"), make_id("x" * 200, "2")
    assert one is not None
    assert one != other
    assert len(one) <= 128


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"CHEF_URL": "chef.example.com"}, "CHEF_URL must be like"),
        ({"CHEF_URL": "http://me:pass@host?x"}, r"http://\*\*\*@host"),
        ({"CHEF_JOB": "a b"}, "the job's id must be 1 to 128 characters"),
        ({"CHEF_PROJECT": "x" * 129}, "the project's id must be 1 to 128 characters"),
        ({"CHEF_TOKEN": "a b"}, "CHEF_TOKEN must be printable"),
    ],
)
def test_wrong_settings_are_told_without_what_is_secret(setting: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find_target(setting)


def test_what_cannot_be_sent_as_json_is_replaced() -> None:
    target = find_target({**SYSTEMS["gitlab"][0], "CI_COMMIT_TITLE": "bad \udcff" + "x" * 2000})
    assert target.meta["title"].startswith("bad ?xxx")
    assert len(target.short_meta(str)["title"]) == 1000
    assert check_token(" token\n") == "token"


def test_no_part_of_a_secret_is_left_where_meta_and_commands_are_cut() -> None:
    masker = Masker({"A_KEY": SECRET, "B_KEY": "it's-secret"})
    for filling in range(985, 1002):
        title = "x" * filling + SECRET
        meta = find_target({**SYSTEMS["gitlab"][0], "CI_COMMIT_TITLE": title}).short_meta(masker.text)
        assert "s3" not in meta["title"]
    for filling in range(480, 502):
        assert "s3" not in command_text(["x" * filling + SECRET], masker.text)
    words = ["sh", "--token=" + SECRET, "it's-secret", "a b", "bad \udcff", "*"]
    assert command_text(words, masker.text) == "sh --token=*** *** 'a b' 'bad ?' '*'"


def test_two_repositories_of_one_name_are_two_projects() -> None:
    environ = SYSTEMS["github"][0]
    found = [find_target({**environ, "GITHUB_REPOSITORY": f"{owner}/shop"}) for owner in ("acme", "other")]
    assert [one.project for one in found] == ["acme-shop", "other-shop"]


@pytest.mark.parametrize(
    ("system", "variables", "stage"),
    [
        ("jenkins", {"STAGE_NAME": "Unit tests"}, "Unit tests"),
        ("woodpecker", {"CI_STEP_NAME": "lint"}, "lint"),
        ("drone", {"DRONE_STEP_NAME": "lint"}, "lint"),
        ("github", {"GITHUB_ACTION": "__run"}, None),
        ("github", {"GITHUB_ACTION": "__run_2"}, "run_2"),
        ("github", {"GITHUB_ACTION": "lint"}, "lint"),
        ("gitlab", {}, None),
    ],
)
def test_a_system_may_tell_apart_commands_of_one_job(
    system: str, variables: dict[str, str], stage: str | None
) -> None:
    environ, job, *_ = SYSTEMS[system]
    target = find_target({**environ, **variables})
    assert (target.job, target.stage) == (job, stage)


def test_tekton_is_known_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/tekton/steps")
    target = find_target({"HOSTNAME": "build-x7-pod"})
    assert (target.job, target.meta) == ("tekton-build-x7", {"title": "build-x7", "run": "tekton-build-x7"})


def test_outside_of_any_system_git_says_which_commit_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit_meta() == {}
    identity = ["-c", "user.name=Grace", "-c", "user.email=grace@example.com", "-c", "commit.gpgsign=false"]
    for words in (
        ["init", "-q", "-b", "feature/x"],
        ["commit", "-q", "--allow-empty", "-m", "Fix it\n\nmore"],
    ):
        subprocess.run(["git", *identity, *words], check=True)
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    found = commit_meta()
    assert re.fullmatch("[0-9a-f]{40}", found.pop("commit"))
    assert found == {"branch": "feature/x", "author": "Grace", "subject": "Fix it"}
    subprocess.run(["git", "checkout", "-q", "--detach"], check=True)
    assert "branch" not in commit_meta()
