"""Discord by a channel's webhook: it is executed, then its message is edited.

Sources: "Webhook Resource", "API Reference", "Rate limits" and "Opcodes and Status Codes" in Discord's
documentation (https://docs.discord.com/developers). A webhook cannot list its messages: one that is sent
again, since its answer was lost, is there twice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from chef.outbox.answers import LONGEST_S, outcome_of
from chef.outbox.channel import channel_fields
from chef.outbox.chats import NO_MESSAGE, ChatChannel
from chef.outbox.markup import link_in, markdown
from chef.outbox.targeturls import read_api, read_url
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request
from chef.outbox.wording import words_of
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget
from chef.version import VERSION

_API = "https://discord.com/api/v10"
_ID = re.compile(r"\d{1,20}")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,200}")
_UNKNOWN_MESSAGE, _UNKNOWN_WEBHOOK, _TOO_MANY_EDITS, _THREAD_ARCHIVED = 10008, 10015, 30046, 50083
_SUPPRESS_EMBEDS = 1 << 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordChannel(ChatChannel):
    """A webhook of a channel, or of a thread in it."""

    kind: ClassVar[str] = "discord"

    url: str = field(repr=False)
    thread: str | None = None

    def first(self, notice: Notice) -> Request:
        return self._request("POST", f"{self.url}?wait=true{self._in_thread('&')}", notice)

    def edit(self, notice: Notice, handle: str) -> Request:
        return self._request("PATCH", f"{self.url}/messages/{handle}{self._in_thread('?')}", notice)

    def read(self, answer: Answer) -> Outcome:
        known = answer.json()
        code = _code(known)
        if answer.status == 429:
            return NotNow(_patience(known, answer), "status 429")
        outcome = outcome_of(answer)
        if isinstance(outcome, Delivered):
            return Delivered(_id_of(known))
        if isinstance(outcome, Rejected):
            is_over = answer.status == 401 or code == _UNKNOWN_WEBHOOK
            return Rejected(f"status {answer.status}, code {code}", for_good=is_over or outcome.for_good)
        return outcome

    def is_gone(self, answer: Answer) -> bool:
        code = _code(answer.json())
        if code in (_UNKNOWN_MESSAGE, _TOO_MANY_EDITS, _THREAD_ARCHIVED):
            return True
        return answer.status == 404 and code != _UNKNOWN_WEBHOOK

    def _request(self, method: str, url: str, notice: Notice) -> Request:
        body = {
            "content": _content(notice),
            "allowed_mentions": {"parse": []},
            "flags": _SUPPRESS_EMBEDS,
        }
        headers = {"Content-Type": "application/json", "User-Agent": _user_agent(notice.link)}
        return Request(method, url, headers, json.dumps(body).encode())

    def _in_thread(self, mark: str) -> str:
        return f"{mark}thread_id={self.thread}" if self.thread else ""


def _user_agent(link: str) -> str:
    """As "User Agent" in Discord's "API Reference" wants it: with an address of whoever sends."""
    parts = urlsplit(link)
    return f"DiscordBot ({parts.scheme}://{parts.netloc}, {VERSION})" if parts.netloc else f"Chef/{VERSION}"


def _content(notice: Notice) -> str:
    words, link = words_of(notice), link_in(notice.link)
    lines = [f"{markdown(words.place)}: {markdown(words.state)}", *map(markdown, words.details)]
    return "\n".join([*lines, *([f"[Open](<{link}>)"] if link else [])])


def _code(known: object) -> int:
    code = known.get("code") if isinstance(known, dict) else None
    return code if isinstance(code, int) else 0


def _id_of(known: Any) -> str:
    handle = known.get("id") if isinstance(known, dict) else None
    return handle if isinstance(handle, str) and _ID.fullmatch(handle) else NO_MESSAGE


def _patience(known: Any, answer: Answer) -> float | None:
    """Seconds to wait: the body says it with a fraction, the header in whole seconds."""
    after = known.get("retry_after") if isinstance(known, dict) else None
    if isinstance(after, int | float) and not isinstance(after, bool) and after >= 0:
        return min(float(after), LONGEST_S)
    outcome = outcome_of(answer)
    return outcome.after_s if isinstance(outcome, NotNow) else None


def make(target: NotifyTarget, settings: Settings) -> DiscordChannel:  # noqa: ARG001 - as all are made
    """The channel of `discord://WEBHOOK_ID/TOKEN`, with `?thread=ID` of a thread of its channel."""
    parts = read_url(target, frozenset(("api", "thread")))
    api, named = read_api(parts.options, _API)
    thread = parts.options.get("thread")
    is_whole = len(parts.path) == 1 and _ID.fullmatch(parts.host) and _TOKEN.fullmatch(parts.path[0])
    if not is_whole or parts.user or (thread is not None and not _ID.fullmatch(thread)):
        raise Wrong("needs a webhook's id and token, as in discord://123456789012345678/TOKEN")
    return DiscordChannel(
        **channel_fields(target, f"discord://{parts.host}", *named),
        url=f"{api}/webhooks/{parts.host}/{parts.path[0]}",
        thread=thread,
    )
