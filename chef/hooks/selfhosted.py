"""Coolify and Dokploy: deployments on one's own machines. Both tell of the end alone.

Sources: the notifications of Coolify (`app/Notifications/Application`) and of Dokploy
(`packages/server/src/utils/notifications`), as published.
"""

from __future__ import annotations

from chef.hooks.delivery import Heard, HookDelivery, State, make_id

_COOLIFY: dict[str, State] = {"deployment_success": "completed", "deployment_failed": "failed"}
_DOKPLOY: dict[str, State] = {"success": "completed", "error": "failed"}


def coolify(delivery: HookDelivery) -> list[Heard]:
    """`deployment_success` and `deployment_failed`."""
    state = _COOLIFY.get(delivery.text("event") or "")
    number = delivery.text("deployment_uuid")
    if state is None or number is None:
        return []
    name = delivery.text("application_name") or "application"
    environment = delivery.text("environment") or "production"
    meta = {
        "title": f"Deploy {name} to {environment}",
        "url": delivery.text("deployment_url"),
        "pullRequest": delivery.text("pull_request_id"),
    }
    message = delivery.text("message") if state == "failed" else None
    return [Heard(make_id("coolify", number), state, f"{name} {environment}", message, meta)]


def dokploy(delivery: HookDelivery) -> list[Heard]:
    """A build's end: notifications of the type `build`."""
    state = _DOKPLOY.get(delivery.text("status") or "") if delivery.text("type") == "build" else None
    name = delivery.text("applicationName")
    if state is None or name is None:
        return []
    project = delivery.text("projectName")
    meta = {"title": f"Deploy {name}", "url": delivery.text("buildLink")}
    kind = " ".join(part for part in (project, name) if part)
    message = delivery.text("errorMessage") if state == "failed" else None
    thread = make_id("dokploy", project, name)
    return [Heard(make_id(thread, delivery.fingerprint), state, kind, message, meta, thread)]
