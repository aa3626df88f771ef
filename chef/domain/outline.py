"""Lines of a log that stand out: those that tell of errors, and those that mark groups. Pure, over bytes.

`static/log-outline.js` uses the same patterns for lines that come live; a page carries them as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chef.domain.errorlines import IGNORED, SOUGHT, STEMS, is_harmless
from chef.domain.text import clean_text, without_escapes

ERROR_LEVELS = frozenset({"error", "fatal", "critical"})
"""Levels of a line, in lower case, that make it one that tells of an error."""

# A group's marker is shown as the group's name.
_MAX_MARK = 200

MARK = (
    r"^(?:::(?:end)?group::|::stop-commands::|::\S.*::\s*$|##\[(?:end)?group\]|section_(?:start|end):\d+:[\w.-]+"
    r"|(?:---|\+\+\+|~~~) (?!(?:PASS|FAIL|SKIP|BENCH):)\S)"
)

_MARK = re.compile(MARK)
# Words of such lines, in lower case: most rows hold none of them, and to look for words is quick. The last
# one is how `::stop-commands::TOKEN` ends, whatever the token is.
_MARK_WORDS = (b"group::", b"group]", b"section_", b"--- ", b"+++ ", b"~~~ ", b"stop-commands::", b"::\n")

_STEMS = [stem.encode() for stem in STEMS]
_ASCII_STEMS = [stem for stem in _STEMS if stem.isascii()]
# Ansible writes so behind an error that its playbook ignores.
_IGNORED = b"\n%b\n" % IGNORED.encode()


class Notable(NamedTuple):
    """A line that stands out, by its place among others. `mark` is `None` for one that tells of an error."""

    place: int
    mark: str | None


def notable_lines(texts: bytes) -> Iterator[Notable]:
    """The lines that stand out among `texts`, lines joined by newlines."""
    # A newline before and behind each line: a word may begin or end one.
    plain = b"\n%b\n" % without_escapes(texts)
    folded = plain.lower()
    marks = {start for word in _MARK_WORDS if word in folded for start in _lines_with(word, folded)}
    errors = _errors(plain, folded)
    place, counted = 0, 1
    for start in sorted(marks | errors):
        place += plain.count(b"\n", counted, start)
        counted = start
        text = _text_at(start, plain)
        if start in marks and _MARK.match(text):
            yield Notable(place, text[:_MAX_MARK])
        if start in errors:
            yield Notable(place, None)


def _errors(plain: bytes, folded: bytes) -> set[int]:
    """Where the lines begin that tell of errors."""
    found: set[int] = set()
    harmless: set[int] = set()
    stems = _stems_in(folded)
    for word, stem, pattern in SOUGHT if stems else ():
        for start in _lines_with(word, folded) if stem in stems else ():
            if start in found or start in harmless:
                continue
            text = _text_at(start, plain)
            if pattern.search(text):
                (harmless if is_harmless(text) else found).add(start)
    for start in _lines_with(_IGNORED, folded) if found else ():
        found.discard(folded.rfind(b"\n", 0, start - 1) + 1)
    return found


def _stems_in(folded: bytes) -> set[bytes]:
    stems = _ASCII_STEMS if folded.isascii() else _STEMS
    return {stem for stem in stems if stem in folded}


def _lines_with(word: bytes, folded: bytes) -> Iterator[int]:
    """Where the lines begin that hold a word, ascending. A newline in front is the one before the line."""
    at = folded.find(word)
    while at >= 0:
        yield folded.rfind(b"\n", 0, at + 1) + 1
        end = folded.find(b"\n", at + 1)
        if end < 0:
            return
        at = folded.find(word, end)


def _text_at(start: int, plain: bytes) -> str:
    return clean_text(plain[start : plain.index(b"\n", start)].decode("utf-8", "replace"))


def is_error(text: str) -> bool:
    """Whether a line tells of an error, as the usual tools say it."""
    return any(mark is None for _, mark in notable_lines(text.encode("utf-8", "replace")))
