"""Jobs, lines and events as the wire shows them: the payloads of contract sections 3 and 4. Pure.

Each is a Struct whose fields stand in the order of the JSON. The OpenAPI document describes these Structs
(chef.api.openapi.schemas).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from chef.domain.clock import rfc3339, rfc3339_or_none
from chef.domain.controlpayloads import QuestionJson, StopJson, questions_json, stop_json_or_unset
from chef.domain.etas import EtaJson, eta_json
from chef.domain.failure import MAX_EVENT, MAX_STORED, FailureLimits, bounded
from chef.domain.forecast import Estimate
from chef.domain.lines import Line
from chef.domain.model import Job, LogEntry, LongPause, PhaseSpan, Status
from chef.domain.removals import RemovedLog, removed_log
from chef.domain.testreports import OutcomeCounts
from chef.domain.wiretypes import (
    ArtifactObject,
    Count,
    ExitCode,
    Failure,
    Id,
    Integrity,
    JsonObject,
    MetaObject,
    Percent,
    PhaseName,
    Seq,
    Time,
)

StatusName = Annotated[Status, Meta(title="Status")]
LineNumber = Annotated[int, Meta(ge=1)]
PhaseProgress = (
    Annotated[
        float, Meta(ge=0, le=100, description="how far the phase is by its own tool; null where nobody said")
    ]
    | None
)
Replace = Annotated[
    bool, Meta(description="takes the place of the line before it", extra_json_schema={"const": True})
]
ProgressKnown = Annotated[
    bool,
    Meta(
        description="false where no update said a progress, or a phase that has one",
        extra_json_schema={"const": False},
    ),
]


# --- events --------------------------------------------------------------------------------


class StateEvent(JsonObject, frozen=True):
    """The part that all events have in common that say where a job is."""

    job_id: Id
    project_id: Id
    status: StatusName
    progress: Percent
    message: str | None
    phase: PhaseName
    seq: Seq
    at: Time
    progress_known: ProgressKnown | UnsetType = UNSET
    tests: OutcomeCounts | UnsetType = UNSET


class ProgressEvent(StateEvent, frozen=True, kw_only=True):
    """`job:progress`, `project:progress`: where a job is."""

    phase_progress: PhaseProgress


class EndEvent(StateEvent, frozen=True, kw_only=True):
    """The part that both endings have in common."""

    started_at: Time | None
    finished_at: Time | None
    duration_ms: Count | None
    meta: MetaObject
    integrity: Integrity | UnsetType = UNSET


class CompletedEvent(EndEvent, frozen=True, kw_only=True):
    """`job:completed`, `project:completed`: a job ended well."""

    artifacts: list[ArtifactObject]


class ErrorEvent(EndEvent, frozen=True, kw_only=True):
    """`job:error`, `project:error`: a job failed, was cancelled or abandoned."""

    code: ExitCode | None
    failure: Failure | UnsetType = UNSET


class LogEvent(JsonObject, frozen=True):
    """`job:log`: one line."""

    job_id: Id
    project_id: Id
    seq: Seq
    line: LineNumber
    at: Time
    stream: Id
    level: str | None
    message: str
    replace: Replace | UnsetType = UNSET


class LogLine(JsonObject, frozen=True):
    """A line of a log as it is now."""

    line: LineNumber
    at: Time
    stream: Id
    level: str | None
    message: str


class SentLine(LogLine, frozen=True):
    """A line as it came, perhaps in the place of the one before it."""

    replace: Replace | UnsetType = UNSET


class LogsEvent(JsonObject, frozen=True):
    """`job:logs`: lines that came together; `seq` is that of the last one."""

    job_id: Id
    project_id: Id
    seq: Seq
    lines: list[SentLine]


EventPayload = StateEvent | LogEvent | LogsEvent


# --- jobs and projects ---------------------------------------------------------------------


class PhaseSpanJson(JsonObject, frozen=True):
    """A time that a job spent in a phase."""

    phase: PhaseName
    started_at: Time
    finished_at: Time | None
    duration_ms: Count | None
    first_line: Annotated[int, Meta(ge=1, description="the first log line that came in it")] | None
    longest_pause_ms: (
        Annotated[int, Meta(ge=0, description="the longest time in it without a line or an update")] | None
    )


class PauseJson(JsonObject, frozen=True):
    """A long time without a line or an update."""

    phase: PhaseName
    line: (
        Annotated[int, Meta(ge=1, description="the first log line behind it, else the last one before")]
        | None
    )
    started_at: Time
    duration_ms: Count


class JobErrorJson(JsonObject, frozen=True):
    """How a job failed."""

    message: str | None
    code: ExitCode | None


class JobJson(JsonObject, frozen=True):
    """A job as it stands."""

    job_id: Id
    project_id: Id
    status: StatusName
    progress: Percent
    phase: PhaseName
    phase_progress: PhaseProgress
    progress_at: Annotated[str, Meta(title="Time", description="when `progress` last moved")] | None
    message: str | None
    seq: Seq
    lines: Count
    created_at: Time
    updated_at: Time
    seen_at: Annotated[str, Meta(title="Time", description="when anything last came from the build")]
    reporter: Annotated[
        Literal["alive", "lost"] | None,
        Meta(description="of a running job whose reporter promised heartbeats: whether it keeps to that"),
    ]
    started_at: Time | None
    finished_at: Time | None
    duration_ms: Count | None
    phases: list[PhaseSpanJson]
    pauses: Annotated[
        list[PauseJson],
        Meta(max_length=3, description="the longest ones of at least a second, longest first"),
    ]
    artifacts: list[ArtifactObject]
    meta: MetaObject
    eta: EtaJson | None
    progress_known: ProgressKnown | UnsetType = UNSET
    error: JobErrorJson | UnsetType = UNSET
    failure: Failure | UnsetType = UNSET
    integrity: Integrity | UnsetType = UNSET
    tests: OutcomeCounts | UnsetType = UNSET
    stop: StopJson | UnsetType = UNSET
    questions: list[QuestionJson] | UnsetType = UNSET
    removed: RemovedLog | UnsetType = UNSET


class CountsJson(JsonObject, frozen=True):
    """Jobs of a project or a run by outcome."""

    total: Count
    running: Count
    completed: Count
    failed: Count
    cancelled: Count
    abandoned: Count


class ProjectJson(JsonObject, frozen=True):
    """A project with its counts and its newest job."""

    project_id: Id
    created_at: Time
    updated_at: Time
    counts: CountsJson
    newest_job: JobJson | None


# --- making them ---------------------------------------------------------------------------


def number(value: float) -> float:
    """A progress as it was sent: 50 stays 50, 50.5 stays 50.5."""
    return int(value) if value == int(value) else value


def state_events(job: Job) -> tuple[tuple[str, StateEvent], ...]:
    """The events that show a job's newest state: `progress`, and the ending if it has ended."""
    state = (
        job.job_id,
        job.project_id,
        job.status,
        number(job.progress),
        job.message,
        job.phase,
        job.state_seq,
        rfc3339(job.state_at),
        _progress_known(job),
        UNSET if job.tests is None else job.tests,
    )
    progress = ProgressEvent(*state, phase_progress=_phase_progress(job))
    if not job.ended:
        return (("progress", progress),)
    return (("progress", progress), _ending(job, state))


def _phase_progress(job: Job) -> float | None:
    return None if job.phase_progress is None else number(job.phase_progress)


def _progress_known(job: Job) -> bool | UnsetType:
    return UNSET if job.progress_known else False


def _ending(job: Job, state: tuple[Any, ...]) -> tuple[str, EndEvent]:
    end: dict[str, Any] = {
        "started_at": rfc3339_or_none(job.started_at),
        "finished_at": rfc3339_or_none(job.finished_at),
        "duration_ms": _duration(job.started_at, job.finished_at),
        "meta": job.meta,
        "integrity": UNSET if job.integrity is None else job.integrity,
    }
    if job.status == "completed":
        return "completed", CompletedEvent(*state, **end, artifacts=list(job.artifacts))
    code = job.error.code if job.error else None
    return "error", ErrorEvent(*state, **end, code=code, failure=_failure(job, MAX_EVENT))


def _failure(job: Job, limits: FailureLimits) -> Failure | UnsetType:
    return UNSET if job.failure is None else bounded(job.failure, limits)


def job_json(
    job: Job, now: int, failure_limits: FailureLimits = MAX_STORED, estimate: Estimate | None = None
) -> JobJson:
    """A job as `GET /api/jobs/JOB` answers it at a time; in lists it has less of its failure.

    `estimate` is how long it still takes, where that is known.
    """
    return JobJson(
        job_id=job.job_id,
        project_id=job.project_id,
        status=job.status,
        progress=number(job.progress),
        phase=job.phase,
        phase_progress=_phase_progress(job),
        progress_at=rfc3339_or_none(job.progress_at),
        message=job.message,
        seq=job.seq,
        lines=job.lines,
        created_at=rfc3339(job.created_at),
        updated_at=rfc3339(job.updated_at),
        seen_at=rfc3339(job.seen_at),
        reporter=job.reporter(now),
        started_at=rfc3339_or_none(job.started_at),
        finished_at=rfc3339_or_none(job.finished_at),
        duration_ms=_duration(job.started_at, job.finished_at),
        phases=[_span_json(span) for span in job.phases],
        pauses=[_pause_json(pause, job.lines) for pause in job.pauses],
        artifacts=list(job.artifacts),
        meta=job.meta,
        eta=None if estimate is None else eta_json(estimate),
        progress_known=_progress_known(job),
        error=JobErrorJson(job.error.message, job.error.code) if job.error is not None else UNSET,
        failure=_failure(job, failure_limits),
        integrity=UNSET if job.integrity is None else job.integrity,
        tests=UNSET if job.tests is None else job.tests,
        stop=stop_json_or_unset(job.stop),
        questions=questions_json(job.questions),
        removed=removed_log(job.gap) if job.gap is not None and job.gap.lines else UNSET,
    )


def listed_line(entry: LogEntry, line: Line, number: int) -> LogLine:
    """One line of an entry as a list of lines has it: in place of nothing, since only it is there."""
    return LogLine(number, rfc3339(entry.at), entry.stream, entry.level, line_text(line))


def sent_line(entry: LogEntry, line: Line, number: int) -> SentLine:
    """One line of an entry as it came."""
    text, replaces = line_text(line), line.replaces or UNSET
    return SentLine(number, rfc3339(entry.at), entry.stream, entry.level, text, replaces)


def line_text(line: Line) -> str:
    """A line's text without its end; bytes that are not UTF-8 are U+FFFD."""
    return line.text.decode("utf-8", "replace")


def log_events(entry: LogEntry, job_id: str, project_id: str, after: int) -> Iterator[LogEvent]:
    """One `job:log` payload for each line of the entry with a seq above `after`."""
    at, stream, level = rfc3339(entry.at), entry.stream, entry.level
    for seq, (line, number) in enumerate(zip(entry.lines, entry.numbers, strict=True), entry.first_seq):
        if seq > after:
            text, replaces = line.text.decode("utf-8", "replace"), line.replaces or UNSET
            yield LogEvent(job_id, project_id, seq, number, at, stream, level, text, replaces)


def logs_event(entries: Sequence[LogEntry], job_id: str, project_id: str, after: int) -> LogsEvent:
    """The lines with a seq above `after` of entries that follow each other, as one `job:logs` payload."""
    lines: list[SentLine] = []
    for entry in entries:
        first = max(0, after + 1 - entry.first_seq)
        at, stream, level = rfc3339(entry.at), entry.stream, entry.level
        for line, number in list(zip(entry.lines, entry.numbers, strict=True))[first:]:
            text, replaces = line.text.decode("utf-8", "replace"), line.replaces or UNSET
            lines.append(SentLine(number, at, stream, level, text, replaces))
    return LogsEvent(job_id, project_id, entries[-1].seq, lines)


def _span_json(span: PhaseSpan) -> PhaseSpanJson:
    return PhaseSpanJson(
        span.phase,
        rfc3339(span.started_at),
        rfc3339_or_none(span.finished_at),
        _duration(span.started_at, span.finished_at),
        span.first_line,
        span.longest_pause_ms,
    )


def _pause_json(pause: LongPause, lines: int) -> PauseJson:
    """A pause of a job whose log has so many lines by now."""
    line = min(pause.lines + 1, lines) or None
    return PauseJson(pause.phase, line, rfc3339(pause.started_at), pause.duration_ms)


def _duration(started_at: int | None, finished_at: int | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, finished_at - started_at)
