"""Two jobs beside each other: what took longer, what fails now that did not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chef.digest.text import words_of_ms
from chef.domain.wiretypes import JsonObject


class PhaseDifference(JsonObject, frozen=True):
    """The time in a phase in the one job and in the other, in milliseconds; `null` where there was none."""

    phase: str
    ms: int | None
    other_ms: int | None


class NewKindRow(JsonObject, frozen=True):
    """The first line of a kind that the newest green runs of the same kind of job never printed."""

    line: int
    text: str


class Comparison(JsonObject, frozen=True):
    """A job beside another one. Names of tests are written by the builds."""

    job_id: str
    other_id: str
    status: str
    other_status: str
    duration_ms: int | None
    other_duration_ms: int | None
    phases: list[PhaseDifference]
    newly_failed: list[str]
    mended: list[str]
    new_lines: list[NewKindRow]


Compared = tuple[dict[str, Any], Sequence[str]]
"""A job as the API shows it, and the names of its failed tests."""


def compare(one: Compared, another: Compared, new: Sequence[tuple[int, str]] = ()) -> Comparison:
    """Compare two jobs: phases by their names, failed tests by theirs; `new` are new lines of the first."""
    (job, failed), (other, other_failed) = one, another
    times, other_times = _times(job), _times(other)
    return Comparison(
        job["jobId"],
        other["jobId"],
        job["status"],
        other["status"],
        job["durationMs"],
        other["durationMs"],
        [
            PhaseDifference(phase, times.get(phase), other_times.get(phase))
            for phase in dict.fromkeys([*times, *other_times])
        ],
        [name for name in failed if name not in other_failed],
        [name for name in other_failed if name not in failed],
        [NewKindRow(*line) for line in new],
    )


def _times(job: dict[str, Any]) -> dict[str, int]:
    """Milliseconds by phase; one that was entered more than once counts in all."""
    times: dict[str, int] = {}
    for span in job["phases"]:
        if span["durationMs"] is not None:
            times[span["phase"]] = times.get(span["phase"], 0) + span["durationMs"]
    return times


def difference_in_words(ms: int | None, other_ms: int | None) -> str:
    """`3 min 4 s, 1 min 4 s more`."""
    if ms is None or other_ms is None:
        return "only in the other" if ms is None else f"{words_of_ms(ms)}, only here"
    less = "more" if ms >= other_ms else "less"
    return f"{words_of_ms(ms)}, {words_of_ms(abs(ms - other_ms))} {less}"
