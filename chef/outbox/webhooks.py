"""Signed webhooks by the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from msgspec import json

from chef.domain.clock import rfc3339
from chef.domain.clockback import not_after
from chef.domain.payloads import JobJson, job_json
from chef.domain.wiretypes import JsonObject
from chef.hooks.signatures import signature
from chef.outbox.channel import RequestChannel, channel_fields
from chef.outbox.values import Notice, Request
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget
from chef.version import VERSION

_NEEDS = "needs a host, and a port up to 65535 if one is given"


class WebhookData(JobJson, frozen=True, kw_only=True):
    """A job as `GET /api/jobs/JOB` answers it, and the address of its page."""

    link: str


class WebhookBody(JsonObject, frozen=True):
    """The specification's body: `type` is `job.` and the word."""

    type: str
    timestamp: str
    data: WebhookData


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChannel(RequestChannel):
    """An address that is sent a POST for each word; `secrets` sign it, none where none is set."""

    kind = "webhook"
    updates = False

    url: str
    secrets: tuple[str, ...] = ()

    def first(self, notice: Notice) -> Request:
        """A POST that is signed anew each time: its time is that of sending it."""
        sent_at, body = int(time.time()), _body(notice)
        name = f"msg_{notice.id}"
        signatures = (f"v1,{signature(name, sent_at, body, secret)}" for secret in self.secrets)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Chef/{VERSION}",
            "webhook-id": name,
            "webhook-timestamp": str(sent_at),
        }
        if self.secrets:
            headers["webhook-signature"] = " ".join(signatures)
        return Request("POST", self.url, headers, body)


def _body(notice: Notice) -> bytes:
    job = job_json(not_after(notice.job, notice.at), notice.at, estimate=notice.estimate)
    fields = {name: getattr(job, name) for name in JobJson.__struct_fields__}
    data = WebhookData(**fields, link=notice.link)
    return json.encode(WebhookBody(f"job.{notice.word}", rfc3339(min(notice.job.state_at, notice.at)), data))


def make(target: NotifyTarget, settings: Settings) -> WebhookChannel:
    """The channel of an `https://` or `http://` address."""
    try:
        parts = urlsplit(target.url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise Wrong(_NEEDS) from None
    if not host:
        raise Wrong(_NEEDS)
    if parts.username is not None:
        raise Wrong("must not have a user or a password: what is sent is signed with CHEF_HOOK_SECRET")
    return WebhookChannel(
        **channel_fields(target, f"{target.scheme}://{host}", target.url),
        url=target.url,
        secrets=settings.hook_secrets,
    )
