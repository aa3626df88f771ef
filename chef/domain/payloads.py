"""Jobs and entries as the wire shows them: the payloads of contract sections 3 and 4. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chef.domain.clock import rfc3339, rfc3339_or_none
from chef.domain.lines import Line
from chef.domain.model import Job, LogEntry, Payload, PhaseSpan


def number(value: float) -> float:
    """A progress as it was sent: 50 stays 50, 50.5 stays 50.5."""
    return int(value) if value == int(value) else value


def state_events(job: Job) -> tuple[tuple[str, Payload], ...]:
    """The events that show a job's newest state: `progress`, and the ending if it has ended."""
    progress: Payload = {
        "jobId": job.job_id,
        "projectId": job.project_id,
        "status": job.status,
        "progress": number(job.progress),
        "message": job.message,
        "phase": job.phase,
        "seq": job.state_seq,
        "at": rfc3339(job.state_at),
    }
    if not job.ended:
        return (("progress", progress),)
    ending = progress | {
        "startedAt": rfc3339_or_none(job.started_at),
        "finishedAt": rfc3339_or_none(job.finished_at),
        "durationMs": _duration(job.started_at, job.finished_at),
        "meta": job.meta,
    }
    if job.integrity is not None:
        ending["integrity"] = job.integrity
    if job.status == "completed":
        return (("progress", progress), ("completed", ending | {"artifacts": list(job.artifacts)}))
    code = job.error.code if job.error else None
    return (("progress", progress), ("error", ending | {"code": code}))


def job_json(job: Job, now: int) -> Payload:
    """A job as `GET /api/jobs/JOB` answers it at a time."""
    payload: Payload = {
        "jobId": job.job_id,
        "projectId": job.project_id,
        "status": job.status,
        "progress": number(job.progress),
        "phase": job.phase,
        "message": job.message,
        "seq": job.seq,
        "lines": job.lines,
        "createdAt": rfc3339(job.created_at),
        "updatedAt": rfc3339(job.updated_at),
        "seenAt": rfc3339(job.seen_at),
        "reporter": job.reporter(now),
        "startedAt": rfc3339_or_none(job.started_at),
        "finishedAt": rfc3339_or_none(job.finished_at),
        "durationMs": _duration(job.started_at, job.finished_at),
        "phases": [_span_json(span) for span in job.phases],
        "artifacts": list(job.artifacts),
        "meta": job.meta,
    }
    if job.error is not None:
        payload["error"] = {"message": job.error.message, "code": job.error.code}
    if job.integrity is not None:
        payload["integrity"] = job.integrity
    return payload


def line_json(entry: LogEntry, line: Line, number: int) -> Payload:
    """One line of an entry: `{line, at, stream, level, message, replace?}`."""
    payload: Payload = {
        "line": number,
        "at": rfc3339(entry.at),
        "stream": entry.stream,
        "level": entry.level,
        "message": line_text(line),
    }
    if line.replaces:
        payload["replace"] = True
    return payload


def line_text(line: Line) -> str:
    """A line's text without its end; bytes that are not UTF-8 are U+FFFD."""
    return line.text.decode("utf-8", "replace")


def log_events(entry: LogEntry, job_id: str, project_id: str, after: int) -> Iterator[Payload]:
    """One `job:log` payload for each line of the entry with a seq above `after`."""
    for seq, (line, number) in enumerate(zip(entry.lines, entry.numbers, strict=True), entry.first_seq):
        if seq > after:
            yield {"jobId": job_id, "projectId": project_id, "seq": seq} | line_json(entry, line, number)


def logs_event(entries: Sequence[LogEntry], job_id: str, project_id: str, after: int) -> Payload:
    """The lines with a seq above `after` of entries that follow each other, as one `job:logs` payload."""
    lines: list[Payload] = []
    for entry in entries:
        first = max(0, after + 1 - entry.first_seq)
        numbered = list(zip(entry.lines, entry.numbers, strict=True))[first:]
        lines += [line_json(entry, line, number) for line, number in numbered]
    return {"jobId": job_id, "projectId": project_id, "seq": entries[-1].seq, "lines": lines}


def _span_json(span: PhaseSpan) -> Payload:
    return {
        "phase": span.phase,
        "startedAt": rfc3339(span.started_at),
        "finishedAt": rfc3339_or_none(span.finished_at),
        "durationMs": _duration(span.started_at, span.finished_at),
    }


def _duration(started_at: int | None, finished_at: int | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, finished_at - started_at)
