"""The elements of JUnit XML as they come, within limits."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from chef.domain.testreports import CaseCollector, CaseResult, Outcome
from chef.domain.testreports.collecting import MAX_OUTPUT
from chef.errors import FieldError, Invalid
from chef.wire.strict import shown

MAX_DEPTH, MAX_ATTRIBUTES, MAX_ELEMENTS = 32, 100, 500_000
"""Of a report: how deep elements stand within each other, the attributes of one, and all elements."""

_FAILURES = ("failure", "error")
_FLAKY = ("flakyFailure", "flakyError")
_RERUNS = ("rerunFailure", "rerunError")
_OUTPUTS = ("system-out", "system-err")
_FRESH_PIECES = 256
# The messages of Go's reporters of each failure, and the lines around a test's own in its output.
_SAYS_NOTHING = ("Failed",)
_GO_MARKS = ("=== ", "--- ")
# Google Test's messages begin with the place.
_PLACE = re.compile(r"(?:\S+:\d+|unknown file)\n+(?=.*\S)")
# What the tool says of a test, and what the test wrote: each with a note of what is missing, they are
# together no longer than what is kept.
_MOST_DETAILS, _MOST_WRITTEN = MAX_OUTPUT * 3 // 4 - 64, MAX_OUTPUT // 4 - 64
# The word that GoogleTest and others say in an attribute in place of an element.
_NOT_RUN = ("notrun", "disabled", "skipped", "ignored")
_NOT_PASSED = ("failed", "failure", "fail", "error")
_FEW_DIGITS = re.compile(r"\d{1,9}")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


class BoundedText:
    """A text in pieces, of which the beginning and the end are kept."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._fresh: list[str] = []
        self._head: list[str] = []
        self._tail = ""
        self._size = 0

    def add(self, piece: str) -> None:
        """Add the next piece: a parser gives a line in two."""
        self._fresh.append(piece)
        if len(self._fresh) >= _FRESH_PIECES:
            self._sort_in()

    def _sort_in(self) -> None:
        piece = "".join(self._fresh)
        self._fresh.clear()
        room = self._half - self._size
        self._size += len(piece)
        if room > 0:
            self._head.append(piece[:room])
            piece = piece[room:]
        if piece:
            self._tail = (self._tail + piece)[-self._half :]

    @property
    def text(self) -> str:
        """All of it, or its beginning and end with a note of how much is missing."""
        self._sort_in()
        gone = self._size - sum(map(len, self._head)) - len(self._tail)
        note = f"… [cut: {gone} characters] …" if gone else ""
        return "".join(self._head) + note + self._tail


@dataclass
class _Case:
    """A `testcase` as far as it was read. `suite` is the name of the suite around it."""

    attributes: AttributesImpl
    suite: str | None
    outcome: Outcome = "passed"
    message: str | None = None
    details: BoundedText = field(default_factory=lambda: BoundedText(_MOST_DETAILS))
    written: BoundedText = field(default_factory=lambda: BoundedText(_MOST_WRITTEN))

    def result(self) -> CaseResult:
        """The result that it is."""
        get = self.attributes.get
        failed = self.outcome in ("failed", "flaky")
        output = self.details.text + self.written.text if failed else None
        suite = get("classname") or get("class") or self.suite
        return CaseResult(
            name=get("name") or "",
            outcome=self.outcome,
            suite=suite,
            file=get("file") or get("filepath"),
            duration_ms=_milliseconds(get("time") or get("duration")),
            message=_reason(self.message, output or "", suite),
            output=output,
        )


class _Suite(NamedTuple):
    """A `testsuite` that is open: its number, its name, and how many tests it says to have."""

    scope: int
    name: str | None
    announced: int | None


class JUnitHandler(ContentHandler):
    """Takes the elements of a report and gives each test's result to a collector.

    Raises Invalid where the document is no report, or beyond a limit.
    """

    def __init__(self, collector: CaseCollector) -> None:
        super().__init__()
        self._collector = collector
        self._locator: Locator | None = None
        self._open: list[str] = []
        self._elements = 0
        self._suites: list[_Suite] = []
        self._case: _Case | None = None
        self._text: BoundedText | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - a hook of SAX
        self._locator = locator

    @property
    def place(self) -> str:
        """Where in the document the parser is, for a message."""
        if self._locator is None or (line := self._locator.getLineNumber()) is None:
            return ""
        return f", line {line}, column {(self._locator.getColumnNumber() or 0) + 1}"

    def startElement(self, name: str, attributes: AttributesImpl) -> None:  # noqa: N802 - a hook of SAX
        self._check(name, attributes)
        local = name.rpartition(":")[2]
        self._open.append(local)
        if self._case is not None:
            self._begin_within(self._case, local, attributes)
        elif local == "testsuite":
            announced = attributes.get("tests") or ""
            number = int(announced) if _FEW_DIGITS.fullmatch(announced) else None
            self._suites.append(_Suite(self._elements, attributes.get("name") or None, number))
        elif local == "testcase":
            self._case = _Case(attributes, self._suites[-1].name if self._suites else None)
            word = (attributes.get("result") or attributes.get("status") or "").lower()
            if word in _NOT_RUN:
                self._case.outcome = "skipped"
            elif word in _NOT_PASSED:
                self._case.outcome = "failed"

    def _check(self, name: str, attributes: AttributesImpl) -> None:
        self._elements += 1
        if not self._open and name.rpartition(":")[2] not in ("testsuites", "testsuite"):
            raise self._invalid(
                f"JUnit XML begins with <testsuites> or <testsuite>, not with <{shown(name)}>"
            )
        if len(self._open) >= MAX_DEPTH:
            raise self._invalid(f"elements stand within each other deeper than {MAX_DEPTH} levels")
        if len(attributes) > MAX_ATTRIBUTES:
            raise self._invalid(f"<{shown(name)}> has more than {MAX_ATTRIBUTES} attributes")
        if self._elements > MAX_ELEMENTS:
            raise self._invalid(f"a report has at most {MAX_ELEMENTS} elements: send it in parts")

    def _invalid(self, message: str) -> Invalid:
        return Invalid(f"{message}{self.place}", errors=(FieldError(f"{message}{self.place}"),))

    def _begin_within(self, case: _Case, name: str, attributes: AttributesImpl) -> None:
        if name in _FAILURES:
            case.outcome = "failed"
        elif name in _FLAKY and case.outcome != "failed":
            case.outcome = "flaky"
        elif name == "skipped" and case.outcome == "passed":
            case.outcome = "skipped"
        if name in (*_FAILURES, *_FLAKY, *_RERUNS, "skipped"):
            case.message = case.message or attributes.get("message") or None
        if name in (*_FAILURES, *_FLAKY):
            self._text = case.details
        elif name in _OUTPUTS:
            self._text = case.written
        elif name == "skipped":
            self._text = BoundedText(_MOST_WRITTEN)

    def characters(self, content: str) -> None:
        if self._text is not None:
            self._text.add(content)

    def endElement(self, _name: str) -> None:  # noqa: N802 - a hook of SAX
        local = self._open.pop()
        if self._case is None:
            if local == "testsuite":
                self._end_suite(self._suites.pop())
        elif local == "testcase":
            self._end_case(self._case)
        elif local in (*_FAILURES, *_FLAKY, *_OUTPUTS) and self._text is not None:
            self._text.add("\n")
            self._text = None
        elif local == "skipped" and self._text is not None:
            self._case.message = self._case.message or self._text.text or None
            self._text = None

    def _end_case(self, case: _Case) -> None:
        self._collector.add(case.result(), self._suites[-1].scope if self._suites else 0)
        self._case = None

    def _end_suite(self, suite: _Suite) -> None:
        if suite.announced is not None:
            self._collector.end_scope(suite.scope, suite.announced)


def _reason(message: str | None, output: str, suite: str | None) -> str | None:
    """The reason of a failure: the tool's message, or where that says nothing, a line of the output."""
    message = _PLACE.sub("", message, count=1) if message and _PLACE.match(message) else message
    text = output if not message or message in _SAYS_NOTHING else message
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(_GO_MARKS)]
    if message and (text is message and len(said) == len([line for line in lines if line])):
        return message
    if any(line.startswith(_GO_MARKS) for line in lines):
        return said[-1] if said else message
    # PHPUnit's first line is the test's name.
    named = [line for line in said if suite is None or not line.startswith(f"{suite}::")]
    return next(iter(named or said), message)


def _milliseconds(text: str | None) -> int | None:
    """A number of seconds as tools write it, also with commas between thousands or before its fraction.

    `None` for anything else.
    """
    given = (text or "").strip()
    comma = "" if _THOUSANDS.fullmatch(given) else "."
    try:
        seconds = float(given.replace(",", comma))
    except ValueError:
        return None
    return round(seconds * 1000) if math.isfinite(seconds) and 0 <= seconds < 1e9 else None
