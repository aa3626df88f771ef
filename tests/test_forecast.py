"""How long a running job still takes, from the finished runs of its kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chef.domain.forecast import Estimate, PastRun, PastSpan, RunningJob, build_model, estimate

AT = 1_800_000_000_000
SECOND = 1000


def run(number: int, **seconds: float) -> PastRun:
    """The run that finished as the `number`th, with the seconds of its phases and pauses of a tenth."""
    spans = [PastSpan(name, round(s * SECOND), round(s * SECOND / 10)) for name, s in seconds.items()]
    return PastRun(AT + number, tuple(spans))


def asked(history: list[PastRun], phase: str, seconds: float, **done: float) -> Estimate | None:
    """The estimate of a job that has been in a phase for some seconds, after others."""
    spans = tuple((name, round(s * SECOND)) for name, s in done.items())
    return estimate(build_model(history), RunningJob(phase, AT, spans), AT + round(seconds * SECOND))


def known(found: Estimate | None) -> Estimate:
    assert found is not None
    return found


def test_below_five_runs_nothing_is_said() -> None:
    four = [run(n, building=60 + n) for n in range(4)]
    assert asked(four, "building", 1) is None
    assert asked([], "building", 1) is None
    assert asked([*four, run(5, building=60)], "building", 1) is not None


def test_from_five_to_nine_runs_it_is_a_range() -> None:
    runs = [run(n, building=60 + 10 * n) for n in range(10)]
    assert known(asked(runs[:9], "building", 10)).is_range
    assert not known(asked(runs, "building", 10)).is_range
    assert known(asked(runs[:9], "building", 10)).runs == 9


def test_usual_pauses_from_ten_runs_on() -> None:
    runs = [run(n, preparing=5, building=60) for n in range(10)]
    assert known(asked(runs, "building", 1, preparing=5)).pauses == {"preparing": 500, "building": 6000}
    assert known(asked(runs[:9], "building", 1, preparing=5)).pauses == {}


def test_a_job_beyond_all_that_there_were_is_over_the_usual() -> None:
    runs = [run(n, preparing=5, building=60) for n in range(10)]
    found = known(asked(runs, "building", 100, preparing=5))
    assert (found.remaining, found.phase_remaining, found.over_ms) == (None, None, 40 * SECOND)


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
    st.none() | st.floats(0, 100),
)


@given(HISTORIES, JOBS, st.lists(st.integers(-(10**6), 10**8), min_size=1, max_size=5))
def test_whatever_the_history_the_times_are_in_order_and_never_negative(
    history: list[PastRun], job: RunningJob, times: list[int]
) -> None:
    model = build_model(history)
    for now in times:
        found = estimate(model, job, now)
        if found is None:
            assert len(history) < 5
            continue
        for times_left in (found.remaining, found.phase_remaining, *found.phases.values()):
            assert times_left is None or 0 <= times_left.low <= times_left.median <= times_left.high
        assert (found.remaining is None) == (found.phase_remaining is None) == (found.over_ms is not None)
        assert found.over_ms is None or found.over_ms >= 0
