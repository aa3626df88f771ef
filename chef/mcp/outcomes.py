"""Tools that tell of outcomes: the tests that failed, and how a job differs from another one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chef.digest.comparing import Comparison, compare, difference_in_words
from chef.digest.text import code, one_line, shown
from chef.domain.model import Job
from chef.domain.payloads import job_json
from chef.domain.wiretypes import JsonObject, as_dict
from chef.errors import NotFound
from chef.mcp.jobs import UNTRUSTED_NAMES, JobId, shown_job
from chef.mcp.tools import Caller, Outcome, Tool

# So many completed jobs of a project are looked through for the last one of a kind.
_MOST_LOOKED_AT = 200
_MOST_TESTS = 500


class FailedQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of failed_tests."""

    job: JobId


class FailedTestRow(JsonObject, frozen=True):
    """A test that failed. `line` is where the log tells of it, where it does."""

    name: str
    line: int | None
    message: str | None


class FailedTests(JsonObject, frozen=True):
    """The tests that failed in a job, and the outcome in its tools' words: written by the build."""

    untrusted: bool
    summary: str | None
    tests: list[FailedTestRow]


class PairQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments of compare_jobs."""

    job: JobId
    other: (
        Annotated[
            str, Meta(description="id of the other job; the last completed one of the same kind without")
        ]
        | None
    ) = None


def _failed_tests(caller: Caller, query: FailedQuery) -> Outcome:
    failure = _json(caller, shown_job(caller, query.job)).get("failure") or {}
    rows = [_row(one) for one in (failure.get("tests") or ())[:_MOST_TESTS]]
    summary = one_line(failure["summary"], 500) if failure else None
    lines = [f"- {code(one.name)}{_where(one)}" for one in rows]
    text = "\n".join([UNTRUSTED_NAMES, *([code(summary, 500)] if summary else []), *lines])
    nothing = "No failed test is known of this job: see get_digest for its errors."
    return Outcome(text if failure else nothing, FailedTests(True, summary, rows))


def _row(test: dict[str, Any]) -> FailedTestRow:
    message = test.get("message")
    return FailedTestRow(
        one_line(test["name"], 500), test.get("line"), None if message is None else shown(message)[:2000]
    )


def _where(test: FailedTestRow) -> str:
    line = "" if test.line is None else f", line {test.line}"
    return line + (f": {code(test.message, 300)}" if test.message else "")


def _compare_jobs(caller: Caller, query: PairQuery) -> Outcome:
    job = shown_job(caller, query.job)
    other = _last_green(caller, job) if query.other is None else shown_job(caller, query.other)
    found = compare(_json(caller, job), _json(caller, other))
    took = difference_in_words(found.duration_ms, found.other_duration_ms)
    lines = [
        UNTRUSTED_NAMES,
        f"{found.job_id} ({found.status}) beside {found.other_id} ({found.other_status}): {took}",
        *(f"- {one.phase}: {difference_in_words(one.ms, one.other_ms)}" for one in found.phases),
        *(f"- fails now: {code(name)}" for name in found.newly_failed),
        *(f"- fails no more: {code(name)}" for name in found.mended),
    ]
    return Outcome("\n".join(lines), found)


def _last_green(caller: Caller, job: Job) -> Job:
    """The last completed job of the same kind before a job."""
    found = caller.chef.store.jobs(project_id=job.project_id, statuses=("completed",), limit=_MOST_LOOKED_AT)
    kind = job.meta.get("kind")
    for one in found:
        other = one.job
        if (
            other.job_id != job.job_id
            and other.created_at <= job.created_at
            and other.meta.get("kind") == kind
        ):
            return other
    raise NotFound("there is no completed job of the same kind before this one: name another one")


def _json(caller: Caller, job: Job) -> dict[str, Any]:
    return as_dict(job_json(job, caller.chef.clock()))


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "failed_tests",
        "Failed tests of a job",
        "The tests that failed in a job, each with the line of its log, and the outcome in its tools' words.",
        FailedQuery,
        _failed_tests,
        FailedTests,
    ),
    Tool(
        "compare_jobs",
        "Compare two jobs",
        "A job beside another one, or beside the last completed one of its kind: times of phases, and tests "
        "that fail now or no more.",
        PairQuery,
        _compare_jobs,
        Comparison,
    ),
)
