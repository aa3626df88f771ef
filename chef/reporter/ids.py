"""Ids made of names, in the characters that ids have. Pure."""

from __future__ import annotations

import hashlib
import re

MAX_ID = 128
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._~:@+-]+")


def make_id(*parts: str | None) -> str | None:
    """An id of what is given, in the characters that ids have; None of nothing.

    A long one ends in a hash of the whole, so that ids that differ stay different.
    """
    text = _NOT_IN_IDS.sub("-", "-".join(part for part in parts if part)).strip("-")
    if len(text) <= MAX_ID:
        return text or None
    return "%s-%s" % (text[: MAX_ID - 13], short_hash("-".join(part or "" for part in parts)))


def short_hash(text: str) -> str:
    """Twelve characters that differ where the texts do."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
