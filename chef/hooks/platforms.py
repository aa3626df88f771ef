"""The platforms whose webhooks are taken: how each signs, names a delivery, and tells of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chef.hooks import clouds, codehosts, selfhosted
from chef.hooks.delivery import Heard, HookDelivery
from chef.hooks.signatures import (
    Verify,
    base64_hmac,
    hex_hmac,
    plain_token,
    signed_by_jws,
    standard_webhook,
)


@dataclass(frozen=True, slots=True)
class HookPlatform:
    """`verify` are the ways in which it may sign: without one, a key in the address proves it (`?key=`).

    `form_field` is the field of a form in which it may send the JSON.
    """

    hear: Callable[[HookDelivery], list[Heard]]
    delivery_id: Callable[[HookDelivery], str | None]
    verify: tuple[Verify, ...] = ()
    form_field: str | None = None


def _header(name: str) -> Callable[[HookDelivery], str | None]:
    return lambda delivery: delivery.headers.get(name)


def _field(*path: str) -> Callable[[HookDelivery], str | None]:
    return lambda delivery: delivery.text(*path)


def _unnamed(_delivery: HookDelivery) -> None:
    """It names no delivery: the body does."""


PLATFORMS: dict[str, HookPlatform] = {
    "github": HookPlatform(
        codehosts.github,
        _header("x-github-delivery"),
        (hex_hmac("x-hub-signature-256", "sha256", "sha256="),),
        form_field="payload",
    ),
    "gitlab": HookPlatform(
        codehosts.gitlab,
        lambda delivery: (
            delivery.headers.get("idempotency-key") or delivery.headers.get("x-gitlab-event-uuid")
        ),
        (standard_webhook, plain_token("x-gitlab-token")),
    ),
    "vercel": HookPlatform(clouds.vercel, _field("id"), (hex_hmac("x-vercel-signature", "sha1"),)),
    "netlify": HookPlatform(clouds.netlify, _unnamed, (signed_by_jws("x-webhook-signature", "netlify"),)),
    "heroku": HookPlatform(
        clouds.heroku,
        _field("webhook_metadata", "event", "id"),
        (base64_hmac("heroku-webhook-hmac-sha256"),),
    ),
    "render": HookPlatform(clouds.render, _header("webhook-id"), (standard_webhook,)),
    "railway": HookPlatform(clouds.railway, _unnamed),
    "coolify": HookPlatform(selfhosted.coolify, _unnamed),
    "dokploy": HookPlatform(selfhosted.dokploy, _unnamed),
}
