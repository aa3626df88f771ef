"""Webhooks of platforms (contract section 8): `POST /api/hooks/PLATFORM/PROJECT`.

A delivery that is proven is always answered with 200, also where it tells nothing that Chef shows, or of a
job that has ended: platforms give up addresses that answer with errors.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, request

from chef.api.answers import answer, check_id
from chef.api.bodies import read_body
from chef.api.shapes import HookAccepted
from chef.domain.filtering import JobFilter
from chef.domain.model import RUNNING
from chef.errors import Conflict, Forbidden, NotFound, NotJson, Unauthorized
from chef.hooks import PLATFORMS, Heard, HookDelivery, HookPlatform, address_key
from chef.hooks.delivery import make_id
from chef.services import services
from chef.wire.parse import parse_updates
from chef.wire.strict import dumps, loads

blueprint = Blueprint("hooks", __name__)

_RECENT = 200


@blueprint.post("/api/hooks/<platform>/<project_id>")
def post_hook(platform: str, project_id: str) -> Response:
    """A delivery of a platform's webhook, as updates of the project's jobs."""
    known = PLATFORMS.get(platform)
    if known is None:
        raise NotFound(f"there is no platform {platform!r}: one of {', '.join(PLATFORMS)}")
    check_id(project_id, "projectId")
    if not services().settings.hook_secrets:
        raise Forbidden("webhooks are taken where CHEF_HOOK_SECRET is set")
    delivery = _delivery()
    _check_proof(known, platform, project_id, delivery)
    name = make_id(platform, known.delivery_id(delivery) or delivery.fingerprint)
    accepted = 0
    jobs: list[str] = []
    ignored: list[str] = []
    for heard in known.hear(delivery):
        job_id = _job_id(project_id, heard)
        try:
            accepted += _record(heard.updates(job_id, name), project_id)
            jobs.append(job_id)
        except Conflict as refused:
            ignored.append(f"{job_id}: {refused.detail}")
    if not jobs and not ignored:
        ignored.append("nothing of this event is shown")
    return answer(HookAccepted(accepted, tuple(jobs), tuple(ignored)))


def _delivery() -> HookDelivery:
    body = read_body(request, services().settings.max_body_bytes)
    if request.mimetype == "application/x-www-form-urlencoded":
        raise NotJson("choose the content type application/json where the platform asks")
    payload = loads(body)
    if not isinstance(payload, dict):
        raise NotJson("the body must be a JSON object")
    return HookDelivery({name.lower(): value for name, value in request.headers.items()}, body, payload)


def _check_proof(known: HookPlatform, platform: str, project_id: str, delivery: HookDelivery) -> None:
    """Refuse what does not come from the platform."""
    secrets, now = services().settings.hook_secrets, services().clock() / 1000
    if known.verify:
        if not any(verify(delivery, secret, now) for secret in secrets for verify in known.verify):
            raise Unauthorized(f"the signature of {platform} is missing or not made with CHEF_HOOK_SECRET")
        return
    given = request.args.get("key", "").encode()
    keys = (address_key(platform, project_id, secret).encode() for secret in secrets)
    if not any(hmac.compare_digest(given, key) for key in keys):
        raise Unauthorized(
            f"?key= is missing or wrong: `chef hook {platform} {project_id}` prints the address"
        )


def _job_id(project_id: str, heard: Heard) -> str:
    """The job that is told of: for the end of a deployment without a name, the one that runs."""
    if heard.thread is None or heard.state in ("queued", "running"):
        return heard.job_id
    wanted = JobFilter(project_id=project_id, kind=heard.kind, statuses=RUNNING)
    running = services().store.jobs(wanted, limit=_RECENT).jobs
    return next((job.job_id for job in running if job.meta.get("hook") == heard.thread), heard.job_id)


def _record(updates: Iterable[dict[str, Any]], project_id: str) -> int:
    body = dumps([update | {"projectId": project_id} for update in updates])
    parsed = parse_updates(body, "json")
    return services().tracker.record(parsed.updates, frozenset({project_id})).accepted
