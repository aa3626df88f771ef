"""A job in a few words, for a chat or a telephone: `web · main`, `building 62 %, about 3 min`. Pure.

The words are English and plain text, each a line within its limit. What a build wrote in them is not to be
trusted: `chef.outbox.markup` has a form of it for each target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chef.digest.markdown import stopped, title
from chef.digest.text import about, cut, one_line, words_of_ms
from chef.domain.clockback import not_after
from chef.domain.jobbar import job_bar
from chef.domain.model import ENDED
from chef.domain.payloads import job_json
from chef.domain.silence import shown_status
from chef.domain.timeleft import time_left
from chef.domain.wiretypes import as_dict
from chef.outbox.values import Notice, Word

Tone = Literal["running", "good", "bad", "ended"]

_MOST_PLACE, _MOST_STATE, _MOST_DETAIL = 100, 200, 200
_MOST_REASON = 160
_TONES: dict[str, Tone] = {"completed": "good", "failed": "bad", "cancelled": "ended", "abandoned": "ended"}


@dataclass(frozen=True, slots=True)
class JobWords:
    """A job in words: the place is its project and branch; at most three details say more of its state."""

    place: str
    state: str
    details: tuple[str, ...]
    tone: Tone


def words_of(notice: Notice) -> JobWords:
    """The words of a notice, as of its time."""
    shown = job_json(not_after(notice.job, notice.at), notice.at, estimate=notice.estimate)
    job = as_dict(shown)
    state = _ended(job, notice) if job["status"] in ENDED else running_words(job, notice.at)
    return JobWords(
        place_of(job), cut(state, _MOST_STATE), _details(job), _TONES.get(job["status"], "running")
    )


def place_of(job: dict[str, Any]) -> str:
    """A job's project and branch, the job given as its JSON: `web · main`."""
    branch = job["meta"].get("branch")
    named = [job["projectId"], *([branch] if isinstance(branch, str) else [])]
    half = _MOST_PLACE // 2 - 2
    return " · ".join(line for text in named if (line := one_line(text, half)))


def running_words(job: dict[str, Any], now: int) -> str:
    """How far a running job is at a time (ms), given as its JSON: `building 62 %, about 3 min`."""
    phase = "finishing" if job["phase"] == "completed" else job["phase"]
    bar = job_bar(job, now)
    known = bar is not None and not bar.is_over
    percent = f"{'~' if bar.is_expected else ''}{int(bar.percent)} %" if bar and known else ""
    left = "reporter lost" if shown_status(job, now) == "lost" else _time_words(job.get("eta"), now)
    return ", ".join(filter(None, (" ".join(filter(None, (phase, percent))), left)))


def _time_words(eta: dict[str, Any] | None, now: int) -> str:
    left = time_left(eta, now)
    if left is None:
        return ""
    if left.over is not None:
        return f"{about(left.over)} over the usual"
    low, high = about(left.low), about(left.high)
    if left.is_range:
        return low if low == high else f"{low} to {high}"
    return f"about {about(left.median)}" if left.median else f"less than {high}"


def _ended(job: dict[str, Any], notice: Notice) -> str:
    """How a job ended: `failed: 3 tests, L21236`, `completed in 3 min 12 s`."""
    if job["status"] == "completed":
        outcome = _recovered(notice.failed_before) if notice.word is Word.RECOVERED else "completed"
        return f"{outcome}, {took}" if (took := _took(job)) else outcome
    reasons = ", ".join(_reasons(job))
    return f"{job['status']}: {reasons}" if reasons else str(job["status"])


def _recovered(failed_before: int) -> str:
    runs = "run" if failed_before == 1 else "runs"
    return f"recovered after {failed_before} failed {runs}" if failed_before else "recovered"


def _reasons(job: dict[str, Any]) -> list[str]:
    failure = job.get("failure") or {}
    line = [f"L{failure['lines'][0]['line']}"] if failure.get("lines") else []
    if count := _failed_tests(job):
        return [f"{count} test" if count == 1 else f"{count} tests", *line]
    reason = one_line(_summary(job), _MOST_REASON)
    return [*([reason] if reason else []), *line]


def _summary(job: dict[str, Any]) -> str:
    """What is known of the reason of an end: by the log, else by the script."""
    failure, error = job.get("failure") or {}, job.get("error") or {}
    return str(failure.get("summary") or error.get("message") or job["message"] or "")


def _failed_tests(job: dict[str, Any]) -> int:
    """How many tests failed, by the reports of a job that failed, else by its log."""
    if job["status"] != "failed":
        return 0
    counted = int((job.get("tests") or {}).get("failed", 0))
    return counted or len((job.get("failure") or {}).get("tests", ()))


def _details(job: dict[str, Any]) -> tuple[str, ...]:
    """More of a job: its title, the reason where the state only counts tests, where and when it stopped."""
    name = title(job)
    more = [name] if name != job["jobId"] else []
    if _failed_tests(job):
        more.append(_summary(job))
    if job["status"] in ENDED and job["status"] != "completed":
        more.append(", ".join(filter(None, (stopped(job), _took(job)))))
    return tuple(line for text in more if (line := one_line(text, _MOST_DETAIL)))


def _took(job: dict[str, Any]) -> str:
    return "" if job["durationMs"] is None else f"took {words_of_ms(job['durationMs'])}"
