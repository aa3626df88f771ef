"""The decision which of a log's statements and errors say why it failed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chef.domain.failure.statements import BrokenTest, Statement, worded

# So many statements are said one behind the other.
_MOST_SAID = 3


class FailureReason(NamedTuple):
    """Why a log failed: the summary, the failed tests, and the line of the log that tells of it best.

    `until` is the line before which what is told of it ends, where that is known. `is_error` tells that
    nothing was stated: the summary is that line's.
    """

    summary: str
    tests: Sequence[BrokenTest]
    line: int
    until: int | None = None
    is_error: bool = False


def stated_reason(statements: Iterable[Statement]) -> FailureReason | None:
    """The reason that tools state, `None` where each of them was content in the end."""
    in_order = sorted(statements, key=lambda one: one.line)
    broken = [one for place, one in enumerate(in_order) if one.failed and not _mended(one, in_order[place:])]
    if not broken:
        return None
    tests = [test for one in broken for test in one.tests]
    first = broken[0]
    if not first.tests:
        return FailureReason(_said(broken, in_order), tests, first.line)
    until = first.tests[1].line if len(first.tests) > 1 else first.line
    line = first.tests[0].line
    return FailureReason(_said(broken, in_order), tests, line, until if until > line else None)


def _mended(broken: Statement, later: Iterable[Statement]) -> bool:
    """Whether the same tests, or those that failed, were run again and passed."""
    failed, passed = broken.failures, broken.counts.get("passed", 0)
    return any(
        (one.tool, one.lane) == (broken.tool, broken.lane)
        and not one.failed
        and one.counts.get("passed", 0) in (failed, failed + passed)
        for one in later
    )


def _said(broken: Sequence[Statement], all_of_them: Sequence[Statement]) -> str:
    if len(broken) == 1:
        return broken[0].summary
    if summed := _sum(broken, all_of_them):
        return summed
    several = len({one.tool for one in broken}) > 1
    said = [f"{one.tool}: {one.summary}" if several else one.summary for one in broken[:_MOST_SAID]]
    more = len(broken) - _MOST_SAID
    return "; ".join([*said, f"and {more} more"] if more > 0 else said)


def _sum(broken: Sequence[Statement], all_of_them: Sequence[Statement]) -> str | None:
    """One sum for what ran at once in lanes of its own: each has run its part of the tests, once."""
    tool = broken[0].tool
    parts = [one for one in all_of_them if one.tool == tool]
    lanes = Counter(one.lane for one in parts)
    if any(one.tool != tool or one.text for one in broken) or max(lanes.values()) > 1 or "" in lanes:
        return None
    total: Counter[str] = Counter()
    for one in parts:
        total.update(one.counts)
    return worded(total)
