"""The kinds of log lines, and the kinds that no green run printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.novelty import GreenKinds, NewKinds, kind_of, kinds_in
from chef.domain.novelty.comparing import MOST_KINDS, MOST_NEW, MOST_RUNS
from tests.tools.pairs import RecordedPair, new_kinds, recorded_pairs

PAIRS = list(recorded_pairs())

SAME = [
    ("2026-11-28T14:17:52.123Z GET /a", "2025-01-02T03:04:05Z GET /a"),
    ("[2026-11-28 14:17:52,123] started", "[2025-01-02 03:04:05,9] started"),
    ("Sat Nov 28 14:17:52 UTC 2026 done", "Mon Jan  2 03:04:05 UTC 2025 done"),
    ("14:17:52 compiling", "03:04:05 compiling"),
    ("ok (1.23s)", "ok (45 ms)"),
    ("ok in 2m 3s", "ok in 900ms"),
    ("at http://localhost:3001/x", "at http://10.0.0.7:80/y?z=1"),
    ("peer 10.0.0.7:5123 left", "peer 192.168.1.1:80 left"),
    ("id 7a1d2c3e-1111-2222-3333-444455556666", "id 00000000-aaaa-bbbb-cccc-ddddeeeeffff"),
    ("commit 4f1c2d9", "commit 0a7b3c2d1e"),
    ("table t_cc739817", "table t_1ab2c3d4"),
    ("request Xy7Zk29Lm", "request a1b2c3d4e5"),
    ("/builds/12/app/src/a.c: warning", "/srv/ci/work/src/a.c: warning"),
    ("downloaded 12.3 MB at 3 MB/s", "downloaded 9 kB at 800 kB/s"),
    ("[12/345] compiling", "[1/9] compiling"),
    ("[=====>    ] 45%", "[==>       ] 5%"),
    ("\x1b[32mpassed\x1b[0m", "passed"),
    ("3 failed", "12 failed"),
    ("exit status 1", "exit status 2"),
]
OTHER = [
    ("0 errors", "3 errors"),
    ("exit status 0", "exit status 1"),
    ("/app/src/a.c: warning", "/app/src/b.c: warning"),
    ("feedback", "facade"),
    ("test_a PASSED", "test_a FAILED"),
    ("error: 'x' undeclared", "error: 'y' undeclared"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_lines_that_differ_as_runs_differ_are_of_one_kind(one: str, other: str) -> None:
    assert kind_of(one.encode()) == kind_of(other.encode()) != 0


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_lines_that_say_something_else_are_of_two_kinds(one: str, other: str) -> None:
    assert kind_of(one.encode()) != kind_of(other.encode())


@pytest.mark.parametrize("line", ["", "   ", "=========", "12:04:05", "100%", "\x1b[2K"])
def test_a_line_of_which_nothing_is_left_has_no_kind(line: str) -> None:
    assert kind_of(line.encode()) == 0


@given(st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), min_size=1, max_size=8))
def test_each_line_has_one_kind(lines: list[bytes]) -> None:
    assert len(list(kinds_in(b"\n".join(lines)))) == len(lines)


@given(st.lists(st.sets(st.integers(1, 30), max_size=10), max_size=12))
def test_what_the_newest_runs_printed_is_known_and_nothing_else(runs: list[set[int]]) -> None:
    green = GreenKinds()
    for run, kinds in enumerate(runs):
        green.add(run, kinds)
    newest = runs[-MOST_RUNS:]
    assert green.newest.keys() == set().union(*newest)
    assert green.runs == list(range(len(runs)))[::-1][:MOST_RUNS]


def test_where_runs_print_too_many_kinds_fewer_are_compared() -> None:
    green = GreenKinds()
    green.add(1, range(1, MOST_KINDS))
    green.add(2, range(MOST_KINDS, MOST_KINDS + 100))
    assert (green.runs, len(green.newest)) == ([2], 100)
    green.add(3, range(1, MOST_KINDS + 2))
    assert (green.runs, len(green.newest)) == ([], 0)


def test_more_new_kinds_than_are_kept_are_counted() -> None:
    found = NewKinds(GreenKinds())
    lines = [b"step " + b"a" * (number // 26) + bytes([97 + number % 26]) for number in range(MOST_NEW + 50)]
    found.take(range(1, len(lines) + 1), b"\n".join(lines))
    assert (found.count, len(found.ranked())) == (MOST_NEW + 50, MOST_NEW)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if len(pair.green) > 1], ids=lambda pair: pair.name)
def test_a_green_run_has_hardly_a_kind_that_earlier_ones_had_not(pair: RecordedPair) -> None:
    assert len(new_kinds(pair.green[:-1], pair.green[-1])) <= 1


def test_the_cause_is_among_the_first_three_new_kinds_in_four_of_five_recorded_failures() -> None:
    missed = [
        pair.name
        for pair in PAIRS
        if not any(pair.cause in kind.text for kind in new_kinds(pair.green, pair.failed)[:3])
    ]
    assert len(PAIRS) >= 20
    assert len(missed) <= len(PAIRS) * 0.2, missed
