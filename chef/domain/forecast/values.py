"""The values that go into a forecast and come out of it. Times are milliseconds, `at` since 1970 UTC."""

from __future__ import annotations

from typing import NamedTuple

from chef.domain.model import Value

FEWEST_RUNS = 5
"""With fewer finished runs there is no forecast, unless a job says that fewer will do."""
ENOUGH_RUNS = 10
"""From so many on there is an 80 % interval; below, the range of the runs that there were."""
MOST_RUNS = 50
"""Older runs say nothing."""
LONGEST_MS = 1e13
"""300 years; nothing takes longer."""


class PastSpan(NamedTuple):
    """A phase of a finished run; `longest_pause_ms` is the longest time without a sign of life in it."""

    phase: str
    duration_ms: int
    longest_pause_ms: int | None = None


class PastRun(Value, frozen=True):
    """A run that completed: its phases in their order, `queued` among them if it was.

    `total_ms` counts only where there are no spans. A silence before an end by the server, `abandoned`, is
    no pause of the build: give `None` for the pause of its span.
    """

    finished_at: int
    spans: tuple[PastSpan, ...]
    total_ms: int = 0


class RunningJob(Value, frozen=True):
    """A job that runs, as far as a forecast looks at it.

    `done` are the phases that it has left, with their durations, in their order. `phase` is the one that it
    is in since `entered_at`. `fewest` finished runs are needed. What the phase's tool says of its progress is
    not among it: see docs/design.md.
    """

    phase: str
    entered_at: int
    done: tuple[tuple[str, int], ...] = ()
    fewest: int = FEWEST_RUNS


class Interval(NamedTuple):
    """Three times in ms, `low <= median <= high`."""

    low: int
    median: int
    high: int


class Estimate(Value, frozen=True):
    """What the finished runs say about a running one, at a time `at`.

    `remaining` is the time until the end: 8 of 10 runs end within it, or, where `is_range`, the runs
    that there were did (fewer than 10). `phase_remaining` is the same for the phase that is running.
    Both are `None` where the job has lasted longer than they can tell: `over_ms` then says by how much it
    is over the usual. `runs` counts the runs that this is from. `phases` are the usual durations of whole
    phases, `pauses` the longest silence that is usual in a phase (from 10 runs on).
    """

    at: int
    runs: int
    is_range: bool
    remaining: Interval | None
    phase_remaining: Interval | None
    over_ms: int | None
    phases: dict[str, Interval]
    pauses: dict[str, int]
