"""GitHub and GitLab: jobs of their CI, and deployments.

Sources: https://docs.github.com/en/webhooks/webhook-events-and-payloads,
https://docs.gitlab.com/user/project/integrations/webhook_events/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chef.hooks.delivery import Heard, HookDelivery, State, at, first_line, make_id, text_at

_GITHUB_ACTIONS: dict[str, State] = {"queued": "queued", "waiting": "queued", "in_progress": "running"}
_GITHUB_CONCLUSIONS: dict[str, State] = {
    "success": "completed",
    "neutral": "completed",
    "failure": "failed",
    "timed_out": "failed",
    "startup_failure": "failed",
    "action_required": "failed",
    "cancelled": "cancelled",
    "skipped": "skipped",
    "stale": "cancelled",
}
_GITHUB_DEPLOYMENTS: dict[str, State] = {
    "pending": "queued",
    "waiting": "queued",
    "queued": "queued",
    "in_progress": "running",
    "success": "completed",
    "failure": "failed",
    "error": "failed",
}
_GITLAB: dict[str, State] = {
    "created": "queued",
    "waiting_for_resource": "queued",
    "waiting_for_callback": "queued",
    "preparing": "queued",
    "pending": "queued",
    "running": "running",
    "success": "completed",
    "failed": "failed",
    "canceled": "cancelled",
    "skipped": "skipped",
}


def github(delivery: HookDelivery) -> list[Heard]:
    """`workflow_job` and `deployment_status`."""
    event = delivery.headers.get("x-github-event")
    if event == "workflow_job":
        return _workflow_job(delivery)
    return _deployment_status(delivery) if event == "deployment_status" else []


def _workflow_job(delivery: HookDelivery) -> list[Heard]:
    job = at(delivery.payload, "workflow_job")
    number, action, name = text_at(job, "id"), delivery.text("action"), text_at(job, "name")
    conclusion = text_at(job, "conclusion")
    state = _GITHUB_CONCLUSIONS.get(conclusion or "") if action == "completed" else None
    state = state or _GITHUB_ACTIONS.get(action or "")
    if state is None or number is None:
        return []
    run, attempt = text_at(job, "run_id"), text_at(job, "run_attempt")
    repository = _github_repository(delivery)
    kind = " / ".join(part for part in (text_at(job, "workflow_name"), name) if part)
    meta = {
        "title": kind or None,
        "branch": text_at(job, "head_branch"),
        "commit": text_at(job, "head_sha"),
        "url": text_at(job, "html_url"),
        "run": make_id("github", run, attempt) if run else None,
        "repository": repository,
    }
    message = _failed_step(job) or (conclusion if action == "completed" and state != "completed" else None)
    return [Heard(make_id("github", "job", number), state, kind or "workflow job", message, meta)]


def _failed_step(job: Any) -> str | None:
    steps = at(job, "steps")
    for step in steps if isinstance(steps, list) else []:
        if text_at(step, "conclusion") in ("failure", "timed_out"):
            return f"step {text_at(step, 'name') or text_at(step, 'number')} failed"
    return None


def _deployment_status(delivery: HookDelivery) -> list[Heard]:
    number = delivery.text("deployment", "id")
    state = _GITHUB_DEPLOYMENTS.get(delivery.text("deployment_status", "state") or "")
    if state is None or number is None:
        return []
    environment = delivery.text("deployment", "environment") or "deployment"
    addresses = ("log_url", "target_url", "environment_url")
    meta = {
        "title": f"Deploy to {environment}",
        "branch": delivery.text("deployment", "ref"),
        "commit": delivery.text("deployment", "sha"),
        "author": delivery.text("deployment", "creator", "login"),
        "url": next((url for name in addresses if (url := delivery.text("deployment_status", name))), None),
        "repository": _github_repository(delivery),
    }
    message = delivery.text("deployment_status", "description")
    return [Heard(make_id("github", "deployment", number), state, f"deploy {environment}", message, meta)]


def gitlab(delivery: HookDelivery) -> list[Heard]:
    """`pipeline` events, which name all jobs of the pipeline, and `job` events."""
    kind = delivery.text("object_kind")
    if kind == "pipeline":
        return _pipeline(delivery)
    return _gitlab_job(delivery) if kind == "build" else []


def _pipeline(delivery: HookDelivery) -> list[Heard]:
    pipeline, builds = delivery.text("object_attributes", "id"), at(delivery.payload, "builds")
    address = delivery.text("project", "web_url")
    meta = _gitlab_meta(delivery, pipeline, delivery.text("object_attributes", "ref"), address) | {
        "commit": delivery.text("object_attributes", "sha"),
        "title": first_line(delivery.text("commit", "title") or delivery.text("commit", "message")),
        "author": delivery.text("commit", "author", "name") or delivery.text("user", "name"),
    }
    heard = []
    for build in builds if isinstance(builds, list) else []:
        told = _build(text_at(build, "id"), text_at(build, "status"), text_at(build, "name"), address, meta)
        if told is not None:
            heard.append(told)
    return heard


def _gitlab_job(delivery: HookDelivery) -> list[Heard]:
    address = delivery.text("repository", "homepage") or delivery.text("project", "web_url")
    meta = _gitlab_meta(delivery, delivery.text("pipeline_id"), delivery.text("ref"), address) | {
        "commit": delivery.text("sha"),
        "title": first_line(delivery.text("commit", "message")),
        "author": delivery.text("commit", "author_name") or delivery.text("user", "name"),
    }
    status, name = delivery.text("build_status"), delivery.text("build_name")
    message = delivery.text("build_failure_reason") if status == "failed" else None
    told = _build(delivery.text("build_id"), status, name, address, meta, message)
    return [told] if told is not None else []


def _gitlab_meta(
    delivery: HookDelivery, pipeline: str | None, branch: str | None, address: str | None
) -> dict[str, Any]:
    project = delivery.text("project", "id") or delivery.text("project_id")
    return {
        "branch": branch,
        "run": make_id("gitlab", project, pipeline) if pipeline else None,
        "number": pipeline,
        "repository": address,
    }


def _build(
    number: str | None,
    status: str | None,
    name: str | None,
    address: str | None,
    meta: Mapping[str, Any],
    message: str | None = None,
) -> Heard | None:
    """One job of a pipeline; none where it waits for a person, or for its time."""
    state = _GITLAB.get(status or "")
    if state is None or number is None:
        return None
    url = f"{address}/-/jobs/{number}" if address else None
    said = message if message != "unknown_failure" else None
    return Heard(make_id("gitlab", "job", number), state, name or "job", said, {**meta, "url": url})


def _github_repository(delivery: HookDelivery) -> str | None:
    """The repository's address, which is on another host than github.com for GitHub Enterprise."""
    address, name = (delivery.text("repository", key) for key in ("html_url", "full_name"))
    if address and address.startswith(("https://", "http://")):
        return address
    return f"https://github.com/{name}" if name else None
