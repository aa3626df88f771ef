"""Domain values to and from what the columns hold. Compact, versionless: additions have defaults."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import msgspec

from chef.domain.ledger import Project
from chef.domain.lines import PlainLines, StreamState, line_of
from chef.domain.model import (
    Artifact,
    Claim,
    Entry,
    Gap,
    Job,
    JobError,
    LogEntry,
    Meta,
    PhaseSpan,
    StateEntry,
)
from chef.domain.outline import ERROR_LEVELS, notable_lines
from chef.domain.tally import Tally
from chef.domain.text import clean_text, without_escapes
from chef.domain.wiretypes import Integrity

_ENDS = (b"", b"\n", b"\r\n", b"\r")
_END_CODES = {end: code for code, end in enumerate(_ENDS)}
_PLAIN_END = bytes([_END_CODES[b"\n"]])
_PLAIN, _DEFLATED, _LOG, _LOG_DEFLATED = b"j", b"J", b"l", b"L"
# Below this deflate costs more than it saves.
_DEFLATE_FROM = 256
# Deflate's effort where a commit waits and where none does: half the time against a tenth of the bytes.
_QUICK, _SMALL = 4, 6


class _Details(msgspec.Struct, omit_defaults=True):
    phases: list[tuple[str, int, int | None]] = []
    artifacts: list[Artifact] = []
    meta: Meta = {}
    error: tuple[str | None, int | str | None] | None = None
    gap: tuple[int, int, int, int, int, int] | None = None
    claim: Claim | None = None
    integrity: Integrity | None = None


class _Part(NamedTuple):
    """One log entry of a row: how many lines, and what differs from the entry before it.

    `later` is its time after that one's (ms), `step` how far its first line is from that one's last,
    `name` its place in the row's `names`.
    """

    lines: int
    later: int
    step: int
    name: int


class _LogData(msgspec.Struct, array_like=True):
    """The log entries of one row, which follow each other. `texts` are all lines, joined by newlines.

    One text compresses better than many, is cut up faster, and is searched without being cut up.
    `at` and `line` are those of the first entry, as if one before it had them.
    """

    at: int
    line: int
    names: list[tuple[str, str | None]]
    parts: list[_Part]
    texts: bytes
    ends: bytes
    replaces: list[int] = []
    pre: dict[int, bytes] = {}


_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_details = msgspec.json.Decoder(_Details)
_log = msgspec.msgpack.Decoder(_LogData)
_events = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])


def job_values(job: Job) -> dict[str, Any]:
    """A job's columns, without its keys and those of its heartbeats."""
    details = _Details(
        phases=[(span.phase, span.started_at, span.finished_at) for span in job.phases],
        artifacts=list(job.artifacts),
        meta=job.meta,
        error=(job.error.message, job.error.code) if job.error else None,
        gap=_gap_values(job.gap) if job.gap else None,
        claim=job.claim,
        integrity=job.integrity,
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
        phases=tuple(PhaseSpan(*span) for span in details.phases),
        artifacts=tuple(details.artifacts),
        meta=details.meta,
        error=JobError(*details.error) if details.error else None,
        log_bytes=row.log_bytes,
        gap=Gap(*details.gap) if details.gap else None,
        claim=details.claim,
        integrity=details.integrity,
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
        "lines": stream.tally.lines if stream.tally else None,
        "crc": stream.tally.crc if stream.tally else None,
        "unfinished": stream.tally.unfinished if stream.tally else False,
    }


def stream_of(row: Any) -> StreamState:
    """A stream's state from a row of `streams`."""
    tally = None if row.crc is None else Tally(row.lines, row.crc, bool(row.unfinished))
    return StreamState(row.offset, row.line, row.tail, bytes(row.pending), tally)


def entry_values(entry: Entry, project_pk: int) -> dict[str, Any]:
    """An entry's columns, without `job_pk`."""
    if isinstance(entry, LogEntry):
        return log_values(entry)
    return {
        "seq": entry.seq,
        "first_seq": entry.seq,
        "first_line": None,
        "last_line": None,
        "size": 0,
        "project_pk": project_pk,
        "project_seq": entry.project_seq,
        "data": _deflated(_events_data(entry), _PLAIN, _DEFLATED, _QUICK),
    }


def _events_data(entry: StateEntry) -> bytes:
    return _json.encode([(name, msgspec.Raw(payload)) for name, payload in entry.events])


def log_values(entry: LogEntry) -> dict[str, Any]:
    """A log entry's columns, without `job_pk`."""
    return {
        "seq": entry.seq,
        "first_seq": entry.first_seq,
        "first_line": entry.first_line,
        "last_line": entry.last_line,
        "size": entry.raw_bytes,
        "project_pk": None,
        "project_seq": None,
        "data": _deflated(_msgpack.encode(_log_data(entry)), _LOG, _LOG_DEFLATED, _QUICK),
    }


def joined(datas: Sequence[bytes]) -> bytes:
    """The data of one log row for the entries of several that follow each other."""
    logs = [_log_of(data) for data in datas]
    first = logs[0]
    names: dict[tuple[str, str | None], int] = {}
    parts: list[_Part] = []
    replaces: list[int] = []
    pre: dict[int, bytes] = {}
    at, last_line, count = first.at, first.line, 0
    for log in logs:
        own = [names.setdefault(name, len(names)) for name in log.names]
        lines, later, step, name = log.parts[0]
        parts.append(_Part(lines, later + log.at - at, step + log.line - last_line, own[name]))
        parts += (part._replace(name=own[part.name]) for part in log.parts[1:])
        replaces += (count + index for index in log.replaces)
        pre.update((count + index, ends) for index, ends in log.pre.items())
        at, last_line, count = _last_at(log), _last_line(log), count + len(log.ends)
    texts, ends = b"\n".join([log.texts for log in logs]), b"".join([log.ends for log in logs])
    whole = _LogData(first.at, first.line, list(names), parts, texts, ends, replaces, pre)
    return _deflated(_msgpack.encode(whole), _LOG, _LOG_DEFLATED, _SMALL)


def _last_at(log: _LogData) -> int:
    return log.at + sum(part.later for part in log.parts)


def _last_line(log: _LogData) -> int:
    if log.replaces:
        return _numbers(log)[-1]
    return log.line + sum(part.step + part.lines - 1 for part in log.parts)


def entries_of(row: Any) -> Sequence[Entry]:
    """The entries of a row of `entries`: one state entry, or the log entries that were put together."""
    kind = bytes(row.data[:1])
    if kind in (_LOG, _LOG_DEFLATED):
        return _log_entries(_log_of(row.data), row.first_seq)
    events = zlib.decompress(row.data[1:]) if kind == _DEFLATED else row.data[1:]
    decoded = tuple((name, bytes(payload).decode()) for name, payload in _events.decode(events))
    return [StateEntry(row.seq, decoded, row.project_seq)]


def log_entries_of(row: Any) -> list[LogEntry]:
    """The log entries of a row that has such."""
    return [entry for entry in entries_of(row) if isinstance(entry, LogEntry)]


def log_numbers_of(row: Any) -> list[int]:
    """The line number of each line of a row of log entries."""
    return _numbers(_log_of(row.data))


def lines_with(data: bytes, needle: str) -> list[int]:
    """The numbers of the lines in a log row's data that hold `needle`, as a person reads it, in any case."""
    log = _log_of(data)
    wanted = needle.casefold()
    # Else a word in which a colour begins would not be found.
    texts = without_escapes(log.texts)
    if not _may_hold(texts, wanted):
        return []
    lines = texts.split(b"\n")
    return [number for number, text in zip(_numbers(log), lines, strict=True) if holds(text, wanted)]


def holds(text: bytes, wanted: str) -> bool:
    """Whether a line, as a person reads it, holds a casefolded text."""
    return wanted in clean_text(text.decode("utf-8", "replace")).casefold()


def outline_of(data: bytes) -> tuple[list[tuple[int, str]], list[int]]:
    """The outline of a log row's data: lines that mark groups with their text, and lines of errors."""
    log = _log_of(data)
    levels = [level is not None and level.lower() in ERROR_LEVELS for _, level in log.names]
    notable = list(notable_lines(log.texts))
    if not notable and not any(levels):
        return [], []
    numbers = _numbers(log)
    marks = [(numbers[place], mark) for place, mark in notable if mark is not None]
    errors = {numbers[place] for place, mark in notable if mark is None}
    start = 0
    for part in log.parts:
        if levels[part.name]:
            errors.update(numbers[start : start + part.lines])
        start += part.lines
    return marks, sorted(errors)


def _may_hold(texts: bytes, wanted: str) -> bool:
    """One look at all the text, since most rows hold nothing. `wanted` is casefolded.

    ASCII text is folded by `lower`; folding other text takes a hundred times as long, and only few
    lines of a log have any.
    """
    if wanted.isascii() and wanted.encode() in texts.lower():
        return True
    if texts.isascii():
        return False
    other = b"\n".join(text for text in texts.split(b"\n") if not text.isascii())
    return wanted in other.decode("utf-8", "replace").casefold()


def _log_of(data: bytes) -> _LogData:
    packed = data[1:]
    return _log.decode(zlib.decompress(packed) if bytes(data[:1]) == _LOG_DEFLATED else packed)


def _log_data(entry: LogEntry) -> _LogData:
    if isinstance(entry.lines, PlainLines):
        count = len(entry.lines)
        names, parts = [(entry.stream, entry.level)], [_Part(count, 0, 0, 0)]
        return _LogData(entry.at, entry.first_line, names, parts, entry.lines.texts, _PLAIN_END * count)
    texts, ends, replaces, pre = zip(*entry.lines, strict=True)
    return _LogData(
        entry.at,
        entry.first_line,
        [(entry.stream, entry.level)],
        [_Part(len(texts), 0, 0, 0)],
        b"\n".join(texts),
        bytes(map(_END_CODES.__getitem__, ends)),
        [index for index, one in enumerate(replaces) if one] if any(replaces) else [],
        {index: one for index, one in enumerate(pre) if one} if any(pre) else {},
    )


def _log_entries(data: _LogData, first_seq: int) -> list[LogEntry]:
    replaces = set(data.replaces)
    texts, ends = data.texts.split(b"\n"), map(_ENDS.__getitem__, data.ends)
    marks = [index in replaces for index in range(len(texts))] if replaces else repeat(False, len(texts))
    pre = [data.pre.get(index, b"") for index in range(len(texts))] if data.pre else repeat(b"", len(texts))
    lines = list(map(line_of, zip(texts, ends, marks, pre, strict=True)))
    entries: list[LogEntry] = []
    at, last_line, start = data.at, data.line, 0
    for part in data.parts:
        at += part.later
        own = tuple(lines[start : start + part.lines])
        first_line = last_line + part.step
        entries.append(LogEntry(first_seq + start, first_line, at, *data.names[part.name], own))
        last_line = entries[-1].last_line
        start += part.lines
    return entries


def _numbers(data: _LogData) -> list[int]:
    """The line number of each line."""
    replaces = set(data.replaces)
    numbers: list[int] = []
    number = data.line
    for part in data.parts:
        number += part.step
        first = len(numbers)
        for index in range(first, first + part.lines):
            number += index > first and index not in replaces
            numbers.append(number)
    return numbers


def _deflated(data: bytes, plain: bytes, deflated: bytes, effort: int) -> bytes:
    if len(data) < _DEFLATE_FROM:
        return plain + data
    return deflated + zlib.compress(data, effort)
