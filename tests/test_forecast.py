"""How long a running job still takes, from the finished runs of its kind."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.forecast import Estimate, Interval, PastRun, PastSpan, RunningJob, build_model, estimate
from chef.domain.forecast.values import LONGEST_MS
from tests.tools.counting import calls_of

AT = 1_800_000_000_000
SECOND = 1000


def run(number: int, **seconds: float) -> PastRun:
    """The run that finished as the `number`th, with the seconds of its phases and pauses of a tenth."""
    spans = [PastSpan(name, round(s * SECOND), round(s * SECOND / 10)) for name, s in seconds.items()]
    return PastRun(AT + number, tuple(spans))


def runs(count: int, of: Callable[[int], Mapping[str, float]]) -> list[PastRun]:
    """So many runs, oldest first, with what `of` gives for their numbers."""
    return [run(number, **of(number)) for number in range(count)]


def asked(history: list[PastRun], phase: str, seconds: float, **done: float) -> Estimate | None:
    """The estimate of a job that has been in a phase for some seconds, after others."""
    spans = tuple((name, round(s * SECOND)) for name, s in done.items())
    return estimate(build_model(history), RunningJob(phase, AT, spans), AT + round(seconds * SECOND))


def known(found: Estimate | None) -> Estimate:
    assert found is not None
    return found


def remaining(history: list[PastRun], phase: str, seconds: float, **done: float) -> Interval:
    """The remaining seconds."""
    found = known(asked(history, phase, seconds, **done)).remaining
    assert found is not None
    return Interval(*(round(ms / SECOND) for ms in found))


# --- how many runs there are -------------------------------------------------------------------


def test_below_five_runs_nothing_is_said() -> None:
    four = runs(4, lambda n: {"building": 60 + n})
    assert asked(four, "building", 1) is None
    assert asked([], "building", 1) is None
    assert asked([*four, run(5, building=60)], "building", 1) is not None


def test_from_five_to_nine_runs_it_is_a_range() -> None:
    ten = runs(10, lambda n: {"building": 60 + 10 * n})
    assert known(asked(ten[:9], "building", 10)).is_range
    assert not known(asked(ten, "building", 10)).is_range
    assert known(asked(ten[:9], "building", 10)).runs == 9


def test_a_range_is_what_the_runs_took() -> None:
    times = [240, 300, 330, 280, 360]
    history = runs(5, lambda n: {"building": times[n], "completed": 10})
    assert remaining(history, "building", 0) == (250, 310, 370)
    assert remaining(history, "building", 290) == (20, 50, 80), "the runs that were not over by now"
    assert known(asked(history, "building", 0)).phases["building"] == (240_000, 300_000, 360_000)


def test_of_many_runs_the_newest_fifty_count() -> None:
    old_and_new = [*runs(500, lambda _: {"building": 600}), *(run(1000 + n, building=60) for n in range(50))]
    found = known(asked(old_and_new, "building", 0))
    assert found.runs == 50
    assert found.phases["building"] == (60_000, 60_000, 60_000)


def test_the_order_of_a_history_does_not_matter() -> None:
    history = runs(20, lambda n: {"preparing": 5 + n % 3, "building": 60 + n})
    mixed = random.Random(1).sample(history, len(history))
    assert asked(mixed, "building", 9, preparing=5) == asked(history, "building", 9, preparing=5)


# --- what it is from ---------------------------------------------------------------------------


def test_it_goes_by_the_phase_and_by_how_long_that_has_run() -> None:
    history = runs(12, lambda n: {"preparing": 10, "building": 100 + 3 * n % 11, "completed": 20})
    assert remaining(history, "preparing", 4).median == pytest.approx(132, abs=2)
    assert remaining(history, "building", 50, preparing=10).median == pytest.approx(75, abs=2)
    assert remaining(history, "completed", 5, preparing=10, building=105).median == 15
    found = known(asked(history, "building", 50, preparing=10))
    assert found.phase_remaining is not None
    assert found.phase_remaining.median == pytest.approx(55 * SECOND, abs=2 * SECOND)


def test_runs_that_were_over_by_now_do_not_count() -> None:
    history = runs(20, lambda n: {"building": 60 + n % 4 if n % 2 else 300 + n % 4})
    low, _, high = remaining(history, "building", 10)
    assert low < 60
    assert high > 280
    assert remaining(history, "building", 90).low > 200


@pytest.mark.parametrize("count", [12, 27, 50])
def test_the_interval_has_room_for_the_long_kind_of_run_from_the_beginning_on(count: int) -> None:
    """Two runs of five take 30 times as long, and nothing tells them apart before."""
    history = runs(count, lambda n: {"building": (300 if n % 5 in (1, 3) else 10) + n % 4, "completed": 2})
    for seconds in (0, 5):
        low, _, high = remaining(history, "building", seconds)
        assert low <= 15
        assert high >= 295
        found = known(asked(history, "building", seconds)).phase_remaining
        assert found is not None
        assert found.high >= 290 * SECOND


def test_two_kinds_of_run_are_told_apart_by_what_was_done() -> None:
    """With a cache nothing is installed and little is built."""
    lot = random.Random(7)

    def of(_: int) -> dict[str, float]:
        install, build = (4, 60) if lot.random() < 0.5 else (40, 240)
        return {"installing": install + lot.random(), "building": build * lot.uniform(0.95, 1.05)}

    history = runs(20, of)
    assert remaining(history, "building", 1, installing=4.5).high < 100
    assert remaining(history, "building", 1, installing=40.5).low > 200


def test_a_machine_that_was_slow_so_far_is_taken_to_be_slow() -> None:
    lot = random.Random(3)

    def of(_: int) -> dict[str, float]:
        machine = lot.uniform(0.7, 1.4)
        return {"preparing": 20 * machine, "building": 100 * machine * lot.uniform(0.98, 1.02)}

    history = runs(30, of)
    assert remaining(history, "building", 0, preparing=26).median == pytest.approx(130, rel=0.05)
    assert remaining(history, "building", 0, preparing=15).median == pytest.approx(75, rel=0.05)


def test_a_jump_of_level_is_noticed() -> None:
    lot = random.Random(2)
    history = runs(30, lambda n: {"building": (60 if n < 24 else 120) * lot.uniform(0.95, 1.05)})
    assert remaining(history, "building", 0).median == pytest.approx(120, rel=0.05)
    assert remaining(history, "building", 0).low > 105


def test_a_drift_is_followed() -> None:
    lot = random.Random(5)
    history = runs(50, lambda n: {"building": 100 * (1 + n / 100) * lot.uniform(0.97, 1.03)})
    assert remaining(history, "building", 0).median == pytest.approx(150, rel=0.03)


def test_a_phase_that_most_runs_skip_is_asked_of_those_that_had_it() -> None:
    history = runs(20, lambda n: {"building": 60} | ({"deploy": 30 + n % 2} if n % 3 == 0 else {}))
    assert remaining(history, "deploy", 10, building=60).median == pytest.approx(20, abs=1)


def test_a_phase_that_hardly_any_run_had_is_asked_of_all_by_the_whole_time() -> None:
    history = runs(20, lambda n: {"building": 100 + 7 * n % 19} | ({"deploy": 5} if n < 3 else {}))
    assert remaining(history, "deploy", 10, building=50).median == pytest.approx(49, abs=3)
    assert remaining(history, "new-phase", 10, building=50).median == pytest.approx(49, abs=3)


def test_a_phase_that_comes_twice_is_two_phases() -> None:
    spans = (PastSpan("building", 100_000), PastSpan("testing", 50_000), PastSpan("building", 10_000))
    model = build_model([PastRun(AT + n, spans) for n in range(10)])
    second = RunningJob("building", AT, (("building", 100_000), ("testing", 50_000)))
    found = known(estimate(model, second, AT + 4000))
    assert found.remaining == (6000, 6000, 6000)


def test_runs_without_phases_count_by_their_whole_time() -> None:
    model = build_model([PastRun(AT + n, (), 60_000 + 300 * n % 1000) for n in range(10)])
    found = known(estimate(model, RunningJob("building", AT), AT + 20_000))
    assert found.remaining is not None
    assert found.remaining.median == pytest.approx(40_450, abs=300)


# --- longer than usual -------------------------------------------------------------------------


def test_a_job_beyond_all_that_there_were_is_over_the_usual() -> None:
    history = runs(10, lambda _: {"preparing": 5, "building": 60})
    found = known(asked(history, "building", 100, preparing=5))
    assert (found.remaining, found.phase_remaining, found.over_ms) == (None, None, 40 * SECOND)


def test_a_phase_that_lasts_longer_than_ever_still_has_the_rest_before_it() -> None:
    history = runs(12, lambda n: {"preparing": 10 + 3 * n % 10 / 10, "building": 300 + 5 * n % 11})
    found = remaining(history, "preparing", 30)
    assert found.low == pytest.approx(300, abs=5)
    assert found == remaining(history, "preparing", 60), "time that passes does not add to it"
    assert known(asked(history, "preparing", 400)).over_ms is not None


# --- usual times -------------------------------------------------------------------------------


def test_usual_pauses_from_ten_runs_on() -> None:
    history = runs(10, lambda _: {"preparing": 5, "building": 60})
    assert known(asked(history, "building", 1, preparing=5)).pauses == {"preparing": 500, "building": 6000}
    assert known(asked(history[:9], "building", 1, preparing=5)).pauses == {}


def test_a_pause_that_is_not_known_is_none() -> None:
    spans = [(PastSpan("building", 60_000, None if n % 2 else 5000),) for n in range(20)]
    assert build_model([PastRun(AT + n, one) for n, one in enumerate(spans)]).pauses == {"building": 5000}
    assert build_model([PastRun(AT + n, one) for n, one in enumerate(spans[:18])]).pauses == {}


def test_usual_durations_of_phases_that_came_at_least_five_times() -> None:
    history = runs(12, lambda n: {"building": 60 + n} | ({"deploy": 5} if n < 4 else {}))
    usual = known(asked(history, "building", 1)).phases
    assert set(usual) == {"building"}
    assert usual["building"] == pytest.approx((60_300, 65_500, 70_700), abs=20)


# --- whatever comes ----------------------------------------------------------------------------

DURATIONS = st.integers(-(10**6), 10**15) | st.integers(0, 100_000)
NAMES = st.sampled_from(["queued", "preparing", "building", "completed", "own"])
HISTORIES = st.lists(
    st.builds(
        PastRun,
        st.integers(-(10**15), 10**15),
        st.lists(st.builds(PastSpan, NAMES, DURATIONS, st.none() | DURATIONS), max_size=6).map(tuple),
        DURATIONS,
    ),
    max_size=60,
)
JOBS = st.builds(
    RunningJob,
    NAMES,
    st.integers(0, 10**6),
    st.lists(st.tuples(NAMES, DURATIONS), max_size=6).map(tuple),
)


@given(HISTORIES, JOBS, st.lists(st.integers(-(10**6), 10**15), min_size=1, max_size=5))
def test_whatever_the_history_the_times_are_in_order_and_never_negative(
    history: list[PastRun], job: RunningJob, times: list[int]
) -> None:
    model = build_model(history)
    for now in times:
        found = estimate(model, job, now)
        if found is None:
            assert len(history) < 5 or (job.phase == "queued" and not model.knows_queues)
            continue
        for times_left in (found.remaining, found.phase_remaining, *found.phases.values()):
            assert times_left is None or (
                0 <= times_left.low <= times_left.median <= times_left.high <= LONGEST_MS
            )
        assert (found.remaining is None) == (found.phase_remaining is None) == (found.over_ms is not None)
        assert found.over_ms is None or found.over_ms > 0


SECONDS = st.lists(st.integers(1, 1000), min_size=10, max_size=50)


@given(SECONDS, st.data())
def test_time_without_news_lowers_the_remaining_by_itself_and_by_no_more(
    seconds: list[int], data: st.DataObject
) -> None:
    """Between two moments at which a past run left the phase nothing is learned."""
    history = runs(len(seconds), lambda n: {"building": seconds[n], "completed": 10 + n})
    model, job = build_model(history), RunningJob("building", AT)
    left = sorted({round(duration) for duration, _, _ in model.by_phase["building", 1].points})
    before, after = data.draw(st.sampled_from(list(zip([0, *left], left, strict=False))))
    early = data.draw(st.integers(before + 1, max(before + 1, after - 1)))
    late = data.draw(st.integers(early, max(early, after - 1)))
    first, then = (known(estimate(model, job, AT + now)) for now in (early, late))
    if first.remaining is None or then.remaining is None:
        assert then.over_ms is not None
        return
    lowered = [one - other for one, other in zip(first.remaining, then.remaining, strict=True)]
    assert lowered == pytest.approx([late - early] * 3, abs=2)


@given(SECONDS)
def test_with_time_the_end_of_a_phase_is_never_expected_earlier(seconds: list[int]) -> None:
    history = runs(len(seconds), lambda n: {"building": seconds[n], "completed": 10 + n})
    model, job = build_model(history), RunningJob("building", AT)
    ends = []
    for now in range(0, 1100 * SECOND, 20 * SECOND):
        found = known(estimate(model, job, AT + now)).phase_remaining
        if found is not None:
            ends.append(now + found.median)
    assert all(later >= earlier - 2 for earlier, later in pairwise(ends))


def test_an_estimate_costs_little_however_many_runs_there_were() -> None:
    """Its time is measured in bench/progress.py."""
    names = ("preparing", "installing", "building", "testing", "completed")
    lot = random.Random(4)
    job = RunningJob("building", AT, (("preparing", 50_000), ("installing", 50_000)))
    learning, telling = {}, {}
    for count in (10, 25, 50, 500):
        history = runs(count, lambda _: {name: lot.uniform(10, 100) for name in names})
        model = build_model(history)
        learning[count] = calls_of(partial(build_model, history))
        telling[count] = calls_of(partial(estimate, model, job, AT + 9000))
    assert learning[10] < 0.2 * learning[50], "of ten runs none can be asked by ten before it"
    assert learning[50] < 2.5 * learning[25], "not more than the runs are"
    assert learning[500] < 1.1 * learning[50], "only the newest count"
    assert learning[50] < 40_000
    assert telling[500] < 1.1 * telling[50] < 3000


def test_a_script_that_flips_between_phases_costs_little_as_well() -> None:
    lot = random.Random(6)
    names = ("building", "testing", "own")
    spans = [tuple(PastSpan(names[n % 3], lot.randrange(9000)) for n in range(200)) for _ in range(50)]
    history = [PastRun(AT + n, one) for n, one in enumerate(spans)]
    model = build_model(history)
    job = RunningJob("building", AT, tuple((span.phase, span.duration_ms) for span in spans[0][:99]))
    assert calls_of(lambda: build_model(history)) < 400_000
    assert calls_of(lambda: estimate(model, job, AT + 1000)) < 4000
    found = known(estimate(model, job, AT + 1000)).remaining
    assert found is not None
    assert found.median == pytest.approx(101 * 4500, rel=0.2)


def test_a_queue_that_no_past_run_tells_of_is_no_time_of_the_build() -> None:
    history = runs(20, lambda n: {"building": 60 + n % 5})
    assert asked(history, "queued", 300) is None
    assert asked(history, "building", 10, queued=300) == asked(history, "building", 10)
    with_queues = runs(20, lambda n: {"queued": 20 + n % 5, "building": 60 + n % 5})
    assert asked(with_queues, "queued", 1) is not None
