"""What is known of a job, read from the store: the material of a digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chef.digest.errors import ErrorLines, most_telling
from chef.digest.text import cut, one_line, shown
from chef.domain.failure.reported import case_title
from chef.domain.model import Job
from chef.domain.payloads import JobJson, line_text
from chef.domain.testreports import CaseResult
from chef.domain.wiretypes import as_dict
from chef.store import NumberedLine, Store

# Lines around an error: what stands behind it mostly explains it.
_BEFORE, _BEHIND = 3, 8
_MOST_EXCERPTS = 16
_TAIL = 200
_LONGEST_LINE = 400
_MOST_NEW = 50
MOST_FAILED = 200
"""Failed tests that are told of one job."""

Numbered = tuple[int, str]
"""A line of a log for a reader: its number and its text, without commands for a terminal, cut."""


class Excerpt(NamedTuple):
    """An error by its line's number, the lines around it, and which of these tell of errors."""

    number: int
    lines: Sequence[Numbered]
    marked: frozenset[int]


class BrokenCase(NamedTuple):
    """A test that failed: its name, in one line; the line of the log that tells of it; why."""

    name: str
    line: int | None
    message: str | None


class NewLines(NamedTuple):
    """The first lines of kinds that the newest green runs never printed, the most telling first.

    `kinds` counts all such kinds, `runs` the green runs of the same kind of job that were compared.
    """

    lines: Sequence[Numbered]
    kinds: int
    runs: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A job as the API shows it, with what a reader needs of its log.

    `errors` are the most telling ones first, `failed` the failed tests of its reports, else of its log.
    `new` is what green runs never printed, where that is known. `address` is where people see the job.
    """

    job: dict[str, Any]
    address: str
    errors: Sequence[Excerpt]
    tail: Sequence[Numbered]
    failed: Sequence[BrokenCase] = ()
    new: NewLines | None = None


def facts_of(store: Store, error_lines: ErrorLines, job: Job, job_json: JobJson, address: str) -> Facts:
    """Read what a digest tells of a job, which `job_json` shows. Waits; never reads a whole log."""
    numbers = error_lines.of(job) if job.lines else ()
    shown_job = as_dict(job_json)
    return Facts(
        shown_job,
        address,
        [*_stated(shown_job.get("failure"), frozenset(numbers)), *_excerpts(store, job, numbers)],
        [*_numbered(store.lines(job.job_id, max(1, job.lines - _TAIL + 1), job.lines))] if job.lines else [],
        failed_cases(store, job, shown_job.get("failure")),
        new_lines(store, job),
    )


def new_lines(store: Store, job: Job) -> NewLines | None:
    """What is new in a failed job; `None` where nothing is, or it is not known (yet)."""
    if job.status != "failed":
        return None
    waits, novelty = store.novelty.of(job.job_id)
    if waits or novelty is None or not novelty.runs or not novelty.kinds:
        return None
    lines = [(kind.line, cut(shown(kind.text), _LONGEST_LINE)) for kind in novelty.kinds[:_MOST_NEW]]
    return NewLines(lines, novelty.count, novelty.runs)


def failed_cases(store: Store, job: Job, failure: dict[str, Any] | None) -> list[BrokenCase]:
    """The tests that failed in a job, at most `MOST_FAILED`: those of its reports, else those of its log."""
    stated = {one["name"]: one for one in (failure or {}).get("tests", ())}
    if job.tests is None:
        return [_broken(one["name"], one.get("line"), one.get("message")) for one in stated.values()]
    cases = [one.case for one in store.cases(job.job_id, ("failed",), 0, MOST_FAILED)]
    lines = {name: one.get("line") for name, one in stated.items()}
    return [_broken(_whole_name(case), lines.get(case_title(case)), case.message) for case in cases]


def _whole_name(case: CaseResult) -> str:
    """A test's suite, name and file, as far as its tool told them."""
    suite = f"{case.suite} \u203a " if case.suite else ""
    return f"{suite}{case.name}" + (f" ({case.file})" if case.file else "")


def _broken(name: str, line: int | None, message: str | None) -> BrokenCase:
    return BrokenCase(one_line(name, 500), line, one_line(message, 2000) if message else None)


def _excerpts(store: Store, job: Job, numbers: Sequence[int]) -> list[Excerpt]:
    errors = list(_numbered(store.lines_at(job.job_id, numbers)))
    chosen = most_telling(errors, _MOST_EXCERPTS)
    wanted = {near for number in chosen for near in _around(number, job.lines)}
    texts = dict(_numbered(store.lines_at(job.job_id, sorted(wanted))))
    marked = frozenset(numbers)
    excerpts: list[Excerpt] = []
    for number in chosen:
        near = [one for one in _around(number, job.lines) if one in texts]
        excerpts.append(Excerpt(number, [(one, texts[one]) for one in near], marked))
    return excerpts


def _stated(failure: dict[str, Any] | None, marked: frozenset[int]) -> Iterable[Excerpt]:
    """The lines that the reason of a failure comes with: they come before what was found here."""
    lines = [
        (one["line"], cut(shown(one["text"]), _LONGEST_LINE)) for one in (failure or {}).get("lines", ())
    ]
    if lines:
        yield Excerpt(next((one for one, _ in lines if one in marked), lines[0][0]), lines, marked)


def _around(number: int, lines: int) -> range:
    return range(max(1, number - _BEFORE), min(lines, number + _BEHIND) + 1)


def _numbered(lines: Iterable[NumberedLine]) -> Iterable[Numbered]:
    for number, _, line in lines:
        yield number, cut(shown(line_text(line)), _LONGEST_LINE)
