"""Lines of a log by which a build says something of a level, at a place: workflow commands. Pure.

| written as | described in |
|---|---|
| `::error file=a.c,line=1,title=T::TEXT`, also `warning`, `notice`, `debug` | GitHub's workflow commands |
| `##[error]TEXT`, also `warning`, `debug` | Azure's formatting commands |
| `##vso[task.logissue type=error;sourcepath=a.c;linenumber=1]TEXT` | Azure's logging commands |
| `##teamcity[message text='TEXT' status='ERROR']`, `buildProblem`, `testFailed` | TeamCity's messages |

`static/log-annotations.js` reads the same by the same patterns, which a page carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

GITHUB = r"^\s*::(error|warning|notice|debug)(?: (.*?))?::(.*)$"
AZURE = r"^\s*##\[(error|warning|debug)\](.*)$"
ISSUE = r"^\s*##vso\[task\.logissue ([^\]]*)\](.*)$"
TEAMCITY = r"^\s*##teamcity\[(message|buildProblem|testFailed)\s+(.*)\]\s*$"
ATTRIBUTE = r"([A-Za-z]\w*)\s*=\s*'((?:[^'|]|\|.)*)'"

PERCENT_CODES = {"25": "%", "0A": "\n", "0D": "\r", "3A": ":", "2C": ",", "3B": ";", "5D": "]"}
"""What GitHub and Azure write as a percent sign and two digits."""

TEAMCITY_CODES = {"n": "\n", "r": "\r", "x": "\x85", "l": "\u2028", "p": "\u2029"}
"""What TeamCity writes as a bar and a letter; other characters stand for themselves, `0xHHHH` for its own."""

TEAMCITY_LEVELS = {"ERROR": "error", "FAILURE": "error", "WARNING": "warning"}

_GITHUB, _AZURE, _ISSUE, _TEAMCITY = map(re.compile, (GITHUB, AZURE, ISSUE, TEAMCITY))
_ATTRIBUTE = re.compile(ATTRIBUTE)
_PERCENT = re.compile("%({})".format("|".join(PERCENT_CODES)), re.IGNORECASE)
_BAR = re.compile(r"\|(0x[0-9A-Fa-f]{4}|.)")
_LINE_ENDS = re.compile(r"\s*[\n\r\x85\u2028\u2029]\s*")


class Annotation(NamedTuple):
    """What a line says: its level, and its text on one line, with the place in front."""

    level: str
    text: str


def annotation_of(text: str) -> Annotation | None:
    """The annotation that a line is, `None` for any other line. The text is one without escapes."""
    if "::" not in text and "##" not in text:
        return None
    if found := _GITHUB.match(text):
        named = dict(one.strip().partition("=")[::2] for one in (found[2] or "").split(","))
        return _made(found[1], [_place(named, "file", "line", "col"), named.get("title"), found[3]])
    if found := _AZURE.match(text):
        return _made(found[1], [found[2]])
    if found := _ISSUE.match(text):
        named = dict(one.strip().partition("=")[::2] for one in found[1].split(";"))
        level = "error" if named.get("type") == "error" else "warning"
        return _made(level, [_place(named, "sourcepath", "linenumber", "columnnumber"), found[2]])
    return _teamcity(text)


def _teamcity(text: str) -> Annotation | None:
    found = _TEAMCITY.match(text)
    if not found:
        return None
    named = dict(_ATTRIBUTE.findall(found[2]))
    level = TEAMCITY_LEVELS.get(named.get("status", "")) if found[1] == "message" else "error"
    parts = [named.get(name) for name in ("name", "text", "description", "message")]
    return Annotation(level, _line(_bars_decoded(part) for part in parts if part)) if level else None


def _place(named: dict[str, str], *names: str) -> str:
    """File, line and column, as many as are given, with colons between."""
    file, *numbers = (named.get(name, "") for name in names)
    return ":".join([file, *filter(None, numbers)]) if file else ""


def _made(level: str, parts: list[str | None]) -> Annotation:
    return Annotation(level, _line(percents_decoded(part) for part in parts if part))


def _line(parts: Iterable[str]) -> str:
    return _LINE_ENDS.sub(" ", ": ".join(part.strip() for part in parts))


def percents_decoded(text: str) -> str:
    """A value or a message of GitHub's or Azure's commands."""
    return _PERCENT.sub(lambda found: PERCENT_CODES[found[1].upper()], text)


def _bars_decoded(text: str) -> str:
    return _BAR.sub(_bar, text)


def _bar(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code, 16)) if len(code) > 1 else TEAMCITY_CODES.get(code, code)
