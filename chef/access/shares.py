"""Share links: a signed token for one job or project, which shows so much of it and no more. Pure.

A token is the id of a share in the store and a MAC of it (HMAC-SHA256, RFC 2104, cut to 128 bits), by a key
that the store has had from its beginning. What it shows, and until when, stands in the store: so links are
short, hold over restarts and in all processes, and can be ended. The MAC is checked before the store is
asked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from chef.access.levels import Level
from chef.domain.model import Kind

PREFIX = "share_"
"""The beginning of each token, by which one is told from other tokens, here and by scanners for leaks."""
PATH = "/s/"
"""The beginning of the address at which a token is a page."""
MOST_DAYS = 3650
DAY_MS = 86_400_000

_BYTES = 16
_CHARACTERS = 22
_TOKEN = re.compile(PREFIX + rf"([A-Za-z0-9_-]{{{_CHARACTERS}}})([A-Za-z0-9_-]{{{_CHARACTERS}}})")


@dataclass(frozen=True, slots=True)
class Share:
    """A link to the job or project `name`, of the project `project_id`, valid until `expires_at` (ms)."""

    id: str
    kind: Kind
    name: str
    project_id: str
    level: Level
    created_at: int
    expires_at: int


def new_share(kind: Kind, name: str, project_id: str, level: Level, days: int, now: int) -> Share:
    """A share with an id of its own, from `now` (ms) on."""
    return Share(_text(secrets.token_bytes(_BYTES)), kind, name, project_id, level, now, now + days * DAY_MS)


def share_token(share_id: str, key: bytes) -> str:
    """The token of a share."""
    return f"{PREFIX}{share_id}{_mac(share_id, key)}"


def share_id_of(token: str, key: bytes) -> str | None:
    """The id in a token that was signed with this key; `None` for anything else."""
    found = _TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(found[2], _mac(found[1], key)):
        return None
    return found[1]


def token_in_link(link: str) -> str:
    """The token in a link, which may be an address, its path, or the token alone."""
    return link.rpartition(PATH)[2].split("/")[0].split("?")[0].split("#")[0]


def _mac(share_id: str, key: bytes) -> str:
    return _text(hmac.digest(key, f"chef share {share_id}".encode(), hashlib.sha256)[:_BYTES])


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
