"""How long a job still takes, in words. `static/time-left.js` says the same in the page."""

from __future__ import annotations

import math
from typing import Any

from flask import Flask

from chef.domain.timeleft import TimeLeft, time_left
from chef.pages.language import gettext as _
from chef.pages.words import number
from chef.services import services


def time_words(eta: dict[str, Any] | None, now: int) -> str:
    """`about 3 min left (2 to 5, from 18 runs)`, `4 to 6 min in 5 runs`, `2 min over the usual`.

    One run alone is the last one: `about 3 min left, as the last time`.
    """
    left = time_left(eta, now)
    if left is None:
        return ""
    if left.over is not None:
        return _("%(time)s over the usual", time=amount(left.over))
    if left.is_range:
        return _range_words(left)
    runs = number(left.runs)
    if left.median == 0:
        return _("less than %(time)s left (from %(runs)s runs)", time=amount(left.high), runs=runs)
    time = amount(left.median)
    if amount(left.low) == amount(left.high):
        return _("about %(time)s left (from %(runs)s runs)", time=time, runs=runs)
    has_unit = not _rough(left.low)[1] == _rough(left.median)[1] == _rough(left.high)[1]
    interval = _between(left.low, left.high, with_unit=has_unit)
    return _(
        "about %(time)s left (%(interval)s, from %(runs)s runs)", time=time, interval=interval, runs=runs
    )


def _range_words(left: TimeLeft) -> str:
    """What few runs took; one alone is the last one."""
    low, high = amount(left.low), amount(left.high)
    if left.runs == 1:
        return _("about %(time)s left, as the last time", time=high)
    interval = high if low == high else _between(left.low, left.high, with_unit=True)
    return _("%(interval)s in %(runs)s runs", interval=interval, runs=number(left.runs))


def time_short(eta: dict[str, Any] | None, now: int) -> str:
    """The same for a list: `~3 min`, `<2 min`, and `+2 min` over the usual."""
    left = time_left(eta, now)
    if left is None:
        return ""
    if left.over is not None:
        return f"+{amount(left.over)}"
    return f"~{amount(left.median)}" if left.median else f"<{amount(left.high)}"


def amount(milliseconds: int) -> str:
    """A time as one says it of what is to come: `20 s`, `3 min`, `1 h 20 min`."""
    value, unit = _rough(milliseconds)
    if unit == "s":
        return f"{value} {_('s')}"
    if unit == "min":
        return f"{value} {_('min')}"
    hours = f"{value // 60} {_('h')}"
    return f"{hours} {value % 60:02} {_('min')}" if value % 60 else hours


def _rough(milliseconds: int) -> tuple[int, str]:
    """A time in steps of 5 s, of a minute, or, from an hour on, of 5 minutes; and its unit."""
    seconds = milliseconds / 1000
    if seconds < 57.5:
        return max(5, 5 * _rounded(seconds / 5)), "s"
    minutes = max(1, _rounded(seconds / 60))
    return (minutes, "min") if minutes < 60 else (5 * _rounded(minutes / 5), "h")


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _between(low: int, high: int, *, with_unit: bool) -> str:
    """`2 to 5`, or with the units; one for both where they have the same."""
    (least, unit), (most, other) = _rough(low), _rough(high)
    if unit != other or unit == "h":
        return _("%(low)s to %(high)s", low=amount(low), high=amount(high))
    return _("%(low)s to %(high)s", low=least, high=amount(high) if with_unit else most)


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters["time_words"] = lambda eta: time_words(eta, services().clock())
    app.jinja_env.filters["time_short"] = lambda eta: time_short(eta, services().clock())
