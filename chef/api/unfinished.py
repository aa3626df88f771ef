"""A line that does not end is shown all the same: a test runner's dots, a prompt, a spinner."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chef.domain.segments import Segment, Segmenter
from chef.domain.terminal import moves_cursor

# An unfinished line waits so long for its end (contract: shown at the latest 2 s after it was sent).
SHOWN_AFTER_S = 1.0


class Unfinished:
    """Feeds a segmenter, and takes out of it what has not ended for too long, or moves the cursor."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._since: float | None = None

    def feed(self, data: bytes) -> Sequence[Segment]:
        """Take the next bytes, which may be none; returns the segments that are to be stored now."""
        segments = self._segmenter.feed(data) if data else ()
        if not self._segmenter.held:
            self._since = None
            return segments
        now = time.monotonic()
        if self._since is None or segments:
            self._since = now
        if now - self._since < SHOWN_AFTER_S and not moves_cursor(self._segmenter.text):
            return segments
        self._since = None
        return [*segments, *self._segmenter.finish()]
