"""Slack by a bot's token: `chat.postMessage`, then `chat.update`.

Sources: the pages of these methods and of `conversations.history`, "Rate limits" and "Message metadata" in
Slack's documentation (https://docs.slack.dev). Slack answers errors with status 200 and `"ok": false`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from chef.outbox.answers import outcome_of, retry_after
from chef.outbox.channel import channel_fields
from chef.outbox.chats import NO_MESSAGE, ChatChannel
from chef.outbox.markup import link_in, slack
from chef.outbox.targeturls import read_api, read_url
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request
from chef.outbox.wording import JobWords, words_of
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget
from chef.version import VERSION

_API = "https://slack.com/api"
_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,80}")
_TS = re.compile(r"\d{1,20}\.\d{1,20}")
_ERROR = re.compile(r"[a-z0-9_.-]{1,80}")

_PASSING = frozenset(
    (
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "external_channel_migrating",
        "update_failed",
    )
)
_GONE = frozenset(("message_not_found", "cant_update_message", "edit_window_closed"))
_NO_TOKEN = frozenset(("account_inactive", "token_expired", "token_revoked"))
# So many messages and what belongs to them are within what is read of an answer.
_SEARCHED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel(ChatChannel):
    """A channel of a workspace. A handle is the channel's id and the message's `ts`."""

    kind: ClassVar[str] = "slack"

    api: str
    channel: str
    token: str = field(repr=False)

    def first(self, notice: Notice) -> Request:
        metadata = {"event_type": "chef_job", "event_payload": {"id": notice.id}}
        more = {"channel": self.channel, "unfurl_links": False, "unfurl_media": False, "metadata": metadata}
        return self._call("chat.postMessage", more | _message(notice))

    def edit(self, notice: Notice, handle: str) -> Request:
        channel, _, ts = handle.partition(" ")
        return self._call("chat.update", {"channel": channel, "ts": ts, **_message(notice)})

    def read(self, answer: Answer) -> Outcome:
        known = answer.json()
        if answer.status != 200 or not isinstance(known, dict):
            outcome = outcome_of(answer)
            return NotNow(None, "no JSON") if isinstance(outcome, Delivered) else outcome
        if known.get("ok") is True:
            return Delivered(self._handle(known.get("channel"), known.get("ts")))
        error = _error(known)
        if error in _PASSING:
            return NotNow(retry_after(answer), error)
        return Rejected(error, for_good=error in _NO_TOKEN)

    def is_gone(self, answer: Answer) -> bool:
        known = answer.json()
        return isinstance(known, dict) and known.get("ok") is False and _error(known) in _GONE

    def search(self, notice: Notice) -> Request:  # noqa: ARG002 - each message has the id of its notice
        """The channel's newest messages. The scope that this takes, `channels:history`, may be missing."""
        query = {"channel": self.channel, "limit": _SEARCHED, "include_all_metadata": "true"}
        url = f"{self.api}/conversations.history?{urlencode(query)}"
        return Request("GET", url, self._headers())

    def found(self, notice: Notice, answer: Answer) -> str | None:
        known = answer.json()
        messages = known.get("messages") if isinstance(known, dict) else None
        for message in messages if isinstance(messages, list) else ():
            metadata = message.get("metadata") or {}
            if (metadata.get("event_payload") or {}).get("id") == notice.id:
                return self._handle(self.channel, message.get("ts"))
        return None

    def _handle(self, channel: object, ts: object) -> str:
        where = channel if isinstance(channel, str) and _CHANNEL.fullmatch(channel) else self.channel
        return f"{where} {ts}" if isinstance(ts, str) and _TS.fullmatch(ts) else NO_MESSAGE

    def _call(self, method: str, arguments: dict[str, Any]) -> Request:
        headers = self._headers() | {"Content-Type": "application/json; charset=utf-8"}
        return Request("POST", f"{self.api}/{method}", headers, json.dumps(arguments).encode())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "User-Agent": f"Chef/{VERSION}"}


def _error(known: dict[str, Any]) -> str:
    error = known.get("error")
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else "an error without a name"


def _message(notice: Notice) -> dict[str, Any]:
    """The text that notifications show, and the blocks that stand in the channel: none of it is parsed."""
    words, link = words_of(notice), link_in(notice.link)
    lines = [f"{words.place}: {words.state}", *words.details]
    shown = [slack(line) for line in lines] + ([f"<{slack(link)}|Open>"] if link else [])
    return {"text": "\n".join(shown), "blocks": _blocks(words, link), "parse": "none", "link_names": False}


def _blocks(words: JobWords, link: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _plain(f"{words.place}: {words.state}")}]
    elements = [_plain(detail) for detail in words.details]
    if link:
        elements.append({"type": "mrkdwn", "text": f"<{slack(link)}|Open>"})
    return [*blocks, {"type": "context", "elements": elements}] if elements else blocks


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": slack(text), "emoji": False}


def make(target: NotifyTarget, settings: Settings) -> SlackChannel:  # noqa: ARG001 - as all are made
    """The channel of `slack://TOKEN@CHANNEL`."""
    parts = read_url(target, frozenset(("api",)))
    api, named = read_api(parts.options, _API)
    if not parts.user or parts.password or parts.path or not _CHANNEL.fullmatch(parts.host):
        raise Wrong("needs a bot's token and a channel's id, as in slack://xoxb-…@C0123456789")
    return SlackChannel(
        **channel_fields(target, f"slack://…@{parts.host}", *named),
        api=api,
        channel=parts.host,
        token=parts.user,
    )
