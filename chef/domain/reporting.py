"""The effect of a test report on a job: it counts, and changes neither status nor progress. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from msgspec.structs import replace

from chef.domain.implied import resume, state_entry
from chef.domain.masking import Masks, masked_text
from chef.domain.model import Job, StateEntry
from chef.domain.pauses import heard
from chef.domain.payloads import state_events
from chef.domain.rules import check_takes_logs
from chef.domain.testreports import Absorbed, CaseResult, Outcome, ReportedTests, absorb
from chef.domain.wiretypes import encode

MAX_JOB_CASES, MAX_JOB_FAILURES = 200_000, 5000
"""Tests of a job that are listed, and how many of them may be failed or flaky. More are counted only."""
_SEPARATOR = "\0"


def apply_report(
    job: Job, report: ReportedTests, known: Mapping[int, Outcome], late_masks: Masks, at: int, index: int
) -> tuple[Job, StateEntry, Absorbed]:
    """Add a test report to a job; `known` are its tests that failed so far. Raises Conflict `job_finished`.

    Like a log it is taken until some minutes after the job's end, where `late_masks` are its secrets. Then
    the entry tells of the tests alone: the ending was told already.
    """
    check_takes_logs(job, at, index)
    job = resume(heard(job, at))
    report = without_secrets(report, late_masks if job.ended else job.masks)
    absorbed = absorb(report, job.tests, known, MAX_JOB_CASES, MAX_JOB_FAILURES)
    job = replace(job, tests=absorbed.counts)
    told, entry = state_entry(job, at)
    if not job.ended:
        return told, entry, absorbed
    name, payload = state_events(told)[0]
    return replace(job, seq=entry.seq), StateEntry(entry.seq, ((name, encode(payload)),)), absorbed


def without_secrets(report: ReportedTests, masks: Masks) -> ReportedTests:
    """The report with nothing of its job's secrets."""
    if not masks:
        return report
    texts = [text for case in report.cases for text in _texts_of(case)]
    masked = iter(masked_text(_SEPARATOR.join(text or "" for text in texts), masks).split(_SEPARATOR))
    cases = tuple(_with_texts(case, list(islice(masked, len(_texts_of(case))))) for case in report.cases)
    return replace(report, cases=cases)


def _texts_of(case: CaseResult) -> tuple[str | None, ...]:
    return case.name, case.suite, case.file, case.message, case.output


def _with_texts(case: CaseResult, texts: list[str]) -> CaseResult:
    name, suite, file, message, output = texts
    return replace(
        case,
        name=name,
        suite=suite or None,
        file=file or None,
        message=message or None,
        output=output or None,
    )
