"""Numbers and times as a page says them. `static/format.js` says the same in the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from chef.domain.jobbar import known_progress
from chef.domain.text import clean_text
from chef.pages.language import gettext as _
from chef.pages.language import language
from chef.services import services

_STATUSES: dict[str, Callable[[], str]] = {
    "queued": lambda: _("Queued"),
    "preparing": lambda: _("Preparing"),
    "installing": lambda: _("Installing"),
    "building": lambda: _("Building"),
    "completed": lambda: _("Completed"),
    "failed": lambda: _("Failed"),
    "cancelled": lambda: _("Cancelled"),
    "abandoned": lambda: _("Abandoned"),
    "lost": lambda: _("Reporter lost"),
}
_PHASES: dict[str, Callable[[], str]] = {
    "queued": lambda: _("queued"),
    "preparing": lambda: _("preparing"),
    "installing": lambda: _("installing"),
    "building": lambda: _("building"),
    "completed": lambda: _("completed"),
}


def status_word(status: str) -> str:
    """A status that is shown (`chef.domain.silence.shown_status`), for people."""
    found = _STATUSES.get(status)
    return found() if found else _("Waiting")


def phase_word(phase: str) -> str:
    """The phases that everybody knows in the page's language, others as the build calls them."""
    found = _PHASES.get(phase)
    return found() if found else phase


def status_words() -> dict[str, str]:
    """The words for all statuses that are shown, by status."""
    return {status: word() for status, word in _STATUSES.items()}


def phase_words() -> dict[str, str]:
    """The words for the phases that everybody knows, by phase."""
    return {phase: word() for phase, word in _PHASES.items()}


def units() -> dict[str, Any]:
    """The units of times, and those of sizes in steps of 1000."""
    times = {"s": _("s"), "min": _("min"), "h": _("h"), "d": _("d")}
    return times | {"bytes": [_("B"), _("kB"), _("MB"), _("GB"), _("TB")]}


def duration(milliseconds: int | None) -> str:
    """`4.2 s`, `42 s`, `2 min 05 s`, `1 h 03 min`; nothing for `None`."""
    if milliseconds is None:
        return ""
    if milliseconds < 50:
        return f"0 {_('s')}"
    if milliseconds < 9950:
        return f"{_tenths(milliseconds / 1000)} {_('s')}"
    seconds = round(milliseconds / 1000)
    if seconds < 60:
        return f"{seconds} {_('s')}"
    if seconds < 3600:
        return f"{seconds // 60} {_('min')} {seconds % 60:02} {_('s')}"
    return f"{seconds // 3600} {_('h')} {seconds % 3600 // 60:02} {_('min')}"


def age(milliseconds: int) -> str:
    """How long ago, in one unit: `40 s`, `4 min`, `3 h`, `12 d`."""
    seconds = max(0, milliseconds // 1000)
    for unit, length in ((_("d"), 86400), (_("h"), 3600), (_("min"), 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} {_('s')}"


def one_line(text: str) -> str:
    """A text of a build in one line, without what a terminal would take as a command."""
    return " ".join(clean_text(text).split())


def ago(rfc3339: str) -> str:
    """How long ago a moment was as the page is made: `just now`, `4 min ago`."""
    past = services().clock() - round(datetime.fromisoformat(rfc3339).timestamp() * 1000)
    return _("just now") if past < 5000 else _("%(age)s ago", age=age(past))


def percent(progress: float) -> str:
    """`72%`; rounded down, so that 100% is said when all is done and not before."""
    from babel.numbers import format_percent

    return format_percent(int(progress) / 100, locale=language())


def number(value: int) -> str:
    """`12,345`."""
    from babel.numbers import format_decimal

    return format_decimal(value, locale=language())


def moment(rfc3339: str) -> str:
    """A moment in UTC; with JavaScript it is told in local time."""
    return _moment(rfc3339, language())


# A list has a hundred of them, mostly the same ones each time.
@lru_cache(maxsize=2_000)
def _moment(rfc3339: str, locale: str) -> str:
    from babel.dates import format_datetime

    return f"{format_datetime(datetime.fromisoformat(rfc3339), 'medium', locale=locale)} UTC"


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
        return f"{int(count)} {_('B')}"
    for unit in (_("kB"), _("MB"), _("GB")):
        count /= 1000
        if count < 999.95:
            return f"{_tenths(count)} {unit}"
    return f"{_tenths(count / 1000)} {_('TB')}"


def _tenths(value: float) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, format="#,##0.0", locale=language())


def plain_json(value: object) -> str:
    """A value that is no text, as text: what `JSON.stringify` makes of it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def says_code(error: dict[str, Any]) -> bool:
    """Whether the message of a job's error has the code in its words: "pytest ended with exit status 2"."""
    return str(error["code"]) in re.split(r"[^\w.-]+", error["message"] or "", flags=re.ASCII)


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(
        age=age,
        ago=ago,
        duration=duration,
        file_size=size,
        known_progress=known_progress,
        moment=moment,
        number=number,
        percent=percent,
        phase_word=phase_word,
        plain_json=plain_json,
        status_word=status_word,
        web_url=web_url,
        clean_text=clean_text,
        says_code=says_code,
    )
