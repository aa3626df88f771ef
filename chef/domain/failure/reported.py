"""The failed tests of a job's reports in its failure: reports know names better than a log. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chef.domain.failure.reason import FailureReason
from chef.domain.failure.statements import BrokenTest, worded
from chef.domain.testreports import CaseResult
from chef.domain.testreports.cases import OutcomeCounts

_PARTS = re.compile(r"[^\w\[\]-]+")


def with_reported(
    reason: FailureReason | None, counts: OutcomeCounts, cases: Sequence[CaseResult]
) -> FailureReason | None:
    """The reason with the failed tests of the reports, each with its line where the log tells of it.

    What tools stated in the log stays the summary; where they stated nothing, the reports' counts are it.
    """
    if not counts.failed:
        return reason
    told = list(reason.tests) if reason is not None else []
    tests = [_with_line(case, told) for case in cases]
    if reason is not None and not reason.is_error:
        return reason._replace(tests=tests or reason.tests)
    by_outcome = {name: getattr(counts, name) for name in ("failed", "flaky", "passed", "skipped")}
    line = reason.line if reason is not None else 0
    return FailureReason(worded(by_outcome), tests, line)


def case_title(case: CaseResult) -> str:
    """A test's name with its suite, as the failure has it."""
    return f"{case.suite} \u203a {case.name}" if case.suite else case.name


def _with_line(case: CaseResult, told: list[BrokenTest]) -> BrokenTest:
    """A test of a report, with the line of the one in the log that has its name."""
    same = max(told, key=lambda one: _likeness(case, one.name), default=None)
    if same is not None and _likeness(case, same.name):
        told.remove(same)
    else:
        same = None
    message = (case.message or "").strip().partition("\n")[0] or (same.message if same is not None else None)
    return BrokenTest(case_title(case), same.line if same is not None else 0, message or None)


def _likeness(case: CaseResult, told: str) -> int:
    """How much a name in the log is that of a test: it ends in it, and has more or less of its suite.

    Each tool writes the two in its own way; 0 is another test.
    """
    name, other = _parts(case.name), _parts(told)
    if not name or other[-len(name) :] != name:
        return 0
    return 1 + len(set(_parts(case.suite or "")) & set(other[: -len(name)]))


def _parts(text: str) -> list[str]:
    return [part for part in _PARTS.split(text) if part]
