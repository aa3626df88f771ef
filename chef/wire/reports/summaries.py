"""The `report` of a `tests` update: the summary that Chef makes of a report, sent by a client that has it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from chef.domain.testreports import (
    MAX_CASES,
    OUTCOMES,
    CaseCollector,
    CaseResult,
    OutcomeCounts,
    ReportedTests,
)
from chef.wire.findings import Findings
from chef.wire.jsonschema import Schema, json_text
from chef.wire.values import (
    TEXT,
    ValueType,
    is_object,
    json_of_text,
    kind_of,
    members,
    schema_of,
    within,
)

_MAX_COUNT, _MAX_MS = 10**9, 10**12
_MILLISECONDS = within(0, _MAX_MS, {"description": "milliseconds"})


def _check_outcome(value: Any, name: str, findings: Findings) -> Any:
    if value not in OUTCOMES:
        findings.wrong(name, f"must be one of {', '.join(OUTCOMES)}")
    return value


_CASE = {
    "name": TEXT,
    "status": ValueType(_check_outcome, {"type": "string", "enum": list(OUTCOMES)}),
    "suite": TEXT,
    "file": TEXT,
    "durationMs": _MILLISECONDS,
    "message": TEXT,
    "output": TEXT,
}
_CASE_NEEDED = ("name", "status")


def _check_cases(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, list):
        findings.wrong(name, f"must be an array, not {kind_of(value)}")
        return []
    if len(value) > MAX_CASES:
        findings.wrong(name, f"must be at most {MAX_CASES} tests")
        return []
    return [
        members(case, f"{name}[{place}]", findings, _CASE, _CASE_NEEDED) for place, case in enumerate(value)
    ]


_CASES: Schema = {"type": "array", "items": schema_of(_CASE, _CASE_NEEDED), "maxItems": MAX_CASES}
_COUNT = within(0, _MAX_COUNT, {})
_REPORT = {
    **dict.fromkeys(("passed", "failed", "skipped", "flaky", "total", "unlisted"), _COUNT),
    "durationMs": _MILLISECONDS,
    "cases": ValueType(_check_cases, _CASES | {"description": "the tests, or the failed ones alone"}),
}
_REPORT_NEEDED = ("passed", "failed", "skipped")


def _check_report(value: Any, name: str, findings: Findings) -> Any:
    """The report that an object describes; nothing of use where something in it is wrong."""
    if not is_object(value, name, findings):
        return value
    fields = members(value, name, findings, _REPORT, _REPORT_NEEDED)
    if findings.failed:
        return value
    said = {outcome: fields.get(outcome, 0) for outcome in OUTCOMES}
    total = sum(said.values())
    if fields.get("total", total) != total:
        findings.wrong(f"{name}.total", f"must be {total}, the sum of passed, failed, skipped and flaky")
    listed = _collected(fields.get("cases", ()))
    for outcome, count in said.items():
        if getattr(listed.counts, outcome) > count:
            findings.wrong(f"{name}.{outcome}", f"must be at least the {outcome} ones of `cases`")
    unlisted = total - len(listed.cases)
    counts = OutcomeCounts(
        **said,
        total=total,
        duration_ms=fields.get("durationMs", listed.counts.duration_ms),
        unlisted=unlisted or UNSET,
    )
    return replace(listed, counts=counts, fingerprint=_fingerprint(value))


def _collected(cases: Any) -> ReportedTests:
    collector = CaseCollector()
    for case in cases:
        collector.add(
            CaseResult(
                case["name"],
                case["status"],
                case.get("suite"),
                case.get("file"),
                case.get("durationMs"),
                case.get("message"),
                case.get("output"),
            )
        )
    return collector.finish("")


def _fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


REPORT = ValueType(
    _check_report,
    schema_of(_REPORT, _REPORT_NEEDED) | {"description": "added to what the job's other reports said"},
    json_of_text,
    json_text(schema_of(_REPORT, _REPORT_NEEDED), "an object as JSON"),
)
