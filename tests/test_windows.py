"""Counts within windows of time: exact, bounded, and quick however many there are."""

from __future__ import annotations

import timeit
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.access.guesses import GuessLimit
from chef.access.principals import Principal
from chef.access.windows import ServiceLimit, Windows
from chef.access.writelimit import WriteLimit
from chef.errors import TooManyRequests
from chef.settings.quotas import Quota


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_begins_with_its_first_unit_and_gives_all_of_them_again_when_it_is_over() -> None:
    clock = Clock()
    windows = Windows(Quota(2, 60), clock=clock)
    assert windows.take("a") == ServiceLimit(1, 60)
    clock.now += 10
    assert windows.look("a") == ServiceLimit(0, 50)
    assert windows.take("a") == ServiceLimit(0, 50)
    assert windows.take("a") == windows.look("a") == ServiceLimit(-1, 50)
    assert windows.take("b") == ServiceLimit(1, 60)
    clock.now += 50
    assert windows.take("a") == ServiceLimit(1, 60)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3))), st.integers(1, 4), st.integers(1, 8))
def test_no_key_gets_more_than_its_quota_and_the_table_never_holds_more_than_it_may(
    asked: list[tuple[int, float]], units: int, most: int
) -> None:
    clock = Clock()
    windows = Windows(Quota(units, 1), most=most, clock=clock)
    given_at: dict[int, list[float]] = defaultdict(list)
    for key, passes in asked:
        clock.now += passes
        if windows.take(key).remaining >= 0:
            given_at[key].append(clock.now)
        assert len(windows) <= most
    if most > 5:  # Nobody's window was pushed out.
        for times in given_at.values():
            # Two windows touch any second at most.
            assert all(later - first >= 1 for first, later in zip(times, times[2 * units :], strict=False))


def test_windows_that_are_over_make_room_by_themselves() -> None:
    clock = Clock()
    windows = Windows(Quota(5, 1), clock=clock)
    for number in range(1000):
        windows.take(number)
    clock.now += 2
    for number in range(1000, 1600):
        windows.take(number)
    assert len(windows) == 600


def test_a_full_table_forgets_the_oldest_window() -> None:
    windows = Windows(Quota(1, 3600), most=3, clock=Clock())
    for key in "abcd":
        windows.take(key)
    assert len(windows) == 3
    assert [windows.look(key).remaining for key in "abcd"] == [0, -1, -1, -1]


def test_taking_a_unit_takes_as_long_among_a_hundred_thousand_windows_as_among_ten() -> None:
    few, many = Windows(Quota(10**6, 3600)), Windows(Quota(10**6, 3600))
    for number in range(100_000):
        many.take(str(number))

    def seconds(windows: Windows) -> float:
        keys = [str(number) for number in range(10)]
        return min(timeit.repeat(lambda: [windows.take(key) for key in keys], number=500, repeat=9))

    # The first ten are pushed out and begun again; that they are looked up is all that is left to do.
    assert seconds(many) < 3 * seconds(few)
    assert len(many) == 100_000


def test_short_tokens_that_were_right_are_remembered_within_bounds() -> None:
    limit = GuessLimit(Quota(1, 3600), lambda _: None)
    for number in range(10_001):
        limit.right(f"t-{number}", "address")
    limit.wrong("address")
    limit.right("t-10000", "address")
    with pytest.raises(TooManyRequests):
        limit.right("t-0", "address")
    with pytest.raises(TooManyRequests, match="wait 3600 seconds"):
        limit.wrong("address")


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::/64"])
def test_by_default_addresses_of_the_net_are_held_to_the_rate(address: str) -> None:
    met: list[str] = []
    limit = WriteLimit(None, met.append)
    writer = Principal(frozenset({"write"}), key=1)
    for _ in range(600):
        limit.check(limit.take(writer, address), address)
    with pytest.raises(TooManyRequests) as refusal:
        limit.check(limit.take(writer, address), address)
    assert refusal.value.retry_after == 1
    assert met == ["rate_writes"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.17.0.1", "100.64.0.1", "fd00:1:2:3::/64"])
def test_by_default_addresses_nearby_are_not_held_to_the_rate(address: str) -> None:
    limit, held = WriteLimit(None, lambda _: None), WriteLimit(Quota(600, 1), lambda _: None)
    writer = Principal(frozenset({"write"}), key=1)
    for _ in range(600):
        limit.check(limit.take(writer, address), address)
        held.check(held.take(writer, address), address)
    limit.check(limit.take(writer, address), address)
    with pytest.raises(TooManyRequests):
        held.check(held.take(writer, address), address)
