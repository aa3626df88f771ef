"""How long phases usually take, and how long they are usually silent."""

from __future__ import annotations

from collections.abc import Sequence

from chef.domain.forecast.quantiles import HIGH, interval, quantiles, range_of
from chef.domain.forecast.values import ENOUGH_RUNS, FEWEST_RUNS, Interval, PastRun, PastSpan


def _by_phase(runs: Sequence[PastRun]) -> dict[str, list[PastSpan]]:
    found: dict[str, list[PastSpan]] = {}
    for run in runs:
        for span in run.spans:
            found.setdefault(span.phase, []).append(span)
    return found


def usual_durations(runs: Sequence[PastRun]) -> dict[str, Interval]:
    """The durations of each phase that came at least five times."""
    durations = {
        phase: sorted((float(max(0, span.duration_ms)), 1.0) for span in spans)
        for phase, spans in _by_phase(runs).items()
    }
    return {
        phase: range_of(found) if len(found) < ENOUGH_RUNS else interval(found, 1.0)
        for phase, found in durations.items()
        if len(found) >= FEWEST_RUNS
    }


def usual_pauses(runs: Sequence[PastRun]) -> dict[str, int]:
    """The longest silence (ms) that is usual in each phase of which ten are known."""
    pauses = {
        phase: sorted(
            (float(max(0, span.longest_pause_ms)), 1.0) for span in spans if span.longest_pause_ms is not None
        )
        for phase, spans in _by_phase(runs).items()
    }
    return {
        phase: round(quantiles(found, 1.0, [HIGH])[0])
        for phase, found in pauses.items()
        if len(found) >= ENOUGH_RUNS
    }
