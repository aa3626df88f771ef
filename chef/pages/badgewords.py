"""The words and the colour of a badge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from chef.domain.model import ENDED
from chef.domain.runs import Run
from chef.domain.silence import shown_status
from chef.pages.shownbar import shown_bar
from chef.pages.timeleft import time_short
from chef.pages.words import one_line

_GREEN, _RED, _GREY, _AMBER, _BLUE = "#12824a", "#c9302c", "#6b7280", "#a86a00", "#1668c7"

_ENDINGS = {
    "completed": ("passing", _GREEN),
    "failed": ("failing", _RED),
    "cancelled": ("cancelled", _GREY),
    "abandoned": ("abandoned", _AMBER),
    "lost": ("reporter lost", _AMBER),
}
_MOST_CHARACTERS = 60
_MARGIN = 6
# Characters that no XML may have, beside the control characters (XML 1.0, section 2.2).
_NO_XML = re.compile("[\ufffe\uffff]")
# Widths of characters in Verdana at 11 px, roughly: what is not exact is stretched.
_NARROW, _WIDE = frozenset("ijlI.,:;|!'()[]"), frozenset("mwMW%@~+")


@dataclass(frozen=True, slots=True)
class Badge:
    """A label, a message and the message's colour (`#rrggbb`); `percent` is how far a running build is."""

    label: str
    message: str
    colour: str
    percent: float | None = None
    is_error: bool = False

    def __post_init__(self) -> None:
        for name in ("label", "message"):
            object.__setattr__(self, name, _short(getattr(self, name)))


def badge_of_job(job: dict[str, Any], label: str, now: int) -> Badge:
    """How a job stands, given as its JSON, at a time (ms): `passing`, `62 % · ~3 min`."""
    status = shown_status(job, now)
    if status in _ENDINGS:
        return _ended(label, status)
    bar = shown_bar(job, now)
    if bar is None or not bar.number:
        parts, percent = [status], None
    else:
        parts, percent = [f"{'~' if bar.is_expected else ''}{int(bar.percent)} %"], bar.percent
    left = time_short(job.get("eta"), now)
    return Badge(label, " · ".join([*parts, left] if left else parts), _BLUE, percent)


def badge_of_run(run: Run, label: str) -> Badge:
    """How a run of several jobs stands: as its worst job does, and while it runs `3 of 8 jobs done`."""
    if run.status in ENDED:
        return _ended(label, run.status)
    done = sum(job.status in ENDED for job in run.jobs)
    return Badge(label, f"{done} of {len(run.jobs)} jobs done", _BLUE)


def no_badge(label: str) -> Badge:
    """There is no build yet."""
    return Badge(label, "no build yet", _GREY)


def refusal_badge(label: str, status: int) -> Badge:
    """The badge cannot be shown, by the status of HTTP that says why."""
    words = {401: "not public", 403: "not public", 503: "not available"}
    return Badge(label, words.get(status, "error"), _GREY, is_error=True)


def width(text: str) -> int:
    """The width of a text with its margins, in pixels."""
    return round(sum(map(_width, text))) + 2 * _MARGIN


def _width(character: str) -> float:
    if character in _NARROW:
        return 4.2
    if character in _WIDE:
        return 9.6
    if character == " ":
        return 3.9
    return 11.0 if east_asian_width(character) in "WF" else 7.6 if character.isupper() else 6.9


def _ended(label: str, status: str) -> Badge:
    message, colour = _ENDINGS[status]
    return Badge(label, message, colour, is_error=status == "failed")


def _short(text: str) -> str:
    line = one_line(_NO_XML.sub("", text)) or "?"
    return line if len(line) <= _MOST_CHARACTERS else f"{line[: _MOST_CHARACTERS - 1]}…"
