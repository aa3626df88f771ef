"""Words of a build in the markup of chats: nothing of them is markup, a link or a mention of anybody. Pure.

Sources: Slack, "Formatting message text" (`&`, `<` and `>` are escaped); CommonMark 0.31, 6.1, for the code
spans of Discord and Mattermost, in which neither looks for mentions.
"""

from __future__ import annotations

import re

from chef.digest.text import code

# Marks of emphasis, code, links, mentions, channels, tags and formulas, words that become links or emoji, and
# marks that begin a list. `~62` is a number.
_MARKUP = re.compile(r"[\\`*_|<>\[\]#@&$]|~(?!\d)|://|:\S+:|\bwww\.|^\s*(?:[-+]|\d+[.)])", re.IGNORECASE)
_MOST = 300
_MOST_LINK = 700


def slack(text: str) -> str:
    """A text for Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str) -> str:
    """A text for Discord and Mattermost: as it is, or as code where any of it might be markup."""
    return code(text, _MOST) if _MARKUP.search(text) else text


def without_mentions(text: str) -> str:
    """A text for targets of any kind: signs that begin mentions and tags become others that look alike."""
    return text.translate({ord("@"): "\uff20", ord("<"): "\u2039", ord(">"): "\u203a"})


def link_in(link: str) -> str:
    """An address for inside a link of any markup; nothing where it is too long for a message."""
    for sign, escaped in (("<", "%3C"), (">", "%3E"), ("(", "%28"), (")", "%29"), ("|", "%7C"), (" ", "%20")):
        link = link.replace(sign, escaped)
    return link if len(link) <= _MOST_LINK else ""
