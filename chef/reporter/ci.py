"""The CI systems that are known by their environment, and the words each has for a build."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from chef.reporter.ids import short_hash


class CiBuild(NamedTuple):
    """A build as its CI system describes it: the parts of its id, its project, its `meta`."""

    parts: list[str | None]
    project: str | None
    meta: dict[str, str | None]


def detect_build(environ: Mapping[str, str]) -> CiBuild | None:
    """The build that runs us, None where no CI system that is known here does."""
    for is_here, look in _SYSTEMS:
        if is_here(environ):
            build: CiBuild = look(environ.get)
            return build
    return None


def _first_line(text: str | None) -> str | None:
    return text.strip().split("\n", 1)[0] if text and text.strip() else None


def _last_part(path: str | None) -> str | None:
    return path.rstrip("/").rpartition("/")[2] if path else None


def _without(prefix: str, text: str | None) -> str | None:
    return text[len(prefix) :] if text and text.startswith(prefix) else text


# Each takes `environ.get`. An attempt, a retry, a node of several and a leg of a matrix is a job of its own.


def _github(get: Any) -> CiBuild:
    # Legs of a matrix share all but the runner; the tracking id is the same in all steps of one leg.
    leg = get("RUNNER_TRACKING_ID") or get("RUNNER_NAME")
    url = "%s/%s" % (get("GITHUB_SERVER_URL") or "https://github.com", get("GITHUB_REPOSITORY"))
    run = "%s/actions/runs/%s" % (url, get("GITHUB_RUN_ID"))
    attempt = get("GITHUB_RUN_ATTEMPT")
    return CiBuild(
        ["github", get("GITHUB_RUN_ID"), attempt, get("GITHUB_JOB"), short_hash(leg)[:8] if leg else None],
        _last_part(get("GITHUB_REPOSITORY")),
        {
            "branch": get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME"),
            "commit": get("GITHUB_SHA"),
            "author": get("GITHUB_ACTOR"),
            "title": " / ".join(filter(None, [get("GITHUB_WORKFLOW"), get("GITHUB_JOB")])),
            "url": "%s/attempts/%s" % (run, attempt) if attempt else run,
        },
    )


def _gitlab(get: Any) -> CiBuild:
    return CiBuild(
        ["gitlab", get("CI_PROJECT_ID"), get("CI_JOB_ID")],
        get("CI_PROJECT_NAME"),
        {
            "branch": get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or get("CI_COMMIT_REF_NAME"),
            "commit": get("CI_COMMIT_SHA"),
            "author": get("CI_COMMIT_AUTHOR") or get("GITLAB_USER_NAME"),
            "title": get("CI_COMMIT_TITLE") or _first_line(get("CI_COMMIT_MESSAGE")),
            "url": get("CI_JOB_URL"),
        },
    )


def _buildkite(get: Any) -> CiBuild:
    url, job = get("BUILDKITE_BUILD_URL"), get("BUILDKITE_JOB_ID")
    return CiBuild(
        ["buildkite", get("BUILDKITE_PIPELINE_SLUG"), get("BUILDKITE_BUILD_NUMBER"), job],
        get("BUILDKITE_PIPELINE_SLUG"),
        {
            "branch": get("BUILDKITE_BRANCH"),
            "commit": get("BUILDKITE_COMMIT"),
            "author": get("BUILDKITE_BUILD_AUTHOR") or get("BUILDKITE_BUILD_CREATOR"),
            "title": _first_line(get("BUILDKITE_MESSAGE")),
            "url": "%s#%s" % (url, job) if url and job else url,
        },
    )


def _circleci(get: Any) -> CiBuild:
    several = get("CIRCLE_NODE_TOTAL") not in (None, "", "1")
    node = "node%s" % get("CIRCLE_NODE_INDEX") if several else None
    return CiBuild(
        ["circleci", get("CIRCLE_PROJECT_REPONAME"), get("CIRCLE_BUILD_NUM"), node],
        get("CIRCLE_PROJECT_REPONAME"),
        {
            "branch": get("CIRCLE_BRANCH") or get("CIRCLE_TAG"),
            "commit": get("CIRCLE_SHA1"),
            "author": get("CIRCLE_USERNAME"),
            "title": get("CIRCLE_JOB"),
            "url": get("CIRCLE_BUILD_URL"),
        },
    )


def _jenkins(get: Any) -> CiBuild:
    # JOB_NAME has the folders, the branch of a multibranch project and the axes of a matrix.
    name = get("JOB_NAME")
    number = get("BUILD_NUMBER")
    tag = None if name and number else get("BUILD_TAG")
    top = (get("JOB_BASE_NAME") if not get("BRANCH_NAME") else None) or name
    return CiBuild(
        ["jenkins", tag or name, None if tag else number],
        _jenkins_project(top, get("BRANCH_NAME")),
        {
            "branch": get("CHANGE_BRANCH") or get("BRANCH_NAME") or _without("origin/", get("GIT_BRANCH")),
            "commit": get("GIT_COMMIT"),
            "author": get("CHANGE_AUTHOR_DISPLAY_NAME") or get("CHANGE_AUTHOR") or get("GIT_AUTHOR_NAME"),
            "title": get("CHANGE_TITLE") or get("BUILD_DISPLAY_NAME"),
            "url": get("RUN_DISPLAY_URL") or get("BUILD_URL"),
        },
    )


def _jenkins_project(name: str | None, branch: str | None) -> str | None:
    """The last part of a job's name; of a multibranch job the part before its branch."""
    parts = (name or "").split("/")
    if branch and len(parts) > 1:
        parts = parts[:-1]
    return parts[-1] or None


def _heroku(get: Any) -> CiBuild:
    run = get("HEROKU_TEST_RUN_ID")
    several = get("CI_NODE_TOTAL") not in (None, "", "1")
    node = "node%s" % get("CI_NODE_INDEX") if run and several else None
    release = [get("HEROKU_APP_NAME"), get("HEROKU_RELEASE_VERSION"), get("DYNO")]
    commit = get("HEROKU_BUILD_COMMIT") or get("HEROKU_SLUG_COMMIT") or get("SOURCE_VERSION")
    return CiBuild(
        ["heroku", "test", run, node] if run else ["heroku", *release],
        get("HEROKU_APP_NAME"),
        {
            "branch": get("HEROKU_TEST_RUN_BRANCH"),
            "commit": get("HEROKU_TEST_RUN_COMMIT_VERSION") or commit,
            "title": None if run else get("HEROKU_RELEASE_VERSION"),
        },
    )


def _woodpecker(get: Any) -> CiBuild:
    return CiBuild(
        [
            "woodpecker",
            get("CI_REPO_ID") or get("CI_REPO"),
            get("CI_PIPELINE_NUMBER") or get("CI_BUILD_NUMBER"),
            get("CI_WORKFLOW_NUMBER") or get("CI_WORKFLOW_NAME") or get("CI_JOB_NUMBER"),
        ],
        get("CI_REPO_NAME") or _last_part(get("CI_REPO")),
        {
            "branch": get("CI_COMMIT_SOURCE_BRANCH") or get("CI_COMMIT_BRANCH"),
            "commit": get("CI_COMMIT_SHA"),
            "author": get("CI_COMMIT_AUTHOR"),
            "title": _first_line(get("CI_COMMIT_MESSAGE")),
            "url": get("CI_STEP_URL") or get("CI_PIPELINE_URL") or get("CI_BUILD_LINK"),
        },
    )


_SYSTEMS: Any = (
    (lambda env: env.get("GITHUB_ACTIONS") == "true" and env.get("GITHUB_RUN_ID"), _github),
    (lambda env: env.get("GITLAB_CI") and env.get("CI_JOB_ID"), _gitlab),
    (lambda env: env.get("BUILDKITE") == "true" and env.get("BUILDKITE_JOB_ID"), _buildkite),
    (lambda env: env.get("CIRCLECI") == "true" and env.get("CIRCLE_BUILD_NUM"), _circleci),
    (lambda env: env.get("CI") == "woodpecker", _woodpecker),
    (lambda env: env.get("JENKINS_URL") and (env.get("BUILD_NUMBER") or env.get("BUILD_TAG")), _jenkins),
    (lambda env: env.get("HEROKU_TEST_RUN_ID") or env.get("DYNO"), _heroku),
)
