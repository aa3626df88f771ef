"""What is kept of the finished runs of a kind: built once from a history, asked at each estimate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chef.domain.forecast.quantiles import quantile
from chef.domain.forecast.values import ENOUGH_RUNS, MOST_RUNS, Interval, PastRun, PastSpan
from chef.domain.model import Value

LOW, MEDIAN, HIGH = 0.1, 0.5, 0.9
NAMELESS = ""


class PastPhase(Value, frozen=True):
    """A phase of a past run: how long it took, and how much came before and after it (ms)."""

    run: int
    before_ms: int
    duration_ms: int
    after_ms: int


class ForecastModel(Value, frozen=True):
    """The finished runs of a kind: totals, newest first, and the places of each phase by `(name, count)`."""

    runs: int
    totals: tuple[int, ...]
    places: dict[tuple[str, int], tuple[PastPhase, ...]]
    phases: dict[str, Interval]
    pauses: dict[str, int]


def build_model(history: Iterable[PastRun]) -> ForecastModel:
    """The model of a history in any order; of more than 50 runs the newest count."""
    newest = sorted(history, key=lambda run: -run.finished_at)[:MOST_RUNS]
    runs = [_spans(run) for run in newest]
    places: dict[tuple[str, int], list[PastPhase]] = {}
    for number, spans in enumerate(runs):
        for key, place in _places(number, spans):
            places.setdefault(key, []).append(place)
    return ForecastModel(
        runs=len(runs),
        totals=tuple(sum(span.duration_ms for span in spans) for spans in runs),
        places={key: tuple(found) for key, found in places.items()},
        phases=_usual_durations(runs),
        pauses=_usual_pauses(runs),
    )


def _spans(run: PastRun) -> list[PastSpan]:
    spans = [span._replace(duration_ms=max(0, span.duration_ms)) for span in run.spans]
    return spans or [PastSpan(NAMELESS, max(0, run.total_ms))]


def _places(number: int, spans: list[PastSpan]) -> Iterable[tuple[tuple[str, int], PastPhase]]:
    before, total = 0, sum(span.duration_ms for span in spans)
    counts: dict[str, int] = {}
    for span in spans:
        counts[span.phase] = counts.get(span.phase, 0) + 1
        after = total - before - span.duration_ms
        yield (span.phase, counts[span.phase]), PastPhase(number, before, span.duration_ms, after)
        before += span.duration_ms


def _by_phase(runs: Sequence[Sequence[PastSpan]]) -> dict[str, list[PastSpan]]:
    found: dict[str, list[PastSpan]] = {}
    for spans in runs:
        for span in spans:
            found.setdefault(span.phase, []).append(span)
    found.pop(NAMELESS, None)
    return found


def _usual_durations(runs: Sequence[Sequence[PastSpan]]) -> dict[str, Interval]:
    return {
        phase: interval([(float(span.duration_ms), 1.0) for span in spans])
        for phase, spans in _by_phase(runs).items()
    }


def interval(samples: list[tuple[float, float]]) -> Interval:
    """The 80 % interval of `(value, weight)` in any order."""
    samples.sort()
    low, median, high = (round(quantile(samples, place)) for place in (LOW, MEDIAN, HIGH))
    return Interval(low, max(low, median), max(low, median, high))


def _usual_pauses(runs: Sequence[Sequence[PastSpan]]) -> dict[str, int]:
    pauses = {
        phase: sorted(
            (float(max(0, span.longest_pause_ms)), 1.0) for span in spans if span.longest_pause_ms is not None
        )
        for phase, spans in _by_phase(runs).items()
    }
    return {
        phase: round(quantile(found, HIGH)) for phase, found in pauses.items() if len(found) >= ENOUGH_RUNS
    }
