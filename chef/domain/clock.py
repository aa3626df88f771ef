"""The server's clock: milliseconds since 1970 UTC, and its RFC 3339 form on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], int]


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@lru_cache(maxsize=256)  # The lines that came together share their time.
def rfc3339(at: int) -> str:
    """`2026-11-24T01:40:26.123Z`."""
    return f"{_second(at // 1000)}.{at % 1000:03}Z"


@lru_cache(maxsize=256)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]


def rfc3339_or_none(at: int | None) -> str | None:
    """The same where there may be no time."""
    return None if at is None else rfc3339(at)
