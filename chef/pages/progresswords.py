"""How far a job is, in words. `static/progress-words.js` says the same in the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from chef.domain.jobbar import known_progress
from chef.domain.model import ENDED
from chef.pages.language import gettext as _
from chef.pages.shownbar import ShownBar
from chef.pages.words import duration, percent, phase_word, status_word

_PLACES: dict[str, Callable[[], str]] = {
    "queued": lambda: _("while queued"),
    "preparing": lambda: _("while preparing"),
    "installing": lambda: _("while installing"),
    "building": lambda: _("while building"),
    "completed": lambda: _("while finishing"),
}


def place_words() -> dict[str, str]:
    """The words that say where a job stopped, by the phases that everybody knows."""
    return {phase: word() for phase, word in _PLACES.items()}


def stopped_words(job: dict[str, Any] | None) -> str:
    """Where a job stopped that did not complete, behind its status: `while building, at 62%`.

    Without the percent where none was told, or all of it, which a job that stopped has not done. Nothing
    where nobody said how far it was, and of other jobs; a job is given as its JSON.
    """
    if not job or job["status"] not in ENDED or job["status"] == "completed":
        return ""
    progress = known_progress(job)
    if progress is None and job["phase"] == "queued":
        return ""
    known = _PLACES.get(job["phase"])
    place = known() if known else _("in phase %(phase)s", phase=job["phase"])
    if progress is None or progress >= 100:
        return place
    return _("%(place)s, at %(percent)s", place=place, percent=percent(progress))


def usual_words(usual: dict[str, int] | None) -> str:
    """How long a phase usually takes: `usually 50 s to 1 min 10 s`; nothing where that is not known."""
    if not usual:
        return ""
    low, high = duration(usual["low"]), duration(usual["high"])
    return (
        _("usually %(time)s", time=low)
        if low == high
        else _("usually %(low)s to %(high)s", low=low, high=high)
    )


def bar_words(job: dict[str, Any] | None, bar: ShownBar | None) -> str:
    """The words of a job's bar for screen readers."""
    if stopped := stopped_words(job):
        return f"{status_word(job['status'])} {stopped}" if job else stopped
    words = _("progress unknown") if bar is None else bar.number
    if bar is not None and bar.is_expected:
        expected = _("%(percent)s expected from earlier runs", percent=bar.number)
        words = expected if bar.number else _("longer than usual")
    return _("%(percent)s, phase %(phase)s", percent=words, phase=phase_word(job["phase"])) if job else words


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(bar_words=bar_words, stopped_words=stopped_words, usual_words=usual_words)
