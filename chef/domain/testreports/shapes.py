"""A test as the wire shows it. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chef.domain.testreports.cases import CaseResult, Outcome
from chef.domain.wiretypes import Count, Id, JsonObject


class FailingStreak(JsonObject, frozen=True):
    """The runs of the same kind, this one included, in each of which a test failed; `since` is the first."""

    runs: Annotated[int, Meta(ge=1)]
    since: Id


class CaseJson(JsonObject, frozen=True):
    """The result of one test."""

    name: str
    suite: str | None
    file: str | None
    status: Outcome
    duration_ms: Count | None
    message: str | UnsetType = UNSET
    output: str | UnsetType = UNSET
    failing: FailingStreak | UnsetType = UNSET


def case_json(case: CaseResult, streak: FailingStreak | None = None) -> CaseJson:
    """A test with the runs in which it failed before."""
    return CaseJson(
        case.name,
        case.suite,
        case.file,
        case.outcome,
        case.duration_ms,
        case.message or UNSET,
        case.output or UNSET,
        streak or UNSET,
    )
