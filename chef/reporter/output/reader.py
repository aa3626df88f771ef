"""One stream's output read for what it says of the build: markers and tools' progress, in order. Pure."""

from __future__ import annotations

import re

from chef.reporter.output.markerlines import MarkerLines
from chef.reporter.output.markers import Marker, MarkerParser
from chef.reporter.output.progress.finder import ProgressFinder
from chef.reporter.output.progress.reading import Reading

_WHOLE_LINE = rb"[^\n]*\n|[^\n]+"


class StreamReader:
    """Takes a stream's output in any pieces. The parser is that of all streams of the build."""

    def __init__(self, parser: MarkerParser) -> None:
        self._parser = parser
        self._lines = MarkerLines(parser.wants_headings)
        self._progress = ProgressFinder()

    def read(self, output: bytes) -> list[Marker]:
        """Take output that was sent; returns what it says, but for its last line where that is still open."""
        if not self._parser.may_turn(output):
            return self._read(output)
        # A percent is of the phase that is named before it.
        return [said for line in re.findall(_WHOLE_LINE, output) for said in self._read(line)]

    def look(self) -> list[Marker]:
        """What the open line says of progress: a tool may draw it anew only when it goes on."""
        return [] if self._parser.is_stopped else self._said(self._progress.look())

    @property
    def is_undecided(self) -> bool:
        """Whether whole lines wait for the next one."""
        return self._lines.is_undecided

    @property
    def part(self) -> bytes:
        """The line so far, of which the rest is still to come."""
        return self._lines.part

    def settle_lines(self) -> list[Marker]:
        """No next line comes for now: whole lines that wait for one are what they are."""
        return self._parser.find(self._lines.settle())

    def settle(self) -> list[Marker]:
        """The stream has ended."""
        markers = self.settle_lines()
        last = self._progress.settle()
        return markers if self._parser.is_stopped else [*markers, *self._said(last)]

    def _read(self, output: bytes) -> list[Marker]:
        lines = self._lines.feed(output)
        markers = self._parser.find(lines) if lines else []
        if self._parser.is_stopped:
            self._progress.skip()
            return markers
        return [*markers, *self._said(self._progress.feed(output))]

    def _said(self, readings: list[Reading]) -> list[Marker]:
        """The readings; of those in a row with one percent the newest, since many steps may be a percent."""
        behind = [*readings[1:], None]
        newest = [
            one for one, after in zip(readings, behind) if after is None or after.percent != one.percent
        ]
        return [Marker(progress=one.percent, message=self._parser.title(one.text)) for one in newest]
