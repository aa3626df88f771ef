"""Log entries to and from what a row of `entries` holds. Compact, versionless: additions have defaults."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import msgspec

from chef.domain.lines import Line, PlainLines, line_of
from chef.domain.model import LogEntry
from chef.domain.outline import ERROR_LEVELS, notable_lines
from chef.domain.text import clean_text, without_escapes
from chef.store.deflate import QUICK, SMALL, deflated

_ENDS = (b"", b"\n", b"\r\n", b"\r")
_END_CODES = {end: code for code, end in enumerate(_ENDS)}
_PLAIN_END = bytes([_END_CODES[b"\n"]])
_LOG, _LOG_DEFLATED = b"l", b"L"


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
    `at` and `line` are those of the first entry, as if one before it had them. Three lists have places of
    lines: those that replace one, those of these that replace not the line before them, drawn ones.
    """

    at: int
    line: int
    names: list[tuple[str, str | None]]
    parts: list[_Part]
    texts: bytes
    ends: bytes
    replaces: list[int] = []
    pre: dict[int, bytes] = {}
    earlier: list[int] = []
    drawn: list[int] = []


_msgpack = msgspec.msgpack.Encoder()
_log = msgspec.msgpack.Decoder(_LogData)


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
        "drawn": entry.drawn_bytes,
        "data": deflated(_msgpack.encode(_log_data(entry)), _LOG, _LOG_DEFLATED, QUICK),
    }


def joined(datas: Sequence[bytes]) -> bytes:
    """The data of one log row for the entries of several that follow each other."""
    logs = [_log_of(data) for data in datas]
    first = logs[0]
    names: dict[tuple[str, str | None], int] = {}
    parts: list[_Part] = []
    replaces: list[int] = []
    earlier: list[int] = []
    drawn: list[int] = []
    pre: dict[int, bytes] = {}
    at, last_line, count = first.at, first.line, 0
    for log in logs:
        own = [names.setdefault(name, len(names)) for name in log.names]
        lines, later, step, name = log.parts[0]
        parts.append(_Part(lines, later + log.at - at, step + log.line - last_line, own[name]))
        parts += (part._replace(name=own[part.name]) for part in log.parts[1:])
        replaces += (count + index for index in log.replaces)
        earlier += (count + index for index in log.earlier)
        drawn += (count + index for index in log.drawn)
        pre.update((count + index, ends) for index, ends in log.pre.items())
        at, last_line, count = _last_at(log), _last_line(log), count + len(log.ends)
    texts, ends = b"\n".join([log.texts for log in logs]), b"".join([log.ends for log in logs])
    whole = _LogData(first.at, first.line, list(names), parts, texts, ends, replaces, pre, earlier, drawn)
    return deflated(_msgpack.encode(whole), _LOG, _LOG_DEFLATED, SMALL)


def _last_at(log: _LogData) -> int:
    return log.at + sum(part.later for part in log.parts)


def _last_line(log: _LogData) -> int:
    if log.replaces:
        return _numbers(log)[-1]
    return log.line + sum(part.step + part.lines - 1 for part in log.parts)


def log_entries_of(row: Any) -> list[LogEntry]:
    """The log entries of a row that has such."""
    return _log_entries(_log_of(row.data), row.first_seq)


def log_numbers_of(row: Any) -> list[int]:
    """The line number of each line of a row of log entries."""
    return _numbers(_log_of(row.data))


def texts_of(data: bytes) -> tuple[list[int], bytes]:
    """The numbers of the lines in a log row's data, and their texts, joined by newlines."""
    log = _log_of(data)
    return _numbers(log), log.texts


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
    texts, ends, replaces, pre, numbers, drawn = zip(*entry.lines, strict=True)
    return _LogData(
        entry.at,
        entry.first_line,
        [(entry.stream, entry.level)],
        [_Part(len(texts), 0, 0, 0)],
        b"\n".join(texts),
        bytes(map(_END_CODES.__getitem__, ends)),
        _places(replaces),
        {index: one for index, one in enumerate(pre) if one} if any(pre) else {},
        _places(numbers),
        _places(drawn),
    )


def _places(marks: Sequence[object]) -> list[int]:
    return [index for index, one in enumerate(marks) if one] if any(marks) else []


def _log_entries(data: _LogData, first_seq: int) -> list[LogEntry]:
    lines = _lines(data)
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


def _lines(data: _LogData) -> list[Line]:
    texts, ends = data.texts.split(b"\n"), map(_ENDS.__getitem__, data.ends)
    count = len(texts)
    pre = [data.pre.get(index, b"") for index in range(count)] if data.pre else repeat(b"", count)
    numbers: Iterable[int] = repeat(0, count)
    if data.earlier:
        earlier = set(data.earlier)
        numbers = [number if place in earlier else 0 for place, number in enumerate(_numbers(data))]
    marks = (_marks(data.replaces, count), pre, numbers, _marks(data.drawn, count))
    return list(map(line_of, zip(texts, ends, *marks, strict=True)))


def _marks(places: Sequence[int], count: int) -> Iterable[bool]:
    if not places:
        return repeat(False, count)
    marks = [False] * count
    for place in places:
        marks[place] = True
    return marks


def _numbers(data: _LogData) -> list[int]:
    """The line number of each line."""
    replaces = set(data.replaces).difference(data.earlier)
    numbers: list[int] = []
    number = data.line
    for part in data.parts:
        number += part.step
        first = len(numbers)
        for index in range(first, first + part.lines):
            number += index > first and index not in replaces
            numbers.append(number)
    return numbers
