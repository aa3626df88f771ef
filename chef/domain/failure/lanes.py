r"""The lanes of a log: what stands before a line and is none of its tool's words. Pure.

CI systems put times before lines. Tools that run others at once put a name before each line, which tells
their outputs apart: each name is a lane.
"""

from __future__ import annotations

import json
import re

from chef.domain.text import clean_text

_TIME = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]? (?:\d\d[OE][+ ]?)?"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]? "
)
_NAMES = (
    # Docker Compose, act
    r"([\w./-]+|\[[\w ./-]+\]) +\| ?",
    # Turborepo: package:task
    r"(@?[\w./-]+:[A-Za-z][\w.:-]*):(?: |$)",
    # pnpm -r, lerna
    r"((?:\.|[\w@.-]+/[\w@./-]+) [a-z][\w:-]*|@[\w.-]+/[\w.-]+):(?: |$)",
    # concurrently, Woodpecker
    r"\[(\d{1,2}|(?!gw\d|error\]|warn\]|info\]|debug\]|success\])[a-z][\w:.@/-]*)\](?: (?!›)|$)",
    # BuildKit, with the seconds
    r"(#\d+) \d+\.\d+ ",
)
_NAME = re.compile("|".join(_NAMES))
_SIGNS = ("@", "[", ".", "#")


# `go test -json`: a record for each line, with its package
_GO_RECORD = re.compile(
    r'\{"Time":"[^"]*","Action":"\w+","Package":"([^"]*)"(?:,"\w+":(?:[\d.]+|"(?:[^"\\]|\\.)*"))*\}$'
)
_GO_OUTPUT = re.compile(r'"Output":("(?:[^"\\]|\\.)*")')

# Runners within runners, and times before and behind their names.
_DEEPEST = 3


def lane_of(text: str) -> tuple[str, str]:
    """The name of a line's lane, and the line without it and without times; the first lane has no name."""
    names: list[str] = []
    for _ in range(_DEEPEST):
        text = _without_time(text)
        if text[:1] == "{" and (record := _GO_RECORD.match(text)):
            names.append(record[1])
            return " ".join(names), _output_of(text)
        # Nearly all lines of tools begin with a space, a capital letter, or a sign.
        if not (text[:1].islower() or text[:1].isdigit() or text[:1] in _SIGNS):
            break
        found = _NAME.match(text)
        if found is None or found.lastindex is None:
            break
        names.append(found[found.lastindex])
        text = text[found.end() :]
    return " ".join(names), text


def _without_time(text: str) -> str:
    if not (text[:1].isdigit() or text[:1] == "["):
        return text
    found = _TIME.match(text)
    return text if found is None else text[found.end() :]


def _output_of(record: str) -> str:
    """The line that a record of Go tells, empty for the other ones."""
    output = _GO_OUTPUT.search(record)
    if output is None:
        return ""
    try:
        text: str = json.loads(output[1])
    except ValueError:
        return ""
    return clean_text(text.encode("utf-8", "replace").decode()).rstrip()
