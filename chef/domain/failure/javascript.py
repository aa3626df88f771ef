"""Jest, Vitest, Mocha, Jasmine, Playwright, node:test and deno test: what they state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import BrokenTest, Statement, ToolReader, numbers_in, rest_of

_COUNT = re.compile(r"(\d+) ([a-z]+)")
_OUTCOMES = {
    "failed": "failed",
    "passed": "passed",
    "skipped": "skipped",
    "pending": "skipped",
    "todo": "todo",
}


@dataclass(slots=True)
class JestReader(ToolReader):
    """Jest: `● suite › name` for each failure, then `Test Suites:` and `Tests:`."""

    tool: ClassVar[str] = "jest"
    words: ClassVar[tuple[str, ...]] = ("●", "\nFAIL ", "\nTests: ", "\nTest Suites: ")

    file: str = ""
    suites: int = 0
    unrun: int = 0
    told: bool = False

    _FILE: ClassVar[re.Pattern[str]] = re.compile(r"^\s*(?:FAIL|PASS)\s+(?:\S+ )?(\S+[./]\S*)")
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^\s{0,4}● (?!Console$|.* Warning:)(.+)$")
    _SUITES: ClassVar[re.Pattern[str]] = re.compile(r"^Test Suites: +(?:(\d+) failed, )?.*\d+ total$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^Tests: +(.*\b\d+ total)$")

    @property
    def is_inside(self) -> bool:
        return bool(self.suites or self.told)

    def take(self, number: int, text: str) -> None:
        if not text.strip():
            return
        if text.startswith("Summary of all failing tests"):
            self.told = True  # All failures come once more.
        elif file := self._FILE.match(text):
            self.file = file[1]
        elif self.told and not text.startswith("Test"):
            return
        elif heading := self._HEADING.match(text):
            is_suite = heading[1] == "Test suite failed to run" and bool(self.file)
            self.unrun += is_suite
            self.begin(self.file if is_suite else heading[1], number)
        elif suites := self._SUITES.match(text):
            self.suites = int(suites[1] or 0)
        elif ended := self._END.match(text):
            counts = numbers_in(ended[1], _COUNT, _OUTCOMES)
            counts["test suite failed"] = self.unrun if counts.get("failed") else self.suites
            self.state(number, counts)
            self.suites, self.unrun, self.told = 0, 0, False
        else:
            self.explain(text)


@dataclass(slots=True)
class VitestReader(ToolReader):
    """Vitest: `FAIL file > suite > name` for each failure, then `Test Files` and `Tests`."""

    tool: ClassVar[str] = "vitest"
    words: ClassVar[tuple[str, ...]] = (" FAIL  ", " Test Files  ", " Tests  ", " Unhandled ", " Uncaught ")

    files: int = 0
    waiting: list[BrokenTest] = field(default_factory=list)
    # An error of no test: its message and line, with no message before it has come.
    stray: BrokenTest | None = None

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^ ?FAIL  (\S.*)$")
    _FILES: ClassVar[re.Pattern[str]] = re.compile(r"^ *Test Files  (?:(\d+) failed\b)?.*\(\d+\)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^ *Tests  (.*\d.*\(\d+\)|no tests)$")
    _ERRORS: ClassVar[re.Pattern[str]] = re.compile(r"^ *Errors  (\d+) errors?$")
    _STRAY: ClassVar[re.Pattern[str]] = re.compile(r"^⎯+ (Unhandled (?!Errors)\w+|Uncaught Exception) ⎯+$")

    @property
    def is_inside(self) -> bool:
        return bool(self.files or self.statements or self.stray)

    def take(self, number: int, text: str) -> None:
        if stray := self._STRAY.match(text):
            self.stray = self.stray or BrokenTest(stray[1], number)
        elif self.stray and not self.stray.message:
            self.stray.message = text.strip()
        elif heading := self._HEADING.match(text):
            self.begin(re.sub(r" \[ .* \]$", "", heading[1]), number)
            if self.current is not None:
                self.waiting.append(self.current)
        elif files := self._FILES.match(text):
            self.files = int(files[1] or 0)
        elif ended := self._END.match(text):
            self._end(number, ended[1])
        elif (errors := self._ERRORS.match(text)) and self.statements:
            self._add_errors(self.statements[-1], int(errors[1]))
        elif self.waiting and text.strip():
            for one in self.waiting:  # Tests that failed alike are told together.
                one.message = one.message or text.strip()
            self.waiting.clear()

    def _end(self, number: int, text: str) -> None:
        counts = numbers_in(text, _COUNT, _OUTCOMES)
        unrun = sum(" > " not in name for name in self.tests)
        counts["test file failed"] = unrun if counts.get("failed") else self.files
        self.state(number, counts)
        self.files = 0
        self.waiting.clear()

    def _add_errors(self, newest: Statement, count: int) -> None:
        """Errors of no test come before the sums; where all tests passed, the first one is the reason."""
        newest.counts = {**newest.counts, "error": count}
        if self.stray and not newest.tests:
            newest.line, newest.text = self.stray.line, self.stray.message
        self.stray = None


@dataclass(slots=True)
class MochaReader(ToolReader):
    """Mocha and Cypress: `41 passing`, `3 failing`, then a part for each failure."""

    tool: ClassVar[str] = "mocha"
    words: ClassVar[tuple[str, ...]] = (" passing", " failing")

    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0
    title: list[str] = field(default_factory=list)
    begun: int = 0

    _COUNTS: ClassVar[re.Pattern[str]] = re.compile(
        r"^ {2,}(\d+) (passing|pending|failing)(?: \([\d.]+ ?(?:ms|s|m|h)\))?$"
    )
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^ {2}\d+\) (\S.*)$")
    _NAMES: ClassVar[dict[str, str]] = {"passing": "passed", "pending": "skipped", "failing": "failed"}

    @property
    def is_inside(self) -> bool:
        return bool(self.counts)

    def take(self, number: int, text: str) -> None:
        if counted := self._COUNTS.match(text):
            if counted[2] == "passing":
                self.finish()
            self.counts[self._NAMES[counted[2]]] = int(counted[1])
            self.line = number
        elif "failed" not in self.counts:
            return
        elif heading := self._HEADING.match(text):
            self.title, self.begun = [], number
            self._add(heading[1])
        elif self.title and text.startswith("     "):
            self._add(text)
        elif not text.strip():
            self.title = []
        else:
            self.explain(text)

    def _add(self, text: str) -> None:
        """A title has a line for each level of suites, and the last one ends in a colon."""
        self.title.append(text.strip())
        if text.endswith(":"):
            self.begin(" ".join(self.title)[:-1], self.begun)
            self.title = []

    def finish(self) -> None:
        if self.counts:
            self.state(self.line, self.counts)
        self.counts, self.title = {}, []


@dataclass(slots=True)
class PlaywrightReader(ToolReader):
    """Playwright: a part for each failure, then `1 failed` with the names, `1 flaky`, `2 passed (3.4s)`."""

    tool: ClassVar[str] = "playwright"
    words: ClassVar[tuple[str, ...]] = (" › ", "\n  1) [", " using ")

    counts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    line: int = 0
    listed: str = ""

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^ {2}\d+\) (\S.*? › .*?)[ ─]*$")
    _COUNTS: ClassVar[re.Pattern[str]] = re.compile(
        r"^ {2}(\d+) (failed|flaky|skipped|passed|did not run|interrupted)(?: \([\d.]+\w+\))?$"
    )
    _LISTED: ClassVar[re.Pattern[str]] = re.compile(r"^ {4}(\S.*? › .*?)[ ─]*$")
    _ERRORS: ClassVar[re.Pattern[str]] = re.compile(r"^ {2}(\d+) errors? (?:was|were) not a part of any test")

    @property
    def is_inside(self) -> bool:
        return bool(self.counts)

    def take(self, number: int, text: str) -> None:
        if heading := self._HEADING.match(text):
            self.finish()
            self.begin(heading[1], number)
        elif counted := self._COUNTS.match(text):
            self.counts[counted[2]] = int(counted[1])
            self.line, self.listed = number, counted[2]
            if counted[2] == "passed":
                self.finish()
        elif errors := self._ERRORS.match(text):
            self.counts["error"], self.line = int(errors[1]), number
        elif self.counts and (listed := self._LISTED.match(text)):
            if self.listed in ("failed", "interrupted"):
                self.failed.append(listed[1])
        else:
            self.explain(text)

    def finish(self) -> None:
        """Of what failed at first only that is broken which the summary lists as failed."""
        if self.counts:
            broken = [self.tests.get(name) or BrokenTest(name, self.line) for name in self.failed]
            self.state(self.line, self.counts, broken)
        self.counts, self.failed = {}, []


@dataclass(slots=True)
class NodeReader(ToolReader):
    """`node --test` for people: `ℹ pass 3`, `ℹ fail 2`, then `✖ failing tests:` with each of them."""

    tool: ClassVar[str] = "node"
    words: ClassVar[tuple[str, ...]] = ("ℹ tests ", "ℹ fail ", "✖ failing tests:")

    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0
    in_list: bool = False

    _COUNTS: ClassVar[re.Pattern[str]] = re.compile(
        r"^ℹ (tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$"
    )
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^✖ (.+?) \([\d.]+ms\)")
    _NAMES: ClassVar[dict[str, str]] = {
        "pass": "passed",
        "fail": "failed",
        "cancelled": "cancelled",
        "skipped": "skipped",
        "todo": "todo",
    }

    @property
    def is_inside(self) -> bool:
        return bool(self.line)

    def take(self, number: int, text: str) -> None:
        if counted := self._COUNTS.match(text):
            if counted[1] == "tests":
                self.finish()
            self.line = number
            name = self._NAMES.get(counted[1])
            if name is not None:
                self.counts[name] = int(counted[2])
        elif text == "✖ failing tests:":
            self.in_list = True
        elif self.in_list and (heading := self._HEADING.match(text)):
            self.begin(heading[1], number)
        elif self.in_list:
            self.explain(text)

    def finish(self) -> None:
        if self.counts:
            self.state(self.line, self.counts)
        self.counts, self.in_list, self.line = {}, False, 0


@dataclass(slots=True)
class JasmineReader(ToolReader):
    """Jasmine: `1) suite name` for each failure, then `4 specs, 2 failures, 1 pending spec`."""

    tool: ClassVar[str] = "jasmine"
    words: ClassVar[tuple[str, ...]] = ("\nFailures:", " specs, ", " spec, ")

    in_list: bool = False

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^\d+\) (\S.*)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(\d+) specs?, (\d+) failures?(?:, (\d+) pending specs?)?$"
    )

    @property
    def is_inside(self) -> bool:
        return self.in_list

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            run, failed, skipped = (int(count or 0) for count in ended.groups())
            self.state(number, rest_of(run, failed=failed, skipped=skipped))
            self.in_list = False
        elif text in ("Failures:", "Pending:"):
            self.in_list, self.current = text == "Failures:", None
        elif self.in_list and (heading := self._HEADING.match(text)):
            self.begin(heading[1], number)
        elif text.strip() != "Message:":
            self.explain(text)


@dataclass(slots=True)
class DenoReader(ToolReader):
    """`deno test`: `name => file:1:6` and the error for each failure, then `FAILED | 1 passed | 1 failed`."""

    tool: ClassVar[str] = "deno"
    words: ClassVar[tuple[str, ...]] = (" => ", "\nFAILED | ", "\nok | ")

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^(\S.*?) => \S+:\d+:\d+$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^(?:FAILED|ok) \| (\d+ passed.*)$")
    _NAMES: ClassVar[dict[str, str]] = {"passed": "passed", "failed": "failed", "ignored": "skipped"}

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            self.state(number, numbers_in(ended[1], _COUNT, self._NAMES))
        elif heading := self._HEADING.match(text):
            self.begin(heading[1], number)
        elif text.startswith("error: "):
            self.explain(text[7:])
