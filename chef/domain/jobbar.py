"""Where a job's bar stands, given the job as its JSON; `static/shown-bar.js` says the same. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chef.domain.forecast import Estimate, Interval, ProgressBar, shown_progress
from chef.domain.model import ENDED
from chef.domain.silence import shown_status
from chef.domain.timeleft import time_left


@dataclass(frozen=True, slots=True)
class BarState:
    """A bar: its percent, the percent that its script told, and whether all else is an expectation.

    `is_over`: the job has lasted longer than usual, so that the bar stands still and its percent says little.
    """

    percent: float
    said: float
    is_expected: bool
    is_over: bool = False


def known_progress(job: dict[str, Any] | None) -> float | None:
    """A job's progress in percent, given as its JSON; `None` where none was ever told.

    Nobody told of a job that is not there. A completed one has all of it.
    """
    if not job or (job.get("progressKnown") is False and job["status"] != "completed"):
        return None
    progress: float = job["progress"]
    return progress


def job_bar(job: dict[str, Any] | None, now: int) -> BarState | None:
    """The bar of a job at a time (ms); `None` where nothing is known of it."""
    said = known_progress(job)
    eta = job.get("eta") if job else None
    if job is None or (said is None and not eta):
        return None
    if not eta or job["status"] in ENDED or shown_status(job, now) == "lost":
        return None if said is None else BarState(said, said, is_expected=False)
    said_at = _milliseconds(job.get("progressAt") or job["startedAt"] or job["createdAt"])
    shown = shown_progress(ProgressBar(job["phase"], said, said_at, _estimate(eta)), now)
    left = time_left(eta, now)
    is_over = shown.is_expected and left is not None and left.over is not None
    return BarState(shown.percent, said or 0, shown.is_expected, is_over)


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
