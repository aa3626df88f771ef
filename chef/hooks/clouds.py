"""Vercel, Netlify, Heroku, Render and Railway: deployments on their clouds.

Sources: https://vercel.com/docs/webhooks/webhooks-api, https://docs.netlify.com/deploy/deploy-notifications/,
https://devcenter.heroku.com/articles/app-webhooks, https://render.com/docs/webhooks,
https://docs.railway.com/observability/webhooks.
"""

from __future__ import annotations

from chef.hooks.delivery import Heard, HookDelivery, State, first_line, make_id

_VERCEL: dict[str, State] = {
    "deployment.created": "running",
    "deployment.ready": "completed",
    "deployment.succeeded": "completed",
    "deployment.error": "failed",
    "deployment.canceled": "cancelled",
}
_NETLIFY: dict[str, State] = {
    "new": "queued",
    "pending_review": "queued",
    "accepted": "queued",
    "enqueued": "queued",
    "building": "running",
    "uploading": "running",
    "uploaded": "running",
    "preparing": "running",
    "prepared": "running",
    "processing": "running",
    "processed": "running",
    "ready": "completed",
    "error": "failed",
    "rejected": "cancelled",
}
_HEROKU: dict[str, State] = {"pending": "running", "succeeded": "completed", "failed": "failed"}
_RENDER: dict[str, State] = {"succeeded": "completed", "failed": "failed", "canceled": "cancelled"}
_RAILWAY: dict[str, State] = {
    "queued": "queued",
    "waiting": "queued",
    "initializing": "queued",
    "needs_approval": "queued",
    "building": "running",
    "deploying": "running",
    "success": "completed",
    "failed": "failed",
    "crashed": "failed",
    "skipped": "skipped",
}


def vercel(delivery: HookDelivery) -> list[Heard]:
    """A deployment's beginning and end."""
    state = _VERCEL.get(delivery.text("type") or "")
    number = delivery.text("payload", "deployment", "id")
    if state is None or number is None:
        return []
    name = delivery.text("payload", "deployment", "name") or "deployment"
    target = delivery.text("payload", "target") or "preview"

    def git(field: str) -> str | None:
        """What Vercel says of the commit, under the name of where it lies."""
        hosts = ("github", "gitlab", "bitbucket")
        given = (delivery.text("payload", "deployment", "meta", f"{host}{field}") for host in hosts)
        return next((text for text in given if text), None)

    meta = {
        "title": first_line(git("CommitMessage")) or f"Deploy {name} to {target}",
        "branch": git("CommitRef"),
        "commit": git("CommitSha"),
        "author": git("CommitAuthorName"),
        "url": delivery.text("payload", "links", "deployment"),
    }
    return [Heard(make_id("vercel", number), state, f"{name} {target}", None, meta)]


def netlify(delivery: HookDelivery) -> list[Heard]:
    """A deploy as it stands."""
    state, number = _NETLIFY.get(delivery.text("state") or ""), delivery.text("id")
    if state is None or number is None:
        return []
    name, context = delivery.text("name") or "site", delivery.text("context") or "deploy"
    admin = delivery.text("admin_url")
    meta = {
        "title": first_line(delivery.text("title")) or f"Deploy {name}",
        "branch": delivery.text("branch"),
        "commit": delivery.text("commit_ref"),
        "author": delivery.text("committer"),
        "url": f"{admin}/deploys/{number}" if admin else None,
    }
    message = delivery.text("error_message") if state == "failed" else None
    return [Heard(make_id("netlify", number), state, f"{name} {context}", message, meta)]


def heroku(delivery: HookDelivery) -> list[Heard]:
    """`api:build` and `api:release`."""
    resource = delivery.text("resource")
    state, number = _HEROKU.get(delivery.text("data", "status") or ""), delivery.text("data", "id")
    if resource not in ("build", "release") or state is None or number is None:
        return []
    app = delivery.text("data", "app", "name") or "app"
    version = delivery.text("data", "version")
    title = delivery.text("data", "description") or f"{resource.capitalize()} {app}"
    meta = {
        "title": f"v{version}: {title}" if version else title,
        "commit": delivery.text("data", "source_blob", "version"),
        "url": f"https://dashboard.heroku.com/apps/{app}/activity/{resource}s/{number}",
    }
    return [Heard(make_id("heroku", resource, number), state, f"{app} {resource}", None, meta)]


def render(delivery: HookDelivery) -> list[Heard]:
    """`deploy_started` and `deploy_ended`, which name the service, not the deploy."""
    event, service = delivery.text("type"), delivery.text("data", "serviceId")
    ended = _RENDER.get(delivery.text("data", "status") or "") if event == "deploy_ended" else None
    state: State | None = "running" if event == "deploy_started" else ended
    number = delivery.text("data", "id") or delivery.headers.get("webhook-id")
    if state is None or service is None or number is None:
        return []
    name = delivery.text("data", "serviceName") or service
    meta = {"title": f"Deploy {name}", "url": f"https://dashboard.render.com/r/{service}/events"}
    thread = make_id("render", service)
    return [Heard(make_id(thread, number), state, f"{name} deploy", None, meta, thread)]


def railway(delivery: HookDelivery) -> list[Heard]:
    """A deployment's change of status: the event's name says it, else its details do.

    In the documented example `Deployment.failed` has the status `SUCCESS`.
    """
    kind, said = delivery.text("type") or "", delivery.text("details", "status") or ""
    words = [kind.removeprefix("Deployment.").lower(), said.lower()]
    status = next((word for word in words if word in _RAILWAY), "")
    state = _RAILWAY.get(status) if kind.startswith("Deployment.") else None
    number = delivery.text("resource", "deployment", "id") or delivery.text("details", "id")
    if state is None or number is None:
        return []
    service = delivery.text("resource", "service", "name") or "service"
    environment = delivery.text("resource", "environment", "name") or "production"
    meta = {
        "title": first_line(delivery.text("details", "commitMessage")) or f"Deploy {service}",
        "branch": delivery.text("details", "branch"),
        "commit": delivery.text("details", "commitHash"),
        "author": delivery.text("details", "commitAuthor"),
    }
    message = status if state == "failed" else None
    return [Heard(make_id("railway", number), state, f"{service} {environment}", message, meta)]
