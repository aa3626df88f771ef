"""What a tool states at its end: how many tests failed, passed and so on, and which failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

MAX_TESTS = 200
"""So many failed tests of one statement are kept by name; its numbers count all."""

_ORDER = (
    "failed",
    "error",
    "timed out",
    "cancelled",
    "interrupted",
    "flaky",
    "did not run",
    "test suite failed",
    "test file failed",
    "warning",
    "passed",
    "skipped",
    "todo",
    "xfailed",
    "xpassed",
)
_PLURALS = {
    "error": "errors",
    "warning": "warnings",
    "test suite failed": "test suites failed",
    "test file failed": "test files failed",
}
_BAD = frozenset(
    ("failed", "error", "timed out", "cancelled", "interrupted", "test suite failed", "test file failed")
)

Counts = Mapping[str, int]
"""How many of each outcome, by the words of the summary."""


def worded(counts: Counts) -> str:
    """Counts in the one wording that all tools get: `3 failed, 41 passed, 1 skipped`."""
    said = [(name, counts[name]) for name in _ORDER if counts.get(name)]
    return ", ".join(f"{count} {_PLURALS.get(name, name) if count > 1 else name}" for name, count in said)


def is_bad(counts: Counts) -> bool:
    """Whether any of the outcomes makes a run fail."""
    return any(counts.get(name) for name in _BAD)


@dataclass(slots=True)
class BrokenTest:
    """A test that failed: its name as its tool has it, the line that tells of it, and the message.

    `line` is 0 where no line of the log does.
    """

    name: str
    line: int
    message: str | None = None


@dataclass(slots=True)
class Statement:
    """The end of one run of a tool. `lane` tells runs in parallel apart, `text` is said instead of counts.

    A text without counts is a refusal. A `last_resort` says something only where nothing else does.
    `line` is where the tool states it, or, where that is a list of findings, the first one's.
    """

    tool: str
    counts: Counts
    tests: list[BrokenTest]
    line: int
    lane: str = ""
    text: str | None = None
    last_resort: bool = False

    @property
    def summary(self) -> str:
        said = worded(self.counts)
        return f"{said}: {self.text}" if said and self.text else said or self.text or ""

    @property
    def failed(self) -> bool:
        return is_bad(self.counts) or (not self.counts and self.text is not None)

    @property
    def failures(self) -> int:
        return sum(self.counts.get(name, 0) for name in _BAD)


@dataclass(slots=True)
class ToolReader:
    """Reads the lines of one lane for one tool, and notes what the tool states.

    `words` are such that without one of them a piece of a log means nothing to a reader that is not `busy`.
    """

    tool: ClassVar[str]
    words: ClassVar[tuple[str, ...]]

    statements: list[Statement] = field(default_factory=list)
    tests: dict[str, BrokenTest] = field(default_factory=dict)
    current: BrokenTest | None = None

    @property
    def busy(self) -> bool:
        """Whether lines that follow may mean something whatever is in them."""
        return self.is_inside or bool(self.tests)

    @property
    def is_inside(self) -> bool:
        """Whether the last line was within something that the tool has not ended."""
        return False

    def take(self, number: int, text: str) -> None:
        """Read the next line of the lane: its number in the log, and its clean text."""
        raise NotImplementedError

    def finish(self) -> None:
        """The log is over: state what no line of the tool did."""

    def begin(self, name: str, line: int, message: str | None = None) -> None:
        """A test is said to have failed; the first line that tells of it counts."""
        found = self.tests.get(name)
        if found is None:
            found = BrokenTest(name, line, message)
            if len(self.tests) < MAX_TESTS:
                self.tests[name] = found
        elif message and not found.message:
            found.message = message
        self.current = found

    def explain(self, text: str) -> None:
        """The message of the newest test, if it has none yet."""
        if self.current is not None and not self.current.message and text.strip():
            self.current.message = text.strip()

    def state(self, line: int, counts: Counts, tests: Iterable[BrokenTest] | None = None) -> None:
        """The tool has come to its end: note it, and begin anew."""
        broken = list(self.tests.values() if tests is None else tests) if is_bad(counts) else []
        broken.sort(key=lambda one: one.line)
        self.statements.append(Statement(self.tool, counts, broken, line))
        self.tests.clear()
        self.current = None


def numbers_in(text: str, pattern: re.Pattern[str], names: Mapping[str, str]) -> dict[str, int]:
    """Counts from a text such as `1 failed, 4 passed`: the pattern's groups are a number and a word."""
    counts: dict[str, int] = {}
    for number, word in pattern.findall(text):
        name = names.get(word.lower())
        if name is not None:
            counts[name] = counts.get(name, 0) + int(number)
    return counts


def rest_of(total: int, **others: int) -> dict[str, int]:
    """Counts of a tool that states the total and all outcomes but those that passed."""
    counts = {name.replace("_", " "): count for name, count in others.items()}
    return {**counts, "passed": max(0, total - sum(counts.values()))}
