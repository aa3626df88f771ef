"""All that Apprise knows (https://github.com/caronc/apprise): Teams, Telegram, mail and a hundred more.

It is an optional package. Its targets are told at the end alone, and it does its own requests: so it is not
pure as the others are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chef.outbox.channel import NotifyChannel, Send, channel_fields
from chef.outbox.markup import without_mentions
from chef.outbox.targeturls import only_the_end
from chef.outbox.values import Delivered, Notice, NotNow, Outcome
from chef.outbox.wording import Tone, words_of
from chef.settings.checks import Wrong
from chef.settings.config import Settings
from chef.settings.notify import NotifyTarget

_PREFIX = "apprise+"
_TYPES: dict[Tone, str] = {"running": "info", "good": "success", "bad": "failure", "ended": "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseChannel(NotifyChannel):
    """One address of Apprise's."""

    kind: ClassVar[str] = "apprise"
    updates: ClassVar[bool] = False
    knows_repeats: ClassVar[bool] = False

    apprise: Any = field(repr=False)

    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:  # noqa: ARG002 - it sends itself
        words = words_of(notice)
        lines = [words.state, *words.details]
        body = without_mentions("\n".join(lines))
        is_told = self.apprise.notify(
            body=f"{body}\n{notice.link}",
            title=without_mentions(words.place),
            notify_type=_TYPES[words.tone],
            body_format="text",
        )
        return Delivered() if is_told else NotNow(None, "Apprise could not deliver it")


def make(target: NotifyTarget, settings: Settings) -> AppriseChannel:  # noqa: ARG001 - as all are made
    """The channel of `apprise+URL`, the URL as Apprise has it."""
    if not target.scheme.startswith(_PREFIX):
        raise Wrong(
            "must begin with apprise+ and the scheme of an address of Apprise's, as in apprise+tgram://"
        )
    try:
        from apprise import Apprise
    except ImportError:
        raise Wrong("needs the package apprise: pip install 'apprise>=2.1'") from None
    # It logs what it sends and where.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    apprise = Apprise()
    if not apprise.add(target.url[len(_PREFIX) :]):
        raise Wrong("is no address that Apprise knows")
    return AppriseChannel(
        **channel_fields(target, target.scheme, words=only_the_end(target)),
        apprise=apprise,
    )
