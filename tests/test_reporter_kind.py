"""Kinds: the same job on another branch, at another commit, in another run is of the same kind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.reporter.bundle import shell_script
from chef.reporter.ci.naming import command_kind, repository_address, tool_versions
from chef.reporter.target import find_target
from tests.tools.ci_systems import SYSTEMS
from tests.tools.reporting import Machine, stored
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]

COMMIT = "ffac537e6cbbf934b08745a378932722df287a53"
# Variables that another run of the same CI job has otherwise.
ANOTHER_RUN = {
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_NUMBER": "99",
    "GITHUB_RUN_ATTEMPT": "3",
    "GITHUB_SHA": "0" * 40,
    "GITHUB_REF": "refs/heads/x",
    "GITHUB_REF_NAME": "x",
    "RUNNER_TRACKING_ID": "github_99",
    "CI_JOB_ID": "99",
    "CI_PIPELINE_ID": "99",
    "CI_COMMIT_SHA": "0" * 40,
    "CI_COMMIT_REF_NAME": "x",
    "BUILDKITE_BUILD_NUMBER": "99",
    "BUILDKITE_JOB_ID": "99",
    "BUILDKITE_BRANCH": "x",
    "CIRCLE_BUILD_NUM": "99",
    "CIRCLE_BRANCH": "x",
    "CI_PIPELINE_NUMBER": "99",
    "CI_WORKFLOW_NUMBER": "9",
    "DRONE_BUILD_NUMBER": "99",
    "BUILD_BUILDID": "99",
    "SYSTEM_JOBID": "99",
    "TRAVIS_JOB_ID": "99",
    "TRAVIS_JOB_NUMBER": "99.1",
    "TRAVIS_BUILD_NUMBER": "99",
    "APPVEYOR_BUILD_ID": "99",
    "APPVEYOR_JOB_ID": "99",
    "BUILD_ID": "99",
    "BUILD_NAME": "99",
    "CODEBUILD_BUILD_ID": "shop:99",
    "DEPLOY_ID": "99",
    "VERCEL_DEPLOYMENT_ID": "99",
    "RENDER_GIT_COMMIT": "99",
    "DYNO": "release.99",
}


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "bitbucket"])
def test_another_run_of_a_ci_job_is_of_the_same_kind(name: str) -> None:
    environ, job, _, meta = SYSTEMS[name]
    another = dict(environ)
    another |= {key: value for key, value in ANOTHER_RUN.items() if key in environ}
    if name in ("jenkins", "teamcity"):
        another["BUILD_NUMBER"] = "99"
    if name == "jenkins":
        another |= {"JOB_NAME": "acme/web/other", "JOB_BASE_NAME": "other", "BRANCH_NAME": "other"}
    target = find_target(another)
    assert target.meta["kind"] == meta["kind"]
    if name not in ("heroku ci", "cloudflare"):
        assert target.job != job


@pytest.mark.parametrize(
    ("system", "other"),
    [
        ("github", {"GITHUB_JOB": "lint"}),
        ("github", {"ImageOS": "macos14", "RUNNER_ARCH": "ARM64"}),
        ("github", {"PATH": "/srv/hostedtoolcache/Python/3.12.4/x64/bin:/bin"}),
        ("gitlab", {"CI_JOB_NAME": "rspec 2/3"}),
        ("buildkite", {"BUILDKITE_PARALLEL_JOB": "1"}),
        ("circleci", {"CIRCLE_NODE_INDEX": "0"}),
        ("azure", {"SYSTEM_JOBNAME": "mac"}),
        ("travis", {"TRAVIS_PYTHON_VERSION": "3.11"}),
        ("appveyor", {"APPVEYOR_JOB_NAME": "Environment: PYTHON=3.11"}),
        ("woodpecker", {"CI_SYSTEM_PLATFORM": "linux/arm64"}),
        ("vercel", {"VERCEL_ENV": "production"}),
    ],
)
def test_another_leg_or_job_of_a_run_is_of_another_kind_and_in_the_same_run(
    system: str, other: dict[str, str]
) -> None:
    environ = SYSTEMS[system][0]
    one, two = find_target(environ).meta, find_target({**environ, **other}).meta
    assert one["kind"] != two["kind"]
    assert one["run"] == two["run"]


@pytest.mark.parametrize(
    ("event", "title", "number"),
    [
        ('{"head_commit": {"message": "Fix it\\n\\nlong text"}}', "Fix it", None),
        ('{"pull_request": {"title": "Faster", "number": 7}, "head_commit": null}', "Faster", "7"),
        ('{"schedule": "0 3 * * *"}', "CI / test", None),
        ('{"head_commit": {"message": 7}, "pull_request": []}', "CI / test", None),
        ("[1]", "CI / test", None),
        ("no JSON", "CI / test", None),
        ("[" * 100_000, "CI / test", None),
        (None, "CI / test", None),
    ],
)
def test_the_title_is_the_commits_where_the_event_says_it(
    tmp_path: Path, event: str | None, title: str, number: str | None
) -> None:
    path = tmp_path / "event.json"
    if event is not None:
        path.write_text(event)
    environ = {**SYSTEMS["github"][0], "GITHUB_EVENT_PATH": str(path), "GITHUB_REF": "refs/heads/main"}
    meta = find_target(environ).meta
    assert (meta["title"], meta.get("pullRequest")) == (title, number)


@pytest.mark.parametrize(
    ("system", "variables"),
    [
        ("github", {"GITHUB_REF": "refs/pull/7/merge"}),
        ("gitlab", {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "a" * 40}),
        ("azure", {"SYSTEM_PULLREQUEST_SOURCECOMMITID": "a" * 40}),
    ],
)
def test_of_a_pull_request_the_commit_is_the_newest_of_its_branch(
    tmp_path: Path, system: str, variables: dict[str, str]
) -> None:
    """And not the one that merges it for a try: nobody would see there how the build goes."""
    path = tmp_path / "event.json"
    path.write_text('{"pull_request": {"number": 7, "head": {"sha": "%s"}}}' % ("a" * 40))
    environ = SYSTEMS[system][0] | {"GITHUB_EVENT_PATH": str(path)}
    assert find_target(environ | variables).meta["commit"] == "a" * 40
    assert (
        find_target(environ | {"GITHUB_REF": "refs/heads/main"}).meta["commit"]
        == SYSTEMS[system][3]["commit"]
    )


def test_the_axes_of_a_jenkins_matrix_are_in_one_run() -> None:
    environ = {**SYSTEMS["jenkins"][0], "BRANCH_NAME": ""}
    legs = [{**environ, "JOB_NAME": f"shop/label={label}", "JOB_BASE_NAME": "shop"} for label in ("a", "b")]
    one, two = [find_target(leg).meta for leg in legs]
    assert one["run"] == two["run"] == "jenkins-shop-17"
    assert (one["kind"], two["kind"]) == ("shop/label=a", "shop/label=b")


@pytest.mark.parametrize(
    ("path", "tools"),
    [
        (
            "/srv/hostedtoolcache/Python/3.12.4/x64/bin:/srv/hostedtoolcache/Python/3.12.4/x64:/bin",
            "Python 3.12",
        ),
        (
            "/srv/hostedtoolcache/node/22.1.0/x64/bin:/srv/hostedtoolcache/go/1.22.3/x64/bin",
            "node 22.1, go 1.22",
        ),
        ("/usr/bin:/bin", None),
        (None, None),
    ],
)
def test_a_runners_tools_are_told_without_their_patches(path: str | None, tools: str | None) -> None:
    assert tool_versions(path) == tools


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("make -j4", "make -j4"),
        ("python3.11 -m pytest -n 2", "python3.11 -m pytest -n 2"),
        (f"./deploy.sh feature/x {COMMIT}", "./deploy.sh * *"),
        ("docker build -t shop:4f1c2d9 .", "docker build -t shop:* ."),
        ("./nightly.sh 2026-11-28T10:00:00Z", "./nightly.sh *"),
        ("./nightly.sh 2026-11-28", "./nightly.sh *"),
        ("./publish.sh --build 31", "./publish.sh --build *"),
        ("./publish.sh --build 1658821493", "./publish.sh --build *"),
        ("cat /tmp/tmp.Xy12/out", "cat /tmp/*/out"),
        ("sh -c 'id=123e4567-e89b-12d3-a456-426614174000'", "sh -c 'id=*'"),
        ("/srv/me/shop/build.sh --out /srv/me/shop/out", "./build.sh --out ./out"),
        ("/srv/me/shop-2/build.sh", "/srv/me/shop-2/build.sh"),
        ("curl https://me:hunter2@example.com/x", "curl https://example.com/x"),
        ("deploy --token=hunter2 --password hunter3", "deploy --token=*** --password ***"),
        ("deploy --token=*** x", "deploy --token=*** x"),
        ("npm  run   build", "npm run build"),
        ("./feedback.sh effaced 8080 facade", "./feedback.sh effaced 8080 facade"),
    ],
)
def test_a_command_is_a_kind_without_what_changes(command: str, kind: str) -> None:
    meta = {"branch": "feature/x", "commit": COMMIT, "number": "31"}
    assert command_kind(command, meta, ["/srv/me/shop"]) == kind


@given(st.text(max_size=400), st.text(max_size=20))
def test_any_command_has_a_kind_that_is_short_and_stays_the_same(command: str, branch: str) -> None:
    kind = command_kind(command, {"branch": branch})
    assert len(kind) <= 200
    assert kind == command_kind(command, {"branch": branch})


def test_long_commands_that_begin_alike_are_of_different_kinds() -> None:
    one, other = command_kind("x" * 300 + " a", {}), command_kind("x" * 300 + " b", {})
    assert one != other


ADDRESSES = [
    ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
    ("ssh://git@git.example.com:2222/acme/shop.git", "https://git.example.com/acme/shop"),
    ("https://me:hunter2@github.com/acme/shop.git", "https://github.com/acme/shop"),
    ("https://git.example.com:8443/acme/shop/", "https://git.example.com:8443/acme/shop"),
    ("http://git.example.com/acme/shop", "http://git.example.com/acme/shop"),
    ("https://gitlab.com/acme/group/shop", "https://gitlab.com/acme/group/shop"),
    ("/srv/git/shop.git", None),
    ("", None),
]


@pytest.mark.parametrize(("url", "address"), ADDRESSES)
def test_a_repositorys_address_is_one_for_a_browser(url: str, address: str | None) -> None:
    assert repository_address(url) == address


@pytest.mark.real
@pytest.mark.parametrize(("url", "address"), ADDRESSES)
def test_chef_sh_finds_the_same_address(url: str, address: str | None) -> None:
    script = shell_script("1").text.decode().partition("\nrepository_of()")[2].partition("\n}\n")[0]
    done = subprocess.run(
        ["sh", "-c", f'repository_of(){script}\n}}\nrepository_of "$1"', "sh", url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (f"{address}\n" if address else "")


SHELL_KNOWS = (
    *("github", "gitea", "forgejo", "gitlab", "buildkite", "circleci", "jenkins", "heroku", "heroku ci"),
    "woodpecker",
)
# What chef.sh has found, one a line.
TELL = (
    'detect; printf "%s\\n" "$chef_kind" "$chef_run" "$chef_repository" "$chef_pull" "$chef_number" '
    '"$chef_branch" "$chef_commit" "$chef_author" "$chef_title" "$chef_address" "$(as_id "$chef_found_job")"'
)


@pytest.mark.real
@pytest.mark.parametrize("name", SHELL_KNOWS)
def test_chef_sh_finds_the_same(name: str, tmp_path: Path) -> None:
    environ, _, _, meta = SYSTEMS[name]
    keys = (
        "kind",
        "run",
        "repository",
        "pullRequest",
        "number",
        "branch",
        "commit",
        "author",
        "title",
        "url",
    )
    found = find_target(environ)
    assert shell_finds(TELL, environ, tmp_path) == [*(found.meta.get(key, "") for key in keys), found.job]
    assert {key: found.meta.get(key) for key in meta} == meta


def shell_finds(tell: str, environ: dict[str, str], folder: Path) -> list[str]:
    (folder / "ci.sh").write_bytes((Path(__file__).parents[1] / "chef" / "reporter" / "ci.sh").read_bytes())
    done = subprocess.run(
        ["sh", "-c", f". ./ci.sh; {tell}"],
        cwd=folder,
        env={**environ, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:-1]


# The head of a pull request, among others that are named so.
PULL_REQUEST_EVENT: dict[str, Any] = {
    "action": "synchronize",
    "pull_request": {
        "base": {"sha": "c" * 40, "repo": {"head": {"sha": "c" * 40}}},
        "body": '"pull_request": {"head": {"sha": "' + "c" * 40 + '"}}, \\" [{ \u2603',
        "commits": [{"head": {"sha": "c" * 40}}],
        "head": {"ref": "fix", "repo": {"owner": {"sha": "c" * 40}}, "sha": "a" * 40},
        "merge_commit_sha": "c" * 40,
    },
    "repository": {"head": {"sha": "c" * 40}},
}


@pytest.mark.real
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("event", "ref", "head"),
    [
        (PULL_REQUEST_EVENT, "refs/pull/7/merge", "a" * 40),
        (PULL_REQUEST_EVENT, "refs/heads/main", None),
        ({"pull_request": {"head": {"sha": "no commit"}}}, "refs/pull/7/merge", None),
        ({"pull_request": [{"head": {"sha": "a" * 40}}]}, "refs/pull/7/merge", None),
        (None, "refs/pull/7/merge", None),
    ],
)
def test_of_a_pull_request_chef_sh_finds_the_newest_commit_of_its_branch(
    event: dict[str, Any] | None, ref: str, head: str | None, indent: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    if event is not None:
        path.write_text(json.dumps(event, indent=indent))
    environ = SYSTEMS["github"][0] | {"GITHUB_EVENT_PATH": str(path), "GITHUB_REF": ref}
    assert shell_finds('detect; printf "%s\\n" "$chef_commit"', environ, tmp_path) == [
        head or environ["GITHUB_SHA"]
    ]


@pytest.mark.real
def test_a_build_outside_of_any_system_is_of_the_kind_of_its_command(
    served: Served, machine: Machine, job: str
) -> None:
    assert machine.run("run", "--", "sh", "-c", "echo 1234567").complaints == []
    assert stored(served, job)["meta"]["kind"] == "sh -c 'echo *'"


@pytest.mark.real
def test_what_the_user_says_of_the_build_wins(served: Served, machine: Machine, job: str) -> None:
    machine.run(
        *("run", "--meta", "kind=release", "--meta", "run=nightly-7", "--meta", "equal=a=b", "--", "true"),
        environment=SYSTEMS["github"][0],
    )
    found = stored(served, job)["meta"]
    assert (found["kind"], found["run"], found["equal"]) == ("release", "nightly-7", "a=b")
    assert found["repository"] == "https://github.com/octo/hello.world"


@pytest.mark.real
def test_a_second_command_of_a_ci_job_is_of_a_kind_of_its_own(
    served: Served, job: str, tmp_path: Path
) -> None:
    environ = {**SYSTEMS["gitlab"][0], "CI_JOB_ID": job}
    machine = Machine(tmp_path, CHEF_URL=served.url, **environ)
    for command in ("true", "date"):
        assert machine.run("run", "--", command).complaints == []
    kinds = [stored(served, f"gitlab-7-{job}{number}")["meta"]["kind"] for number in ("", "-2")]
    assert kinds == ["rspec 1/3", "rspec 1/3 / date"]


@pytest.mark.real
def test_a_job_of_several_steps_has_the_kind_that_it_began_with(
    served: Served, machine: Machine, job: str
) -> None:
    machine.run("start", "--meta", "kind=release", "--meta", "run=7")
    machine.run("run", "--step", "--", "true")
    found = stored(served, job)["meta"]
    assert (found["kind"], found["run"]) == ("release", "7")
