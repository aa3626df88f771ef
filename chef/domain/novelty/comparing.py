"""What green runs printed, and the kinds of lines of another run that are not among it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chef.domain.model import Value
from chef.domain.novelty.normalising import LineKinds
from chef.domain.outline import is_error
from chef.domain.text import clean_text

MOST_RUNS = 5
"""So many of the newest green runs are compared with."""
MOST_KINDS = 20_000
"""So many kinds are kept of the green runs together."""
MOST_NEW = 1_000
_MOST_TEXT = 500


@dataclass(slots=True)
class GreenKinds:
    """The kinds that the newest green runs printed. `runs` are their keys, newest first.

    `newest` says for each kind which of these runs was the last to print it.
    """

    runs: list[int] = field(default_factory=list)
    newest: dict[int, int] = field(default_factory=dict)

    def add(self, run: int, kinds: Iterable[int]) -> None:
        """Take a run that ended after the others, or more lines of one that is there.

        Where there are too many kinds the oldest runs go; nothing is left where one run alone has too many.
        """
        if run not in self.runs:
            self.runs.insert(0, run)
        ages = {known: age for age, known in enumerate(self.runs)}
        for kind in kinds:
            before = self.newest.get(kind)
            if before is None or ages[run] < ages[before]:
                self.newest[kind] = run
        while len(self.runs) > MOST_RUNS or (self.runs and len(self.newest) > MOST_KINDS):
            self.forget(self.runs[-1])

    def forget(self, run: int) -> None:
        """Leave out a run, and what it alone printed."""
        self.runs.remove(run)
        self.newest = {kind: last for kind, last in self.newest.items() if last != run}


class NewKind(Value, frozen=True):
    """A kind of line that no green run printed: its first line, and how many lines are of it."""

    line: int
    text: str
    count: int


class NewKinds:
    """Collects the new kinds of a log, which is given piece by piece from its beginning.

    Memory is bounded: of more than `MOST_NEW` kinds the first ones are kept, and those behind them counted.
    """

    def __init__(self, green: GreenKinds) -> None:
        self._green = green.newest
        self._kinds = LineKinds()
        self._found: dict[int, list[int]] = {}
        self._texts: dict[int, str] = {}
        self.more: set[int] = set()

    def take(self, numbers: Sequence[int], texts: bytes) -> None:
        """Take lines with their numbers, joined by newlines."""
        lines: list[bytes] | None = None
        for place, kind in enumerate(self._kinds.of(texts)):
            if kind in self._green or not kind:
                continue
            found = self._found.get(kind)
            if found is not None:
                found[1] += 1
            elif len(self._found) < MOST_NEW:
                lines = texts.split(b"\n") if lines is None else lines
                self._found[kind] = [numbers[place], 1]
                self._texts[kind] = clean_text(lines[place].decode("utf-8", "replace"))[:_MOST_TEXT]
            elif len(self.more) < MOST_KINDS:
                self.more.add(kind)

    @property
    def count(self) -> int:
        """How many kinds are new."""
        return len(self._found) + len(self.more)

    def ranked(self) -> list[NewKind]:
        """The new kinds, the most telling ones first: errors before others, then by their places."""
        kinds = [NewKind(line, self._texts[kind], count) for kind, (line, count) in self._found.items()]
        return sorted(kinds, key=lambda kind: (not is_error(kind.text), kind.line))
