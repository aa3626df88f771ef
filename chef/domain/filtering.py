"""What a list of jobs may be limited to. Pure."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

FILTERED_META = ("kind", "run", "branch", "author")
"""Entries of a job's meta that lists filter by."""

FILTER_LENGTH = 255
"""Most characters of such an entry as it is kept; an index takes no long ones."""

_DIGEST = 64


def filter_text(value: Any) -> str | None:
    """An entry of meta as filters compare it: a string as it is, a number as its text, else nothing.

    A longer text than `FILTER_LENGTH` is its beginning and its SHA-256, so that it still equals none but
    itself.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= FILTER_LENGTH:
        return value
    return value[: FILTER_LENGTH - _DIGEST] + sha256(value.encode()).hexdigest()
