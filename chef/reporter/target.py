"""Where to report and as what: from the command line, the environment, or the CI system that runs us."""

from __future__ import annotations

import hashlib
import os
import re
import time
from typing import Any, Callable, Mapping, NamedTuple

MAX_ID = 128
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._~:@+-]+")
_ID = re.compile(r"[A-Za-z0-9._~:@+-]{1,128}")
_MAX_META_TEXT = 1000


class UsageError(Exception):
    """What was asked for makes no sense; the text is one sentence for people."""


class Found(NamedTuple):
    """What a CI system says of the build: the parts of its id, its project, what goes into `meta`."""

    parts: list[str | None]
    project: str | None
    meta: dict[str, str | None]


class Target(NamedTuple):
    """Where reports go. `url` is None where nothing is reported.

    `is_new`: we made the job's id, so nobody else has it. `is_guess`: nobody said which project it is.
    """

    url: str | None
    token: str | None
    job: str
    project: str
    meta: dict[str, str]
    is_new: bool
    is_guess: bool = False

    def short_meta(self, mask: Callable[[str], str]) -> dict[str, str]:
        """`meta` without secrets, and only then cut: of a secret that was cut the rest would be left."""
        return {key: _shortened(mask(text)) for key, text in self.meta.items()}

    @property
    def page(self) -> str:
        """The address of the job's page."""
        return "%s/jobs/%s" % (re.sub(r"//[^/@]*@", "//", self.url or ""), self.job)


def find_target(
    environ: Mapping[str, str],
    url: str | None = None,
    token: str | None = None,
    job: str | None = None,
    project: str | None = None,
) -> Target:
    """What is given counts first, then `CHEF_*`, then what the CI system says, then what we make up."""
    found = detect(environ)
    named_job = job or environ.get("CHEF_JOB")
    named_project = project or environ.get("CHEF_PROJECT")
    detected = make_id(*found.parts) if found else None
    detected_project = make_id(found.project) if found else None
    return Target(
        url=check_url(url or environ.get("CHEF_URL")),
        token=check_token(token or environ.get("CHEF_TOKEN")),
        job=check_id(named_job, "the job's id") or detected or new_job_id(),
        project=check_id(named_project, "the project's id") or detected_project or _folder(),
        meta={key: _sendable(text) for key, text in found.meta.items() if text} if found else {},
        is_new=not named_job and not detected,
        is_guess=not named_project,
    )


def check_id(value: str | None, name: str) -> str | None:
    """An id as it was given; empty is none."""
    if value and not _ID.fullmatch(value):
        message = "%s must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + - (it is %r)"
        raise UsageError(message % (name, value[:200]))
    return value or None


def check_url(value: str | None) -> str | None:
    """The server's address without a slash at its end; empty is none."""
    if not value:
        return None
    if not re.match(r"https?://[^/?#\s]+(/[^?#\s]*)?$", value, re.IGNORECASE):
        raise UsageError(
            "CHEF_URL must be like https://chef.example.com (it is %r)" % _without_password(value)
        )
    return value.rstrip("/")


def check_token(value: str | None) -> str | None:
    """A token that can stand in a header; the newline of a file it was read from is none of it."""
    token = (value or "").strip()
    if not re.match(r"[!-~]*$", token):
        raise UsageError("CHEF_TOKEN must be printable ASCII without spaces")
    return token or None


def make_id(*parts: str | None) -> str | None:
    """An id of what is given, in the characters that ids have; None of nothing.

    What is too long ends in a hash of the whole, so that ids that differ stay different.
    """
    text = _NOT_IN_IDS.sub("-", "-".join(part for part in parts if part)).strip("-")
    if len(text) <= MAX_ID:
        return text or None
    return "%s-%s" % (text[: MAX_ID - 13], _hash("-".join(part or "" for part in parts)))


def new_job_id() -> str:
    """An id that no other job has."""
    return "%s-%s" % (time.strftime("%Y%m%d-%H%M%S", time.gmtime()), os.urandom(4).hex())


def detect(environ: Mapping[str, str]) -> Found | None:
    """What the CI system that runs us says, if there is one that we know."""
    for is_here, look in _SYSTEMS:
        if is_here(environ):
            found: Found = look(environ.get)
            return found
    return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _folder() -> str:
    try:
        return make_id(os.path.basename(os.getcwd())) or "build"
    except OSError:
        return "build"


def _sendable(text: str) -> str:
    # What was not UTF-8 in the environment cannot be sent as JSON.
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_META_TEXT else text[: _MAX_META_TEXT - 1] + "…"


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)[:200]


def _first_line(text: str | None) -> str | None:
    return text.strip().split("\n", 1)[0] if text and text.strip() else None


def _last_part(path: str | None) -> str | None:
    return path.rstrip("/").rpartition("/")[2] if path else None


def _without(prefix: str, text: str | None) -> str | None:
    return text[len(prefix) :] if text and text.startswith(prefix) else text


# Each takes `environ.get`. An attempt, a retry, a node of several and a leg of a matrix is a job of its own.


def _github(get: Any) -> Found:
    # Legs of a matrix share all but the runner; the tracking id is the same in all steps of one leg.
    leg = get("RUNNER_TRACKING_ID") or get("RUNNER_NAME")
    url = "%s/%s" % (get("GITHUB_SERVER_URL") or "https://github.com", get("GITHUB_REPOSITORY"))
    run = "%s/actions/runs/%s" % (url, get("GITHUB_RUN_ID"))
    attempt = get("GITHUB_RUN_ATTEMPT")
    return Found(
        ["github", get("GITHUB_RUN_ID"), attempt, get("GITHUB_JOB"), _hash(leg)[:8] if leg else None],
        _last_part(get("GITHUB_REPOSITORY")),
        {
            "branch": get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME"),
            "commit": get("GITHUB_SHA"),
            "author": get("GITHUB_ACTOR"),
            "title": " / ".join(filter(None, [get("GITHUB_WORKFLOW"), get("GITHUB_JOB")])),
            "url": "%s/attempts/%s" % (run, attempt) if attempt else run,
        },
    )


def _gitlab(get: Any) -> Found:
    return Found(
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


def _buildkite(get: Any) -> Found:
    url, job = get("BUILDKITE_BUILD_URL"), get("BUILDKITE_JOB_ID")
    return Found(
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


def _circleci(get: Any) -> Found:
    several = get("CIRCLE_NODE_TOTAL") not in (None, "", "1")
    node = "node%s" % get("CIRCLE_NODE_INDEX") if several else None
    return Found(
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


def _jenkins(get: Any) -> Found:
    # JOB_NAME has the folders, the branch of a multibranch project and the axes of a matrix.
    name = get("JOB_NAME")
    number = get("BUILD_NUMBER")
    tag = None if name and number else get("BUILD_TAG")
    top = (get("JOB_BASE_NAME") if not get("BRANCH_NAME") else None) or name
    return Found(
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


def _heroku(get: Any) -> Found:
    run = get("HEROKU_TEST_RUN_ID")
    several = get("CI_NODE_TOTAL") not in (None, "", "1")
    node = "node%s" % get("CI_NODE_INDEX") if run and several else None
    release = [get("HEROKU_APP_NAME"), get("HEROKU_RELEASE_VERSION"), get("DYNO")]
    commit = get("HEROKU_BUILD_COMMIT") or get("HEROKU_SLUG_COMMIT") or get("SOURCE_VERSION")
    return Found(
        ["heroku", "test", run, node] if run else ["heroku", *release],
        get("HEROKU_APP_NAME"),
        {
            "branch": get("HEROKU_TEST_RUN_BRANCH"),
            "commit": get("HEROKU_TEST_RUN_COMMIT_VERSION") or commit,
            "title": None if run else get("HEROKU_RELEASE_VERSION"),
        },
    )


def _woodpecker(get: Any) -> Found:
    return Found(
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
