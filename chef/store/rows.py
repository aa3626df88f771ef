"""Domain values to and from what the columns hold. Compact, versionless: additions have defaults."""

from __future__ import annotations

import zlib
from itertools import accumulate
from typing import Any

import msgspec

from chef.ledger import Project
from chef.lines import Line, StreamState
from chef.model import Artifact, Entry, Job, JobError, LogEntry, Meta, PhaseSpan, StateEntry

_ENDS = (b"", b"\n", b"\r\n", b"\r")
_END_CODES = {end: code for code, end in enumerate(_ENDS)}
_PLAIN, _DEFLATED, _LOG, _LOG_DEFLATED = b"j", b"J", b"l", b"L"
# Below this deflate costs more than it saves.
_DEFLATE_FROM = 256


class _Details(msgspec.Struct, omit_defaults=True):
    phases: list[tuple[str, int, int | None]] = []
    artifacts: list[Artifact] = []
    meta: Meta = {}
    error: tuple[str | None, int | str | None] | None = None


class _LogData(msgspec.Struct, array_like=True):
    at: int
    stream: str
    level: str | None
    first_line: int
    texts: list[bytes]
    ends: bytes
    replaces: list[int] = []
    pre: dict[int, bytes] = {}


_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_details = msgspec.json.Decoder(_Details)
_log = msgspec.msgpack.Decoder(_LogData)
_events = msgspec.json.Decoder(list[tuple[str, dict[str, Any]]])


def job_values(job: Job) -> dict[str, Any]:
    """A job's columns, without its keys."""
    details = _Details(
        phases=[(span.phase, span.started_at, span.finished_at) for span in job.phases],
        artifacts=list(job.artifacts),
        meta=job.meta,
        error=(job.error.message, job.error.code) if job.error else None,
    )
    return {
        "seq": job.seq,
        "lines": job.lines,
        "status": job.status,
        "phase": job.phase,
        "progress": job.progress,
        "message": job.message,
        "state_seq": job.state_seq,
        "state_at": job.state_at,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "details": _json.encode(details),
    }


def job_of(row: Any) -> Job:
    """A job from a row of `jobs` joined with its project's `project_id`."""
    details = _details.decode(row.details)
    return Job(
        job_id=row.job_id,
        project_id=row.project_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        seq=row.seq,
        lines=row.lines,
        status=row.status,
        phase=row.phase,
        progress=row.progress,
        message=row.message,
        state_seq=row.state_seq,
        state_at=row.state_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        phases=tuple(PhaseSpan(*span) for span in details.phases),
        artifacts=tuple(details.artifacts),
        meta=details.meta,
        error=JobError(*details.error) if details.error else None,
    )


def project_values(project: Project) -> dict[str, Any]:
    """A project's columns, without its keys."""
    return {
        "seq": project.seq,
        "running": project.running,
        "completed": project.completed,
        "failed": project.failed,
        "cancelled": project.cancelled,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def project_of(row: Any, prefix: str = "") -> Project:
    """A project from a row of `projects`, whose columns may have a prefix."""
    names = ("project_id", "created_at", "updated_at", "seq", "running", "completed", "failed", "cancelled")
    return Project(**{name: getattr(row, prefix + name) for name in names})


def stream_values(stream: StreamState) -> dict[str, Any]:
    """A stream's columns, without its keys."""
    return {
        "offset": stream.offset,
        "line": stream.line,
        "tail": stream.tail,
        "pending": stream.pending,
    }


def stream_of(row: Any) -> StreamState:
    """A stream's state from a row of `streams`."""
    return StreamState(row.offset, row.line, row.tail, bytes(row.pending))


def entry_values(entry: Entry, project_pk: int) -> dict[str, Any]:
    """An entry's columns, without `job_pk`."""
    if isinstance(entry, StateEntry):
        return {
            "seq": entry.seq,
            "first_seq": entry.seq,
            "first_line": None,
            "last_line": None,
            "project_pk": project_pk,
            "project_seq": entry.project_seq,
            "data": _deflated(_json.encode(entry.events), _PLAIN, _DEFLATED),
        }
    return {
        "seq": entry.seq,
        "first_seq": entry.first_seq,
        "first_line": entry.first_line,
        "last_line": entry.last_line,
        "project_pk": None,
        "project_seq": None,
        "data": _deflated(_msgpack.encode(_log_data(entry)), _LOG, _LOG_DEFLATED),
    }


def entry_of(row: Any) -> Entry:
    """An entry from a row of `entries`."""
    kind, data = bytes(row.data[:1]), bytes(row.data[1:])
    if kind in (_DEFLATED, _LOG_DEFLATED):
        data = zlib.decompress(data)
    if kind in (_PLAIN, _DEFLATED):
        return StateEntry(row.seq, tuple(_events.decode(data)), row.project_seq)
    return _log_entry(_log.decode(data), row.first_seq)


def lines_with(data: bytes, needle: str) -> list[int]:
    """The numbers of the lines in a log entry's data whose text holds `needle`, in any case."""
    kind, packed = bytes(data[:1]), bytes(data[1:])
    log = _log.decode(zlib.decompress(packed) if kind == _LOG_DEFLATED else packed)
    wanted = needle.casefold()
    # One look at all of the text first: most entries hold nothing.
    if wanted not in b"\n".join(log.texts).decode("utf-8", "replace").casefold():
        return []
    replaces = set(log.replaces)
    numbers = accumulate((i not in replaces for i in range(1, len(log.texts))), initial=log.first_line)
    return [
        number
        for number, text in zip(numbers, log.texts, strict=True)
        if wanted in text.decode("utf-8", "replace").casefold()
    ]


def _log_data(entry: LogEntry) -> _LogData:
    return _LogData(
        entry.at,
        entry.stream,
        entry.level,
        entry.first_line,
        [line.text for line in entry.lines],
        bytes(_END_CODES[line.end] for line in entry.lines),
        [index for index, line in enumerate(entry.lines) if line.replaces],
        {index: line.pre for index, line in enumerate(entry.lines) if line.pre},
    )


def _log_entry(data: _LogData, first_seq: int) -> LogEntry:
    replaces = set(data.replaces)
    lines = tuple(
        Line(text, _ENDS[end], index in replaces, data.pre.get(index, b""))
        for index, (text, end) in enumerate(zip(data.texts, data.ends, strict=True))
    )
    return LogEntry(first_seq, data.first_line, data.at, data.stream, data.level, lines)


def _deflated(data: bytes, plain: bytes, deflated: bytes) -> bytes:
    if len(data) < _DEFLATE_FROM:
        return plain + data
    return deflated + zlib.compress(data, 1)
