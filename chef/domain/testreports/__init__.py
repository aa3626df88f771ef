"""Test reports: the outcome of each test of a job, several reports added up, attempts put together. Pure."""

from chef.domain.testreports.attempts import MOST_SLOW, Absorbed, absorb, case_key
from chef.domain.testreports.cases import (
    MAX_CASES,
    MAX_FAILURES,
    OUTCOMES,
    CaseResult,
    Outcome,
    OutcomeCounts,
    ReportedTests,
)
from chef.domain.testreports.collecting import CaseCollector

__all__ = [
    "MAX_CASES",
    "MAX_FAILURES",
    "MOST_SLOW",
    "OUTCOMES",
    "Absorbed",
    "CaseCollector",
    "CaseResult",
    "Outcome",
    "OutcomeCounts",
    "ReportedTests",
    "absorb",
    "case_key",
]
