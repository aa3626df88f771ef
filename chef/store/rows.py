"""Domain values to and from what the columns hold. Compact, versionless: additions have defaults."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from chef.domain.asking import Question, StopRequest
from chef.domain.filtering import FILTERED_META, filter_text
from chef.domain.lines import OpenLine, StreamState
from chef.domain.model import (
    Artifact,
    Claim,
    Entry,
    Gap,
    Job,
    JobError,
    LogEntry,
    LongPause,
    Meta,
    PhaseSpan,
    StateEntry,
)
from chef.domain.projects import Project
from chef.domain.tally import Tally
from chef.domain.terminal import TerminalState
from chef.domain.testreports import OutcomeCounts
from chef.domain.wiretypes import Failure, Integrity
from chef.store import logrows
from chef.store.deflate import QUICK, deflated

_PLAIN, _DEFLATED = b"j", b"J"


class _Details(msgspec.Struct, omit_defaults=True):
    phases: tuple[PhaseSpan, ...] = ()
    artifacts: list[Artifact] = []
    meta: Meta = {}
    error: tuple[str | None, int | str | None] | None = None
    failure: Failure | None = None
    gap: tuple[int, int, int, int, int, int] | None = None
    claim: Claim | None = None
    integrity: Integrity | None = None
    phase_known: bool = True
    progress_known: bool = True
    masks: tuple[str, ...] = ()
    phase_progress: float | None = None
    pauses: tuple[LongPause, ...] = ()
    reopened: bool = False
    tests: OutcomeCounts | None = None
    progress_at: int | None = None
    stop: StopRequest | None = None
    questions: tuple[Question, ...] = ()


class _Shown(msgspec.Struct, omit_defaults=True):
    open: OpenLine | None = None
    terminal: TerminalState | None = None


_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_shown = msgspec.msgpack.Decoder(_Shown)
_details = msgspec.json.Decoder(_Details)
_events = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])


def filter_values(job: Job) -> dict[str, Any]:
    """The columns that lists filter by, as the job's meta has them."""
    return {name: filter_text(job.meta.get(name)) for name in FILTERED_META}


def job_values(job: Job) -> dict[str, Any]:
    """A job's columns, without its keys, those of its heartbeats and those that lists filter by."""
    details = _Details(
        phases=job.phases,
        artifacts=list(job.artifacts),
        meta=job.meta,
        error=(job.error.message, job.error.code) if job.error else None,
        failure=job.failure,
        gap=_gap_values(job.gap) if job.gap else None,
        claim=job.claim,
        integrity=job.integrity,
        phase_known=job.phase_known,
        progress_known=job.progress_known,
        masks=job.masks,
        phase_progress=job.phase_progress,
        pauses=job.pauses,
        reopened=job.reopened,
        tests=job.tests,
        progress_at=job.progress_at,
        stop=job.stop,
        questions=job.questions,
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
        "log_bytes": job.log_bytes,
        "details": _json.encode(details),
    }


def _gap_values(gap: Gap) -> tuple[int, int, int, int, int, int]:
    return (gap.first_seq, gap.last_seq, gap.first_line, gap.last_line, gap.bytes, gap.head_bytes)


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
        phases=details.phases,
        artifacts=tuple(details.artifacts),
        meta=details.meta,
        error=JobError(*details.error) if details.error else None,
        failure=details.failure,
        log_bytes=row.log_bytes,
        gap=Gap(*details.gap) if details.gap else None,
        claim=details.claim,
        integrity=details.integrity,
        phase_known=details.phase_known,
        progress_known=details.progress_known,
        masks=details.masks,
        phase_progress=details.phase_progress,
        pauses=details.pauses,
        reopened=details.reopened,
        tests=details.tests,
        progress_at=details.progress_at,
        stop=details.stop,
        questions=details.questions,
        heartbeat_at=row.heartbeat_at,
        heartbeat_every=row.heartbeat_every,
    )


def project_values(project: Project) -> dict[str, Any]:
    """A project's columns, without its keys."""
    return {
        "seq": project.seq,
        "running": project.running,
        "completed": project.completed,
        "failed": project.failed,
        "cancelled": project.cancelled,
        "abandoned": project.abandoned,
        "hour": project.hour,
        "hour_jobs": project.hour_jobs,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def project_of(row: Any, prefix: str = "") -> Project:
    """A project from a row of `projects`, whose columns may have a prefix."""
    return Project(**{name: getattr(row, prefix + name) for name in Project.__struct_fields__})


def stream_values(stream: StreamState) -> dict[str, Any]:
    """A stream's columns, without its keys."""
    return {
        "offset": stream.offset,
        "line": stream.line,
        "tail": stream.tail,
        "pending": stream.pending,
        "lines": stream.tally.lines if stream.tally else None,
        "crc": stream.tally.crc if stream.tally else None,
        "unfinished": stream.tally.unfinished if stream.tally else False,
        "shown": _shown_values(stream),
    }


def stream_of(row: Any) -> StreamState:
    """A stream's state from a row of `streams`."""
    tally = None if row.crc is None else Tally(row.lines, row.crc, bool(row.unfinished))
    shown = _shown.decode(zlib.decompress(row.shown)) if row.shown else _Shown()
    return StreamState(row.offset, row.line, row.tail, bytes(row.pending), tally, shown.open, shown.terminal)


def _shown_values(stream: StreamState) -> bytes | None:
    if stream.open is None and stream.terminal is None:
        return None
    return zlib.compress(_msgpack.encode(_Shown(stream.open, stream.terminal)), QUICK)


def entry_values(entry: Entry, project_pk: int) -> dict[str, Any]:
    """An entry's columns, without `job_pk`."""
    if isinstance(entry, LogEntry):
        return logrows.log_values(entry)
    return {
        "seq": entry.seq,
        "first_seq": entry.seq,
        "first_line": None,
        "last_line": None,
        "size": 0,
        "project_pk": project_pk,
        "project_seq": entry.project_seq,
        "drawn": 0,
        "data": deflated(_events_data(entry), _PLAIN, _DEFLATED, QUICK),
    }


def _events_data(entry: StateEntry) -> bytes:
    return _json.encode([(name, msgspec.Raw(payload)) for name, payload in entry.events])


def entries_of(row: Any) -> Sequence[Entry]:
    """The entries of a row of `entries`: one state entry, or the log entries that were put together."""
    kind = bytes(row.data[:1])
    if kind not in (_PLAIN, _DEFLATED):
        return logrows.log_entries_of(row)
    events = zlib.decompress(row.data[1:]) if kind == _DEFLATED else row.data[1:]
    decoded = tuple((name, bytes(payload).decode()) for name, payload in _events.decode(events))
    return [StateEntry(row.seq, decoded, row.project_seq)]
