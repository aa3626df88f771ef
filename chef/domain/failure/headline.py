"""An error of several lines in one: the line that says it, where the first one only announces it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chef.domain.outline import is_error

_LEVEL = re.compile(r"^\[ERROR\] +|^(?:[|│] )+")
_LEADERS = re.compile(r"\.{5,}")
_IN_GROUP = re.compile(r" *(?:\| )+(?!\S*ExceptionGroup\b|Traceback|\+)\w[\w.]*(?::|$)")
# An announcement can be announced itself, but not for ever.
_MOST = 5
# So far behind an announcement is looked for what it announces.
_REACH = 200


class Announcement(NamedTuple):
    """A line that announces an error. `says` tells whether a line behind it, told its place, says the error.

    Where `kept`, the announcement is part of the headline: it says where.
    """

    pattern: str
    says: Callable[[str], bool]
    kept: bool = False


def _says_of_npm(text: str) -> bool:
    said = re.match(r"npm (?:ERR!|error) +(\S+) +\S", text)
    return said is not None and said[1] not in ("code", "syscall", "path", "dest", "errno", "command", "cwd")


def _says_of_build(text: str) -> bool:
    return bool(re.match(r" +(?:(?:[\w.]*(?:Error|Exception)|error|\S+:\d+:\d+: (?:fatal )?error): )", text))


ANNOUNCEMENTS = (
    # Python: the exception stands behind the indented lines.
    Announcement(r"^Traceback \(most recent call last\)", lambda text: text[:1] not in (" ", "\t", "")),
    # Its groups of exceptions, drawn as a tree: the first one that is no group itself
    Announcement(r"^\+ Exception Group Traceback", lambda text: bool(_IN_GROUP.match(text))),
    # argparse, as pytest shows it
    Announcement(r"^ERROR: usage: ", lambda text: ": error: " in text),
    # npm: the code comes first, then perhaps the call that failed, then words
    Announcement(r"^npm (?:ERR!|error) code [A-Z]\w+$", _says_of_npm),
    # pip: what the other program said, up to its end
    Announcement(r"^(?:error|ERROR): subprocess-exited-with-error$", _says_of_build),
    # Composer
    Announcement(r"^Your requirements could not be resolved", lambda text: text.startswith("    - ")),
    # webpack: the module, then the error
    Announcement(r"^ERROR in \./\S+(?: \d+:\d+(?:-\d+)?)?$", bool, kept=True),
    # Gradle
    Announcement(r"^FAILURE: Build failed", lambda text: text == "* What went wrong:"),
    Announcement(r"^\* What went wrong:$", bool),
    Announcement(r"^Execution failed for task .*\.$", lambda text: text.startswith("> "), kept=True),
    # Maven
    Announcement(r"\bBUILD FAILURE\b", lambda text: text.startswith("[ERROR] ")),
    Announcement(r"\bCOMPILATION ERROR :$", lambda text: bool(re.search(r"\.\w+:\[\d+,\d+\] ", text))),
    # Vite and other bundlers
    Announcement(r"^error during build:$|^Build failed with \d+ errors?:$", lambda text: bool(text.strip())),
    # Ninja, Vite
    Announcement(r"^FAILED: |^\W*Build failed in ", is_error),
    # Rust, CMake, and whatever else ends in a colon
    Announcement(r":$", lambda text: bool(text.strip()), kept=True),
)


def headline(texts: Sequence[str]) -> str:
    """The error that `texts` begin with, in one line."""
    kept: list[str] = []
    place = 0
    for _ in range(_MOST):
        text = texts[place].strip()
        announced = _announced(text, texts, place)
        if announced is None:
            break
        announcement, place = announced
        if announcement.kept:
            kept.append(text)
    return _LEADERS.sub(" … ", " ".join([*kept, _LEVEL.sub("", texts[place].strip())]))


def _announced(text: str, texts: Sequence[str], place: int) -> tuple[Announcement, int] | None:
    """The first announcement that a line is, and the place of the line that says it."""
    for announcement in ANNOUNCEMENTS:
        if re.search(announcement.pattern, text):
            behind = range(place + 1, min(len(texts), place + _REACH))
            found = next((at for at in behind if announcement.says(texts[at].rstrip())), None)
            return None if found is None else (announcement, found)
    return None
