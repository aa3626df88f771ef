"""Google Test, Catch2 and the two runners of Swift: what they state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import ToolReader, numbers_in, rest_of

# Of an assertion, which has a line for each value, so much is the message.
_MOST_PARTS = 3
# A test is shown from its name on, if what failed in it comes within so many lines.
_NEAR = 20


@dataclass(slots=True)
class GoogleTestReader(ToolReader):
    """Google Test: `[ RUN      ] Shop.Adds`, what failed, its result; then sums in brackets."""

    tool: ClassVar[str] = "googletest"
    words: ClassVar[tuple[str, ...]] = ("\n[ RUN      ] ", "\n[==========] ")

    running: str = ""
    begun: int = 0
    place: int = 0
    parts: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0

    _RUN: ClassVar[re.Pattern[str]] = re.compile(r"^\[ RUN      \] (\S+)$")
    _ASSERTION: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:\S.*[:(]\d+\)?|unknown file): (?:Failure|error: ?(.*))$"
    )
    _RESULT: ClassVar[re.Pattern[str]] = re.compile(
        r"^\[ +(OK|FAILED|SKIPPED) +\] (\S+?)(?:,? .*)?(?: \(\d+ ms\))?$"
    )
    _SUM: ClassVar[re.Pattern[str]] = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) tests?[.,]")
    _NAMES: ClassVar[dict[str, str]] = {"PASSED": "passed", "FAILED": "failed", "SKIPPED": "skipped"}

    @property
    def is_inside(self) -> bool:
        return bool(self.running or self.line)

    def take(self, number: int, text: str) -> None:
        if run := self._RUN.match(text):
            self.finish()
            self.running, self.begun, self.place, self.parts = run[1], number, 0, []
        elif self.running and (result := self._RESULT.match(text)) and result[2] == self.running:
            if result[1] == "FAILED":
                self.begin(self.running, self.place or number, " ".join(self.parts) or None)
            self.running = ""
        elif self.running:
            self._read_output(number, text)
        elif summed := self._SUM.match(text):
            self.counts[self._NAMES[summed[1]]] = int(summed[2])
            self.line = number

    def _read_output(self, number: int, text: str) -> None:
        assertion = self._ASSERTION.match(text)
        if assertion and not self.place:
            self.place = self.begun if number - self.begun <= _NEAR else number
            self.parts = [one for one in assertion.groups() if one]
        elif self.place and not assertion and text.strip() and len(self.parts) < _MOST_PARTS:
            self.parts.append(text.strip())

    def finish(self) -> None:
        if self.line:
            self.state(self.line, self.counts)
        self.counts, self.line = {}, 0


@dataclass(slots=True)
class CatchReader(ToolReader):
    """Catch2: names between lines, `file:3: FAILED:`, then `test cases: 3 | 1 passed | 2 failed`."""

    tool: ClassVar[str] = "catch2"
    words: ClassVar[tuple[str, ...]] = ("\n" + "-" * 79 + "\n", "\ntest cases: ")

    names: list[str] | None = None
    is_heading: bool = False
    place: int = 0

    _RULE: ClassVar[str] = "-" * 79
    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^\S.*(?::\d+|\(\d+\)): FAILED:$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^test cases: +\d+ \|(.*)$")
    _COUNT: ClassVar[re.Pattern[str]] = re.compile(r"(\d+) (passed|failed(?: as expected)?|skipped)")
    _NAMES: ClassVar[dict[str, str]] = {
        "passed": "passed",
        "failed": "failed",
        "failed as expected": "xfailed",
        "skipped": "skipped",
    }

    @property
    def is_inside(self) -> bool:
        return self.names is not None

    def take(self, number: int, text: str) -> None:
        if text == self._RULE:
            self.is_heading = not self.is_heading
            self.names = [] if self.is_heading else self.names
            self.place = number + 1 if self.is_heading else self.place
        elif self.is_heading and self.names is not None:
            self.names.append(text.strip())
        elif self.names and self._FAILED.match(text):
            self.begin(" / ".join(self.names), self.place)
        elif ended := self._END.match(text):
            self.state(number, numbers_in(ended[1], self._COUNT, self._NAMES))
            self.names, self.is_heading = None, False
        elif text.strip() and not text.startswith(("with expansion:", "due to ", "  REQUIRE", "  CHECK")):
            self.explain(text)


@dataclass(slots=True)
class XCTestReader(ToolReader):
    """XCTest: `Shop.swift:8: error: ShopTests.testAdds : …`, then a sum for each suite, at last of all."""

    tool: ClassVar[str] = "xctest"
    words: ClassVar[tuple[str, ...]] = (".swift:", " Executed ")

    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(
        r"^\S+\.swift:\d+: error: (?:-\[\S+ (\S+)\]|(\S+\.\S+)) : (.*?)(?: - ?)?$"
    )
    _EXECUTED: ClassVar[re.Pattern[str]] = re.compile(
        r"^\s+Executed (\d+) tests?, with (?:(\d+) tests? skipped and )?(\d+) failures? "
    )

    @property
    def is_inside(self) -> bool:
        return bool(self.line)

    def take(self, number: int, text: str) -> None:
        if failed := self._FAILED.match(text):
            self.begin(failed[1] or failed[2], number, failed[3])
        elif executed := self._EXECUTED.match(text):
            run, skipped, failures = (int(count or 0) for count in executed.groups())
            # A test can fail several times.
            broken = min(failures, len(self.tests) or failures)
            self.counts, self.line = rest_of(run, failed=broken, skipped=skipped), number

    def finish(self) -> None:
        if sum(self.counts.values()):
            self.state(self.line, self.counts)
        self.counts, self.line = {}, 0


@dataclass(slots=True)
class SwiftTestingReader(ToolReader):
    """Swift Testing: `Test adds() recorded an issue at …`, then `Test run with 3 tests failed after …`."""

    tool: ClassVar[str] = "swift testing"
    words: ClassVar[tuple[str, ...]] = (" recorded an issue ", " Test run with ")

    _ISSUE: ClassVar[re.Pattern[str]] = re.compile(
        r'^. Test (?:"(.+)"|(\S+\(.*?\))) recorded an issue (?:with .*)?at \S+:\d+:\d+: (.*)$'
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^. Test run with (\d+) tests?(?: in \d+ suites?)? (passed|failed) after "
    )

    def take(self, number: int, text: str) -> None:
        if issue := self._ISSUE.match(text):
            self.begin(issue[1] or issue[2], number, issue[3])
        elif ended := self._END.match(text):
            broken = max(1, len(self.tests)) if ended[2] == "failed" else 0
            self.state(number, rest_of(int(ended[1]), failed=broken))
