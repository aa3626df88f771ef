"""Text of a build inside Markdown: nothing of it may end its code, hide, or become markup. Pure.

Source: CommonMark 0.31, 4.5 (fenced code blocks) and 6.1 (code spans).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chef.domain.text import clean_text

# What reorders or hides text: marks of direction, zero-width characters, tags. And line ends that a fence
# does not know. U+200D stays: emoji are joined by it.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_RUNS = re.compile("`+")
_BLANKS = re.compile(r"\s+")


def shown(text: str) -> str:
    """A line of a build without what a terminal would obey; what nobody would see becomes U+FFFD."""
    return _HIDDEN.sub("\ufffd", clean_text(text))


def cut(text: str, limit: int) -> str:
    """A text of at most `limit` characters; `…` stands for the rest."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"[:limit]


def one_line(text: str, limit: int) -> str:
    """A text as one line of at most `limit` characters."""
    return cut(_BLANKS.sub(" ", shown(text.replace("\n", " "))).strip(), limit)


def code(text: str, limit: int = 200) -> str:
    """A text of a build as a code span, cut at `limit` characters."""
    text = one_line(text, limit) or " "
    ticks = "`" * (_longest_run(text) + 1)
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def fence_for(lines: Sequence[str]) -> str:
    """A fence that none of the lines can end."""
    return "`" * max(3, max(map(_longest_run, lines), default=0) + 1)


def fenced(lines: Sequence[str]) -> str:
    """Lines as a fenced block of plain text."""
    fence = fence_for(lines)
    return "\n".join([f"{fence}text", *lines, fence])


def _longest_run(text: str) -> int:
    return max(map(len, _RUNS.findall(text)), default=0)


def words_of_ms(ms: float) -> str:
    """A duration in words: `0.4 s`, `12 s`, `3 min 4 s`, `2 h 5 min`."""
    seconds = max(0.0, ms / 1000)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(ms: float) -> str:
    """A duration that is an estimate: `40 s`, `3 min`, `2 h 5 min`."""
    minutes = round(ms / 60_000)
    if ms < 90_000:
        return f"{round(ms / 1000)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
