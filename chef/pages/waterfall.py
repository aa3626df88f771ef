"""The jobs of a run over time, on one axis: from the first one's begin to now or the end.

Places are percent of the axis, which is linear: a pause of an hour between two jobs is an hour wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chef.domain.model import Job
from chef.domain.runs import Run
from chef.pages.rowwords import row_title
from chef.pages.snapshots import listed, phase_keys, took
from chef.pages.words import duration
from chef.services import services

MOST_JOBS = 200
"""So many jobs are drawn; the page says how many there are."""

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
_STEPS = [n * _SECOND for n in (1, 2, 5, 10, 15, 30)]
_STEPS += [n * _MINUTE for n in (1, 2, 5, 10, 15, 30)]
_STEPS += [n * _HOUR for n in (1, 2, 3, 6, 12, 24, 48, 168, 720)]
_MOST_TICKS = 8
_LEAST_WIDTH = 0.4


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """A phase of a job on the axis; `key` is its name in links into the log."""

    phase: str
    key: str
    x: float
    width: float
    duration_ms: int


@dataclass(frozen=True, slots=True)
class JobBar:
    """A job on the axis. It is there from `x` on, and works from the first of its phases on."""

    job: dict[str, Any]
    name: str
    x: float
    width: float
    begins_ms: int
    took_ms: int
    phases: list[PhaseBar]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A run over time; `ticks` are places and the times since the run's begin, in words."""

    jobs: list[JobBar]
    ticks: list[tuple[float, str]]
    more: int


def waterfall(run: Run, jobs: list[Job], now: int) -> Waterfall:
    """The first jobs of a run over time."""
    begin = min(job.created_at for job in run.jobs)
    end = max(max(job.finished_at or now, job.created_at) for job in run.jobs)
    axis = _Axis(begin, max(end - begin, _SECOND))
    return Waterfall([_job_bar(job, axis, now) for job in jobs], axis.ticks(), len(run.jobs) - len(jobs))


@dataclass(frozen=True, slots=True)
class _Axis:
    begin: int
    length: int

    def place(self, at: int) -> float:
        return round(min(max((at - self.begin) / self.length * 100, 0), 100), 3)

    def span(self, begin: int, end: int) -> tuple[float, float]:
        """A span's place and width; one that took no time is still to be seen."""
        x = min(self.place(begin), 100 - _LEAST_WIDTH)
        return x, max(round(self.place(end) - x, 3), _LEAST_WIDTH)

    def ticks(self) -> list[tuple[float, str]]:
        step = next((step for step in _STEPS if self.length / step <= _MOST_TICKS), self.length)
        return [
            (self.place(self.begin + past), duration(past) if past else "0")
            for past in range(0, self.length + 1, step)
        ]


def _job_bar(job: Job, axis: _Axis, now: int) -> JobBar:
    shown = listed(job)
    meta = job.meta
    kind = meta.get("kind")
    begin = job.started_at or job.created_at
    phases = []
    for span, key in zip(job.phases, phase_keys(job), strict=True):
        end = span.finished_at or job.finished_at or max(now, span.started_at)
        place = axis.span(span.started_at, end)
        phases.append(PhaseBar(span.phase, key, *place, max(0, end - span.started_at)))
    return JobBar(
        shown,
        kind if isinstance(kind, str) and kind else row_title({"command": meta.get("command")}, job.job_id),
        *axis.span(job.created_at, job.finished_at or now),
        begin - axis.begin,
        took(job, services().clock()),
        phases,
    )
