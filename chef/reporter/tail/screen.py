"""Where the lines of a followed job go: colours where they are wanted, other control sequences never."""

from __future__ import annotations

import os
import re
import sys

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
# All that a terminal would obey: control sequences, strings for it, control characters.
_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


class Screen:
    """Where lines go: colours where they are wanted, other control sequences never."""

    def __init__(self, colours: bool, quiet: bool) -> None:
        self._colours = colours
        self._quiet = quiet
        self._is_terminal = sys.stdout.isatty()
        self._newest: tuple[str, int] | None = None
        self._replacing: dict[str, str] = {}

    def line(self, stream: str, number: int, text: str, replaces: bool) -> None:
        """A log line; where one is replaced (a progress bar) a terminal shows the new one in its place."""
        shown = self._cleaned(text)
        if not replaces:
            self.settle(stream)
            self._write(shown + "\n")
        elif self._is_terminal and self._newest == (stream, number):
            self._write("\x1b[1A\x1b[2K%s\n" % shown)
        else:
            # Of the many forms of a line the first and the last are enough for a file.
            self._replacing[stream] = shown
            return
        self._newest = (stream, number)

    def settle(self, stream: str) -> None:
        """Show the newest form of a line: it is not replaced any more."""
        shown = self._replacing.pop(stream, None)
        if shown is not None:
            self._write(shown + "\n")
            self._newest = None

    def settle_all(self) -> None:
        for stream in list(self._replacing):
            self.settle(stream)

    def note(self, text: str) -> None:
        """A line that is no output of the build: on stderr, dimmed in a terminal."""
        if self._quiet:
            return
        shown = _CONTROLS.sub("", text.replace("\t", " "))
        dim = self._colours and sys.stderr.isatty()
        sys.stderr.write("\x1b[2m%s\x1b[0m\n" % shown if dim else shown + "\n")
        sys.stderr.flush()
        self._newest = None

    def plain(self, text: str) -> None:
        """A line of our own on stdout."""
        self._write(self._cleaned(text) + "\n")

    def _cleaned(self, text: str) -> str:
        kept = _CONTROLS.sub(lambda found: found.group() if _SGR.fullmatch(found.group()) else "", text)
        if not self._colours:
            return _SGR.sub("", kept)
        return kept + "\x1b[0m" if "\x1b[" in kept else kept

    @staticmethod
    def _write(text: str) -> None:
        data = text.encode("utf-8", "replace")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def wants_colours(choice: str) -> bool:
    """`auto`: in a terminal, unless NO_COLOR is set."""
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"
