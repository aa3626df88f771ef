"""Mattermost by a bot's token, whose posts are edited, or by an incoming webhook, told at the end alone.

Sources: "Create a post", "Patch a post", "Get posts for a channel" of Mattermost's API reference (v4), and
"Incoming webhooks" (https://developers.mattermost.com).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chef.outbox.answers import outcome_of
from chef.outbox.channel import NotifyChannel, RequestChannel, channel_fields
from chef.outbox.chats import NO_MESSAGE, ChatChannel
from chef.outbox.markup import link_in, markdown
from chef.outbox.targeturls import TargetUrl, only_the_end, read_url
from chef.outbox.values import Answer, Delivered, Notice, Outcome, Rejected, Request
from chef.outbox.wording import words_of
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget
from chef.version import VERSION

_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_HOOKS = "hooks"
# So many posts and what belongs to them are within what is read of an answer.
_SEARCHED = 100
_PROP = "chef"
"""A post's property that holds the notice's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MattermostChannel(ChatChannel):
    """A channel that a bot posts to."""

    kind: ClassVar[str] = "mattermost"

    url: str
    channel: str
    token: str = field(repr=False)

    def first(self, notice: Notice) -> Request:
        post = {
            "channel_id": self.channel,
            "message": _message(notice),
            "pending_post_id": notice.id,
            "props": {_PROP: notice.id},
        }
        return self._request("POST", "posts", post)

    def edit(self, notice: Notice, handle: str) -> Request:
        return self._request("PUT", f"posts/{handle}/patch", {"message": _message(notice)})

    def read(self, answer: Answer) -> Outcome:
        outcome = outcome_of(answer)
        if isinstance(outcome, Delivered):
            return Delivered(_id_of(answer.json()))
        if isinstance(outcome, Rejected) and answer.status in (401, 403):
            return Rejected(f"status {answer.status}: the bot may not post to the channel")
        return outcome

    def is_gone(self, answer: Answer) -> bool:
        """A post that was deleted may not be edited, and one that is too old cannot be."""
        return answer.status in (400, 403, 404)

    def search(self, notice: Notice) -> Request:  # noqa: ARG002 - each post has the id of its notice
        """The channel's newest posts."""
        return self._request("GET", f"channels/{self.channel}/posts?per_page={_SEARCHED}")

    def found(self, notice: Notice, answer: Answer) -> str | None:
        known = answer.json()
        posts = known.get("posts") if isinstance(known, dict) else None
        for post in posts.values() if isinstance(posts, dict) else ():
            if (post.get("props") or {}).get(_PROP) == notice.id and not post.get("delete_at"):
                return _id_of(post)
        return None

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Request:
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": f"Chef/{VERSION}"}
        if body is None:
            return Request(method, f"{self.url}/{path}", headers)
        headers["Content-Type"] = "application/json"
        return Request(method, f"{self.url}/{path}", headers, json.dumps(body).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class MattermostHookChannel(RequestChannel):
    """An incoming webhook: what it posted cannot be edited."""

    kind: ClassVar[str] = "mattermost"
    updates: ClassVar[bool] = False
    knows_repeats: ClassVar[bool] = False

    url: str = field(repr=False)

    def first(self, notice: Notice) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": f"Chef/{VERSION}"}
        return Request("POST", self.url, headers, json.dumps({"text": _message(notice)}).encode())


def _message(notice: Notice) -> str:
    words, link = words_of(notice), link_in(notice.link)
    lines = [f"{markdown(words.place)}: {markdown(words.state)}", *map(markdown, words.details)]
    return "\n".join([*lines, *([f"[Open]({link})"] if link else [])])


def _id_of(known: Any) -> str:
    handle = known.get("id") if isinstance(known, dict) else None
    return handle if isinstance(handle, str) and _ID.fullmatch(handle) else NO_MESSAGE


def make(target: NotifyTarget, settings: Settings) -> NotifyChannel:  # noqa: ARG001 - as all are made
    """The channel of `mattermost://TOKEN@HOST/CHANNEL_ID` or, an incoming webhook, `mattermost://HOST/hooks/KEY`.

    A server below a path has it before these: `mattermost://TOKEN@HOST/PATH/CHANNEL_ID`.
    """
    parts = read_url(target)
    if not parts.path or not _ID.fullmatch(parts.path[-1]) or parts.password:
        raise Wrong("needs a channel's id, as in mattermost://TOKEN@HOST/CHANNEL_ID")
    if not parts.user:
        return _hook(target, parts)
    return MattermostChannel(
        **channel_fields(target, f"mattermost://{parts.host}", parts.base),
        url="/".join([parts.base, *parts.path[:-1], "api/v4"]),
        channel=parts.path[-1],
        token=parts.user,
    )


def _hook(target: NotifyTarget, parts: TargetUrl) -> MattermostHookChannel:
    if len(parts.path) < 2 or parts.path[-2] != _HOOKS:
        raise Wrong("needs a bot's token, or the path of an incoming webhook: mattermost://HOST/hooks/KEY")
    return MattermostHookChannel(
        **channel_fields(target, f"mattermost://{parts.host}", parts.base, words=only_the_end(target)),
        url="/".join([parts.base, *parts.path]),
    )
