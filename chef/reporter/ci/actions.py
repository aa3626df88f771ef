"""GitHub Actions, and Gitea's and Forgejo's, which have the same variables."""

from __future__ import annotations

import re

from chef.reporter.ci.build import CiBuild, CiSystem, Get
from chef.reporter.ci.event import read_event
from chef.reporter.ci.naming import joined_kind, tool_versions
from chef.reporter.ids import short_hash


def _actions_build(name: str, get: Get, address: str | None, attempt: str | None) -> CiBuild:
    # Legs of a matrix share all but the runner; the tracking id is the same in all steps of one leg.
    leg = get("RUNNER_TRACKING_ID") or get("RUNNER_NAME")
    run = [name, get("GITHUB_RUN_ID"), attempt]
    event = read_event(get("GITHUB_EVENT_PATH"))
    pull_request = _pull_request(get("GITHUB_REF"))
    return CiBuild(
        parts=[*run, get("GITHUB_JOB"), short_hash(leg)[:8] if leg else None],
        run=run,
        project=get("GITHUB_REPOSITORY"),
        meta={
            "branch": get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME"),
            # What is built of a pull request is a commit that merges it for a try, which nobody looks at.
            "commit": (event.head if pull_request else None) or get("GITHUB_SHA"),
            "author": get("GITHUB_ACTOR"),
            "title": event.subject or " / ".join(filter(None, [get("GITHUB_WORKFLOW"), get("GITHUB_JOB")])),
            "url": address,
            "kind": joined_kind(get("GITHUB_WORKFLOW"), get("GITHUB_JOB"), _leg(get)),
            "repository": _repository(get),
            "pullRequest": pull_request or event.pull_request,
            "number": get("GITHUB_RUN_NUMBER"),
        },
        stage=_step(get("GITHUB_ACTION")),
    )


def _step(action: str | None) -> str | None:
    """A step's id; steps without one are called `__run`, `__run_2` and so on."""
    name = (action or "").lstrip("_")
    return name if name and name != "run" else None


def _leg(get: Get) -> str | None:
    """What tells a leg of a matrix from the others in every run: its system, and the tools that steps chose.

    A workflow tells more by `--meta kind=…`: no variable has the matrix itself.
    """
    system = get("ImageOS") or get("RUNNER_OS")
    return ", ".join(filter(None, [system, get("RUNNER_ARCH"), tool_versions(get("PATH"))])) or None


def _repository(get: Get) -> str | None:
    server, name = get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY")
    return "%s/%s" % (server.rstrip("/"), name) if server and name else name


def _pull_request(ref: str | None) -> str | None:
    """The number in `refs/pull/12/merge`."""
    found = re.match(r"refs/pull/(\d+)/", ref or "")
    return found.group(1) if found else None


def _runs(get: Get, server: str) -> str:
    return "%s/%s/actions/runs" % (get("GITHUB_SERVER_URL") or server, get("GITHUB_REPOSITORY"))


def _github_build(get: Get) -> CiBuild:
    attempt = get("GITHUB_RUN_ATTEMPT")
    address = "%s/%s" % (_runs(get, "https://github.com"), get("GITHUB_RUN_ID"))
    return _actions_build(
        "github", get, "%s/attempts/%s" % (address, attempt) if attempt else address, attempt
    )


def _forge_build(name: str, get: Get) -> CiBuild:
    # Runs are numbered per repository there, and have no address per attempt.
    number = get("GITHUB_RUN_NUMBER")
    has_address = get("GITHUB_SERVER_URL") and number
    address = "%s/%s" % (_runs(get, ""), number) if has_address else None
    return _actions_build(name, get, address, get("GITHUB_RUN_ATTEMPT"))


GITEA = CiSystem(lambda env: env.get("GITEA_ACTIONS") == "true", lambda get: _forge_build("gitea", get))
FORGEJO = CiSystem(lambda env: env.get("FORGEJO_ACTIONS") == "true", lambda get: _forge_build("forgejo", get))
GITHUB = CiSystem(lambda env: env.get("GITHUB_ACTIONS") == "true" and env.get("GITHUB_RUN_ID"), _github_build)
