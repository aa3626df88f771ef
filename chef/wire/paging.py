"""The opaque cursors that lists are paged with, in the API and on pages alike. Pure."""

from __future__ import annotations

import base64

_MAX_PLACE = 2**63 - 1


def make_cursor(place: int) -> str:
    """An opaque cursor that goes on below a place (1 or more)."""
    digits = ""
    while place:
        place, digit = divmod(place, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return base64.urlsafe_b64encode(digits.encode()).decode().rstrip("=")


def read_cursor(text: str) -> int | None:
    """The place that a cursor stands for; `None` where `make_cursor` did not make it."""
    try:
        place = int(base64.urlsafe_b64decode(text.encode("ascii", "replace") + b"=="), 36)
    except ValueError:
        return None
    return place if 1 <= place <= _MAX_PLACE and make_cursor(place) == text else None
