"""Where the lines of a followed job go: colours where they are wanted, other control sequences never.

Lines may be replaced later, up to 200 back in their stream. A terminal shows that in its place where it is
still on the screen; a file gets a line's last form once it can change no more.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections import deque

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
# All that a terminal would obey: control sequences, strings for it, control characters.
_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# A line is final when so many have come after it.
_CHANGING_LINES = 200


class TailScreen:
    """Shows lines on stdout, and notes on stderr."""

    def __init__(self, colours: bool, quiet: bool) -> None:
        self._colours = colours
        self._quiet = quiet
        self._lines: TerminalLines | FileLines = TerminalLines() if sys.stdout.isatty() else FileLines()

    def line(self, stream: str, number: int, text: str, replaces: bool) -> None:
        """A log line, or the newest form of one that was shown."""
        self._lines.show(stream, number, self._cleaned(text), replaces)

    def settle_all(self) -> None:
        """No line changes any more."""
        self._lines.settle_all()

    def note(self, text: str) -> None:
        """A line that is no output of the build: on stderr, dimmed in a terminal."""
        if self._quiet:
            return
        shown = _CONTROLS.sub("", text.replace("\t", " "))
        shown = "\x1b[2m%s\x1b[0m" % shown if self._colours and sys.stderr.isatty() else shown
        sys.stderr.write(shown + "\n")
        sys.stderr.flush()
        if sys.stderr.isatty():
            self._lines.came_between(shown)

    def plain(self, text: str) -> None:
        """A line of our own on stdout."""
        write_out(self._cleaned(text) + "\n")

    def _cleaned(self, text: str) -> str:
        kept = _CONTROLS.sub(lambda found: found.group() if _SGR.fullmatch(found.group()) else "", text)
        if not self._colours:
            return _SGR.sub("", kept)
        return kept + "\x1b[0m" if "\x1b[" in kept else kept


class TerminalLines:
    """Lines in a terminal: those that are still on the screen are changed in their place."""

    def __init__(self) -> None:
        self._shown: deque[tuple[tuple[str, int] | None, str]] = deque(maxlen=_CHANGING_LINES)

    def show(self, stream: str, number: int, text: str, replaces: bool) -> None:
        """A new line at the end, or another form of one."""
        key = (stream, number)
        place = next((at for at in range(len(self._shown)) if self._shown[~at][0] == key), None)
        if not replaces or (place is None and (not self._shown or number > self._newest())):
            self._shown.append((key, text))
            write_out(text + "\n")
        elif place is not None:
            self._redraw(place, text)

    def settle_all(self) -> None:
        """Nothing waits here."""

    def came_between(self, text: str) -> None:
        """Something else stands on the screen now."""
        self._shown.append((None, text))

    def _newest(self) -> int:
        return max((key[1] for key, _ in self._shown if key), default=0)

    def _redraw(self, place: int, text: str) -> None:
        """Write a line again that has `place` lines below it, and these, where all are on the screen."""
        columns, rows = shutil.get_terminal_size()
        below = [self._shown.pop() for _ in range(place + 1)][::-1]
        height = sum(_height(shown, columns) for _, shown in below)
        below[0] = (below[0][0], text)
        self._shown.extend(below)
        if height < rows:
            erase = "\x1b[2K" if height == 1 else "\x1b[J"
            write_out("\x1b[%dA%s%s" % (height, erase, "".join(shown + "\n" for _, shown in below)))


class FileLines:
    """Lines in a file or a pipe: at once, but those of a stream that is redrawn once they are final.

    Of a progress bar, which is the newest line, the first form is shown at once and then the last.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], str] = {}
        self._newest: dict[str, int] = {}
        self._redrawn: dict[str, int] = {}

    def show(self, stream: str, number: int, text: str, replaces: bool) -> None:
        """A new line, or another form of one."""
        newest = self._newest.get(stream, 0)
        self._newest[stream] = max(newest, number)
        if replaces:
            if number < newest:
                self._redrawn[stream] = newest
            self._waiting[stream, number] = text
            return
        if number - self._redrawn.get(stream, -_CHANGING_LINES) > _CHANGING_LINES:
            self._redrawn.pop(stream, None)
        if stream in self._redrawn:
            self._waiting[stream, number] = text
            self._settle(stream, number - _CHANGING_LINES)
        else:
            self._settle(stream, number)
            write_out(text + "\n")

    def settle_all(self) -> None:
        """Show all that waits, in the order of the log."""
        for stream, number in sorted(self._waiting, key=lambda key: key[1]):
            write_out(self._waiting.pop((stream, number)) + "\n")
        self._redrawn.clear()

    def came_between(self, text: str) -> None:
        """A file has no screen."""

    def _settle(self, stream: str, until: int) -> None:
        """Show what waits of a stream up to a line."""
        for key in sorted(key for key in self._waiting if key[0] == stream and key[1] <= until):
            write_out(self._waiting.pop(key) + "\n")


def write_out(text: str) -> None:
    """Write to stdout at once."""
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def _height(text: str, columns: int) -> int:
    """How many rows of a terminal a line takes."""
    plain = _SGR.sub("", text).expandtabs()
    width = len(plain) if plain.isascii() else sum(map(_width, plain))
    return max(1, -(-width // max(1, columns)))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wants_colours(choice: str) -> bool:
    """`auto`: in a terminal, unless NO_COLOR is set."""
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"
