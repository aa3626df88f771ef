"""The tool that tells of a build's progress, for agents that build themselves. Needs the right to write."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chef.api.writing import record_parsed
from chef.domain.wiretypes import JsonObject
from chef.mcp.jobs import JobId
from chef.mcp.tools import AgentCall, Tool, ToolResult
from chef.wire.parse import parse_fields


class ProgressReport(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The arguments of report_progress."""

    job: JobId
    project: Annotated[str | None, Meta(description="id of the project; needed in a job's first report")] = (
        None
    )
    phase: (
        Annotated[str, Meta(description="queued, preparing, installing, building, or a name of one's own")]
        | None
    ) = None
    progress: Annotated[float, Meta(ge=0, le=100, description="percent of the whole job")] | None = None
    message: Annotated[str, Meta(max_length=4096)] | None = None
    outcome: (
        Annotated[
            Literal["completed", "error", "cancelled"],
            Meta(description="ends the job; `error` needs a message"),
        ]
        | None
    ) = None


class StoredReport(JsonObject, frozen=True):
    """A report is stored: the newest seq of its job, and how many watch it."""

    job_id: str
    seq: int
    viewers: int


_FIELDS = {"project": "projectId", "phase": "phase", "progress": "progress", "message": "message"}


def _report_progress(caller: AgentCall, report: ProgressReport) -> ToolResult:
    given = msgspec.to_builtins(report)
    fields = {name: given[argument] for argument, name in _FIELDS.items() if given.get(argument) is not None}
    parsed = parse_fields(fields, type=report.outcome or "progress", job_id=report.job)
    receipt = record_parsed(caller.chef, parsed, caller.writer()).jobs[report.job]
    return ToolResult(f"stored as {receipt.seq}", StoredReport(report.job, receipt.seq, receipt.viewers))


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "report_progress",
        "Report progress",
        "Tells those who watch a job how far it is, or that it has ended. The first report begins a job.",
        ProgressReport,
        _report_progress,
        StoredReport,
        writes=True,
    ),
)
