"""Lines of a log with their numbers: the most telling errors and what is around them, the last lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chef.digest.budget import fitting
from chef.digest.facts import Excerpt, Numbered
from chef.digest.text import cut

Frame = Callable[[Sequence[str]], str]
"""Makes a part of a text of lines: with a heading, in a fence."""

# Lines before and behind an error, and how many errors are worth more than lines around fewer of them.
_CONTEXTS = ((3, 8), (2, 4), (0, 2), (0, 0))
_ENOUGH = 3
_LEAST_LINE = 40


def errors_within(errors: Sequence[Excerpt], limit: int, frame: Frame) -> str:
    """The most telling errors in the order of the log, with as many of the lines around them as fit."""
    best, most = "", 0
    for before, behind in _CONTEXTS:
        text, count = _with_context(errors, before, behind, limit, frame)
        if count >= min(_ENOUGH, len(errors)):
            return text
        if count > most:
            best, most = text, count
    return best or (_alone(errors[0], limit, frame) if errors else "")


def _with_context(
    errors: Sequence[Excerpt], before: int, behind: int, limit: int, frame: Frame
) -> tuple[str, int]:
    """The first excerpts that fit, each with so many lines before and behind its error, and their number."""
    chosen: set[Numbered] = set()
    text = ""
    for count, excerpt in enumerate(errors):
        around = range(excerpt.number - before, excerpt.number + behind + 1)
        chosen |= {one for one in excerpt.lines if one[0] in around}
        longer = frame(gutter(sorted(chosen), excerpt.marked))
        if len(longer) > limit:
            return text, count
        text = longer
    return text, len(errors)


def _alone(excerpt: Excerpt, limit: int, frame: Frame) -> str:
    """An error without the lines around it, cut."""
    text = dict(excerpt.lines)[excerpt.number].replace("`", "'")
    room = limit - len(frame(gutter([(excerpt.number, "")], excerpt.marked)))
    if room < _LEAST_LINE:
        return ""
    return frame(gutter([(excerpt.number, cut(text, room))], excerpt.marked))


def tail_within(tail: Sequence[Numbered], limit: int, frame: Frame) -> str:
    """The last lines, as many as fit."""
    lines = [cut(line, max(80, limit // 8)) for line in gutter(tail)]
    # What the frame takes is that of all lines: a fence is as long as they need.
    around = len(frame(lines)) - len("\n".join(lines))
    fit = fitting(lines[::-1], limit - around)
    return frame(fit[::-1]) if fit else ""


def lines_within(lines: Sequence[Numbered], limit: int, frame: Frame) -> str:
    """The first of some lines that need not follow each other, as many as fit."""
    written = [f" {number:>6} | {cut(text, max(80, limit // 4))}" for number, text in lines]
    around = len(frame(written)) - len("\n".join(written))
    fit = fitting(written, limit - around)
    return frame(fit) if fit else ""


def gutter(lines: Sequence[Numbered], marked: frozenset[int] = frozenset()) -> list[str]:
    """Lines with their numbers; `>` marks those that tell of errors, `…` stands for lines between."""
    written: list[str] = []
    for place, (number, text) in enumerate(lines):
        if place and number != lines[place - 1][0] + 1:
            written.append("…")
        written.append(f"{'>' if number in marked else ' '}{number:>6} | {text}")
    return written
