"""What an answer means by its status alone, and when to come again (RFC 9110)."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from chef.outbox.values import Answer, Delivered, NotNow, Outcome, Rejected

LONGEST_S = 3600.0
"""A target may ask for so much patience at most."""

# A client's errors that pass: the server was slow, locked, not ready yet, or asked too often.
_PASSING = (408, 421, 423, 425, 429)


def outcome_of(answer: Answer, handle: str = "") -> Outcome:
    """2xx is delivered, with a handle; 5xx and what asks for patience may be tried again; 410 ends a target.

    A redirect is not followed: where it leads is not for the target to say.
    """
    status = answer.status
    if 200 <= status < 300:
        return Delivered(handle)
    if status >= 500 or status in _PASSING:
        return NotNow(retry_after(answer), f"status {status}")
    if 300 <= status < 400:
        return Rejected(f"it redirects (status {status}): name the address that it redirects to")
    return Rejected(f"status {status}", for_good=status == 410)


def retry_after(answer: Answer) -> float | None:
    """Seconds to wait as `Retry-After` says, in seconds or as a date; `None` without one that can be read."""
    text = answer.headers.get("retry-after", "").strip()
    try:
        seconds = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_S)
