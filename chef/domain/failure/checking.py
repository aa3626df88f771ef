"""Compilers and linters that count what they found: a table beside one reader. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from chef.domain.failure.statements import Statement, ToolReader, numbers_in

_COUNT = re.compile(r"(\d+) (errors?|warnings?|offenses?|diagnostics?)\b", re.IGNORECASE)
_NAMES = {
    **dict.fromkeys(("error", "errors", "offense", "offenses", "diagnostic", "diagnostics"), "error"),
    **dict.fromkeys(("warning", "warnings"), "warning"),
}


# How the names of its most usual rules begin.
_RUFF = tuple(
    f"\n{name}"
    for name in [
        "E1",
        "E2",
        "E3",
        "E4",
        "E5",
        "E7",
        "E9",
        "F4",
        "F5",
        "F6",
        "F7",
        "F8",
        "I0",
        "W2",
        "W6",
        "B0",
        "C4",
        "D1",
        "N8",
        "S1",
        "SIM",
        "UP",
        "PL",
        "RUF",
    ]
)


class Checker(NamedTuple):
    """A tool that lists what it found, each by a line of `finding`, whose group is what is wrong.

    Then comes a line of `end`, whose group has the number of errors. Where `endless`, it may also say no
    number: then what it found is counted at the log's end.
    """

    tool: str
    words: tuple[str, ...]
    finding: str
    end: str
    endless: bool = False


CHECKERS = (
    Checker(
        "tsc",
        ("error TS",),
        r"^(\S.*?(?:\(\d+,\d+\): |:\d+:\d+ - )error TS\d+: .*)$",
        r"^Found (\d+ errors?)(?:\.| in )",
        endless=True,
    ),
    Checker(
        "eslint",
        (" error ", " problem"),
        r"^ +\d+:\d+ +error +(\S.*)$",
        r"^\s*[✖\u00d7] \d+ problems? \((\d+ errors?, \d+ warnings?)\)",
    ),
    Checker(
        "ruff, flake8",
        (".py:", "\nFound ", *_RUFF),
        r"^(\S+\.pyi?:\d+:\d+: [A-Z]{1,4}\d{3,4} .*|[A-Z]{1,4}\d{3,4} (?:\[\*\] )?\S.*)$",
        r"^Found (\d+ errors?)\.$",
        endless=True,
    ),
    Checker(
        "mypy",
        (": error: ", "\nFound "),
        r"^(\S+\.pyi?:\d+(?::\d+)?: error: .*)$",
        r"^Found (\d+ errors?) in \d+ files? \(",
    ),
    Checker(
        "rustc",
        ("\nerror", "could not compile"),
        r"^(error(?:\[E\d+\])?: (?!could not compile|aborting).*)$",
        r"^error: could not compile .* due to (\d+ previous errors?)",
    ),
    Checker(
        "javac",
        (": error: ",),
        r"^(?:\[ERROR\] )?(\S+\.(?:java|kt):\d+: error: .*)$",
        r"^(\d+ errors?)$",
    ),
    Checker(
        "clang",
        (": error: ", " generated."),
        r"^(\S+:\d+:\d+: (?:fatal )?error: .*)$",
        r"^(?:\d+ warnings? and )?(\d+ errors?) generated\.$",
    ),
    Checker(
        "MSBuild",
        (": error ", " Error(s)"),
        r"^\s*(\S.*\(\d+,\d+\): error (?!TS)[A-Z]+\d+: .*?)(?: \[.*\])?$",
        r"^ +(\d+ Error)\(s\)$",
    ),
    Checker(
        "pyright",
        (" - error: ",),
        r"^ +(\S+:\d+:\d+ - error: .*)$",
        r"^(\d+ errors?, \d+ warnings?), ",
    ),
    Checker("ty", ("\nerror[",), r"^(error\[[a-z-]+\]: .*)$", r"^Found (\d+ diagnostics?)$"),
    Checker(
        "pylint",
        (".py:",),
        r"^(\S+\.pyi?:\d+:\d+: [CEFRW]\d{4}: .*)$",
        r"(?!)",
        endless=True,
    ),
    Checker(
        "rubocop",
        (": C: ", ": W: ", ": E: ", ": F: ", " inspected, "),
        r"^(\S+:\d+:\d+: [CWEF]: .*)$",
        r"^\d+ files? inspected, (\d+ offenses?) detected",
    ),
    Checker(
        "stylelint",
        ("✖",),
        r"^ +\d+:\d+ +[✖\u00d7] +(\S.*)$",
        r"^\s*[✖\u00d7] \d+ problems? \((\d+ errors?, \d+ warnings?)\)",
    ),
    Checker("yamllint", (" error ",), r"^ {2}\d+:\d+ +error +(\S.* {2}\([a-z-]+\))$", r"(?!)", endless=True),
    Checker(
        "oxlint",
        ("\u00d7 ", "\nFound "),
        r"^ +\u00d7 (\S.*)$",
        r"^Found (\d+ warnings? and \d+ errors?)\.$",
    ),
    Checker("biome", ("\u00d7 ", "✖", "\nFound "), r"^ +[\u00d7✖] (\S.*)$", r"^Found (\d+ errors?)\.$"),
    Checker("shellcheck", ("^-- SC", "-^ SC"), r"^ *\^-+\^? (SC\d+ \(\w+\): .*)$", r"(?!)", endless=True),
    Checker("hadolint", (" DL",), r"^(\S+:\d+ (?:DL|SC)\d{4} .*)$", r"(?!)", endless=True),
)
"""What they print: the first finding is what is wrong first."""


@dataclass(slots=True)
class CheckerReader(ToolReader):
    """Reads for one row of the table."""

    checker: Checker = CHECKERS[0]
    found: int = 0
    first: tuple[int, str] | None = None

    @property
    def is_inside(self) -> bool:
        return self.first is not None

    def take(self, number: int, text: str) -> None:
        if self.first is not None and (ended := re.match(self.checker.end, text)):
            self._end({name: count for name, count in _counts(ended[1]).items() if count})
        elif finding := re.match(self.checker.finding, text):
            self.first = self.first or (number, " ".join(finding[1].split()))
            self.found += 1

    def finish(self) -> None:
        if self.first is not None and self.checker.endless:
            self._end({"error": self.found})

    def _end(self, counts: dict[str, int]) -> None:
        if self.first is not None and counts.get("error"):
            line, text = self.first
            self.statements.append(Statement(self.checker.tool, counts, [], line, text=text))
        self.first, self.found = None, 0


def _counts(text: str) -> dict[str, int]:
    return numbers_in(text.replace("previous ", ""), _COUNT, _NAMES)
