"""Webhooks of platforms (contract section 8): `POST /api/hooks/PLATFORM/PROJECT`.

A delivery that is proven is answered with 200, also where it tells nothing that Chef shows, or of a job that
has ended: platforms give up addresses that answer with errors. Nothing of its body is read before the proof.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from chef.api.answers import answer, check_id
from chef.api.bodies import read_body
from chef.api.shapes import HookAccepted
from chef.domain.filtering import JobFilter
from chef.domain.model import RUNNING
from chef.errors import Conflict, Forbidden, NotFound, NotJson, Unauthorized
from chef.hooks import PLATFORMS, Heard, HookDelivery, HookPlatform, address_key, ended_by, make_id
from chef.services import services
from chef.wire.parse import parse_updates
from chef.wire.strict import dumps

blueprint = Blueprint("hooks", __name__)

_RECENT = 200
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


@blueprint.post("/api/hooks/<platform>/<project_id>")
def post_hook(platform: str, project_id: str) -> Response:
    """A delivery of a platform's webhook, as updates of the project's jobs."""
    known = PLATFORMS.get(platform)
    if known is None:
        raise NotFound(f"there is no platform {platform!r}: one of {', '.join(PLATFORMS)}")
    check_id(project_id, "projectId")
    if not services().settings.hook_secrets:
        raise Forbidden("webhooks are taken where CHEF_HOOK_SECRET is set")
    delivery = _delivery(known)
    _check_proof(known, platform, project_id, delivery)
    delivery = replace(delivery, payload=_payload(_json_of(delivery.body, known)))
    name = make_id(platform, known.delivery_id(delivery) or delivery.fingerprint)
    accepted = 0
    jobs: list[str] = []
    ignored: list[str] = []
    for heard in known.hear(delivery):
        job_id = _job_id(project_id, heard, name)
        try:
            _check_order(heard, job_id)
            accepted += _record(heard.updates(job_id, name, platform), project_id)
            jobs.append(job_id)
        except Conflict as refused:
            ignored.append(f"{job_id}: {refused.detail}")
        except Forbidden:
            ignored.append(f"{job_id}: it is a job of another project")
    if not jobs and not ignored:
        ignored.append("nothing of this event is shown")
    return answer(HookAccepted(accepted, tuple(jobs), tuple(ignored)))


def _delivery(known: HookPlatform) -> HookDelivery:
    body = read_body(request, services().settings.max_body_bytes)
    if request.mimetype == _FORM and known.form_field is None:
        raise NotJson("choose the content type application/json where the platform asks")
    return HookDelivery({name.lower(): value for name, value in request.headers.items()}, body, {})


def _json_of(body: bytes, known: HookPlatform) -> bytes:
    """The JSON in a body: GitHub sends it in a form unless another content type is chosen."""
    if request.mimetype != _FORM or known.form_field is None:
        return body
    try:
        given = dict(parse_qsl(body, max_num_fields=_MOST_FIELDS))
    except ValueError:
        given = {}
    return given.get(known.form_field.encode(), b"")


def _payload(body: bytes) -> dict[str, Any]:
    """What a body says. Others write it, with much that is not taken: so this is not as strict as updates."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise NotJson("the body must be a JSON object")
    return payload


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


def _job_id(project_id: str, heard: Heard, delivery_id: str) -> str:
    """The job that is told of: for the end of a deployment without a name, the one that runs.

    Where this delivery has come before, it is the one that it ended then.
    """
    if heard.thread is None or heard.state in ("queued", "running"):
        return heard.job_id
    recent = services().store.jobs(JobFilter(project_id=project_id, kind=heard.kind), limit=_RECENT).jobs
    ours = [job for job in recent if job.meta.get("hook") == heard.thread]
    ended = [job for job in ours if ended_by(job.meta) == delivery_id]
    running = [job for job in ours if job.status in RUNNING]
    return next((job.job_id for job in (*ended, *running)), heard.job_id)


def _check_order(heard: Heard, job_id: str) -> None:
    """Refuse what another delivery has overtaken: they come in any order. What never began is no job."""
    if heard.state not in ("queued", "skipped"):
        return
    job = services().store.job(job_id)
    if heard.state == "queued" and job is not None and job.status != "queued":
        raise Conflict("it has begun already")
    if heard.state == "skipped" and job is None:
        raise Conflict("it was skipped before it began")


def _record(updates: Iterable[dict[str, Any]], project_id: str) -> int:
    body = dumps([update | {"projectId": project_id} for update in updates])
    parsed = parse_updates(body, "json")
    return services().tracker.record(parsed.updates, frozenset({project_id})).accepted
