"""The sum of a log stream, to be compared with the claim of its sender. Pure, over bytes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from chef.domain.crc import crc32_of_both
from chef.domain.segments import PlainSegments, Segment

# Of a segment that is not cut: all bytes that it stands for.
_BYTES = itemgetter(0, 1)
_CRC = itemgetter(3)


class Tally(NamedTuple):
    r"""The sum of all bytes of a stream's bodies, however they were cut into bodies and lines.

    `lines` counts `\n`, and what follows the last one as one more: that is `unfinished`.
    """

    lines: int = 0
    crc: int = 0
    unfinished: bool = False

    def plus(self, segments: Sequence[Segment]) -> Tally:
        """The tally when these were added."""
        if isinstance(segments, PlainSegments):
            lines = self.lines - self.unfinished + len(segments)
            return Tally(lines, zlib.crc32(segments.data, self.crc), False)
        if set(map(_CRC, segments)) == {None}:
            return self._plus_whole(segments)
        cuts = [index for index, segment in enumerate(segments) if segment.crc is not None]
        tally, start = self, 0
        for index in cuts:
            tally = tally._plus_whole(segments[start:index])._plus_cut(segments[index])
            start = index + 1
        return tally._plus_whole(segments[start:])

    def _plus_whole(self, segments: Sequence[Segment]) -> Tally:
        data = b"".join(chain.from_iterable(map(_BYTES, segments)))
        if not data:
            return self
        unfinished = not data.endswith(b"\n")
        lines = self.lines - self.unfinished + data.count(b"\n") + unfinished
        return Tally(lines, zlib.crc32(data, self.crc), unfinished)

    def _plus_cut(self, segment: Segment) -> Tally:
        lines = self.lines + (not self.unfinished)
        crc = crc32_of_both(self.crc, segment.crc or 0, segment.size)
        return Tally(lines, crc, not segment.end.endswith(b"\n"))


NOTHING = Tally()
