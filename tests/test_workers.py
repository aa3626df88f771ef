"""Greenlets that do one piece of work after the other."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any

import gevent
import pytest
from gevent.event import Event
from greenlet import getcurrent

from chef.greenlets import _MOST_IDLE, Workers
from tests.tools.until import until

WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What gevent was told of."""
    told: list[str] = []
    hub = gevent.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda _context, _type, value, _tb: told.append(str(value)))
    return told


def test_what_is_asked_for_is_done_soon_and_in_order() -> None:
    workers = Workers()
    done: list[int] = []
    for number in range(100):
        workers.run(done.append, number)
    assert done == []  # Who asks does not wait for it.
    until(lambda: len(done) == 100)
    assert done == list(range(100))


def test_one_greenlet_does_all_that_waits_for_nothing() -> None:
    workers = Workers()
    seen: list[Any] = []
    for _ in range(100):
        workers.run(lambda: seen.append(getcurrent()))
    until(lambda: len(seen) == 100)
    assert len(set(map(id, seen))) == 1


def test_work_that_waits_holds_up_nothing_else() -> None:
    workers, go = Workers(), Event()
    done: list[object] = []

    def wait(number: int) -> None:
        go.wait()
        gevent.sleep(0)
        done.append(number)

    for number in range(50):
        workers.run(wait, number)
    workers.run(done.append, "quick")
    until(lambda: bool(done))
    assert done == ["quick"]
    go.set()
    until(lambda: len(done) == 51)
    assert set(done[1:]) == set(range(50))


def test_after_a_crowd_few_greenlets_are_kept_and_they_work_on() -> None:
    workers, go = Workers(), Event()
    found: list[bool] = []
    alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def wait() -> None:
        alive.add(getcurrent())
        go.wait()

    for _ in range(_MOST_IDLE * 4):
        workers.run(wait)
    until(lambda: len(alive) == _MOST_IDLE * 4)
    go.set()
    until(lambda: len(alive) == _MOST_IDLE)
    for _ in range(_MOST_IDLE * 2):
        workers.run(lambda: found.append(getcurrent() in alive))
    until(lambda: len(found) == _MOST_IDLE * 2)
    assert found == [True] * (_MOST_IDLE * 2)


def test_a_fault_is_told_and_ends_nothing_else(faults: list[str]) -> None:
    workers = Workers()
    done: list[str] = []

    def fail() -> None:
        raise ValueError("broken")

    for _ in range(3):
        workers.run(fail)
        workers.run(done.append, "done")
    until(lambda: len(done) == 3)
    assert faults == ["broken"] * 3
    assert done == ["done"] * 3


def test_what_one_piece_of_work_has_set_is_nothing_to_the_next() -> None:
    workers = Workers()
    seen: list[str] = []

    def work(name: str) -> None:
        seen.append(WHO.get())
        WHO.set(name)
        gevent.sleep(0)
        seen.append(WHO.get())

    for name in ("first", "second"):
        workers.run(work, name)
        until(lambda: seen[-1:] == [name])  # noqa: B023 - called at once
    assert seen == ["nobody", "first", "nobody", "second"]


def test_a_worker_that_waits_keeps_nothing_of_its_work() -> None:
    class Thing:
        pass

    workers, thing = Workers(), Thing()
    gone = weakref.ref(thing)
    workers.run(lambda _: None, thing)
    del thing
    until(lambda: gone() is None)


def test_a_worker_that_is_killed_is_gone_and_others_work_on(faults: list[str]) -> None:
    workers, go = Workers(), Event()
    done: list[str] = []
    stuck: list[Any] = []

    def wait() -> None:
        stuck.append(getcurrent())
        go.wait()
        done.append("not killed")

    workers.run(wait)
    until(lambda: bool(stuck))
    gevent.kill(stuck[0])
    until(lambda: stuck[0].dead)
    workers.run(done.append, "done")
    until(lambda: bool(done))
    assert done == ["done"]
