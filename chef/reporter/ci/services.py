"""CI services: GitLab, Buildkite, CircleCI, Azure Pipelines, Bitbucket, Travis, AppVeyor, CodeBuild."""

from __future__ import annotations

import re
import urllib.parse

from chef.reporter.ci.build import (
    CiBuild,
    CiSystem,
    Get,
    first_line,
    hosted,
    joined,
    last_part,
    owned,
    repository_in,
    without,
)
from chef.reporter.ci.naming import joined_kind, repository_address, several
from chef.reporter.ids import short_hash


def _gitlab_build(get: Get) -> CiBuild:
    return CiBuild(
        parts=["gitlab", get("CI_PROJECT_ID"), get("CI_JOB_ID")],
        run=["gitlab", get("CI_PROJECT_ID"), get("CI_PIPELINE_ID") or get("CI_JOB_ID")],
        project=get("CI_PROJECT_PATH") or get("CI_PROJECT_NAME"),
        meta={
            "branch": get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or get("CI_COMMIT_REF_NAME"),
            "commit": get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or get("CI_COMMIT_SHA"),
            "author": get("CI_COMMIT_AUTHOR") or get("GITLAB_USER_NAME"),
            "title": get("CI_COMMIT_TITLE") or first_line(get("CI_COMMIT_MESSAGE")),
            "url": get("CI_JOB_URL"),
            "kind": get("CI_JOB_NAME"),
            "repository": get("CI_PROJECT_URL"),
            "pullRequest": get("CI_MERGE_REQUEST_IID"),
            "number": get("CI_PIPELINE_IID"),
        },
    )


def _buildkite_build(get: Get) -> CiBuild:
    url, job, slug = get("BUILDKITE_BUILD_URL"), get("BUILDKITE_JOB_ID"), get("BUILDKITE_PIPELINE_SLUG")
    run = ["buildkite", slug, get("BUILDKITE_BUILD_NUMBER")]
    return CiBuild(
        parts=[*run, job],
        run=run,
        project=owned(get("BUILDKITE_ORGANIZATION_SLUG"), slug),
        meta={
            "branch": get("BUILDKITE_BRANCH"),
            "commit": get("BUILDKITE_COMMIT"),
            "author": get("BUILDKITE_BUILD_AUTHOR") or get("BUILDKITE_BUILD_CREATOR"),
            "title": first_line(get("BUILDKITE_MESSAGE")),
            "url": "%s#%s" % (url, job) if url and job else url,
            "kind": joined_kind(slug, get("BUILDKITE_STEP_KEY") or get("BUILDKITE_LABEL"), _parallel(get)),
            "repository": repository_address(get("BUILDKITE_REPO")),
            "pullRequest": _unless_false(get("BUILDKITE_PULL_REQUEST")),
            "number": get("BUILDKITE_BUILD_NUMBER"),
        },
    )


def _parallel(get: Get) -> str | None:
    """One of the jobs of a step with `parallelism`, counted from 0."""
    return several(get("BUILDKITE_PARALLEL_JOB"), get("BUILDKITE_PARALLEL_JOB_COUNT"))


def _unless_false(number: str | None) -> str | None:
    """The number of a pull request, which some systems say is `false` where there is none."""
    return None if number == "false" else number


def _circleci_build(get: Get) -> CiBuild:
    leg = several(get("CIRCLE_NODE_INDEX"), get("CIRCLE_NODE_TOTAL"))
    node = "node%s" % get("CIRCLE_NODE_INDEX") if leg else None
    name = get("CIRCLE_PROJECT_REPONAME")
    return CiBuild(
        parts=["circleci", name, get("CIRCLE_BUILD_NUM"), node],
        run=["circleci", name, get("CIRCLE_WORKFLOW_ID") or get("CIRCLE_BUILD_NUM")],
        project=owned(get("CIRCLE_PROJECT_USERNAME"), name),
        meta={
            "branch": get("CIRCLE_BRANCH") or get("CIRCLE_TAG"),
            "commit": get("CIRCLE_SHA1"),
            "author": get("CIRCLE_USERNAME"),
            "title": get("CIRCLE_JOB"),
            "url": get("CIRCLE_BUILD_URL"),
            "kind": joined_kind(get("CIRCLE_JOB"), leg),
            "repository": repository_address(get("CIRCLE_REPOSITORY_URL")),
            "pullRequest": get("CIRCLE_PR_NUMBER") or last_part(get("CIRCLE_PULL_REQUEST")),
            "number": get("CIRCLE_BUILD_NUM"),
        },
    )


def _azure_build(get: Get) -> CiBuild:
    name, team = get("BUILD_REPOSITORY_NAME"), get("SYSTEM_TEAMPROJECT")
    build, job = get("BUILD_BUILDID"), get("SYSTEM_JOBID")
    attempt = get("SYSTEM_JOBATTEMPT") if get("SYSTEM_JOBATTEMPT") != "1" else None
    branch = get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or get("BUILD_SOURCEBRANCH")
    page = joined(get("SYSTEM_COLLECTIONURI"), urllib.parse.quote(team or ""), "_build/results")
    return CiBuild(
        parts=["azure", build, get("SYSTEM_JOBNAME"), attempt, short_hash(job)[:8] if job else None],
        run=["azure", build],
        project=name if name and "/" in name else owned(team, name),
        meta={
            "branch": without("refs/heads/", branch),
            "commit": get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or get("BUILD_SOURCEVERSION"),
            "author": get("BUILD_REQUESTEDFOR"),
            "title": first_line(get("BUILD_SOURCEVERSIONMESSAGE")) or get("BUILD_DEFINITIONNAME"),
            "url": "%s?buildId=%s" % (page, build) if page and build else None,
            "kind": joined_kind(get("BUILD_DEFINITIONNAME"), _azure_stage(get), get("SYSTEM_JOBNAME")),
            "repository": repository_address(get("BUILD_REPOSITORY_URI")),
            "pullRequest": get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
            or get("SYSTEM_PULLREQUEST_PULLREQUESTID"),
            "number": get("BUILD_BUILDNUMBER"),
        },
    )


def _azure_stage(get: Get) -> str | None:
    return get("SYSTEM_STAGENAME") if get("SYSTEM_STAGENAME") != "__default" else None


def _bitbucket_build(get: Get) -> CiBuild:
    repository, number = get("BITBUCKET_REPO_FULL_NAME"), get("BITBUCKET_BUILD_NUMBER")
    step = get("BITBUCKET_STEP_UUID")
    origin = get("BITBUCKET_GIT_HTTP_ORIGIN") or joined("https://bitbucket.org", repository)
    run = ["bitbucket", repository, number]
    return CiBuild(
        parts=[*run, short_hash(step)[:8] if step else None],
        run=run,
        project=repository or owned(get("BITBUCKET_WORKSPACE"), get("BITBUCKET_REPO_SLUG")),
        meta={
            "branch": get("BITBUCKET_BRANCH") or get("BITBUCKET_TAG"),
            "commit": get("BITBUCKET_COMMIT"),
            "url": joined(origin, "pipelines/results", number),
            "repository": repository_address(get("BITBUCKET_GIT_HTTP_ORIGIN")) or origin,
            "pullRequest": get("BITBUCKET_PR_ID"),
            "number": number,
        },
    )


def _travis_build(get: Get) -> CiBuild:
    slug = get("TRAVIS_REPO_SLUG")
    return CiBuild(
        parts=["travis", slug, get("TRAVIS_JOB_NUMBER") or get("TRAVIS_JOB_ID")],
        run=["travis", slug, get("TRAVIS_BUILD_NUMBER") or get("TRAVIS_BUILD_ID")],
        project=slug,
        meta={
            "branch": get("TRAVIS_PULL_REQUEST_BRANCH") or get("TRAVIS_BRANCH"),
            "commit": get("TRAVIS_PULL_REQUEST_SHA") or get("TRAVIS_COMMIT"),
            "title": first_line(get("TRAVIS_COMMIT_MESSAGE")),
            "url": get("TRAVIS_JOB_WEB_URL") or get("TRAVIS_BUILD_WEB_URL"),
            "kind": joined_kind(get("TRAVIS_BUILD_STAGE_NAME"), get("TRAVIS_JOB_NAME"), _travis_leg(get)),
            "repository": _travis_repository(slug, get("TRAVIS_BUILD_WEB_URL")),
            "pullRequest": _unless_false(get("TRAVIS_PULL_REQUEST")),
            "number": get("TRAVIS_BUILD_NUMBER"),
        },
    )


def _travis_leg(get: Get) -> str | None:
    """A leg of the matrix: its system and its versions of languages, all of which Travis tells."""
    languages = ("PYTHON", "NODE", "RUBY", "GO", "JDK", "PHP", "RUST")
    versions = [get("TRAVIS_%s_VERSION" % name) for name in languages]
    return ", ".join(filter(None, [get("TRAVIS_OS_NAME"), get("TRAVIS_CPU_ARCH"), *versions])) or None


def _travis_repository(slug: str | None, page: str | None) -> str | None:
    """The address, where that of the build says who keeps the repository."""
    found = re.search(r"travis-ci\.com/(github|gitlab|bitbucket)/", page or "")
    return hosted(found.group(1), slug) if found else slug


def _appveyor_build(get: Get) -> CiBuild:
    account, slug = get("APPVEYOR_ACCOUNT_NAME"), get("APPVEYOR_PROJECT_SLUG")
    build, job = get("APPVEYOR_BUILD_ID"), get("APPVEYOR_JOB_ID")
    server = get("APPVEYOR_URL") or "https://ci.appveyor.com"
    return CiBuild(
        parts=["appveyor", slug, get("APPVEYOR_BUILD_NUMBER") or build, job],
        run=["appveyor", account, slug, build],
        project=get("APPVEYOR_REPO_NAME") or owned(account, slug),
        meta={
            "branch": get("APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH") or get("APPVEYOR_REPO_BRANCH"),
            "commit": get("APPVEYOR_PULL_REQUEST_HEAD_COMMIT") or get("APPVEYOR_REPO_COMMIT"),
            "author": get("APPVEYOR_REPO_COMMIT_AUTHOR"),
            "title": first_line(get("APPVEYOR_REPO_COMMIT_MESSAGE")),
            "url": joined(server, "project", account, slug, "builds", build, "job", job),
            "kind": joined_kind(slug, get("APPVEYOR_JOB_NAME")),
            "repository": hosted(get("APPVEYOR_REPO_PROVIDER"), get("APPVEYOR_REPO_NAME")),
            "pullRequest": get("APPVEYOR_PULL_REQUEST_NUMBER"),
            "number": get("APPVEYOR_BUILD_NUMBER"),
        },
    )


def _codebuild_build(get: Get) -> CiBuild:
    build = get("CODEBUILD_BUILD_ID") or ""
    branch = get("CODEBUILD_WEBHOOK_HEAD_REF") or get("CODEBUILD_SOURCE_VERSION")
    commit = get("CODEBUILD_RESOLVED_SOURCE_VERSION")
    return CiBuild(
        parts=["codebuild", build],
        run=["codebuild", get("CODEBUILD_INITIATOR"), commit] if commit else ["codebuild", build],
        project=repository_in(get("CODEBUILD_SOURCE_REPO_URL")) or build.partition(":")[0],
        meta={
            "branch": without("refs/heads/", branch) if branch != commit else None,
            "commit": commit,
            "author": get("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID"),
            "title": "%s #%s" % (build.partition(":")[0], get("CODEBUILD_BUILD_NUMBER")),
            "url": get("CODEBUILD_PUBLIC_BUILD_URL") or get("CODEBUILD_BUILD_URL"),
            "kind": joined_kind(build.partition(":")[0], get("CODEBUILD_BATCH_BUILD_IDENTIFIER")),
            "repository": repository_address(get("CODEBUILD_SOURCE_REPO_URL")),
            "pullRequest": _codebuild_pull_request(get),
            "number": get("CODEBUILD_BUILD_NUMBER"),
        },
    )


def _codebuild_pull_request(get: Get) -> str | None:
    """The number in `pr/12`."""
    for source in (get("CODEBUILD_WEBHOOK_TRIGGER"), get("CODEBUILD_SOURCE_VERSION")):
        if source and source.startswith("pr/"):
            return source[len("pr/") :]
    return None


GITLAB = CiSystem(lambda env: env.get("GITLAB_CI") and env.get("CI_JOB_ID"), _gitlab_build)
BUILDKITE = CiSystem(
    lambda env: env.get("BUILDKITE") == "true" and env.get("BUILDKITE_JOB_ID"), _buildkite_build
)
CIRCLECI = CiSystem(
    lambda env: env.get("CIRCLECI") == "true" and env.get("CIRCLE_BUILD_NUM"), _circleci_build
)
AZURE = CiSystem(lambda env: env.get("TF_BUILD") and env.get("BUILD_BUILDID"), _azure_build)
BITBUCKET = CiSystem(lambda env: env.get("BITBUCKET_BUILD_NUMBER"), _bitbucket_build)
TRAVIS = CiSystem(lambda env: env.get("TRAVIS") == "true" and env.get("TRAVIS_JOB_ID"), _travis_build)
APPVEYOR = CiSystem(lambda env: env.get("APPVEYOR") and env.get("APPVEYOR_JOB_ID"), _appveyor_build)
CODEBUILD = CiSystem(lambda env: env.get("CODEBUILD_BUILD_ID"), _codebuild_build)
