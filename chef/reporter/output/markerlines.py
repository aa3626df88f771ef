"""The lines that markers are looked for in: whole, and with those behind them that decide what they are."""

from __future__ import annotations

from chef.reporter.output.headings import undecided
from chef.reporter.output.lines import LONG_LINE


class MarkerLines:
    """One stream's output in, lines out. With `headings` what may begin a diff waits for the next line."""

    def __init__(self, headings: bool) -> None:
        self._headings = headings
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take output that was sent, which may be a part of a line; returns all that can be looked at."""
        if self._held:
            data = self._held + data
            self._held = b""
        if not data.endswith((b"\n", b"\r")):
            # Of a very long line the beginning is no marker any more, and the rest is none.
            self._held = data if len(data) < LONG_LINE else data[:1]
            return b""
        end = len(data) - (undecided(data) if self._headings else 0)
        self._held = data[end:]
        return data[:end]

    @property
    def is_undecided(self) -> bool:
        """Whether whole lines wait for the next one."""
        return self._held.endswith((b"\n", b"\r"))

    @property
    def part(self) -> bytes:
        """The line so far, of which the rest is still to come."""
        return b"" if self.is_undecided else self._held

    def settle(self) -> bytes:
        """Nothing more comes for now: all that waits is what it is."""
        held, self._held = self._held, b""
        return held
