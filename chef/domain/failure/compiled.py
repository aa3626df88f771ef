"""Go, Rust, CTest, .NET, and Bazel: what their test runners state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import ToolReader, numbers_in, rest_of

_COUNT = re.compile(r"(\d+) ([a-z]+(?: out)?)")


@dataclass(slots=True)
class GotestsumReader(ToolReader):
    """gotestsum: `=== FAIL: package Test (0.00s)` for each failure, then `DONE 7 tests, 3 failures`."""

    tool: ClassVar[str] = "go"
    words: ClassVar[tuple[str, ...]] = ("=== FAIL: ", "DONE ")

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^=== FAIL: (\S+ .+?) \([\d.]+s\)$")
    END: ClassVar[re.Pattern[str]] = re.compile(r"^DONE (?:\d+ runs, )?(\d+) tests?(.*) in [\d.]+s$")
    _OUTPUT: ClassVar[re.Pattern[str]] = re.compile(r"^ +\S+\.go:\d+: (.*)$|^(panic: .*)$")
    _NAMES: ClassVar[dict[str, str]] = {
        "skipped": "skipped",
        "failure": "failed",
        "failures": "failed",
        "error": "error",
        "errors": "error",
    }

    def take(self, number: int, text: str) -> None:
        if heading := self._HEADING.match(text):
            self.begin(re.sub(r"^\. ", "", heading[1]), number)
        elif ended := self.END.match(text):
            counts = numbers_in(ended[2], _COUNT, self._NAMES)
            tested = sum(counts.values()) - counts.get("error", 0)
            counts["passed"] = max(0, int(ended[1]) - tested)
            self.state(number, counts)
        elif output := self._OUTPUT.match(text):
            self.explain(output[1] or output[2] or "")


@dataclass(slots=True)
class GoReader(ToolReader):
    """`go test`, plain and with -v: it counts nothing, so its `--- FAIL`, `--- PASS`, `--- SKIP` are counted.

    A test that has subtests is told before them and is not counted beside them.
    """

    tool: ClassVar[str] = "go"
    words: ClassVar[tuple[str, ...]] = ("--- FAIL: ", "--- PASS: ", "--- SKIP: ", "\nFAIL\t", "=== RUN ")

    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0
    parents: list[tuple[str, str]] = field(default_factory=list)
    output: dict[str, tuple[int, str]] = field(default_factory=dict)
    running: str = ""

    _RESULT: ClassVar[re.Pattern[str]] = re.compile(r"^( *)--- (FAIL|PASS|SKIP): (.+) \([\d.]+s\)$")
    _RUN: ClassVar[re.Pattern[str]] = re.compile(r"^=== (?:RUN|CONT|NAME) +(\S+)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^(?:FAIL|ok  )\t\S+")
    _OUTPUT: ClassVar[re.Pattern[str]] = re.compile(r"^ +\S+\.go:\d+: (.*)$|^(panic: .*)$")
    _NAMES: ClassVar[dict[str, str]] = {"FAIL": "failed", "PASS": "passed", "SKIP": "skipped"}

    @property
    def is_inside(self) -> bool:
        return bool(self.counts or self.output or self.running)

    def take(self, number: int, text: str) -> None:
        if result := self._RESULT.match(text):
            self._result(number, *result.groups())
        elif run := self._RUN.match(text):
            self.running = run[1]
        elif output := self._OUTPUT.match(text):
            self._print(number, output[1] or output[2] or "")
        elif text.startswith("DONE ") and GotestsumReader.END.match(text):
            self._forget()  # gotestsum has told all of it once more, and counted.
        elif self._END.match(text) and self.counts:
            self.line, self.parents, self.running = number, [], ""
            self.output.clear()

    def _forget(self) -> None:
        self.counts = {}
        self.tests.clear()
        self.current = None

    def _result(self, number: int, indent: str, outcome: str, name: str) -> None:
        while self.parents and len(self.parents) > len(indent) // 4:
            self.parents.pop()
        if self.parents and name.startswith(f"{self.parents[-1][0]}/"):
            self._uncount(*self.parents[-1])
            self.parents[-1] = self.parents[-1][0], ""
        counted = self._NAMES[outcome]
        self.counts[counted] = self.counts.get(counted, 0) + 1
        self.parents.append((name, counted))
        self.line, self.running = number, ""
        if counted == "failed":
            # With -v the output of a test comes before its result.
            line, message = self.output.get(name, (number, None))
            self.begin(name, line, message)
        else:
            self.current = None

    def _uncount(self, name: str, counted: str) -> None:
        """A test was counted that has subtests."""
        if not counted:
            return
        self.counts[counted] -= 1
        if counted == "failed":
            self.tests.pop(name, None)

    def _print(self, number: int, text: str) -> None:
        if self.running and len(self.output) < 1000:
            self.output.setdefault(self.running, (number, text))
        else:
            self.explain(text)

    def finish(self) -> None:
        if self.counts:
            self.state(self.line, self.counts)
        self.counts = {}


@dataclass(slots=True)
class CargoReader(ToolReader):
    """`cargo test`: `---- name stdout ----` for each failure, then `test result: FAILED. 2 passed; …`."""

    tool: ClassVar[str] = "cargo"
    words: ClassVar[tuple[str, ...]] = (" stdout ----", " ... FAILED", "test result: ")

    panicked: bool = False

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. FAILED$")
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^---- (.+) stdout ----$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^test result: (?:ok|FAILED)\. (.*)$")
    _NAMES: ClassVar[dict[str, str]] = {"passed": "passed", "failed": "failed", "ignored": "skipped"}

    def take(self, number: int, text: str) -> None:
        if failed := self._FAILED.match(text):
            self.begin(failed[1], number)
            self.panicked = False
        elif heading := self._HEADING.match(text):
            self.begin(heading[1], number)
            if self.current is not None:
                self.current.line = number
            self.panicked = False
        elif ended := self._END.match(text):
            self.state(number, numbers_in(ended[1], _COUNT, self._NAMES))
        elif text.startswith(("thread '", "Error: ")):
            self.panicked = True
            place = re.search(r" panicked at '(.*)', ", text)
            self.explain(text if text[0] == "E" else place[1] if place else "")
        elif self.panicked:
            self.explain(text)


@dataclass(slots=True)
class NextestReader(ToolReader):
    """cargo-nextest: `FAIL [0.1s] (2/3) crate test` for each failure, then `Summary [0.1s] 3 tests …`."""

    tool: ClassVar[str] = "nextest"
    words: ClassVar[tuple[str, ...]] = (" FAIL [", " Summary [", " TIMEOUT [", " SIG", " ABORT [")

    panicked: bool = False

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(
        r"^ *(?:TRY \d+ )?(?:FAIL|TIMEOUT|TMT|ABORT|SIG[A-Z]+) \[[^\]]*\] (?:\( *[\d/─-]+\) )?(\S.*)$"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^ *Summary \[[^\]]*\] +[\d/]+ tests? run: (.*)$")
    _COUNT: ClassVar[re.Pattern[str]] = re.compile(r"(\d+) (passed|failed|timed out|skipped|flaky)")
    _NAMES: ClassVar[dict[str, str]] = {
        "passed": "passed",
        "failed": "failed",
        "timed out": "timed out",
        "skipped": "skipped",
    }

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            self.state(number, numbers_in(ended[1], self._COUNT, self._NAMES))
        elif failed := self._FAILED.match(text):
            newest = self.statements[-1] if self.statements else None
            # Behind the summary they are only listed again.
            if newest is None or all(one.name != failed[1] for one in newest.tests):
                self.begin(failed[1], number)
            self.panicked = False
        elif text.lstrip().startswith("thread '") and " panicked at " in text:
            self.panicked = True
        elif self.panicked:
            self.explain(text)


@dataclass(slots=True)
class CTestReader(ToolReader):
    """CTest: ` 2/3 Test #2: sum ...***Failed`, then `67% tests passed, 1 tests failed out of 3`."""

    tool: ClassVar[str] = "ctest"
    words: ClassVar[tuple[str, ...]] = (" Test ", "% tests passed, ")

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(
        r"^ *\d+/\d+ Test +#\d+: (\S.*?) ?\.*(?:   )?\*\*\*(?!Skipped|Not Run \(Disabled\))(\S.*?)"
        r"(?: +[\d.]+ sec.*)?$"
    )
    _NEXT: ClassVar[re.Pattern[str]] = re.compile(r"^ *(?:Start +\d+: |\d+/\d+ Test +#)")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^\d+% tests passed, (\d+) tests? failed out of (\d+)$")

    def take(self, number: int, text: str) -> None:
        if failed := self._FAILED.match(text):
            self.begin(failed[1], number)
        elif self._NEXT.match(text):
            self.current = None
        elif ended := self._END.match(text):
            self.state(number, rest_of(int(ended[2]), failed=int(ended[1])))
        elif self.current is not None:
            self.explain(text)


@dataclass(slots=True)
class DotnetReader(ToolReader):
    """`dotnet test`: `Failed Name [12 ms]` for each failure, then `Failed!  - Failed: 1, Passed: 2, …`.

    Microsoft.Testing.Platform has `failed Name (12ms)`, and a sum of a line for each outcome.
    """

    tool: ClassVar[str] = "dotnet"
    words: ClassVar[tuple[str, ...]] = (
        *(" Failed ", "Failed! ", "Passed! ", "Test summary: ", "\nfailed ", "Test run summary: "),
    )

    explains: bool = False
    counts: dict[str, int] | None = None

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^ {1,4}(?:Failed|X) (\S.*?) \[<? ?[^\]]+\]$")
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:Failed|Passed)! +- Failed: *(\d+), Passed: *(\d+), Skipped: *(\d+), Total: *\d+"
    )
    _SUMMARY: ClassVar[re.Pattern[str]] = re.compile(
        r"^Test summary: total: \d+, failed: (\d+), succeeded: (\d+), skipped: (\d+)"
    )
    _PLATFORM: ClassVar[re.Pattern[str]] = re.compile(r"^failed (\S.*) \((?:[\d.]+\w+ ?)+\)$")
    _LINE: ClassVar[re.Pattern[str]] = re.compile(r"^ +(failed|succeeded|skipped): (\d+)$")
    _NAMES: ClassVar[dict[str, str]] = {"failed": "failed", "succeeded": "passed", "skipped": "skipped"}

    @property
    def is_inside(self) -> bool:
        return self.counts is not None

    def take(self, number: int, text: str) -> None:
        if self.counts is not None and (counted := self._LINE.match(text)):
            self.counts[self._NAMES[counted[1]]] = int(counted[2])
            if counted[1] == "skipped":
                self.state(number, self.counts)
                self.counts = None
        elif text.startswith("Test run summary: "):
            self.counts, self.explains = {}, False
        elif platform := self._PLATFORM.match(text):
            self.begin(platform[1], number)
            self.explains = True
        else:
            self._take_vstest(number, text)

    def _take_vstest(self, number: int, text: str) -> None:
        if ended := self._END.match(text) or self._SUMMARY.match(text):
            failed, passed, skipped = map(int, ended.groups())
            self.state(number, {"failed": failed, "passed": passed, "skipped": skipped})
        elif failed_test := self._FAILED.match(text):
            self.begin(failed_test[1], number)
            self.explains = False
        elif text.strip() == "Error Message:":
            self.explains = True
        elif self.explains:
            self.explain(text)


@dataclass(slots=True)
class BazelReader(ToolReader):
    """Bazel: a line with the outcome of each target, then `Executed 2 out of 3 tests: …`."""

    tool: ClassVar[str] = "bazel"
    words: ClassVar[tuple[str, ...]] = ("\n//", "\nExecuted ")

    counts: dict[str, int] = field(default_factory=dict)

    _TARGET: ClassVar[re.Pattern[str]] = re.compile(
        r"^(//\S+) +(?:\(cached\) )?(PASSED|FLAKY|FAILED TO BUILD|FAILED|TIMEOUT|NO STATUS)\b(.*)$"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^Executed \d+ out of \d+ tests?: ")
    _NAMES: ClassVar[dict[str, str]] = {
        "PASSED": "passed",
        "FLAKY": "flaky",
        "FAILED": "failed",
        "FAILED TO BUILD": "error",
        "TIMEOUT": "timed out",
        "NO STATUS": "did not run",
    }

    @property
    def is_inside(self) -> bool:
        return bool(self.counts)

    def take(self, number: int, text: str) -> None:
        if target := self._TARGET.match(text):
            name = self._NAMES[target[2]]
            self.counts[name] = self.counts.get(name, 0) + 1
            if name in ("failed", "error", "timed out"):
                self.begin(target[1], number, f"{target[2]}{target[3]}".strip())
        elif self._END.match(text) and self.counts:
            self.state(number, self.counts)
            self.counts = {}
