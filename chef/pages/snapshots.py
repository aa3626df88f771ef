"""The content of a page when it is first painted, and where its live part goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chef.access.levels import at_level
from chef.access.principals import Principal
from chef.domain.clockback import not_after
from chef.domain.failure import IN_LISTS
from chef.domain.model import Job
from chef.domain.payloads import job_json, sent_line
from chef.domain.silence import shown_status, silence
from chef.domain.text import clean_text, drawn_text
from chef.domain.wiretypes import as_dict
from chef.domain.workflow import annotation_of
from chef.pages.viewer import level
from chef.services import services
from chef.store import ListedProject
from chef.wire.paging import make_cursor

FIRST_LINES = 500
# A page with 500 lines of 64 KiB would be no first paint.
FIRST_BYTES = 512 * 1024
JOBS = 50
PROJECTS = 100
RUNNING_RUNS = 100
RUNNING_SHOWN = 5
"""So many of them are shown at first."""

RECENT_JOBS = 300
OUTCOMES = 12


@dataclass(frozen=True, slots=True)
class Lines:
    """The newest lines of a log. `first` to `last` is the range of numbers that they cover."""

    lines: list[dict[str, Any]]
    first: int
    last: int


def newest_lines(job: Job | None) -> Lines:
    """The end of a job's log as it stood at `job.seq` or a little later.

    A line that was replaced in between is shown as it is now; the event that says so, which the page
    still gets, then changes nothing.
    """
    if job is None or job.lines == 0:
        return Lines([], 1, 0)
    first = max(1, job.lines - FIRST_LINES + 1)
    begins = {
        span.first_line: {"phase": span.phase, "key": key}
        for span, key in zip(job.phases, phase_keys(job), strict=True)
    }
    lines: list[dict[str, Any]] = []
    size = 0
    for number, entry, line in reversed(services().store.lines(job.job_id, first, job.lines)):
        size += len(line.text)
        if size > FIRST_BYTES and lines:
            first = number + 1
            break
        lines.append(_rendered(as_dict(sent_line(entry, line, number))) | {"begins": begins.get(number)})
    return Lines(lines[::-1], first, job.lines)


def _rendered(line: dict[str, Any]) -> dict[str, Any]:
    """A line as the page is rendered with it: its text, and as `drawn` the line where that is another."""
    text, drawn = clean_text(line["message"]), drawn_text(line["message"])
    annotation = annotation_of(text)
    if annotation:
        text = annotation.text
        line = line | {"level": line.get("level") or annotation.level}
    return line | {"message": text, "drawn": drawn if drawn != text else None}


def phase_keys(job: Job) -> list[str]:
    """The names of a job's phases in links (`#phase=building.2`): a number where a phase comes again."""
    counts: Counter[str] = Counter()
    keys = []
    for span in job.phases:
        counts[span.phase] += 1
        count = counts[span.phase]
        keys.append(span.phase if count == 1 else f"{span.phase}.{count}")
    return keys


def phase_spans(job: Job, now: int) -> list[dict[str, Any]]:
    """A job's phases with their places in its time, in percent; `now` ends the present one."""
    if not job.phases:
        return []
    start = job.phases[0].started_at
    whole = max(1, (job.finished_at or now) - start)
    present = shown_status(as_dict(job_json(not_after(job, now), now)), now)
    spans = []
    for place, (span, key) in enumerate(zip(job.phases, phase_keys(job), strict=True), 1):
        end = span.finished_at or max(now, span.started_at)
        is_last = place == len(job.phases)
        spans.append(
            {
                "phase": span.phase,
                "key": key,
                "firstLine": span.first_line if level() == "log" else None,
                "share": job.phase_progress if is_last and not job.ended else None,
                "status": present if is_last else "completed",
                "durationMs": end - span.started_at,
                "is_present": span.finished_at is None,
                # A phase that took no time is still to be seen.
                "begin": round(min(99.2, (span.started_at - start) / whole * 100), 2),
                "length": round(max(0.8, (end - span.started_at) / whole * 100), 2),
            }
        )
    return spans


def neighbours(job_id: str) -> list[dict[str, Any]]:
    """The jobs around one among those of its kind, each with its place: `previous`, `next` or `lastGreen`.

    The last green one is left out where it is the previous one.
    """
    found = services().store.neighbours(job_id)
    if found is None:
        return []
    green = found.last_green
    if green is not None and found.previous is not None and green.job_id == found.previous.job_id:
        green = None
    places = (("previous", found.previous), ("next", found.next), ("lastGreen", green))
    return [listed(job) | {"place": place} for place, job in places if job is not None]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `older` is the cursor of the next part, `None` at the end."""

    items: list[dict[str, Any]]
    older: str | None


def projects(principal: Principal, before: int | None) -> Page:
    """Projects with their newest jobs, the one with the newest job first."""
    store = services().store
    found = store.projects(allowed=principal.projects, before=before, limit=PROJECTS + 1)
    shown = found[:PROJECTS]
    newest = store.jobs(allowed=principal.projects, limit=RECENT_JOBS).jobs if before is None else []
    recent = _by_project(newest)
    return Page([_project(one, recent) for one in shown], _older(found, PROJECTS))


def _by_project(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    grouped: dict[str, list[Job]] = {}
    for job in jobs:
        grouped.setdefault(job.project_id, []).append(job)
    return grouped


def _project(found: ListedProject, recent: dict[str, list[Job]]) -> dict[str, Any]:
    """A project and its newest jobs: those among the newest of all, its very newest in any case."""
    jobs = recent.get(found.project.project_id) or ([found.newest] if found.newest else [])
    return {
        "projectId": found.project.project_id,
        "jobs": [listed(job) for job in jobs[:OUTCOMES]],
        "running": found.project.running,
        "total": found.project.total,
    }


def listed(job: Job) -> dict[str, Any]:
    """A job's JSON and what a list shows of it; of its failure the summary alone."""
    now = services().clock()
    shown = at_level(level(), as_dict(services().job_json(job, IN_LISTS)))
    return shown | {
        "shown": shown_status(shown, now),
        "silence": silence(shown, now),
        "tookMs": took(job, now),
    }


def took(job: Job, now: int) -> int:
    """How long a job took, or takes by now."""
    return max(0, (job.finished_at or now) - (job.started_at or job.created_at))


def _older(found: list[ListedProject], limit: int) -> str | None:
    return make_cursor(found[limit - 1].place) if len(found) > limit else None
