"""Logs as tests look at them: what is stored, by entries and lines, and a random build's output."""

from __future__ import annotations

import random
from collections.abc import Iterator

import gevent

from chef.domain.batches import Stored
from chef.domain.model import Entry, LogEntry, LogPiece, Update
from chef.domain.payloads import line_text
from chef.store import NumberedLine, Store
from tests.tools.making import log, piece, update


def all_entries(store: Store, job_id: str = "job") -> list[Entry]:
    """Everything that is stored of a job, page by page."""
    found: list[Entry] = []
    while page := store.entries(job_id, found[-1].seq if found else 0):
        found += page
    return found


def log_entries(entries: list[Entry]) -> list[LogEntry]:
    """The log entries among some."""
    return [entry for entry in entries if isinstance(entry, LogEntry)]


def texts(lines: list[NumberedLine]) -> list[tuple[int, str]]:
    """Numbers and texts of lines."""
    return [(number, line_text(line)) for number, _, line in lines]


def newest_form(entries: list[Entry]) -> dict[int, str]:
    """Each line's text as it stands after some entries, by its number."""
    return {
        number: line_text(line)
        for entry in log_entries(entries)
        for number, line in zip(entry.numbers, entry.lines, strict=True)
    }


def entries_of(stored: list[Stored]) -> list[Entry]:
    """The entries that a commit stored."""
    return [item.entry for item in stored]


def wait_for_upkeep(store: Store, seconds: float = 20) -> None:
    """Wait until the store has nothing left to do between commits."""
    with gevent.Timeout(seconds):
        while store._upkeep.pause() is not None:
            gevent.sleep(0.01)


def random_output(chance: random.Random) -> Iterator[Update | LogPiece]:
    """The updates of a build with some streams, progress bars, states and odd bytes, without end."""
    while True:
        kind = chance.random()
        stream = chance.choice(["stdout", "stderr", "bar"])
        if kind < 0.1:
            yield update(progress=chance.randrange(100), message="x" * chance.randrange(60))
        elif kind < 0.4:
            text = "\n".join("é" * chance.randrange(30) for _ in range(chance.randrange(1, 9)))
            yield log(text, stream=stream, level=chance.choice([None, "warn"]))
        elif kind < 0.7:
            yield piece(b"%d%%\r" % chance.randrange(100) * chance.randrange(1, 4), stream="bar")
        else:
            ends = (b"\n", b"\r\n", b"\r", b"", b"\n\n", b"\r\r\n")
            parts = (chance.randbytes(chance.randrange(40)) + chance.choice(ends) for _ in range(5))
            yield piece(b"".join(parts), stream=stream)
