"""CI systems that teams run themselves: Jenkins, TeamCity, Concourse, Woodpecker, Drone, Tekton."""

from __future__ import annotations

import os
import re
import urllib.parse

from chef.reporter.ci.build import CiBuild, CiSystem, Get, first_line, joined, owned, without
from chef.reporter.ci.naming import joined_kind, repository_address


def _jenkins_build(get: Get) -> CiBuild:
    # JOB_NAME has the folders, the branch of a multibranch project and the axes of a matrix.
    name, number = get("JOB_NAME"), get("BUILD_NUMBER")
    tag = None if name and number else get("BUILD_TAG")
    top = (get("JOB_BASE_NAME") if not get("BRANCH_NAME") else None) or name
    # The axes of a matrix are jobs of one run.
    whole = re.sub(r"/[^/=]+=[^/]*$", "", name or "")
    return CiBuild(
        parts=["jenkins", tag or name, None if tag else number],
        run=["jenkins", tag or whole, None if tag else number],
        project=_jenkins_project(top, get("BRANCH_NAME")),
        meta={
            "branch": get("CHANGE_BRANCH") or get("BRANCH_NAME") or without("origin/", get("GIT_BRANCH")),
            "commit": get("GIT_COMMIT"),
            "author": get("CHANGE_AUTHOR_DISPLAY_NAME") or get("CHANGE_AUTHOR") or get("GIT_AUTHOR_NAME"),
            "title": get("CHANGE_TITLE") or get("BUILD_DISPLAY_NAME"),
            "url": get("RUN_DISPLAY_URL") or get("BUILD_URL"),
            "kind": joined_kind(_jenkins_path(name, get("BRANCH_NAME"))),
            "repository": repository_address(get("GIT_URL") or get("GIT_URL_1")),
            "pullRequest": get("CHANGE_ID"),
            "number": number,
        },
        stage=get("STAGE_NAME"),
    )


def _jenkins_path(name: str | None, branch: str | None) -> str | None:
    """A job with its folders, without the branch of a multibranch project."""
    path = urllib.parse.unquote(name or "")
    return path[: -len(branch) - 1] if branch and path.endswith("/" + branch) else path


def _jenkins_project(name: str | None, branch: str | None) -> str | None:
    """The last part of a job's name; of a multibranch job the part before its branch."""
    parts = (name or "").split("/")
    if branch and len(parts) > 1:
        parts = parts[:-1]
    return parts[-1] or None


def _teamcity_build(get: Get) -> CiBuild:
    project, configuration = get("TEAMCITY_PROJECT_NAME"), get("TEAMCITY_BUILDCONF_NAME")
    parts = ["teamcity", project, configuration, get("BUILD_NUMBER")]
    return CiBuild(
        parts=parts,
        run=parts,
        project=project,
        meta={
            "commit": get("BUILD_VCS_NUMBER"),
            "title": " / ".join(filter(None, [project, configuration])),
            "url": get("BUILD_URL"),
            "kind": joined_kind(project, configuration),
            "number": get("BUILD_NUMBER"),
        },
    )


def _concourse_build(get: Get) -> CiBuild:
    team, pipeline, job = get("BUILD_TEAM_NAME"), get("BUILD_PIPELINE_NAME"), get("BUILD_JOB_NAME")
    address = [get("ATC_EXTERNAL_URL"), "teams", team, "pipelines", pipeline, "jobs", job]
    return CiBuild(
        parts=["concourse", get("BUILD_ID")],
        run=["concourse", get("BUILD_ID")],
        project=owned(team, pipeline),
        meta={
            "title": " / ".join(filter(None, [pipeline, job])),
            "url": joined(*address, "builds", get("BUILD_NAME")),
            "kind": joined_kind(pipeline, job),
            "number": get("BUILD_NAME"),
        },
    )


def _woodpecker_build(get: Get) -> CiBuild:
    number = get("CI_PIPELINE_NUMBER") or get("CI_BUILD_NUMBER")
    run = ["woodpecker", get("CI_REPO_ID") or get("CI_REPO"), number]
    return CiBuild(
        parts=[*run, get("CI_WORKFLOW_NUMBER") or get("CI_WORKFLOW_NAME") or get("CI_JOB_NUMBER")],
        run=run,
        project=get("CI_REPO") or owned(get("CI_REPO_OWNER"), get("CI_REPO_NAME")),
        meta={
            "branch": get("CI_COMMIT_SOURCE_BRANCH") or get("CI_COMMIT_BRANCH"),
            "commit": get("CI_COMMIT_SHA"),
            "author": get("CI_COMMIT_AUTHOR"),
            "title": first_line(get("CI_COMMIT_MESSAGE")),
            "url": get("CI_STEP_URL") or get("CI_PIPELINE_URL") or get("CI_BUILD_LINK"),
            "kind": joined_kind(get("CI_WORKFLOW_NAME") or get("CI_JOB_NAME"), get("CI_SYSTEM_PLATFORM")),
            "repository": get("CI_REPO_URL") or get("CI_REPO_LINK"),
            "pullRequest": get("CI_COMMIT_PULL_REQUEST"),
            "number": number,
        },
        stage=get("CI_STEP_NAME"),
    )


def _drone_build(get: Get) -> CiBuild:
    run = ["drone", get("DRONE_REPO"), get("DRONE_BUILD_NUMBER")]
    return CiBuild(
        parts=[*run, get("DRONE_STAGE_NUMBER")],
        run=run,
        project=get("DRONE_REPO"),
        meta={
            "branch": get("DRONE_SOURCE_BRANCH") or get("DRONE_BRANCH"),
            "commit": get("DRONE_COMMIT_SHA") or get("DRONE_COMMIT"),
            "author": get("DRONE_COMMIT_AUTHOR_NAME") or get("DRONE_COMMIT_AUTHOR"),
            "title": first_line(get("DRONE_COMMIT_MESSAGE")),
            "url": get("DRONE_BUILD_LINK"),
            "kind": joined_kind(get("DRONE_STAGE_NAME"), get("DRONE_STAGE_ARCH")),
            "repository": get("DRONE_REPO_LINK"),
            "pullRequest": get("DRONE_PULL_REQUEST"),
            "number": get("DRONE_BUILD_NUMBER"),
        },
        stage=get("DRONE_STEP_NAME"),
    )


def _tekton_build(get: Get) -> CiBuild:
    # Tekton sets no variables: its entry point lies in the container, and the host is named after the pod.
    host = get("HOSTNAME") or ""
    task = host[: -len("-pod")] if host.endswith("-pod") else host
    return CiBuild(["tekton", task], ["tekton", task], None, {"title": task})


JENKINS = CiSystem(
    lambda env: env.get("JENKINS_URL") and (env.get("BUILD_NUMBER") or env.get("BUILD_TAG")), _jenkins_build
)
TEAMCITY = CiSystem(lambda env: env.get("TEAMCITY_VERSION") and env.get("BUILD_NUMBER"), _teamcity_build)
CONCOURSE = CiSystem(lambda env: env.get("ATC_EXTERNAL_URL") and env.get("BUILD_ID"), _concourse_build)
WOODPECKER = CiSystem(lambda env: env.get("CI") == "woodpecker", _woodpecker_build)
DRONE = CiSystem(lambda env: env.get("DRONE") == "true" and env.get("DRONE_BUILD_NUMBER"), _drone_build)
TEKTON = CiSystem(lambda env: env.get("HOSTNAME") and os.path.isdir("/tekton/steps"), _tekton_build)
