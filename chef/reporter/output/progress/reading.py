"""A word of a tool about how far it is."""

from __future__ import annotations

import math
from typing import NamedTuple


class Reading(NamedTuple):
    """How far a tool is, in percent of its whole work, and what it says that it does.

    `grows`: the whole is not known yet, so that more than the next reading says is not believed.
    """

    percent: float
    text: str | None = None
    grows: bool = False


def of_count(done: int, total: int, text: str | None = None, grows: bool = False) -> Reading | None:
    """A reading of steps that are done, None where they are more than there are."""
    return of_percent(100 * done / total, text, grows) if 0 <= done <= total and total else None


def of_percent(percent: float, text: str | None = None, grows: bool = False) -> Reading | None:
    """A reading in tenths of a percent, never more than the tool says; None where it makes no sense."""
    if not 0 <= percent <= 100:
        return None
    tenths = math.floor(percent * 10 + 1e-6)
    return Reading(tenths // 10 if tenths % 10 == 0 else tenths / 10, text, grows)
