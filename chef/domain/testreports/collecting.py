"""The tests of a report as it is read: attempts put together, texts cut, the rest counted. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from msgspec.structs import replace

from chef.domain.testreports.attempts import tried_again, tried_again_silently
from chef.domain.testreports.cases import (
    MAX_CASES,
    MAX_FAILURES,
    OUTCOMES,
    CaseResult,
    Outcome,
    ReportedTests,
    make_counts,
)
from chef.domain.text import clean_text

MAX_NAME, MAX_MESSAGE, MAX_OUTPUT = 512, 2048, 16 * 1024
"""Characters of a test's name, its message and its output that are kept."""
MAX_TEXTS = 1024 * 1024
"""The same of all outputs and messages of a report; messages of failures are kept beyond it."""
MAX_DURATION_MS = 10**12


@dataclass
class _Scope:
    """A suite: how many results were taken of it, and how many of them have a name that had come before.

    `behind_passed` has the places of those whose earlier result is a pass, each behind that one's place.
    """

    taken: int = 0
    repeated: int = 0
    behind_passed: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class CaseCollector:
    """Takes the results of a report one by one.

    A test that failed and comes again within the same `scope`, a suite of the report, was tried again.
    """

    _cases: list[CaseResult | None] = field(default_factory=list)
    _scopes: dict[int, _Scope] = field(default_factory=lambda: defaultdict(_Scope))
    _newest: dict[tuple[int, str | None, str], int] = field(default_factory=dict)
    _named_alike: dict[tuple[str | None, str], int] = field(default_factory=dict)
    _failures: int = 0
    _texts: int = 0
    _unlisted: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    _duration_ms: int = 0

    def add(self, case: CaseResult, scope: int = 0) -> None:
        """Take the next result."""
        case = _with_bounded_names(case)
        self._duration_ms += case.duration_ms or 0
        place = self._newest.get((scope, case.suite, case.name))
        before = None if place is None else self._cases[place]
        self._scopes[scope].taken += 1
        if place is not None and before is not None:
            self._scopes[scope].repeated += 1
            if not before.is_failure:
                self._scopes[scope].behind_passed.append((place, len(self._cases)))
        if place is not None and before is not None and before.is_failure:
            self._cases[place] = tried_again(before, self._with_bounded_texts(case))
        elif len(self._cases) >= MAX_CASES or (case.is_failure and self._failures >= MAX_FAILURES):
            self._unlisted[case.outcome] += 1
        else:
            self._list(self._with_bounded_texts(case), scope)

    def _list(self, case: CaseResult, scope: int) -> None:
        ordinal = self._named_alike.get((case.suite, case.name), 0)
        self._named_alike[case.suite, case.name] = ordinal + 1
        self._newest[scope, case.suite, case.name] = len(self._cases)
        self._failures += case.is_failure
        self._cases.append(replace(case, ordinal=ordinal) if ordinal else case)

    def end_scope(self, scope: int, announced: int) -> None:
        """A suite is over that said how many tests it has.

        If these are as many as have names of their own, one that comes again was tried again, also behind a
        result that says nothing: pytest-rerunfailures writes an attempt that failed like a test that passed.
        """
        ended = self._scopes.pop(scope, None)
        if ended is None or announced != ended.taken - ended.repeated:
            return
        for before, now in ended.behind_passed:
            first, last = self._cases[before], self._cases[now]
            if first is None or last is None:
                continue
            merged = tried_again_silently(first, last)
            self._failures += merged.is_failure and not last.is_failure
            self._cases[before], self._cases[now] = None, merged
            self._named_alike[last.suite, last.name] -= 1

    def _with_bounded_texts(self, case: CaseResult) -> CaseResult:
        if case.message is None and case.output is None:
            return case
        room = MAX_TEXTS - self._texts
        message = _text(case.message, MAX_MESSAGE if case.is_failure else min(MAX_MESSAGE, room))
        output = _text(case.output, min(MAX_OUTPUT, room)) if case.is_failure else None
        self._texts += len(message or "") + len(output or "")
        return replace(case, message=message, output=output)

    def finish(self, fingerprint: str) -> ReportedTests:
        """All that was taken."""
        by_outcome = dict(self._unlisted)
        cases = tuple(case for case in self._cases if case is not None)
        for case in cases:
            by_outcome[case.outcome] += 1
        counts = make_counts(by_outcome, self._duration_ms, sum(self._unlisted.values()))
        return ReportedTests(counts, cases, fingerprint)


def _with_bounded_names(case: CaseResult) -> CaseResult:
    return CaseResult(
        _text(case.name, MAX_NAME) or "(no name)",
        case.outcome,
        _text(case.suite, MAX_NAME),
        _text(case.file, MAX_NAME),
        None if case.duration_ms is None else min(max(case.duration_ms, 0), MAX_DURATION_MS),
        case.message,
        case.output,
    )


def _text(text: str | None, most: int) -> str | None:
    """A text without what a terminal obeys, at most about `most` characters; `None` where nothing is left."""
    if text is None:
        return None
    cleaned = (clean_text(text) if not text.isprintable() else text).strip()
    return shortened(cleaned, most) or None


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text that is too long, with a note of how much is missing between."""
    if len(text) <= most:
        return text
    half = max(most, 0) // 2
    end = text[len(text) - half :]
    return f"{text[:half]}… [cut: {len(text) - 2 * half} characters] …{end}"
