"""Rooms are served in passes: in turn, with breaths for others, and with rests when writers press."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import gevent
import pytest

from chef.live import flusher
from chef.live.flusher import Flusher
from chef.live.lanes import TURN_S
from chef.live.rooms import Room
from tests.tools.until import until


class SlowRoom:
    """A room of which a pass has so many turns of so many seconds; all are noted in `notes`.

    By its own clock (`time`) each turn takes so many hours.
    """

    def __init__(
        self, name: str, notes: list[str], turns: int = 1, seconds: float = 0.0, hours: int = 0
    ) -> None:
        self.name, self.notes, self.turns, self.seconds = name, notes, turns, seconds
        self.hours, self.ahead_s = hours, 0
        self.fails = False
        self.news: Flusher | None = None
        """Where news of it come while it is being served, once."""

    def serve(self) -> Iterator[None]:
        if self.fails:
            raise RuntimeError
        for _ in range(self.turns):
            self.notes.append(self.name)
            flusher_, self.news = self.news, None
            if flusher_ is not None:
                soon(flusher_, self)
                soon(flusher_, self)
            busy = time.perf_counter() + self.seconds
            while time.perf_counter() < busy:
                pass
            self.ahead_s += self.hours * 3600
            yield
        self.notes.append(f"{self.name} ends")

    def time(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def one() -> Iterator[Flusher]:
    made = Flusher()
    yield made
    made.close()


def soon(one: Flusher, room: object) -> None:
    one.soon(cast("Room", room))


def test_rooms_take_turns(one: Flusher, notes: list[str]) -> None:
    soon(one, SlowRoom("large", notes, turns=3))
    soon(one, SlowRoom("small", notes))
    assert notes == []  # It never waits, and serves nobody at once.
    until(lambda: len(notes) == 6)
    assert notes == ["large", "small", "large", "small ends", "large", "large ends"]


def test_news_that_come_together_are_one_pass(one: Flusher, notes: list[str]) -> None:
    room = SlowRoom("room", notes)
    for _ in range(5):
        soon(one, room)
    gevent.sleep(0.02)
    assert notes == ["room", "room ends"]


def test_news_that_come_while_a_room_is_served_are_a_pass_behind_this_one(
    one: Flusher, notes: list[str]
) -> None:
    room = SlowRoom("room", notes, turns=3)
    room.news = one
    soon(one, room)
    gevent.sleep(0.05)
    assert notes == ["room", "room", "room", "room ends"] * 2


def test_others_have_their_turn_while_a_pass_goes_on(one: Flusher, notes: list[str]) -> None:
    soon(one, SlowRoom("room", notes, turns=5, seconds=2 * TURN_S))

    def other() -> None:
        for _ in range(3):
            notes.append("other")
            gevent.sleep(1e-6)

    gevent.spawn(other)
    until(lambda: "room ends" in notes)
    assert notes.index("other") < notes.index("room ends")
    assert "other" in notes[notes.index("room") : notes.index("room ends")]


def test_a_room_for_which_more_came_rests_and_its_news_leave_together(
    one: Flusher, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "REST_S", 1.0)
    room = SlowRoom("room", notes, hours=1)
    monkeypatch.setattr(flusher, "time", SimpleNamespace(monotonic=room.time))
    room.news = one
    soon(one, room)
    until(lambda: "room ends" in notes)
    ended = time.perf_counter()
    soon(one, SlowRoom("other", notes))  # It rests alone.
    until(lambda: "other ends" in notes)
    assert notes.count("room") == 1
    soon(one, room)
    until(lambda: notes.count("room") == 2)
    assert time.perf_counter() - ended >= 0.9
    until(lambda: notes.count("room ends") == 2)
    gevent.sleep(0.3)
    assert notes.count("room") == 2


def test_no_rest_is_longer_than_the_pass_before_it_and_a_quick_one_needs_none(
    one: Flusher, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "REST_S", 3600)
    for seconds in (0.0, 2 * TURN_S):
        room = SlowRoom("room", notes, seconds=seconds)
        room.news = one
        soon(one, room)
        until(lambda: notes.count("room ends") == 2)
        notes.clear()


def test_a_room_for_which_nothing_came_meanwhile_is_served_as_soon_as_something_does(
    one: Flusher, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "REST_S", 3600)
    room = SlowRoom("room", notes, hours=1)
    monkeypatch.setattr(flusher, "time", SimpleNamespace(monotonic=room.time))
    soon(one, room)
    until(lambda: "room ends" in notes)
    soon(one, room)  # Else it would rest for an hour.
    until(lambda: notes.count("room ends") == 2)


def test_a_fault_in_one_room_costs_no_other_and_not_its_own_next_pass(
    one: Flusher, notes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    faulty, healthy = SlowRoom("faulty", notes), SlowRoom("healthy", notes, turns=3)
    faulty.fails = True
    soon(one, faulty)
    soon(one, healthy)
    until(lambda: "healthy ends" in notes)
    assert len(caplog.records) == 1
    faulty.fails = False
    soon(one, faulty)
    until(lambda: "faulty ends" in notes)


def test_once_closed_it_serves_nobody(one: Flusher, notes: list[str]) -> None:
    soon(one, SlowRoom("being served", notes, turns=50, seconds=2 * TURN_S))
    until(lambda: notes)
    one.close()
    soon(one, SlowRoom("late", notes))
    count = len(notes)
    gevent.sleep(0.02)
    assert len(notes) == count < 50
