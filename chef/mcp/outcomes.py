"""Tools that tell of outcomes: the tests that failed, and how a job differs from another one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chef.digest.comparing import Comparison, compare, difference_in_words
from chef.digest.facts import failed_cases, new_lines
from chef.digest.markdown import in_one_line
from chef.digest.text import code, fenced, one_line
from chef.domain.model import Job
from chef.domain.wiretypes import JsonObject, as_dict
from chef.errors import NotFound
from chef.mcp.jobs import UNTRUSTED_NAMES, JobId, shown_job
from chef.mcp.tools import AgentCall, Tool, ToolResult


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


def _failed_tests(caller: AgentCall, query: FailedQuery) -> ToolResult:
    job = shown_job(caller, query.job)
    failure = _json(caller, job).get("failure")
    failed = failed_cases(caller.chef.store, job, failure)
    summary = one_line(failure["summary"], 500) if failure else None
    if not failed and summary is None:
        text = "No failed test is known of this job: see get_digest for its errors."
    else:
        reason = [code(summary, 500)] if summary else []
        text = "\n".join([UNTRUSTED_NAMES, *reason, *(f"- {in_one_line(one)}" for one in failed)])
    return ToolResult(text, FailedTests(True, summary, [FailedTestRow(*one) for one in failed]))


def _compare_jobs(caller: AgentCall, query: PairQuery) -> ToolResult:
    job = shown_job(caller, query.job)
    other = _last_green(caller, job) if query.other is None else shown_job(caller, query.other)
    caller.reader.check_may_see(other.project_id, other.job_id)
    new = new_lines(caller.chef.store, job)
    found = compare(_compared(caller, job), _compared(caller, other), new.lines if new else ())
    took = difference_in_words(found.duration_ms, found.other_duration_ms)
    lines = [
        UNTRUSTED_NAMES,
        f"{found.job_id} ({found.status}) beside {found.other_id} ({found.other_status}): {took}",
        *(f"- {one.phase}: {difference_in_words(one.ms, one.other_ms)}" for one in found.phases),
        *(f"- fails now: {code(name)}" for name in found.newly_failed),
        *(f"- fails no more: {code(name)}" for name in found.mended),
        *([f"Lines of kinds that green runs never print:\n{fenced(_new(found))}"] if found.new_lines else []),
    ]
    return ToolResult("\n".join(lines), found)


def _new(found: Comparison) -> list[str]:
    return [f" {one.line:>6} | {one.text}" for one in found.new_lines]


def _last_green(caller: AgentCall, job: Job) -> Job:
    """The last completed job of the same kind before a job."""
    neighbours = caller.chef.store.neighbours(job.job_id)
    if neighbours is None or neighbours.last_green is None:
        raise NotFound("there is no completed job of the same kind before this one: name another one")
    return neighbours.last_green


def _compared(caller: AgentCall, job: Job) -> tuple[dict[str, Any], list[str]]:
    """A job and the names of its failed tests."""
    found = _json(caller, job)
    return found, [one.name for one in failed_cases(caller.chef.store, job, found.get("failure"))]


def _json(caller: AgentCall, job: Job) -> dict[str, Any]:
    return as_dict(caller.chef.job_json(job))


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
        "A job beside another one, or beside the last completed one of its kind: times of phases, tests that "
        "fail now or no more, and lines of kinds that green runs never print.",
        PairQuery,
        _compare_jobs,
        Comparison,
    ),
)
