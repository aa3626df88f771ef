"""Several results of one test: attempts within a report, and reports that come one after the other. Pure.

A test that has failed and comes again was tried again. It is flaky once it passes, also if that is in a later
report of the job. A test that passed and comes again is another one with its name, so that the reports of two
shards or versions add up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

import msgspec

from chef.domain.testreports.cases import (
    OUTCOMES,
    CaseResult,
    Outcome,
    OutcomeCounts,
    ReportedTests,
    count_outcomes,
    make_counts,
)

# pytest's words for a test that fails and whose fixture then fails as well: one attempt, told of twice.
_OF_TEARDOWN = "failed on teardown with "

MOST_SLOW = 10
"""How many slow tests a job names."""


def outcome_after(before: Outcome, now: Outcome) -> Outcome:
    """The outcome of a test that had failed at least once, after another attempt."""
    if now == "skipped":
        return before
    return "failed" if now == "failed" else "flaky"


def tried_again(before: CaseResult, now: CaseResult) -> CaseResult:
    """A test that had failed, after another attempt: the newest failure is what is shown of it.

    A failed teardown does not stand before the failure that it follows.
    """
    message = now.message or ""
    tells_more = (message or now.output) and not message.startswith(_OF_TEARDOWN)
    shown = now if now.is_failure and tells_more else before
    return msgspec.structs.replace(
        before,
        outcome=outcome_after(before.outcome, now.outcome),
        duration_ms=_added(before.duration_ms, now.duration_ms),
        message=shown.message,
        output=shown.output,
    )


def tried_again_silently(before: CaseResult, now: CaseResult) -> CaseResult:
    """A test after another attempt, of which the earlier one did not say that it failed."""
    return msgspec.structs.replace(
        now,
        outcome="flaky" if now.outcome == "passed" else now.outcome,
        duration_ms=_added(before.duration_ms, now.duration_ms),
        ordinal=before.ordinal,
    )


def _added(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def case_key(case: CaseResult) -> int:
    """A number of 64 bits that a test has in all runs."""
    # Not its file: some tools write the whole path on the machine.
    identity = f"{case.suite or ''}\0{case.name}\0{case.ordinal}"
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Absorbed(msgspec.Struct, frozen=True):
    """The effect of a report on a job that has had others.

    `counts` are the job's now. `listed` are tests to list that never failed. `failures` are those to list
    that did, by key, in the report's order; `changed` has the outcomes of earlier ones of which nothing
    else is new, `slowest` the report's slowest tests.
    """

    counts: OutcomeCounts
    listed: tuple[CaseResult, ...]
    failures: dict[int, CaseResult]
    changed: dict[int, Outcome]
    slowest: tuple[CaseResult, ...]

    @property
    def states(self) -> dict[int, Outcome]:
        """The outcomes of all failures that the report says something of."""
        return {**{key: case.outcome for key, case in self.failures.items()}, **self.changed}


def absorb(
    report: ReportedTests,
    earlier: OutcomeCounts | None,
    known: Mapping[int, Outcome],
    most_cases: int,
    most_failures: int,
) -> Absorbed:
    """Add a report to a job's earlier counts; `known` are the failures that it has, by key.

    A job lists at most `most_cases` tests, `most_failures` of them failures, and counts the rest.
    """
    states = dict(known)
    room = most_cases - (earlier.total - (earlier.unlisted or 0) if earlier else 0)
    listed: list[CaseResult] = []
    failures: dict[int, CaseResult] = {}
    attempts: list[CaseResult] = []
    for case in report.cases:
        key = case_key(case) if states or case.is_failure else 0
        if key in states:
            attempts.append(case)
            states[key] = outcome_after(states[key], case.outcome)
            if case.is_failure:
                failures[key] = msgspec.structs.replace(case, outcome=states[key])
        elif room > 0 and not case.is_failure:
            listed.append(case)
            room -= 1
        elif room > 0 and len(states) < most_failures:
            states[key] = case.outcome
            failures[key] = case
            room -= 1
    unlisted = len(report.cases) - len(attempts) - len(listed) - len(failures.keys() - known.keys())
    changed = {key: states[key] for key in known if states[key] != known[key] and key not in failures}
    counts = _counts_with(report, earlier, attempts, known, states, unlisted)
    return Absorbed(counts, tuple(listed), failures, changed, slowest_of(report.cases))


def slowest_of(cases: Iterable[CaseResult]) -> tuple[CaseResult, ...]:
    """The slowest of some tests, the slowest first, with nothing but their names and durations."""
    slowest = nlargest(MOST_SLOW, cases, key=lambda case: case.duration_ms or 0)
    return tuple(
        msgspec.structs.replace(case, message=None, output=None) for case in slowest if case.duration_ms
    )


def _counts_with(
    report: ReportedTests,
    earlier: OutcomeCounts | None,
    attempts: Sequence[CaseResult],
    known: Mapping[int, Outcome],
    states: Mapping[int, Outcome],
    unlisted: int,
) -> OutcomeCounts:
    """The counts of all reports: an attempt is no test of its own, but may change the outcome of one."""
    reported = {outcome: getattr(report.counts, outcome) for outcome in OUTCOMES}
    again = count_outcomes(attempts)
    before, after = Counter(known.values()), Counter(states[key] for key in known)
    by_outcome = {
        outcome: reported[outcome] - again[outcome] - before[outcome] + after[outcome] for outcome in OUTCOMES
    }
    left_out = (report.counts.unlisted or 0) + unlisted
    return make_counts(by_outcome, report.counts.duration_ms, left_out, earlier=earlier)
