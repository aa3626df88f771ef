"""A test's result in a report, and the counts of a job's results. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chef.domain.wiretypes import Count, JsonObject

Outcome = Literal["failed", "flaky", "skipped", "passed"]
OUTCOMES: tuple[Outcome, ...] = ("failed", "flaky", "skipped", "passed")
"""In the order in which they are listed. `flaky`: it failed, and passed when it was tried again."""

MAX_CASES = 50_000
"""Tests of one report that are listed. More are counted only."""
MAX_FAILURES = 1000
"""The same for failed and flaky ones, which have a message and output."""


class CaseResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of one test.

    `suite` is what it belongs to: a class, a module or a file, as its tool has it. `message` is the reason of
    a failure in some words, `output` what the tool says of it at length, and what the test wrote.
    `ordinal` tells apart tests of a report that have the same name. Durations are milliseconds.
    """

    name: str
    outcome: Outcome
    suite: str | None = None
    file: str | None = None
    duration_ms: int | None = None
    message: str | None = None
    output: str | None = None
    ordinal: int = 0

    @property
    def is_failure(self) -> bool:
        """Whether it has failed at least once."""
        return self.outcome in ("failed", "flaky")


class OutcomeCounts(JsonObject, frozen=True):
    """How many tests of a job, or of a report, had which outcome. Errors count as failed.

    `duration_ms` is the sum of the tests' own durations: they may have run beside each other.
    """

    passed: Count = 0
    failed: Count = 0
    skipped: Count = 0
    flaky: Count = 0
    total: Count = 0
    duration_ms: Count = 0
    unlisted: (
        Annotated[int, Meta(ge=1, description="tests that are counted, but not kept one by one")] | UnsetType
    ) = UNSET


class ReportedTests(msgspec.Struct, frozen=True, gc=False):
    """The content of one report. `fingerprint` is the same for the same content."""

    counts: OutcomeCounts
    cases: tuple[CaseResult, ...]
    fingerprint: str


def make_counts(
    by_outcome: dict[Outcome, int], duration_ms: int, unlisted: int, *, earlier: OutcomeCounts | None = None
) -> OutcomeCounts:
    """Counts of these outcomes, added to earlier ones."""
    before = earlier or OutcomeCounts()
    sums = {outcome: getattr(before, outcome) + by_outcome.get(outcome, 0) for outcome in OUTCOMES}
    left_out = (before.unlisted or 0) + unlisted
    return OutcomeCounts(
        **sums,
        total=sum(sums.values()),
        duration_ms=before.duration_ms + duration_ms,
        unlisted=left_out or UNSET,
    )


def count_outcomes(cases: Iterable[CaseResult]) -> dict[Outcome, int]:
    """How many of some tests had which outcome."""
    counted: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
    for case in cases:
        counted[case.outcome] += 1
    return counted
