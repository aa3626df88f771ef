"""pytest and unittest: what they state at their end. Pure."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from chef.domain.failure.statements import BrokenTest, ToolReader, numbers_in

# unittest counts a module that it cannot import as a test of this name.
_UNLOADED = "unittest.loader._FailedTest"
_COUNT = re.compile(r"(\d+) ([a-z]+(?: [a-z]+)*)")
_WORDS = {
    "failed": "failed",
    "error": "error",
    "errors": "error",
    "passed": "passed",
    "skipped": "skipped",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
}


@dataclass(slots=True)
class PytestReader(ToolReader):
    """pytest: sections of failures, the short test summary, and the last line with the counts."""

    tool: ClassVar[str] = "pytest"
    words: ClassVar[tuple[str, ...]] = (
        *(" FAILURES =", " ERRORS =", "\nFAILED ", "\nERROR "),
        *(" passed", " failed", " error", " skipped", " deselected"),
    )

    headings: dict[str, deque[BrokenTest]] = field(default_factory=dict)
    in_section: bool = False
    in_summary: bool = False
    in_source: bool = False
    errors: set[str] = field(default_factory=set)

    _SECTION: ClassVar[re.Pattern[str]] = re.compile(r"^=+ (FAILURES|ERRORS|[a-z].*?) =+$")
    _HEADING: ClassVar[re.Pattern[str]] = re.compile(r"^_+ (\S.*?) _+$")
    _NAMED: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:(?:SUB)?FAILED(?:\[.*?\]|\(.*?\))?|ERROR) (\S+\.\w+(?:::.+?)?|\S.*?::.+?|\S+/\S*)(?: - (.*))?$"
    )
    _END: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:=+ )?((?:\d+ [a-z]+(?: [a-z]+)*(?:, |(?= in)))+) ?in \d[\d.]*s(?: \([\d:]+\))?(?: =+)?$"
    )

    @property
    def is_inside(self) -> bool:
        return self.in_section

    def take(self, number: int, text: str) -> None:
        if ended := self._END.match(text):
            self._end(number, ended[1])
        elif section := self._SECTION.match(text):
            self.in_section = section[1] in ("FAILURES", "ERRORS")
            self.in_summary = section[1] == "short test summary info"
        elif named := self._NAMED.match(text):
            self._name(number, *named.groups())
            if text.startswith("ERROR"):
                self.errors.add(named[1])
        elif self.in_section:
            self._explain(number, text)

    def _explain(self, number: int, text: str) -> None:
        if heading := self._HEADING.match(text):
            name = re.sub(r"^ERROR (?:at (?:setup|teardown) of|collecting) ", "", heading[1])
            self.current = BrokenTest(name, number)
            self.headings.setdefault(name, deque()).append(self.current)
        elif text.startswith("E  "):
            self._say(text[1:])

    def _say(self, text: str) -> None:
        """A line of the error. That of a file that cannot be parsed comes behind the place in it."""
        if text.startswith('     File "'):
            self.in_source = True
        elif not text.startswith("    "):
            self.in_source = False
        if not self.in_source:
            self.explain(text)

    def _name(self, number: int, node: str, message: str | None) -> None:
        """A line of the short summary: the node's id, and perhaps the message."""
        parts = node.split("::")
        waiting = self._headings_of(".".join(parts[1:]) if len(parts) > 1 else node)
        told = waiting.popleft() if waiting else BrokenTest(node, number)
        # A cut message of the summary is worse than that of the failure itself.
        self.begin(node, told.line, told.message or message)

    def _headings_of(self, name: str) -> deque[BrokenTest] | None:
        """Headings of a test; those of its subtests say which behind its name."""
        found = self.headings.get(name)
        if found:
            return found
        of_subtests = (waiting for one, waiting in self.headings.items() if one.startswith(f"{name} "))
        return next((waiting for waiting in of_subtests if waiting), None)

    def _end(self, number: int, text: str) -> None:
        counts = numbers_in(text, _COUNT, _WORDS)
        if not counts:
            return
        left = [] if self.tests else [one for waiting in self.headings.values() for one in waiting]
        self.state(number, counts, [*self.tests.values(), *left])
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.headings.clear()
        self.errors.clear()
        self.in_section = self.in_summary = False

    def finish(self) -> None:
        """With `-qq` no line has the counts: the short summary is the last that comes."""
        if not (self.in_summary and self.tests):
            return
        error = len(self.errors & self.tests.keys())
        last = max(one.line for one in self.tests.values())
        self.state(last, {"failed": len(self.tests) - error, "error": error})
        self._begin_anew()


@dataclass(slots=True)
class UnittestReader(ToolReader):
    """unittest and Django: a part for each failure, then `Ran 4 tests` and `FAILED (failures=1)`."""

    tool: ClassVar[str] = "unittest"
    words: ClassVar[tuple[str, ...]] = (
        *("\nFAIL: ", "\nERROR: ", "\nUNEXPECTED SUCCESS: ", "\nRan ", "\nFAILED ("),
    )

    ran: int | None = None
    in_traceback: bool = False
    unloaded: set[str] = field(default_factory=set)

    _HEADING: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): (\S+) \(([\w.]+)\)( .*)?$|^ERROR: (\S+)$"
    )
    _RAN: ClassVar[re.Pattern[str]] = re.compile(r"^Ran (\d+) tests? in \d[\d.]*s$")
    _END: ClassVar[re.Pattern[str]] = re.compile(r"^(?:FAILED|OK)(?: \((.*)\))?$")
    _COUNT: ClassVar[re.Pattern[str]] = re.compile(r"([a-z]+(?: [a-z]+)?)=(\d+)")

    @property
    def is_inside(self) -> bool:
        return self.ran is not None

    def take(self, number: int, text: str) -> None:
        if heading := self._HEADING.match(text):
            name = _dotted(*heading.groups())
            self.begin(name, number)
            if (heading[2] or "").startswith(_UNLOADED):
                self.unloaded.add(name)
            self.in_traceback = False
        elif ran := self._RAN.match(text):
            self.ran = int(ran[1])
        elif self.ran is not None and (ended := self._END.match(text)):
            self._end(number, ended[1] or "")
        elif self.current is not None:
            self._explain(text)

    def _explain(self, text: str) -> None:
        if text.startswith("Traceback (most recent"):
            self.in_traceback = True
        elif self.in_traceback and text[:1] not in (" ", "\t", ""):
            self.explain(text)

    def _end(self, number: int, text: str) -> None:
        said = {name: int(count) for name, count in self._COUNT.findall(text)}
        counts = {
            "failed": said.get("failures", 0) + said.get("unexpected successes", 0),
            "error": said.get("errors", 0),
            "skipped": said.get("skipped", 0) + said.get("expected failures", 0),
        }
        # Each part of a test that has subtests fails by itself, and a class that cannot be set up is no test.
        broken = {
            re.sub(r" [\[(].*", "", name) for name in self.tests if "." in name or name in self.unloaded
        }
        if len(self.tests) == counts["failed"] + counts["error"] and self.ran:
            whole = {name for name in broken if not re.search(r"\.(?:setUp|tearDown)(?:Class|Module)$", name)}
            counts["passed"] = max(0, self.ran - len(whole) - counts["skipped"])
        elif not self.tests and self.ran:
            counts["passed"] = max(0, self.ran - sum(counts.values()))
        self.state(number, counts)
        self.ran = None
        self.unloaded.clear()


def _dotted(method: str, place: str, rest: str | None, module: str | None) -> str:
    if module is not None:
        return module
    if place.startswith(_UNLOADED):
        return method
    name = place if place.endswith(f".{method}") or place == method else f"{place}.{method}"
    return name + (rest or "")
