"""Cucumber, behave and Robot Framework: what they state at their end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import ToolReader, numbers_in

_COUNT = re.compile(r"(\d+) ([a-z]+)")
_OUTCOMES = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "errors": "error",
    "undefined": "error",
    "ambiguous": "error",
    "skipped": "skipped",
    "pending": "skipped",
}


@dataclass(slots=True)
class ScenarioReader(ToolReader):
    """Cucumber of all languages, and behave: failing scenarios by name, then `3 scenarios (1 failed, …)`."""

    tool: ClassVar[str] = "cucumber"
    words: ClassVar[tuple[str, ...]] = (
        *("Scenario: ", "\nFailing scenarios:", "\nErrored scenarios:", " scenarios (", " scenario ("),
        *(" scenarios passed, ", " scenario passed, "),
    )

    in_list: bool = False
    scenario: tuple[str, int] | None = None
    messages: dict[str, tuple[int, str]] = field(default_factory=dict)

    _LIST: ClassVar[re.Pattern[str]] = re.compile(r"^(?:Failing|Errored) [Ss]cenarios:$")
    _LISTED: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:cucumber \S+ +# Scenario(?: Outline)?: (.+)|  \S+\.feature:\d+ +(.+))$"
    )
    _SCENARIO: ClassVar[re.Pattern[str]] = re.compile(
        r"^ *(\d+\) )?Scenario(?: Outline)?: (.+?)(?: +# \S+:\d+)?$"
    )
    _MESSAGE: ClassVar[re.Pattern[str]] = re.compile(
        r"^ {4,}(?:(?:ASSERT|Assertion) (?:FAILED|Failed): (.+)|(\S.* \(\w+(?:::\w+)*\))"
        r"|((?:\w+\.)*\w*(?:Error|Exception)(?: \[\w+\])?: .+))$"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^\d+ scenarios? \((.*)\)$|^(\d+ scenarios? passed, \d+ failed.*)$"
    )

    @property
    def is_inside(self) -> bool:
        return self.in_list or self.scenario is not None

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            self._end(number, (ended[1] or ended[2]).replace("scenarios ", "").replace("scenario ", ""))
        elif self._LIST.match(text):
            self.in_list = True
        elif self.in_list and (listed := self._LISTED.match(text)):
            name = listed[1] or listed[2]
            self.begin(name, *self.messages.get(name, (number, None)))
        elif scenario := self._SCENARIO.match(text):
            self.scenario = scenario[2], number
            if scenario[1]:  # Cucumber's JavaScript lists with messages.
                self.begin(scenario[2], number)
        elif self.scenario is not None and (message := self._MESSAGE.match(text)):
            self._explain(*self.scenario, next(one for one in message.groups() if one))

    def _explain(self, name: str, line: int, message: str) -> None:
        self.messages.setdefault(name, (line, message))
        if name in self.tests:
            self.explain(message)

    def _end(self, number: int, text: str) -> None:
        self.state(number, numbers_in(text, _COUNT, _OUTCOMES))
        self.messages.clear()
        self.in_list, self.scenario = False, None


@dataclass(slots=True)
class RobotReader(ToolReader):
    """Robot Framework: `Adds | FAIL |`, the message below, then a sum for each suite, at last of all."""

    tool: ClassVar[str] = "robot"
    words: ClassVar[tuple[str, ...]] = ("| FAIL |", " passed, ")

    named: tuple[int, str] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    line: int = 0

    _FAILED: ClassVar[re.Pattern[str]] = re.compile(r"^(\S.*?) +\| FAIL \|$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^\d+ tests?, (\d+ passed, \d+ failed(?:, \d+ skipped)?)$")

    @property
    def is_inside(self) -> bool:
        return self.named is not None or bool(self.line)

    def take(self, number: int, text: str) -> None:
        named, self.named = self.named, None
        if ended := self._END.match(text):
            self.counts, self.line = numbers_in(ended[1], _COUNT, _OUTCOMES), number
        elif failed := self._FAILED.match(text):
            self.named = number, failed[1].partition(" :: ")[0]
        elif named is not None and text.strip("=- "):
            self.begin(named[1], named[0], text.strip())
        elif text.startswith("Output: "):
            self.finish()

    def finish(self) -> None:
        if self.line:
            self.state(self.line, self.counts)
        self.counts, self.line = {}, 0
