"""The newest entries of a log: in order, without a hole, bounded by bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.live.ring import Ring


class Item(NamedTuple):
    before: int
    position: int
    size: int = 10


def filled(*positions: int, max_bytes: int = 1000) -> Ring[Item]:
    """A ring over a log whose entries end at these positions."""
    ring: Ring[Item] = Ring(max_bytes)
    ring.raise_head(0)
    for before, position in zip((0, *positions), positions, strict=False):
        ring.append(Item(before, position))
    return ring


def positions(ring: Ring[Item], after: int) -> list[int] | None:
    found = ring.after(after)
    return None if found is None else [item.position for item in found]


def test_entries_are_found_after_any_position_also_one_within_an_entry() -> None:
    ring = filled(3, 4, 9)
    wanted = {0: [3, 4, 9], 2: [3, 4, 9], 3: [4, 9], 4: [9], 8: [9], 9: [], 50: []}
    assert {after: positions(ring, after) for after in wanted} == wanted


def test_an_entry_comes_once_and_in_order() -> None:
    ring = filled(3, 4, 9)
    ring.append(Item(0, 3))
    ring.append(Item(4, 9))
    assert positions(ring, 0) == [3, 4, 9]
    assert (ring.head, ring.end, ring.size) == (9, 9, 30)


def test_behind_a_gap_it_begins_anew() -> None:
    ring = filled(3, 4)
    ring.append(Item(7, 8))
    assert positions(ring, 4) is None
    assert positions(ring, 6) is None
    assert positions(ring, 7) == [8]
    assert (ring.head, ring.end, ring.size) == (8, 8, 10)


def test_a_log_that_nobody_has_seen_reaches_back_nowhere() -> None:
    ring: Ring[Item] = Ring(1000)
    assert ring.end is None
    assert ring.after(0) is None
    assert ring.raise_head(0) is False
    assert ring.after(0) == []


def test_a_first_entry_tells_where_the_log_is() -> None:
    ring: Ring[Item] = Ring(1000)
    ring.append(Item(4, 6))
    assert (positions(ring, 3), positions(ring, 4), ring.head) == (None, [6], 6)


def test_the_head_may_be_further_than_the_entries() -> None:
    ring = filled(3)
    assert ring.raise_head(10) is True
    assert ring.raise_head(10) is False
    assert ring.raise_head(2) is False
    assert (ring.head, ring.end) == (10, 3)
    assert positions(ring, 3) == []
    ring.append(Item(3, 5))
    assert (ring.head, ring.end) == (10, 5)


def test_another_log_begins_at_its_beginning() -> None:
    ring = filled(3, 4)
    ring.restart(2)
    assert (ring.head, ring.end, ring.size) == (2, 0, 0)
    assert positions(ring, 0) == []
    ring.append(Item(0, 1))
    assert positions(ring, 0) == [1]


def test_the_oldest_go_where_the_bytes_are_too_many() -> None:
    ring = filled(1, 2, 3, 4, max_bytes=25)
    assert (positions(ring, 1), positions(ring, 2), ring.size) == (None, [3, 4], 20)


def test_the_newest_entry_is_kept_however_large() -> None:
    ring = filled(1, 2, max_bytes=25)
    ring.append(Item(2, 3, size=10_000))
    assert (positions(ring, 2), ring.size) == ([3], 10_000)
    ring.append(Item(3, 4))
    assert (positions(ring, 3), ring.size) == ([4], 10)


@pytest.mark.parametrize("max_bytes", [1, 60, 10_000])
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 50), st.booleans()), max_size=40))
def test_whatever_comes_it_has_the_newest_without_a_hole(
    max_bytes: int, steps: list[tuple[int, int, bool]]
) -> None:
    """Each step is an entry of so many positions and bytes; some are lost on their way to the ring."""
    ring: Ring[Item] = Ring(max_bytes)
    ring.raise_head(0)
    position, newest = 0, 0
    for length, size, comes in steps:
        item = Item(position, position + length, size)
        position += length
        if comes:
            ring.append(item)
            newest = position
        found = ring.after(ring.end or 0)
        assert found == []
        assert ring.head == newest == ring.end
    kept = next((found for after in range(position + 1) if (found := ring.after(after))), [])
    assert all(one.position == other.before for one, other in pairwise(kept))
    assert sum(item.size for item in kept) == ring.size
    assert len(kept) <= 1 or ring.size <= max_bytes
    assert not kept or kept[-1].position == newest
