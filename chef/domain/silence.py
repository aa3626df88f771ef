"""How one speaks of a running job that says nothing; `static/silence.js` follows the same rules. Pure.

A silent job is never shown as failed: from here one cannot tell. What its reporter promised decides, and
where there is no promise, time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chef.domain.model import ENDED

QUIET_MS = 4 * 60_000
LOST_MS = 45 * 60_000
LEAST_USUAL_MS = 30_000
"""A shorter silence is not spoken of, however short those are that are usual."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How silent a job is: `quiet`; `alive`, its reporter being there; `lost`. Times in milliseconds.

    `silent` is how long ago its last update came, `unheard` how long ago anything came. `usual` is the
    longest silence that is usual in its phase, `None` where that is not known.
    """

    kind: Literal["quiet", "alive", "lost"]
    silent: int
    unheard: int
    usual: int | None = None


def silence(job: dict[str, Any] | None, now: int) -> Silence | None:
    """How silent a job is, given as its JSON; `None` where there is nothing to say."""
    if job is None or job["status"] in ENDED:
        return None
    silent = now - _milliseconds(job["updatedAt"])
    seen_at = job.get("seenAt")
    unheard = min(silent, now - _milliseconds(seen_at)) if seen_at else silent
    reporter = job.get("reporter")
    if reporter == "lost" or (reporter is None and silent >= LOST_MS):
        return Silence("lost", silent, unheard)
    if reporter == "alive" and any(_is_open(question, now) for question in job.get("questions", ())):
        return None  # It waits for people, and says so.
    usual: int | None = (job.get("eta") or {}).get("pauses", {}).get(job.get("phase"))
    if silent < (QUIET_MS if usual is None else max(usual, LEAST_USUAL_MS)):
        return None
    return Silence("alive" if reporter == "alive" else "quiet", silent, unheard, usual)


def shown_status(job: dict[str, Any] | None, now: int) -> str:
    """The status that people are shown: the job's, or `lost`; of no job yet, none."""
    if job is None:
        return ""
    found = silence(job, now)
    return "lost" if found and found.kind == "lost" else str(job["status"])


def _is_open(question: dict[str, Any], now: int) -> bool:
    return "answer" not in question and now < _milliseconds(question["until"])


def _milliseconds(rfc3339: str) -> int:
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)
