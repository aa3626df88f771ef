"""The percent that a job's bar shows as a page is rendered; `static/shown-bar.js` goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask

from chef.domain.forecast import Estimate, Interval, ProgressBar, shown_progress
from chef.domain.model import ENDED
from chef.pages.silence import shown_status
from chef.pages.timeleft import time_left
from chef.pages.words import known_progress, percent
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
    said = known_progress(job)
    eta = job.get("eta") if job else None
    if job is None or (said is None and not eta):
        return None
    if not eta or job["status"] in ENDED or shown_status(job, now) == "lost":
        return None if said is None else ShownBar(said, said, is_expected=False, number=percent(said))
    said_at = _milliseconds(job.get("progressAt") or job["startedAt"] or job["createdAt"])
    shown = shown_progress(ProgressBar(job["phase"], said, said_at, _estimate(eta)), now)
    left = time_left(eta, now)
    number = percent(shown.percent) if not shown.is_expected else f"~{percent(shown.percent)}"
    is_over = shown.is_expected and left is not None and left.over is not None
    return ShownBar(round(shown.percent, 2), said or 0, shown.is_expected, "" if is_over else number)


def _estimate(eta: dict[str, Any]) -> Estimate:
    return Estimate(
        at=_milliseconds(eta["at"]),
        runs=eta["runs"],
        is_range=eta["range"],
        remaining=_interval(eta["remainingMs"]),
        phase_remaining=_interval(eta["phaseRemainingMs"]),
        over_ms=eta["overMs"],
        phases={},
        pauses=eta["pauses"],
    )


def _interval(times: dict[str, int] | None) -> Interval | None:
    return None if times is None else Interval(times["low"], times["median"], times["high"])


def _milliseconds(rfc3339: str) -> int:
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def add_filters(app: Flask) -> None:
    """Let templates show bars."""
    app.jinja_env.filters["shown_bar"] = lambda job: shown_bar(job, services().clock())
