"""The `failure` of a job made of a reason and the lines around it, within a size. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from chef.domain.failure.headline import headline
from chef.domain.failure.lanes import lane_of
from chef.domain.failure.reading import SeenLine
from chef.domain.failure.reason import FailureReason
from chef.domain.failure.statements import BrokenTest
from chef.domain.wiretypes import ExcerptLine, FailedTest, Failure, encode

# Lines before an error, which often say where; a test's failure has its heading.
_BEFORE = 3
_ENOUGH = 4
_MOST_CHARACTERS = 500
_CUT = "…"


class FailureLimits(NamedTuple):
    """The most of a failure that is kept or sent: tests, lines, and bytes as JSON."""

    tests: int
    lines: int
    bytes: int


MAX_STORED = FailureLimits(tests=100, lines=30, bytes=16 * 1024)
"""What is kept with a job."""

IN_LISTS = FailureLimits(tests=0, lines=0, bytes=MAX_STORED.bytes)
"""The summary alone."""

MAX_EVENT = FailureLimits(tests=20, lines=20, bytes=8 * 1024)
"""What goes to each viewer with the end of a job."""


def wanted_lines(reason: FailureReason) -> tuple[int, int]:
    """The numbers of the first and the last line that `failure_of` takes lines from."""
    return max(1, reason.line - _BEFORE), reason.line + MAX_STORED.lines - 1


def failure_of(reason: FailureReason, lines: Sequence[SeenLine]) -> Failure:
    """The failure that a reason is, with those of `lines` that are about it."""
    summary = _error_in_one_line(reason, lines) if reason.is_error else reason.summary
    tests = [_failed_test(one) for one in reason.tests]
    return bounded(Failure(_cut(summary), _excerpt(reason, lines), tests or UNSET), MAX_STORED)


def _error_in_one_line(reason: FailureReason, lines: Sequence[SeenLine]) -> str:
    told = [line for line in lines if line.number >= reason.line]
    texts = [lane_of(line.text)[1].rstrip() for line in told if line.stream == told[0].stream]
    return headline(texts) if texts else reason.summary


def _excerpt(reason: FailureReason, lines: Sequence[SeenLine]) -> list[ExcerptLine]:
    first, last = wanted_lines(reason)
    if not reason.line:
        return []
    if reason.until is not None:
        last = min(last, reason.until - 1)
    if last - reason.line >= _ENOUGH and reason.tests:
        first = reason.line
    excerpt = [ExcerptLine(line.number, _cut(line.text)) for line in lines if first <= line.number <= last]
    while excerpt and not excerpt[-1].text.strip():
        excerpt.pop()
    return excerpt


def _failed_test(test: BrokenTest) -> FailedTest:
    message = _cut(test.message) if test.message else UNSET
    return FailedTest(_cut(test.name), test.line or UNSET, message)


def bounded(failure: Failure, limits: FailureLimits) -> Failure:
    """A failure with no more in it than allowed: the last lines and tests go first."""
    tests = [] if failure.tests is UNSET else list(failure.tests[: limits.tests])
    lines = list(failure.lines[: limits.lines])
    while True:
        bounded_one = replace(failure, lines=lines, tests=tests or UNSET)
        if len(encode(bounded_one).encode()) <= limits.bytes or not (lines or tests):
            return bounded_one
        longer = tests if len(tests) > len(lines) else lines
        del longer[-max(1, len(longer) // 8) :]


def _cut(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + _CUT
