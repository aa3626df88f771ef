"""Finds in the output of one stream how far its tools are."""

from __future__ import annotations

from chef.reporter.output.progress.counters import AnnouncedItems, BuildSteps, Layers, Parts
from chef.reporter.output.progress.reading import Reading, of_percent
from chef.reporter.output.progress.rows import LONGEST_ROW, plain_rows, whole_rows
from chef.reporter.output.progress.rules import read_row, rows_with_a_word
from chef.reporter.output.progress.terminalbar import BAR_ROW, BAR_SIGN, TerminalBar

# All digits become 0, so that `3/10`, `45%` and `3 of 10` are found by three searches.
_ZEROS = bytes(48 if 48 <= code <= 57 else code for code in range(256))
# Of rows without a percent and without two numbers around a slash: a character in each, which is looked for
# first, since that is many times faster, and a word.
_WORDS = (
    *(
        (b":", b"Suites:"),
        (b":", b"Tasks: "),
        (b":", b": Pull"),
        (b":", b": Layer"),
        (b":", b": Push"),
        (b"#", b" exporting to "),
        (b":", b": Preparing"),
        (b":", b": Already exists"),
        (b"P", b"Package operations"),
    ),
    *(
        (b"(", b"Test Files"),
        (b"+", b"[+] "),
        (b"R", b"Running "),
        (b",", b", added "),
    ),
    (b"\xe2", b"\xe2\x96\xac"),
)
# What their steps write stands between their own rows: an image is not built when a tool in it is.
_BUILDERS = frozenset({"Docker", "buildah"})
# A build that failed is not told from one that goes on: so many bytes after its last row it is none any more.
_BUILD_HOLDS_BYTES = 1024 * 1024
# Of a longer row so much is kept that it stays one that is too long.
_KEPT = LONGEST_ROW + 1


def has_sign(output: bytes) -> bool:
    """Whether output may have a word about progress in it. Most has none, and is not looked at further."""
    if b"/" in output or b"%" in output or b" of " in output:
        digits = output.translate(_ZEROS, b" ,")
        if b"0/0" in digits or b"0%" in digits or b"0of0" in digits:
            return True
    return (b"\x1b" in output and BAR_SIGN in output) or any(
        sign in output and word in output for sign, word in _WORDS
    )


class ProgressFinder:
    """One stream's output in, in any pieces; out of each all that tools say about how far they are.

    A tool that speaks by the terminal's bar is taken at that word, and its rows are details. Of a whole that
    is not known yet (`Reading.grows`) the smaller of two words counts, since the first may be of a part.
    While an image is built or tasks are run, only the steps of that count.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._growing: dict[str, Reading] = {}
        self._bar = TerminalBar()
        self._steps, self._layers, self._items = BuildSteps(), Layers(), AnnouncedItems()
        self._parts = Parts()
        self._build_holds = 0

    def feed(self, output: bytes) -> list[Reading]:
        """Take output; the last row waits for its end."""
        self._bar.passes(len(output))
        self._build_holds = max(0, self._build_holds - len(output))
        output = self._rest + output if self._rest else output
        if not (has_sign(output) or self._items.is_waiting):
            self._rest = output[max(output.rfind(b"\n"), output.rfind(b"\r")) + 1 :][-_KEPT:]
            return []
        whole, rest = whole_rows(output)
        self._rest = rest[-_KEPT:]
        rows = rows_with_a_word(plain_rows(whole))
        return [reading for row in rows if (reading := self._read(row, True))]

    def look(self) -> list[Reading]:
        """The row that has not ended, such as one that a tool draws anew only when it goes on.

        Without its text, which may end in the middle of a secret.
        """
        found = self._read_rest(False)
        return [found._replace(text=None)] if found else []

    def settle(self) -> list[Reading]:
        """Nothing more comes: the last words count."""
        readings = [self._read_rest(True), *self._growing.values()]
        self._rest, self._growing = b"", {}
        return [reading for reading in readings if reading]

    def skip(self) -> None:
        """Leave out what came last: it is not to be looked at."""
        self._rest = b""

    def _read_rest(self, has_ended: bool) -> Reading | None:
        return (
            self._read(plain_rows(self._rest).rpartition(b"\n")[2], has_ended)
            if has_sign(self._rest)
            else None
        )

    def _read(self, row: bytes, has_ended: bool) -> Reading | None:
        row = row.strip()
        if row.startswith(BAR_ROW):
            percent = self._bar.read(row)
            return None if percent is None else of_percent(percent)
        if len(row) > LONGEST_ROW or self._bar.is_shown:
            return None
        found = self._counted(row) or read_row(row, has_ended)
        return self._believed(*found) if found else None

    def _counted(self, row: bytes) -> tuple[str, Reading] | None:
        """What the tools say whose rows are added up."""
        counters = (
            *(("steps", self._steps), ("layers", self._layers)),
            *(("items", self._items), ("parts", self._parts)),
        )
        for tool, counter in counters:
            reading = counter.read(row)
            if reading:
                return tool, reading
        return None

    def _believed(self, tool: str, reading: Reading) -> Reading | None:
        if tool in _BUILDERS:
            self._build_holds = _BUILD_HOLDS_BYTES if reading.percent < 100 else 0
        elif self._build_holds or (self._items.are_tasks and tool != "items"):
            return None
        if not reading.grows:
            return reading
        before = self._growing.get(tool)
        self._growing[tool] = reading
        return reading._replace(percent=min(before.percent, reading.percent)) if before else None
