"""The percent that a job's bar shows: the script's word, or what is usual where that stands still.

`static/` has a twin of `shown_progress`; both are held to the cases in `tests/data/bar-cases.json`.
"""

from __future__ import annotations

from chef.domain.forecast.values import Estimate, Interval
from chef.domain.model import Value
from chef.domain.phases import PHASES

PATIENCE_MS = 10_000
"""So long the script's word stands by itself where its phase's usual silence is not known."""
AT_MEDIAN = 0.9
"""The share of the way that the bar has gone when the median of the time has passed."""
MOST = 99
"""The end is the script's to tell."""

_STARTS = [rows[0] for rows in PHASES.values()]
PHASE_ENDS: dict[str, float] = dict(zip(PHASES, [*_STARTS[1:], 100], strict=True))


class ProgressBar(Value, frozen=True):
    """A running job, as its bar looks at it.

    `said` is the progress that its script told, `None` where it told none; `said_at` when that last moved,
    or when the job began (ms since 1970 UTC). `shown` is the most that was shown of this run before; it
    begins anew where the script sets its progress lower.
    """

    phase: str
    said: float | None
    said_at: int
    estimate: Estimate | None
    shown: float = 0


class ShownProgress(Value, frozen=True):
    """A percent, and whether it is an expectation: then it is drawn so that one sees that."""

    percent: float
    is_expected: bool


def shown_progress(bar: ProgressBar, now: int) -> ShownProgress:
    """What a bar shows at a time `now` (ms since 1970 UTC): never less than before, never 100 by itself.

    The script's word stands as long as silence is usual in its phase. Then the bar goes on to the end of
    the phase's span, so that what the script says next fits, in the time that the phase usually takes
    from here: nine tenths of the way until the median, the rest until the high end, and no farther. Without
    progress, and in a phase of the script's own, the way is that to the end of the job.
    """
    said = bar.said or 0
    if bar.estimate is None:
        return ShownProgress(max(said, bar.shown), is_expected=bar.shown > said)
    begins = bar.said_at + _patience(bar.estimate, bar.phase) if bar.said is not None else bar.said_at
    end, times = _way(bar, bar.estimate)
    if now <= begins:
        expected = said
    else:
        way = _share(bar.estimate.at, begins, times, now) if times else 1.0
        expected = said + max(0, min(end, MOST) - said) * way
    return ShownProgress(max(expected, bar.shown), is_expected=max(expected, bar.shown) > said)


def _patience(estimate: Estimate, phase: str) -> int:
    return estimate.pauses.get(phase, PATIENCE_MS)


def _way(bar: ProgressBar, estimate: Estimate) -> tuple[float, Interval | None]:
    """Where the bar goes to, and in what time from the estimate on."""
    end = PHASE_ENDS.get(bar.phase)
    if bar.said is None or end is None:
        return 100, estimate.remaining
    return end, estimate.phase_remaining


def _share(at: int, begins: int, times: Interval, now: int) -> float:
    """The share of the way at `now`: a straight line to the median and a flatter one to the high end."""
    median, high = at + times.median, at + times.high
    if now >= high:
        return 1.0
    if begins >= median:
        return (now - begins) / (high - begins)
    if now < median:
        return AT_MEDIAN * (now - begins) / (median - begins)
    return AT_MEDIAN + (1 - AT_MEDIAN) * (now - median) / (high - median)
