"""A number of characters shared by the sections of a text, the most telling ones first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

_BETWEEN = "\n\n"


class Section(NamedTuple):
    """A part of a text. `render` makes it within a number of characters, and is empty where that is too few.

    `share` is the part that it gets of what is left when its turn comes, from 0 to 1.
    """

    share: float
    render: Callable[[int], str]


def within(budget: int, sections: Sequence[Section]) -> str:
    """The sections as one text of at most `budget` characters, in their order.

    Each first gets its share, so that none takes all; what those behind it leave is given back in order.
    """
    parts = [""] * len(sections)
    left = budget
    for place, section in enumerate(sections):
        part = section.render(max(0, int(left * section.share) - len(_BETWEEN)))
        parts[place] = part
        left -= _cost(part)
    for place, section in enumerate(sections):
        more = section.render(max(0, left + _cost(parts[place]) - len(_BETWEEN)))
        if len(more) > len(parts[place]):
            left -= _cost(more) - _cost(parts[place])
            parts[place] = more
    return _BETWEEN.join(part for part in parts if part)


def _cost(part: str) -> int:
    return len(part) + len(_BETWEEN) if part else 0


def fitting(lines: Sequence[str], limit: int) -> list[str]:
    """The first lines that fit into `limit` characters, line ends between them included."""
    fit: list[str] = []
    left = limit + 1
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        fit.append(line)
    return fit
