"""Numbers and times as a page says them. `static/format.js` says the same: change both."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import urlsplit

from flask import Flask


def duration(milliseconds: int | None) -> str:
    """`4.2 s`, `42 s`, `2 min 05 s`, `1 h 03 min`; nothing for `None`."""
    if milliseconds is None:
        return ""
    if milliseconds < 50:
        return "0 s"
    if milliseconds < 9950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def percent(progress: float) -> str:
    """`72%`; rounded down, so that 100% is said when all is done and not before."""
    return f"{int(progress)}%"


def moment(rfc3339: str) -> str:
    """`2026-11-24 01:40:26 UTC`, for who has no JavaScript to see local time."""
    return datetime.fromisoformat(rfc3339).strftime("%Y-%m-%d %H:%M:%S UTC")


def web_url(value: object) -> str | None:
    """The value if it is an address of the web; `javascript:` and the like are never links."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.netloc else None


def size(count: object) -> str:
    """`512 B`, `14.2 kB`, `3.0 MB`; nothing for what is no number of bytes."""
    if isinstance(count, bool) or not isinstance(count, int | float) or count < 0:
        return ""
    if count < 1000:
        return f"{int(count)} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def plain_json(value: object) -> str:
    """A value that is no text, as text: what `JSON.stringify` makes of it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(
        duration=duration,
        file_size=size,
        moment=moment,
        percent=percent,
        plain_json=plain_json,
        web_url=web_url,
    )
