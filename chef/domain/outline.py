"""Lines of a log that stand out: those that tell of errors, and those that mark groups. Pure, over bytes.

`static/log-outline.js` uses the same patterns for lines that come live; a page carries them as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chef.domain.text import clean_text

ERROR_LEVELS = frozenset({"error", "fatal", "critical"})
# A group's marker is shown as the group's name.
_MAX_MARK = 200

ERROR = (
    r"(?<![\w./-])(?<!\b0 )(?<!\bno )(?<!\bwithout )"
    r"(?:error|fatal|panic|failed|failure|exception|traceback|segmentation fault)"
    r"(?![\w./-]|\(s\): 0|s?: 0\b)"
    r"|\w(?:error|exception)(?=: )|\bnpm ERR!|^--- FAIL|^\s*[✗✖✘]"
)
MARK = (
    r"^(?:::(?:end)?group::|::stop-commands::|::\S.*::\s*$|##\[(?:end)?group\]|section_(?:start|end):\d+:[\w.-]+"
    r"|(?:---|\+\+\+|~~~) (?!(?:PASS|FAIL|SKIP|BENCH):)\S)"
)

_ERROR = re.compile(ERROR, re.IGNORECASE)
_MARK = re.compile(MARK)
# Words of such lines, in lower case: most rows hold none of them, and to look for words is quick.
_ERROR_WORDS = (b"err", b"fatal", b"panic", b"fail", b"exception", b"traceback", b"segmentation", b"\xe2\x9c")
_MARK_WORDS = (b"group::", b"group]", b"section_", b"--- ", b"+++ ", b"~~~ ", b"stop-commands::")
# `::stop-commands::TOKEN` holds until `::TOKEN::`, whatever the token is.
_MARK_END = b"::"


class Notable(NamedTuple):
    """A line that stands out, by its place among others. `mark` is `None` for one that tells of an error."""

    place: int
    mark: str | None


def notable_lines(texts: bytes) -> Iterator[Notable]:
    """The lines that stand out among `texts`, lines joined by newlines."""
    lower = texts.lower()
    ends_so = _MARK_END + b"\n" in lower or lower.endswith(_MARK_END)
    if not (ends_so or _holds_any(lower, _ERROR_WORDS + _MARK_WORDS)):
        return
    for place, (line, folded) in enumerate(zip(texts.split(b"\n"), lower.split(b"\n"), strict=True)):
        may_mark = folded.endswith(_MARK_END) or _holds_any(folded, _MARK_WORDS)
        may_fail = _holds_any(folded, _ERROR_WORDS)
        if not (may_mark or may_fail):
            continue
        text = clean_text(line.decode("utf-8", "replace"))
        if may_mark and _MARK.match(text):
            yield Notable(place, text[:_MAX_MARK])
        if may_fail and is_error(text):
            yield Notable(place, None)


def _holds_any(text: bytes, words: Iterable[bytes]) -> bool:
    return any(word in text for word in words)


def is_error(text: str) -> bool:
    """Whether a line's text tells of an error, as the usual tools say it."""
    return _ERROR.search(text) is not None
