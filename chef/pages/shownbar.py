"""The percent that a job's bar shows as a page is rendered; `static/shown-bar.js` goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask

from chef.domain.jobbar import job_bar
from chef.pages.words import percent
from chef.services import services


@dataclass(frozen=True, slots=True)
class ShownBar:
    """A bar: its percent, the percent that its script told, and whether all else is an expectation.

    `number` is the percent in words; none where the job has lasted longer than usual, since the bar then
    stands still.
    """

    percent: float
    said: float
    is_expected: bool
    number: str


def shown_bar(job: dict[str, Any] | None, now: int) -> ShownBar | None:
    """The bar of a job, given as its JSON, at a time (ms); `None` where nothing is known of it."""
    bar = job_bar(job, now)
    if bar is None:
        return None
    number = "" if bar.is_over else f"{'~' if bar.is_expected else ''}{percent(bar.percent)}"
    shown = round(bar.percent, 2) if bar.is_expected else bar.percent
    return ShownBar(shown, bar.said, bar.is_expected, number)


def add_filters(app: Flask) -> None:
    """Let templates show bars."""
    app.jinja_env.filters["shown_bar"] = lambda job: shown_bar(job, services().clock())
