"""Buildkite's headings, `--- TITLE`, `+++ TITLE` and `~~~ TITLE`, told from the same signs in a diff.

A `--- ` that a `+++ ` and a `@@ ` follow begins a diff (unified format of POSIX diff), and so does one that a
row of asterisks follows (context format). A heading is not indented.
"""

from __future__ import annotations

import re

HEADING_SIGNS = (b"--- ", b"+++ ", b"~~~ ")
# Compiled where they are needed, which is in few builds (re keeps what it has compiled).
_LINE = rb"([^\r\n]+)(?:\r?\n|\r)?|\r?\n|\r"
_COLOURS = rb"\x1b\[[0-9;]*[mK]"
_HUNK = rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@"
_UNDECIDED = (
    rb"(?:\A|[\r\n])((?:\x1b\[[0-9;]*[mK])*--- [^\r\n]*[\r\n]+"
    rb"(?:(?:\x1b\[[0-9;]*[mK])*\+\+\+ [^\r\n]*[\r\n]+)?)\Z"
)
_MOST_UNDECIDED = 2000


def undecided(lines: bytes) -> int:
    """How many bytes at the end of whole lines are a heading or a diff's beginning: the next line tells."""
    found = re.search(_UNDECIDED, lines[-_MOST_UNDECIDED:])
    return len(found.group(1)) if found else 0


class HeadingFinder:
    """Finds headings in whole lines. It remembers how much of a diff's hunk is to come."""

    def __init__(self) -> None:
        self._old = self._new = 0

    def find(self, lines: bytes) -> list[tuple[int, bytes]]:
        """The headings in these lines, each with its place."""
        if not (self._old or self._new) and not any(sign in lines for sign in HEADING_SIGNS):
            return []
        found: list[tuple[int, bytes]] = []
        waiting: list[tuple[int, bytes]] = []
        before = b""
        for match in re.finditer(_LINE, lines):
            line = re.sub(_COLOURS, b"", match.group(1) or b"")
            if not self._is_in_hunk(line):
                if _begins_diff(line, before, len(waiting)):
                    waiting = []
                    self._begin_hunk(line)
                elif not (line.startswith(b"+++ ") and len(waiting) == 1):
                    found += waiting
                    waiting = []
                if line.startswith(HEADING_SIGNS):
                    waiting.append((match.start(), line))
            before = line
        return found + waiting

    def _begin_hunk(self, line: bytes) -> None:
        hunk = re.match(_HUNK, line)
        if hunk:
            self._old, self._new = (int(count or 1) for count in hunk.groups())

    def _is_in_hunk(self, line: bytes) -> bool:
        """Whether a line is one of a hunk, which has said how many it has of the old and of the new text."""
        if not (self._old or self._new):
            return False
        sign = line[:1]
        if sign not in (b"", b" ", b"-", b"+", b"\\"):
            self._old = self._new = 0
            return False
        self._old -= self._old > 0 and sign in (b"", b" ", b"-")
        self._new -= self._new > 0 and sign in (b"", b" ", b"+")
        return True


def _begins_diff(line: bytes, before: bytes, waiting: int) -> bool:
    """Whether this line makes a diff of the headings that wait, or begins another hunk of one."""
    if line.startswith(b"@@ "):
        return waiting == 2 or re.match(_HUNK, line) is not None
    return waiting == 1 and before.startswith(b"--- ") and line.startswith(b"***************")
