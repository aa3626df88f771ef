"""The percent that a bar shows, by a table of cases that its twin in JavaScript is held to as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.forecast import Estimate, Interval, ProgressBar, shown_progress

CASES = json.loads((Path(__file__).parent / "data" / "bar-cases.json").read_text("utf-8"))


def estimated(eta: dict[str, Any] | None) -> Estimate | None:
    if eta is None:
        return None
    return Estimate(
        at=eta["at"],
        runs=12,
        is_range=False,
        remaining=eta["remaining"] and Interval(*eta["remaining"]),
        phase_remaining=eta["phaseRemaining"] and Interval(*eta["phaseRemaining"]),
        over_ms=eta["overMs"],
        phases={},
        pauses=eta["pauses"],
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_a_bar_shows(case: dict[str, Any]) -> None:
    bar = ProgressBar(case["phase"], case["said"], case["saidAt"], estimated(case["eta"]), case["shown"])
    shown = shown_progress(bar, case["now"])
    assert shown.percent == pytest.approx(case["percent"])
    assert shown.is_expected == case["isExpected"]


TIMES = st.integers(-(10**6), 10**13)
INTERVALS = st.lists(st.integers(0, 10**10), min_size=3, max_size=3).map(
    lambda times: Interval(*sorted(times))
)
ESTIMATES = st.builds(
    Estimate,
    at=TIMES,
    runs=st.just(12),
    is_range=st.just(False),
    remaining=INTERVALS,
    phase_remaining=INTERVALS,
    over_ms=st.none(),
    phases=st.just({}),
    pauses=st.dictionaries(st.sampled_from(["building", "own"]), st.integers(0, 10**9)),
)
PHASES = st.sampled_from(["queued", "preparing", "installing", "building", "completed", "own"])
SAID = st.none() | st.floats(0, 99)


@given(PHASES, SAID, TIMES, st.none() | ESTIMATES, st.lists(TIMES, min_size=2, max_size=6))
def test_with_time_a_bar_only_rises_and_never_to_the_end(
    phase: str, said: float | None, said_at: int, estimate: Estimate | None, times: list[int]
) -> None:
    shown = [
        shown_progress(ProgressBar(phase, said, said_at, estimate), now).percent for now in sorted(times)
    ]
    assert shown == sorted(shown)
    assert (said or 0) <= shown[0]
    assert shown[-1] <= 99


@given(st.lists(st.tuples(PHASES, SAID, TIMES, ESTIMATES, TIMES), min_size=1, max_size=8))
def test_whatever_comes_a_bar_does_not_go_backwards(
    moments: list[tuple[str, float | None, int, Estimate, int]],
) -> None:
    before = 0.0
    for phase, said, said_at, estimate, now in moments:
        shown = shown_progress(ProgressBar(phase, said, said_at, estimate, before), now).percent
        assert shown >= before
        before = shown
