"""Tools that find jobs and runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chef.api.answers import check_project, wrong
from chef.api.filters import MOST_CHARACTERS, job_filter
from chef.digest.plain import job_line
from chef.digest.text import one_line, words_of_ms
from chef.domain.failure import IN_LISTS
from chef.domain.filtering import JobFilter
from chef.domain.model import Status
from chef.domain.runpayloads import run_json
from chef.domain.runs import Run
from chef.domain.wiretypes import JsonObject, as_dict
from chef.mcp.jobs import UNTRUSTED_NAMES, JobRow, row
from chef.mcp.tools import AgentCall, Tool, ToolResult
from chef.wire.paging import make_cursor, read_cursor

StatusQuery = Literal["running", Status]
_MOST = 100
_MOST_JOBS_OF_A_RUN = 30
_Text = Annotated[str, Meta(min_length=1, max_length=MOST_CHARACTERS)]
_Limit = Annotated[int, Meta(ge=1, le=_MOST)]
_Cursor = Annotated[str, Meta(description="`next` of an earlier answer")]
_Words = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="up to 20 words, all of which are in its title, branch, commit, message or id",
    ),
]


class ListQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What both lists may be limited to."""

    status: Annotated[StatusQuery, Meta(description="`running` is any that has not ended")] | None = None
    branch: _Text | None = None
    author: _Text | None = None
    kind: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MOST_CHARACTERS,
                description="what a job does: its workflow and job, or its command",
            ),
        ]
        | None
    ) = None
    q: _Words | None = None
    limit: _Limit = 20
    cursor: _Cursor | None = None


class JobQuery(ListQuery, kw_only=True):
    """The arguments of find_jobs."""

    project: Annotated[str, Meta(description="id of a project; all projects without it")] | None = None
    run: (
        Annotated[
            str,
            Meta(min_length=1, max_length=MOST_CHARACTERS, description="jobs of this CI run alone"),
        ]
        | None
    ) = None


class RunQuery(ListQuery, kw_only=True):
    """The arguments of find_runs."""

    project: Annotated[str, Meta(description="id of a project")]


class FoundJobs(JsonObject, frozen=True):
    """Jobs, newest first; `next` is the `cursor` of those that follow."""

    jobs: list[JobRow]
    next: str | None


class JobOfRun(JsonObject, frozen=True):
    """A job of a run: its id, its status, and what it does."""

    job_id: str
    status: str
    kind: str | None


class RunRow(JsonObject, frozen=True):
    """A run: the jobs of one CI run or commit. Its status is the worst of theirs; builds wrote its texts."""

    run: str | None
    status: str
    title: str | None
    branch: str | None
    commit: str | None
    author: str | None
    started_at: str | None
    duration_ms: int | None
    total: int
    jobs: list[JobOfRun]


class FoundRuns(JsonObject, frozen=True):
    """Runs, the one that began last first; `next` is the `cursor` of those that follow."""

    runs: list[RunRow]
    next: str | None


def _find_jobs(call: AgentCall, query: JobQuery) -> ToolResult:
    wanted = _filter(call, query, query.project, query.run)
    place = _place(query.cursor)
    page = call.chef.store.jobs(wanted, allowed=call.reader.projects, before=place, limit=query.limit)
    shown = [as_dict(call.chef.job_json(job, IN_LISTS)) for job in page.jobs]
    lines = [job_line(job) for job in shown]
    text = "\n".join([UNTRUSTED_NAMES, *lines]) if lines else "There are no such jobs."
    return ToolResult(text, FoundJobs([row(job) for job in shown], _next(page.next)))


def _find_runs(call: AgentCall, query: RunQuery) -> ToolResult:
    page = call.chef.store.runs(
        _filter(call, query, query.project, None), before=_place(query.cursor), limit=query.limit
    )
    rows = [_run_row(run) for run in page.runs]
    text = "\n".join([UNTRUSTED_NAMES, *map(_run_line, rows)]) if rows else "There are no such runs."
    return ToolResult(text, FoundRuns(rows, _next(page.next)))


def _filter(call: AgentCall, query: ListQuery, project: str | None, run: str | None) -> JobFilter:
    if project is not None:
        check_project(call.reader, project)
    given = {name: getattr(query, name) for name in ("status", "branch", "author", "kind", "q")}
    return job_filter(project, given | {"run": run})


def _place(cursor: str | None) -> int | None:
    place = None if cursor is None else read_cursor(cursor)
    if cursor is not None and place is None:
        raise wrong("cursor", "must be the `next` of an earlier answer")
    return place


def _next(place: int | None) -> str | None:
    return None if place is None else make_cursor(place)


def _run_row(run: Run) -> RunRow:
    shown = run_json(run)

    def text(value: str | None) -> str | None:
        return None if value is None else one_line(value, 200)

    return RunRow(
        text(shown.run),
        shown.status,
        text(shown.title),
        text(shown.branch),
        text(shown.commit),
        text(shown.author),
        shown.started_at,
        shown.duration_ms,
        shown.counts.total,
        [JobOfRun(job.job_id, job.status, text(job.kind)) for job in shown.jobs[:_MOST_JOBS_OF_A_RUN]],
    )


def _run_line(run: RunRow) -> str:
    took = "" if run.duration_ms is None else words_of_ms(run.duration_ms)
    facts = (run.status, run.title, run.branch, run.commit, took, f"run {run.run}" if run.run else "")
    jobs = [f"  {job.status}  {job.job_id}{f'  {job.kind}' if job.kind else ''}" for job in run.jobs]
    return "\n".join(["  ".join(filter(None, facts)), *jobs])


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "find_jobs",
        "Find jobs",
        "Builds (jobs), newest first, of all projects or one, with their outcome and the reason of a "
        "failure. Begin here: the newest failed job is find_jobs with status failed and limit 1.",
        JobQuery,
        _find_jobs,
        FoundJobs,
    ),
    Tool(
        "find_runs",
        "Find runs",
        "Runs of a project, the one that began last first: the jobs of one CI run or commit together, with "
        "the worst of their statuses.",
        RunQuery,
        _find_runs,
        FoundRuns,
    ),
)
