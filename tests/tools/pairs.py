"""Recorded pairs of builds: green runs, and one that failed for a cause that is known."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import NamedTuple

from chef.domain.novelty import GreenKinds, NewKind, NewKinds, kinds_in
from tests.tools.serving import ROOT

_FOLDER = ROOT / "tests/recordings"


class RecordedPair(NamedTuple):
    """The outputs of green runs and of a failed one of a tool; `cause` stands in the line that tells why."""

    name: str
    green: list[bytes]
    failed: bytes
    cause: str


def recorded_pairs() -> Iterator[RecordedPair]:
    """Sessions of real tools: small projects that were built some times and then broken in one place."""
    causes = json.loads((_FOLDER / "novelty/causes.json").read_text("utf-8"))
    for name, cause in causes["novelty"].items():
        green = [_packed(f"{name}-{number}") for number in (1, 2, 3)]
        yield RecordedPair(name, green, _packed(f"{name}-failed"), cause)
    for name, cause in causes["errors"].items():
        yield RecordedPair(f"{name} (one green run)", [_plain(name)], _plain(f"{name}-failed"), cause)


def new_kinds(green: list[bytes], output: bytes) -> list[NewKind]:
    """The kinds of lines of an output that green runs never printed, the most telling ones first."""
    known = GreenKinds()
    for run, text in enumerate(green):
        known.add(run, set(kinds_in(text)))
    found = NewKinds(known)
    found.take(range(1, output.count(b"\n") + 2), output)
    return found.ranked()


def _packed(name: str) -> bytes:
    return _lines(gzip.decompress((_FOLDER / f"novelty/{name}.log.gz").read_bytes()))


def _plain(name: str) -> bytes:
    return _lines((_FOLDER / f"errors/{name}.log").read_bytes())


def _lines(output: bytes) -> bytes:
    return output.replace(b"\r\n", b"\n").removesuffix(b"\n")
