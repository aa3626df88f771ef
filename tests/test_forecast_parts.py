"""What a forecast is made of: quantiles, the level of now, lines."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.forecast.features import (
    ABSENT,
    ALL_DONE,
    LATER,
    Phases,
    features_of,
    from_logs,
    keyed,
    to_log,
    to_logs,
)
from chef.domain.forecast.learning import learned_coverage
from chef.domain.forecast.levels import corrections, level_of
from chef.domain.forecast.quantiles import HIGH, high_end, place_of, quantiles
from chef.domain.forecast.regression import Known

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=50)


@given(VALUES)
def test_equal_weights_give_the_quantiles_of_the_standard_library(values: list[float]) -> None:
    samples = sorted((value, 1.0) for value in values)
    expected = statistics.quantiles(values, n=10, method="exclusive")
    assert quantiles(samples, 1.0, [place / 10 for place in range(1, 10)]) == pytest.approx(
        expected, abs=1e-5
    )


def test_beyond_the_first_and_the_last_sample_it_is_these() -> None:
    assert quantiles([(3.0, 1.0), (5.0, 1.0)], 1.0, [0.1, 0.5, 0.9]) == [3, 4, 5]


def test_a_weight_of_two_is_like_two_samples() -> None:
    one = quantiles([(1.0, 2.0), (2.0, 1.0), (3.0, 1.0)], 1.0, [0.7])
    assert one == pytest.approx(quantiles([(1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0)], 1.0, [0.7]))


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 10)), min_size=1, max_size=60), st.floats(0.01, 30)
)
def test_the_high_end_is_the_quantile_that_is_found_from_the_beginning(
    samples: list[tuple[float, float]], own: float
) -> None:
    ordered = sorted(samples)
    weight_of_all = sum(weight for _, weight in ordered)
    assert high_end(reversed(ordered), weight_of_all, own) == pytest.approx(
        quantiles(ordered, own, [HIGH])[0], abs=0.51
    )


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 10)), min_size=1, max_size=60),
    st.floats(0.01, 30),
    st.floats(-1, 1e6 + 1),
)
def test_a_place_is_that_whose_quantile_is_the_value(
    samples: list[tuple[float, float]], own: float, value: float
) -> None:
    ordered = sorted(samples)
    place = place_of(value, ordered, own)
    if ordered[0][0] <= value <= ordered[-1][0]:
        assert 0 < place < 1
        assert quantiles(ordered, own, [place]) == [pytest.approx(value, abs=1e-3)]
    else:
        assert place == (0 if value < ordered[0][0] else 1)


def noise(count: int, seed: int = 1) -> list[float]:
    lot = random.Random(seed)
    return [lot.gauss(0, 0.1) for _ in range(count)]


def test_a_series_that_only_varies_is_left_nearly_as_it_is() -> None:
    sizes = [max(map(abs, corrections(noise(30, seed)))) for seed in range(50)]
    assert statistics.median(sizes) < 0.02


def test_a_jump_is_taken_out() -> None:
    newest_first = [value + (1 if index < 8 else 0) for index, value in enumerate(noise(30))]
    found = corrections(newest_first)
    assert found[:8] == pytest.approx([0] * 8, abs=0.01)
    assert found[8:] == pytest.approx([1] * 22, abs=0.1)


def test_a_drift_is_taken_out_up_to_the_next_run() -> None:
    newest_first = [value - 0.05 * index for index, value in enumerate(noise(30))]
    assert corrections(newest_first) == pytest.approx([0.05 * (index + 1) for index in range(30)], abs=0.15)


def test_a_drift_may_go_back_and_a_jump_that_has_lasted_does_not() -> None:
    jumped = level_of([value + (1 if index < 8 else 0) for index, value in enumerate(noise(30))])
    assert max(map(abs, jumped.drifts(30))) < 0.02
    drifting = level_of([value - 0.05 * index for index, value in enumerate(noise(30))])
    assert drifting.drifts(30) == pytest.approx(drifting.corrections(30), abs=0.1)
    assert drifting.drifts(30)[-1] > 1


def of_phases(count: int, spread: Callable[[int], float], seed: int) -> list[Phases]:
    """Runs of two phases, newest first, with the spread of the logarithms of their times."""
    lot = random.Random(seed)
    one = [[lot.gauss(0, spread(number)) for _ in range(2)] for number in range(count)]
    return [[(("building", 1), 1e5 * exp(a)), (("completed", 1), 1e5 * exp(b))] for a, b in one]


def test_intervals_that_held_too_seldom_claim_more_and_those_that_held_too_often_less() -> None:
    """The newest 20 runs vary four times as much as those before them, or a quarter of it, or alike."""
    spreads: list[Callable[[int], float]] = [
        lambda number: 0.2 if number < 20 else 0.05,
        lambda _: 0.05,
        lambda number: 0.05 if number < 20 else 0.2,
    ]
    claimed = [
        statistics.fmean(learned_coverage(of_phases(50, spread, seed)) for seed in range(12))
        for spread in spreads
    ]
    assert claimed[0] > claimed[1] + 0.03
    assert claimed[2] < claimed[1] - 0.02


def test_of_ten_runs_nothing_can_be_learned_but_that_few_leave_much_out() -> None:
    ten, eleven = (of_phases(count, lambda _: 0.1, 1) for count in (10, 11))
    assert learned_coverage(ten) == pytest.approx(learned_coverage(of_phases(10, lambda _: 0.3, 2)))
    assert learned_coverage(ten) > 0.81
    assert learned_coverage(eleven) != learned_coverage(ten)
    assert learned_coverage(ten[:9]) == 0.8, "a range claims nothing"


def test_too_few_runs_tell_no_drift_from_chance() -> None:
    assert corrections([0.0, 1.0, 2.0, 3.0, 4.0]) == [0.0] * 5


def test_a_line_follows_what_is_known() -> None:
    features = [{("installing", 1): float(n)} for n in range(10)]
    line, left = Known(features, [1.0] * 10).fit([2.0 * n + 3 for n in range(10)])
    assert line.shift({("installing", 1): 6.5}) == pytest.approx(2 * (6.5 - 4.5))
    assert left == pytest.approx([12] * 10)


def test_a_line_is_not_followed_beyond_what_has_been() -> None:
    features = [{("installing", 1): float(n)} for n in range(10)]
    line, _ = Known(features, [1.0] * 10).fit([2.0 * n for n in range(10)])
    assert line.shift({("installing", 1): 99}) == line.shift({("installing", 1): 9})


def test_of_several_the_line_is_taken_that_explains_most_and_of_chance_none() -> None:
    lot = random.Random(3)
    rows = [{("a", 1): lot.random(), ("b", 1): lot.random()} for _ in range(20)]
    weights = [1.0] * 20
    line, _ = Known(rows, weights).fit([row["a", 1] + 5 * row["b", 1] for row in rows])
    assert line.feature == ("b", 1)
    chance = [Known(rows, weights).fit(noise(20, seed))[0].feature for seed in range(50)]
    assert chance.count(None) >= 45


def test_a_phase_that_did_not_come_is_known_by_that() -> None:
    rows = [{("cache", 1): 9.0} if n % 2 else {} for n in range(12)]
    line, _ = Known(rows, [1.0] * 12).fit([1.0 if n % 2 else 5.0 for n in range(12)])
    assert line.shift({}) - line.shift({("cache", 1): 9.0}) == pytest.approx(4)
    assert line.least == pytest.approx(ABSENT)


def test_each_value_is_as_far_away_as_from_the_line_of_the_others() -> None:
    lot = random.Random(8)
    known = [lot.random() for _ in range(12)]
    values = [3 * one + lot.gauss(0, 0.1) for one in known]
    line, left = Known([{("a", 1): one} for one in known], [1.0] * 12).fit(values)
    others = statistics.linear_regression(known[1:], values[1:])
    miss = values[0] - (others.slope * known[0] + others.intercept)
    assert left[0] - statistics.fmean(values) == pytest.approx(miss)
    assert line.feature == ("a", 1)


def test_phases_are_counted_by_name_and_a_clock_that_went_back_is_no_time() -> None:
    assert keyed([("a", 5), ("b", -3), ("a", 7)]) == [(("a", 1), 5), (("b", 1), 0), (("a", 2), 7)]


def test_what_is_known_of_a_run_is_each_phase_and_all_together() -> None:
    found = features_of([(("a", 1), 1000.0), (("b", 1), 500.0)])
    assert found == {("a", 1): to_log(1000), ("b", 1): to_log(500), ALL_DONE: to_log(1500)}
    assert features_of([]) == {}


@given(st.floats(0, 1e13))
def test_a_logarithm_goes_back_to_its_duration(duration: float) -> None:
    assert to_logs([duration]) == [to_log(duration)]
    assert from_logs(to_logs([duration])) == [pytest.approx(duration, abs=1e-3, rel=1e-9)]


def test_a_run_of_very_many_phases_has_the_later_ones_as_one() -> None:
    found = keyed([("a", 1), ("b", 2)] * 100)
    assert len(found) == 13
    assert found[-1] == (LATER, 94 * 3)
