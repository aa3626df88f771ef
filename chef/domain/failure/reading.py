"""Reading a log piece by piece, for all tools at once: what they state, and the first errors. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from chef.domain.failure.checking import CHECKERS, CheckerReader
from chef.domain.failure.compiled import (
    BazelReader,
    CargoReader,
    CTestReader,
    DotnetReader,
    GoReader,
    GotestsumReader,
    NextestReader,
)
from chef.domain.failure.javascript import (
    DenoReader,
    JasmineReader,
    JestReader,
    MochaReader,
    NodeReader,
    PlaywrightReader,
    VitestReader,
)
from chef.domain.failure.jvm import GradleReader, JUnitReader, MavenReader
from chef.domain.failure.lanes import lane_of
from chef.domain.failure.native import CatchReader, GoogleTestReader, SwiftTestingReader, XCTestReader
from chef.domain.failure.python import PytestReader, UnittestReader
from chef.domain.failure.reason import FailureReason, stated_reason
from chef.domain.failure.scenarios import RobotReader, ScenarioReader
from chef.domain.failure.scripted import (
    BatsReader,
    ExUnitReader,
    MinitestReader,
    PhpunitReader,
    ProveReader,
    RSpecReader,
    TapReader,
)
from chef.domain.failure.sentences import FINAL_SENTENCES, SentenceReader
from chef.domain.failure.statements import Statement, ToolReader
from chef.domain.outline import notable_lines

# A log with more names before its lines than that has no lanes.
_MOST_LANES = 50
# So many errors are remembered; all but the first few only matter where tools were content with those.
_MOST_ERRORS = 1000
# A longer line is read up to here.
_MOST_CHARACTERS = 2000


class SeenLine(NamedTuple):
    """A line of a log as it stands now: its number, stream and clean text; `is_error` by its level."""

    number: int
    stream: str
    text: str
    is_error: bool = False


class _ToolRow(NamedTuple):
    words: tuple[str, ...]
    make: Callable[[], ToolReader]


_READERS: tuple[type[ToolReader], ...] = (
    *(PytestReader, UnittestReader),
    *(JestReader, VitestReader, MochaReader, JasmineReader, PlaywrightReader, NodeReader, DenoReader),
    *(GoReader, GotestsumReader, CargoReader, NextestReader, CTestReader, DotnetReader, BazelReader),
    *(MavenReader, GradleReader, JUnitReader),
    *(GoogleTestReader, CatchReader, XCTestReader, SwiftTestingReader, ScenarioReader, RobotReader),
    *(RSpecReader, MinitestReader, PhpunitReader, ExUnitReader, BatsReader, TapReader, ProveReader),
)
_TOOLS = (
    *(_ToolRow(reader.words, reader) for reader in _READERS),
    *(
        _ToolRow(one.words, lambda one=one: CheckerReader(checker=one))  # type: ignore[misc]
        for one in CHECKERS
    ),
    *(
        _ToolRow(one.words, lambda one=one: SentenceReader(sentence=one))  # type: ignore[misc]
        for one in FINAL_SENTENCES
    ),
)


class _LaneReader:
    """What one tool at a time writes: the lines of a stream that have the same name before them."""

    def __init__(self) -> None:
        self._readers: dict[int, ToolReader] = {}

    def take(self, lines: Sequence[tuple[int, str]]) -> None:
        # A newline before and behind each line: a word may begin or end one.
        whole = "\n" + "\n".join([text for _, text in lines]) + "\n"
        for place, row in enumerate(_TOOLS):
            reader = self._readers.get(place)
            if (reader is None or not reader.busy) and not any(word in whole for word in row.words):
                continue
            if reader is None:
                reader = self._readers[place] = row.make()
            for number, text in lines:
                reader.take(number, text)

    def statements(self, name: str) -> list[Statement]:
        found: list[Statement] = []
        for reader in self._readers.values():
            reader.finish()
            for statement in reader.statements:
                statement.lane = name
                found.append(statement)
        return found


class LogReading:
    """A log that is read from its first line on, or from a later one, in pieces of any size.

    `has_statements` tells after `reason` whether any tool stated its end.
    """

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], _LaneReader] = {}
        self._errors: list[tuple[int, str]] = []
        self.has_statements = False

    def take(self, lines: Iterable[SeenLine]) -> None:
        """Read the lines that follow, in the order of their numbers."""
        parts: dict[tuple[str, str], list[tuple[int, str]]] = {}
        texts: list[tuple[int, str]] = []
        for line in lines:
            name, text = lane_of(line.text[:_MOST_CHARACTERS].rstrip())
            key = (line.stream, name)
            if key not in self._lanes and len(self._lanes) >= _MOST_LANES:
                key = (line.stream, "")
            parts.setdefault(key, []).append((line.number, text))
            texts.append((line.number, text))
            if line.is_error:
                self._note_error(line.number, text)
        for key, own in parts.items():
            self._lanes.setdefault(key, _LaneReader()).take(own)
        self._find_errors(texts)

    def _find_errors(self, texts: Sequence[tuple[int, str]]) -> None:
        joined = "\n".join([text for _, text in texts]).encode("utf-8", "replace")
        for place, mark in notable_lines(joined) if texts else ():
            if mark is None:
                self._note_error(*texts[place])

    def _note_error(self, number: int, text: str) -> None:
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append((number, text))

    def reason(self) -> FailureReason | None:
        """Why it failed, as far as that is certain; nothing can be read after it."""
        found = [one for (_, name), lane in self._lanes.items() for one in lane.statements(name)]
        statements = [one for one in found if not one.last_resort]
        self.has_statements = bool(statements)
        return stated_reason(statements) or self._first_error(statements) or stated_reason(found)

    def _first_error(self, statements: Sequence[Statement]) -> FailureReason | None:
        """The first error behind the last tool that was content: what came before was none to it."""
        content = max((one.line for one in statements), default=0)
        errors = sorted(one for one in set(self._errors) if one[0] > content)
        if not errors:
            return None
        number, text = errors[0]
        return FailureReason(text.strip(), (), number, is_error=True)
