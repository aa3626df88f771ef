r"""OSC 9;4, by which a tool tells a terminal its progress: `ESC ] 9 ; 4 ; STATE ; PERCENT ST`.

ConEmu's sequence, taken over by Windows Terminal, Ghostty, WezTerm and others; nx, zig, cargo, dnf and pytest
(`-p terminalprogress`) write it. States: 0 removes the bar, 1 sets it, 2 is an error and 4 a warning or a
pause, both with or without a percent, 3 moves without a percent.
"""

from __future__ import annotations

BAR_SIGN = b"]9;4;"
BAR_SEQUENCE = rb"\x1b\]9;4;([0-4])(?:;(\d{0,3}))?(?:;[^\x07\x1b\n]*)?(?:\x07|\x1b\\|\x9c)"
# A bar as a row among those of the tools: a character that these do not have, its state and its percent.
BAR_ROW = b"\x02"
BAR_AS_ROW = b"\n\x02" + rb"\1;\2" + b"\n"


class TerminalBar:
    """The bar of one terminal. While it is shown, rows around it are details of the same work."""

    # It may be left behind by a tool that was killed: so many bytes after its last word it is none any more.
    HOLDS_BYTES = 16 * 1024

    def __init__(self) -> None:
        self._holds = 0

    @property
    def is_shown(self) -> bool:
        return self._holds > 0

    def passes(self, size: int) -> None:
        """So many bytes of output came since."""
        self._holds = max(0, self._holds - size)

    def read(self, row: bytes) -> int | None:
        """The percent that a row of the bar says, None where it says none."""
        state, _, percent = row[len(BAR_ROW) :].partition(b";")
        if state == b"0":
            self._holds = 0
        elif state != b"3" and percent and int(percent) <= 100:
            self._holds = self.HOLDS_BYTES
            return int(percent)
        return None
