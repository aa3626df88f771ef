"""RSpec, minitest, PHPUnit, ExUnit, and all that speak TAP: what they state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import ToolReader, numbers_in, rest_of

_COUNT = re.compile(r"(\d+) ([a-z]+)")


@dataclass(slots=True)
class RSpecReader(ToolReader):
    """RSpec: a numbered part for each failure, then `4 examples, 2 failures, 1 pending`."""

    tool: ClassVar[str] = "rspec"
    words: ClassVar[tuple[str, ...]] = ("\nFailures:", " examples, ", " example, ")

    in_list: bool = False
    after_blank: bool = False

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^  \d+\) (\S.*)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^(\d+) examples?, (\d+ failures?.*)$")
    _NAMES: ClassVar[dict[str, str]] = {
        "failure": "failed",
        "failures": "failed",
        "pending": "skipped",
        "error": "error",
        "errors": "error",
    }

    @property
    def is_inside(self) -> bool:
        return self.in_list

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            counts = numbers_in(ended[2], _COUNT, self._NAMES)
            tested = counts.get("failed", 0) + counts.get("skipped", 0)
            self.state(number, {**counts, "passed": max(0, int(ended[1]) - tested)})
            self.in_list = False
        elif text == "Failures:":
            self.in_list = True
        elif self.in_list and (heading := self._HEADING.match(text)):
            self.begin(heading[1], number)
            self.after_blank = False
        elif not text.strip():
            self.after_blank = True
        elif self.after_blank:  # Before it is the code that failed.
            self._explain(text)

    def _explain(self, text: str) -> None:
        """The name of an exception is followed by its message."""
        told = self.current.message if self.current else None
        if self.current is not None and told is not None and re.fullmatch(r"[\w:]+:", told):
            self.current.message = f"{told} {text.strip()}"
        else:
            self.explain(text)


@dataclass(slots=True)
class MinitestReader(ToolReader):
    """minitest and Rails: `Failure:` and the test's name, then `4 runs, 2 assertions, 1 failures, …`."""

    tool: ClassVar[str] = "minitest"
    words: ClassVar[tuple[str, ...]] = ("Failure:\n", "Error:\n", " assertions, ")

    named: bool = False

    _KIND: ClassVar[re.Pattern[str]] = re.compile(r"^ *(?:\d+\) )?(?:Failure|Error):$")
    _NAME: ClassVar[re.Pattern[str]] = re.compile(r"^([\w:]+#.+?)(?: \[.*\])?:$")
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(\d+) (?:runs|tests), \d+ assertions, (\d+) failures, (\d+) errors, (\d+) (?:skips|pendings)"
    )

    @property
    def is_inside(self) -> bool:
        return self.named

    def take(self, number: int, text: str) -> None:
        if self._KIND.match(text):
            self.named = True
        elif self.named and (name := self._NAME.match(text)):
            self.begin(name[1], number)
            self.named = False
        elif ended := self._END.match(text):
            run, failed, errors, skipped = map(int, ended.groups())
            self.state(number, rest_of(run, failed=failed, error=errors, skipped=skipped))
            self.named = False
        else:
            self.explain(text)


@dataclass(slots=True)
class PhpunitReader(ToolReader):
    """PHPUnit: a numbered part for each failure, then `Tests: 4, Assertions: 2, Errors: 1` and so on."""

    tool: ClassVar[str] = "phpunit"
    words: ClassVar[tuple[str, ...]] = ("\nThere was 1 ", "\nThere were ", ", Assertions: ", " assertions)")

    in_list: bool = False

    _LIST: ClassVar[re.Pattern[str]] = re.compile(r"^There (?:was|were) \d+ (.+?):$")
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^\d+\) (\S.*)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^Tests: (\d+), Assertions: \d+(.*)\.$")
    _GREEN: ClassVar[re.Pattern[str]] = re.compile(r"^OK \((\d+) tests?, \d+ assertions?\)$")
    _PART: ClassVar[re.Pattern[str]] = re.compile(r"(Errors|Failures|Skipped|Incomplete): (\d+)")

    @property
    def is_inside(self) -> bool:
        return self.in_list

    def take(self, number: int, text: str) -> None:
        if listed := self._LIST.match(text):
            self.in_list, self.current = bool(re.search(r"failure|error", listed[1])), None
        elif self.in_list and (heading := self._HEADING.match(text)):
            self.begin(heading[1], number)
        elif ended := self._END.match(text):
            said = {name: int(count) for name, count in self._PART.findall(ended[2])}
            skipped = said.get("Skipped", 0) + said.get("Incomplete", 0)
            failed, errors = said.get("Failures", 0), said.get("Errors", 0)
            self.state(number, rest_of(int(ended[1]), failed=failed, error=errors, skipped=skipped))
            self.in_list = False
        elif green := self._GREEN.match(text):
            self.state(number, {"passed": int(green[1])})
        else:
            self.explain(text)


@dataclass(slots=True)
class ExUnitReader(ToolReader):
    """ExUnit: a numbered part for each failure, `Finished in`, then `5 tests, 3 failures, 1 skipped`."""

    tool: ClassVar[str] = "exunit"
    words: ClassVar[tuple[str, ...]] = ("\n  1) ", "\nFinished in ")

    finished: bool = False

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(
        r"^  \d+\) ((?:test|doctest|property|feature) \S.*) \((\S+)\)$"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:\d+ (?:doctests?|propert(?:y|ies)|features?), )*(\d+) tests?, (\d+ failures?.*)$"
    )
    _NAMES: ClassVar[dict[str, str]] = {
        "failure": "failed",
        "failures": "failed",
        "invalid": "error",
        "skipped": "skipped",
        "excluded": "excluded",
    }

    @property
    def is_inside(self) -> bool:
        return self.finished

    def take(self, number: int, text: str) -> None:
        if heading := self._HEADING.match(text):
            self.begin(f"{heading[2]} {heading[1]}", number)
        elif self.finished and (ended := self._END.match(text)):
            counts = numbers_in(ended[2], _COUNT, self._NAMES)
            counts["passed"] = max(0, int(ended[1]) - sum(counts.values()))
            counts.pop("excluded", None)
            self.state(number, counts)
            self.finished = False
        elif text.startswith("Finished in "):
            self.finished, self.current = True, None
        elif text.strip():
            self.finished = False
            if not re.match(r"^ +\S+\.exs?:\d+$", text):
                self.explain(text)


@dataclass(slots=True)
class BatsReader(ToolReader):
    """bats for people: `✗ name` for each failure, then `3 tests, 1 failure, 1 skipped`.

    ExUnit ends in the same words behind `Finished in`.
    """

    tool: ClassVar[str] = "bats"
    words: ClassVar[tuple[str, ...]] = (" ✗ ", " tests, ", " test, ", "\nFinished in ")

    of_exunit: bool = False

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^ ✗ (\S.*)$")
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(\d+) tests?, (\d+) failures?(?:, (\d+) skipped)?(?: in [\d.]+ seconds)?$"
    )

    @property
    def is_inside(self) -> bool:
        return self.of_exunit

    def take(self, number: int, text: str) -> None:
        of_exunit, self.of_exunit = self.of_exunit, text.startswith("Finished in ")
        if failed_test := self._FAILED.match(text):
            self.begin(failed_test[1], number)
        elif (ended := self._END.match(text)) and not of_exunit:
            run, failed, skipped = (int(count or 0) for count in ended.groups())
            self.state(number, rest_of(run, failed=failed, skipped=skipped))
        elif not text.startswith("   (in test file "):
            self.explain(text)


@dataclass(slots=True)
class TapReader(ToolReader):
    """The Test Anything Protocol: tape, Mocha's and Node's reporter, bats, prove -v.

    Numbers are those of the closing comments (`# pass 3`), else results are counted where they are as many as
    the plan says. Source: the specification of TAP 14.
    """

    tool: ClassVar[str] = "tap"
    words: ClassVar[tuple[str, ...]] = ("not ok ", "\nok ", "\n# fail", "\n# pass", "\nTAP version", "\n1..")

    counts: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    planned: int | None = None
    line: int = 0
    inner: bool = False
    suite: int = -1

    _RESULT: ClassVar[re.Pattern[str]] = re.compile(
        r"^( *)(not ok|ok)\b(?: (\d+))?(?: -)? ?(.*?)(?: +# *(TODO|SKIP|time=|skip|todo)\b.*)?$"
    )
    _COUNTS: ClassVar[re.Pattern[str]] = re.compile(
        r"^# (tests|suites|pass|fail|cancelled|skipped|skip|todo) +(\d+)$"
    )
    _PLAN: ClassVar[re.Pattern[str]] = re.compile(r"^1\.\.(\d+)")
    _MESSAGE: ClassVar[re.Pattern[str]] = re.compile(r"^ *(?:error|message): ['\"]?(.*?)['\"]?$")
    _NAMES: ClassVar[dict[str, str]] = {
        "pass": "passed",
        "fail": "failed",
        "cancelled": "cancelled",
        "skipped": "skipped",
        "skip": "skipped",
        "todo": "todo",
    }

    @property
    def is_inside(self) -> bool:
        return bool(self.seen or self.counts)

    def take(self, number: int, text: str) -> None:
        if result := self._RESULT.match(text):
            self._result(number, *result.groups())
        elif counted := self._COUNTS.match(text):
            name = self._NAMES.get(counted[1])
            if name is not None:
                self.counts[name] = int(counted[2])
            self.line = number
        elif plan := self._PLAN.match(text):
            if self.seen and self.planned is not None:
                self.finish()
            self.planned, self.line = int(plan[1]), number
        elif text.startswith("TAP version"):
            self.finish()
        elif self.current is not None:
            self._explain(text)

    def _result(
        self, number: int, indent: str, outcome: str, place: str | None, name: str, mark: str | None
    ) -> None:
        if self.counts and "passed" in self.counts:
            self.finish()
        if not indent:
            counted = "skipped" if (mark or "").lower() in ("skip", "todo") else outcome
            self.seen[counted] = self.seen.get(counted, 0) + 1
            self.line = number
        self.current = None
        # A suite fails with the tests in it, which come before it.
        if outcome == "not ok" and (mark or "").lower() not in ("skip", "todo"):
            holds_failed, self.inner = self.inner and len(indent) < self.suite, bool(indent)
            if not holds_failed:
                self.begin(name or f"test {place}", number)
            self.suite = len(indent)

    def _explain(self, text: str) -> None:
        """The message stands in a YAML block, in a comment, or plainly behind the result."""
        if message := self._MESSAGE.match(text):
            self.explain(message[1])
        elif text.startswith("#   "):
            self.explain(text[1:])
        elif (
            re.match(r"^ {2,}(?!---|\.\.\.|duration_ms|type:|location:|operator:|failureType:)\S", text)
            and "/" not in text
        ):
            self.explain(text)

    def finish(self) -> None:
        if self.counts:
            self.state(self.line, self.counts)
        elif self.seen and self.planned == sum(self.seen.values()):
            passed, failed = self.seen.get("ok", 0), self.seen.get("not ok", 0)
            skipped = self.seen.get("skipped", 0)
            self.state(self.line, {"failed": failed, "passed": passed, "skipped": skipped})
        self.counts, self.seen, self.planned, self.inner = {}, {}, None, False
        self.tests.clear()
        self.current = None


@dataclass(slots=True)
class ProveReader(ToolReader):
    """prove: `Failed test 'adds'` while it runs, then `Files=2, Tests=5` and `Result: FAIL`."""

    tool: ClassVar[str] = "tap"
    words: ClassVar[tuple[str, ...]] = ("Failed test", "\nnot ok ", "\nFiles=", "\nResult: ", " (Wstat: ")

    failed: int = 0
    total: int = 0

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^ *#   Failed test (?:\(TODO\) )?'(.*)'$")
    _FILE: ClassVar[re.Pattern[str]] = re.compile(r"^(\S+) +\(Wstat: .*? Tests: (\d+) Failed: (\d+)\)$")
    _NOT_OK: ClassVar[re.Pattern[str]] = re.compile(r"^not ok \d+(?: -)? (.*?)$")
    _FILES: ClassVar[re.Pattern[str]] = re.compile(r"^Files=\d+, Tests=(\d+), ")

    @property
    def is_inside(self) -> bool:
        return bool(self.total)

    def take(self, number: int, text: str) -> None:
        if failed := self._FAILED.match(text) or self._NOT_OK.match(text):
            self.begin(failed[1], number)
        elif file := self._FILE.match(text):
            self.failed += int(file[3])
        elif files := self._FILES.match(text):
            self.total = int(files[1])
        elif text.startswith("Result: "):
            self._end(number, text)
        elif text.startswith("#  "):
            self.explain(re.sub(r"^# +(?:at .* line \d+\.)?", "", text))

    def _end(self, number: int, text: str) -> None:
        if text == "Result: PASS" or self.failed:
            self.state(number, rest_of(self.total, failed=self.failed))
        self.failed = self.total = 0
