"""Work beside the requests goes on whatever comes of it, and its log tells of trouble once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest

from chef.errors import StoreUnavailable
from chef.live.background import BackgroundTask
from tests.tools.until import until

Outcome = Exception | None


class Work:
    """Counts how often it is done. `outcomes` are what comes of the next times; then it is done well."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.done = 0
        self.outcomes = list(outcomes)

    def __call__(self) -> None:
        self.done += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome


Make = Callable[..., BackgroundTask]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[BackgroundTask] = []

    def of(work: Callable[[], None], retry_s: float | None = None) -> BackgroundTask:
        made.append(BackgroundTask(work, "nothing is cooked", retry_s))
        return made[-1]

    yield of
    for task in made:
        task.close()


def test_it_is_done_again_and_again_after_a_first_pause(make: Make) -> None:
    work = Work()
    task = make(work)
    runs = [task.runs]
    task.start(0.01)
    assert [*runs, task.runs] == [False, True]
    gevent.sleep(0)
    assert work.done == 0
    until(lambda: work.done >= 3)


def test_it_is_done_once_for_all_that_wake_it_and_not_by_itself(make: Make) -> None:
    work = Work()
    task = make(work)
    task.start(None)
    for _ in range(5):
        task.wake()
    until(lambda: work.done)
    gevent.sleep(0.05)
    assert work.done == 1


def test_what_wakes_it_while_it_works_has_it_done_once_more(make: Make) -> None:
    begun: list[int] = []

    def work() -> None:
        begun.append(len(begun))
        gevent.sleep(0.01)

    task = make(work)
    task.start(3600)
    task.wake()
    until(lambda: begun)
    task.wake()
    until(lambda: len(begun) == 2)
    gevent.sleep(0.05)
    assert len(begun) == 2


def test_a_store_that_is_away_is_told_once_until_it_is_back(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    away = StoreUnavailable("the disk is full")
    work = Work(away, away, None, away)
    make(work).start(0.001)
    until(lambda: work.done > 4)
    assert [one.getMessage() for one in caplog.records] == ["nothing is cooked: the disk is full"] * 2
    assert {one.exc_info for one in caplog.records} == {None}


def test_a_fault_is_told_with_its_place_and_is_not_the_end(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(StoreUnavailable(), ValueError("burnt"), ValueError("burnt"), KeyError("salt"))
    make(work).start(0.001)
    until(lambda: work.done > 4)
    kinds = [one.exc_info[0] if one.exc_info else None for one in caplog.records]
    assert kinds == [None, ValueError, KeyError]
    assert caplog.records[1].getMessage() == "nothing is cooked"


def test_it_is_tried_again_sooner_than_it_is_done_again(make: Make) -> None:
    work = Work(StoreUnavailable(), ValueError())
    task = make(work, retry_s=0.001)
    task.start(3600)
    task.wake()
    until(lambda: work.done == 3)
    gevent.sleep(0.05)
    assert work.done == 3


@pytest.mark.parametrize("is_begun", [True, False])
def test_once_closed_it_is_done_no_more(make: Make, is_begun: bool) -> None:
    work = Work()
    task = make(work)
    if is_begun:
        task.start(0.001)
        until(lambda: work.done)
    task.close()
    task.start(0.001)
    task.wake()
    count = work.done
    gevent.sleep(0.05)
    assert (work.done, task.runs) == (count, False)
