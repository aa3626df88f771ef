"""JUnit as Maven, Gradle and its own launcher run it: what they state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from chef.domain.failure.statements import ToolReader, rest_of


@dataclass(slots=True)
class MavenReader(ToolReader):
    """Maven's Surefire and Failsafe: `<<< FAILURE!` for each failure, then `Tests run: 3, Failures: 1, …`.

    The same line with a time is that of one class; the one without is the module's.
    """

    tool: ClassVar[str] = "maven"
    words: ClassVar[tuple[str, ...]] = ("<<< FAILURE!", "<<< ERROR!", "Tests run: ")

    _LEVEL: ClassVar[re.Pattern[str]] = re.compile(r"^\[(?:ERROR|WARNING|INFO)\] ")
    _FAILED: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?!Tests run: )(\S.*?)\s+(?:-- )?Time elapsed: [\d.,]+ s(?:ec)? +<<< (?:FAILURE|ERROR)!"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)(?:, Flakes: (\d+))?$"
    )

    def take(self, number: int, text: str) -> None:
        text = self._LEVEL.sub("", text).rstrip()
        if ended := self._END.match(text):
            run, failed, errors, skipped, flaky = (int(count or 0) for count in ended.groups())
            self.state(number, rest_of(run, failed=failed, error=errors, skipped=skipped, flaky=flaky))
        elif failed_test := self._FAILED.match(text):
            self.begin(_class_first(failed_test[1]), number)
        else:
            self.explain(text)


def _class_first(name: str) -> str:
    """`adds(ShopTest)`, as Surefire 2 has it, as `ShopTest.adds`."""
    return re.sub(r"^([^\s().]+)\(([\w.$]+)\)$", r"\2.\1", name)


@dataclass(slots=True)
class GradleReader(ToolReader):
    """Gradle: `ShopTest > adds FAILED` for each failure, then `3 tests completed, 1 failed`."""

    tool: ClassVar[str] = "gradle"
    words: ClassVar[tuple[str, ...]] = (" FAILED", " tests completed, ", " test completed, ")

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^(?!> )(\S.*? > .+?) FAILED$")
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(\d+) tests? completed, (\d+) failed(?:, (\d+) skipped)?$"
    )

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            run, failed, skipped = (int(count or 0) for count in ended.groups())
            self.state(number, rest_of(run, failed=failed, skipped=skipped))
        elif failed_test := self._FAILED.match(text):
            self.begin(failed_test[1], number)
        else:
            self.explain(text)


@dataclass(slots=True)
class JUnitReader(ToolReader):
    """JUnit's own console launcher: a part for each failure, then boxes with a number each."""

    tool: ClassVar[str] = "junit"
    words: ClassVar[tuple[str, ...]] = ("JUnit ", " tests failed ", " tests successful ")

    skipped: int = 0
    passed: int = 0

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^  JUnit \w+:(\S.*)$")
    _COUNT: ClassVar[re.Pattern[str]] = re.compile(r"^\[ +(\d+) tests (skipped|successful|failed) +\]$")

    def take(self, number: int, text: str) -> None:
        if failed_test := self._FAILED.match(text):
            self.begin(failed_test[1], number)
        elif text.startswith("    => "):
            self.explain(text[7:])
        elif counted := self._COUNT.match(text):
            count = int(counted[1])
            if counted[2] == "failed":
                self.state(number, {"failed": count, "passed": self.passed, "skipped": self.skipped})
            elif counted[2] == "skipped":
                self.skipped = count
            else:
                self.passed = count
