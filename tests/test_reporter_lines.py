"""Output in whole lines, and the sums of streams."""

from __future__ import annotations

import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chef.domain.lines import StreamState, attach
from chef.domain.segments import Segmenter
from chef.reporter.output.lines import LONG_LINE, LineGate, StreamTotals

PIECES = st.lists(
    st.binary(max_size=12).map(lambda text: text.replace(b"a", b"\n").replace(b"b", b"\r")), max_size=9
)


@given(PIECES)
def test_whole_lines_pass_and_no_byte_is_lost(pieces: list[bytes]) -> None:
    gate = LineGate()
    passed = [gate.feed(piece) for piece in pieces]
    assert all(lines == b"" or lines.endswith((b"\n", b"\r")) for lines in passed)
    assert b"".join(passed) + gate.take() == b"".join(pieces)


@given(PIECES)
def test_a_tally_is_that_of_the_server(pieces: list[bytes]) -> None:
    tally, state = StreamTotals(), StreamState()
    for piece in pieces:
        tally.add(piece)
        segmenter = Segmenter(65536)
        _, state = attach(state, [*segmenter.feed(piece), *segmenter.finish()], 1)
    assert state.tally is not None
    assert tally.claim() == {
        "bytes": state.offset,
        "lines": state.tally.lines,
        "crc32": f"{state.tally.crc:08x}",
    }
    again = StreamTotals(*tally.state())
    again.add(b"more\n")
    tally.add(b"more\n")
    assert again.claim() == tally.claim()


def test_a_very_long_line_is_noticed() -> None:
    gate = LineGate()
    noticed = []
    for part in (b"x" * (LONG_LINE - 1), b"x"):
        gate.feed(part)
        noticed.append(gate.is_long)
    assert noticed == [False, True]
    assert len(gate.take()) == LONG_LINE


def test_checksums_are_those_of_zlib() -> None:
    tally = StreamTotals()
    tally.add(b"abc")
    claim: dict[str, Any] = tally.claim()
    assert int(claim["crc32"], 16) == zlib.crc32(b"abc")
