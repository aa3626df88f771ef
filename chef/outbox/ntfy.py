"""ntfy (https://docs.ntfy.sh/publish): a notification that later messages with its sequence id replace.

It is published as JSON, so that nothing of a build is in a header. Servers before 2.16 know no sequence ids:
they would show each edit as a notification of its own, and are told the end alone.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chef.outbox.channel import channel_fields
from chef.outbox.chats import NO_MESSAGE, ChatChannel
from chef.outbox.markup import link_in
from chef.outbox.targeturls import TargetUrl, read_url
from chef.outbox.values import Answer, Delivered, Notice, Outcome, Rejected, Request
from chef.outbox.wording import Tone, words_of
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget
from chef.version import VERSION

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
# Emoji by their short names, and priorities: a running build makes no sound, a failed one does.
_TAGS: dict[Tone, str] = {
    "running": "hourglass_flowing_sand",
    "good": "white_check_mark",
    "bad": "x",
    "ended": "warning",
}
_PRIORITIES: dict[Tone, int] = {"running": 2, "good": 3, "bad": 4, "ended": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class NtfyChannel(ChatChannel):
    """A topic of a server, with what proves that one may publish there."""

    kind: ClassVar[str] = "ntfy"
    knows_repeats: ClassVar[bool] = True

    url: str
    topic: str
    authorization: str | None = field(default=None, repr=False)

    def first(self, notice: Notice) -> Request:
        words = words_of(notice)
        message: dict[str, Any] = {
            "topic": self.topic,
            "sequence_id": notice.id,
            "title": words.place,
            "message": "\n".join([words.state, *words.details]),
            "tags": [_TAGS[words.tone]],
            "priority": _PRIORITIES[words.tone],
        }
        if link := link_in(notice.link):
            message["click"] = link
        headers = {"Content-Type": "application/json", "User-Agent": f"Chef/{VERSION}"}
        headers |= {"Authorization": self.authorization} if self.authorization else {}
        return Request("POST", self.url, headers, json.dumps(message).encode())

    def read(self, answer: Answer) -> Outcome:
        outcome = super(ChatChannel, self).read(answer)
        if isinstance(outcome, Delivered):
            known = answer.json()
            sequence = known.get("sequence_id") if isinstance(known, dict) else None
            return Delivered(sequence if isinstance(sequence, str) and sequence else NO_MESSAGE)
        if isinstance(outcome, Rejected) and answer.status in (401, 403):
            return Rejected(f"status {answer.status}: may not publish to the topic")
        return outcome

    def is_gone(self, answer: Answer) -> bool:  # noqa: ARG002 - a sequence id is never gone
        return False


def make(target: NotifyTarget, settings: Settings) -> NtfyChannel:  # noqa: ARG001 - as all are made
    """The channel of `ntfy://HOST/TOPIC`, `ntfy://TOKEN@HOST/TOPIC` or `ntfy://USER:PASSWORD@HOST/TOPIC`."""
    parts = read_url(target)
    if len(parts.path) != 1 or not _TOPIC.fullmatch(parts.path[0]):
        raise Wrong("needs one topic of 1 to 64 letters, digits, - and _, as in ntfy://ntfy.sh/TOPIC")
    return NtfyChannel(
        **channel_fields(target, f"ntfy://{parts.host}", parts.base),
        url=f"{parts.base}/",
        topic=parts.path[0],
        authorization=_authorization(parts),
    )


def _authorization(parts: TargetUrl) -> str | None:
    if parts.password:
        return f"Basic {b64encode(f'{parts.user}:{parts.password}'.encode()).decode()}"
    return f"Bearer {parts.user}" if parts.user else None
