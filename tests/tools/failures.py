"""Why a recorded session failed, as the server finds it out: its lines as they are stored, read in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from chef.domain.failure import LogReading, SeenLine, failure_of
from chef.domain.ledger import Ledger
from chef.domain.model import LogEntry
from chef.domain.payloads import line_text
from chef.domain.text import clean_text
from chef.domain.wiretypes import Failure
from tests.tools.making import batch, piece

LIMIT = 65536


def stored_lines(output: bytes) -> list[str]:
    """The lines of a log as they stand once all of it is stored."""
    ledger = Ledger(LIMIT)
    ledger.take(batch(piece(output)))
    newest: dict[int, str] = {}
    for stored in ledger.stored:
        if isinstance(stored.entry, LogEntry):
            newest.update(zip(stored.entry.numbers, map(line_text, stored.entry.lines), strict=True))
    return [newest[number] for number in sorted(newest)]


def seen_lines(texts: Iterable[str], stream: str = "stdout") -> list[SeenLine]:
    """Lines of a stream, numbered from 1."""
    return [SeenLine(number, stream, clean_text(text)) for number, text in enumerate(texts, 1)]


def failure_in(lines: Sequence[SeenLine], size: int = 500) -> Failure | None:
    """The failure in a log that is read in pieces of some lines."""
    reading = LogReading()
    for start in range(0, len(lines), size):
        reading.take(lines[start : start + size])
    reason = reading.reason()
    return None if reason is None else failure_of(reason, lines)


def recorded_failure(path: Path) -> dict[str, Any] | None:
    """A recording's failure as the table of expected ones has it: the lines by the first and the last."""
    failure = failure_in(seen_lines(stored_lines(path.read_bytes())))
    if failure is None:
        return None
    plain: dict[str, Any] = to_builtins(failure)
    return plain | {"lines": [failure.lines[0].line, failure.lines[-1].line]}
