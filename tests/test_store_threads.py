"""The store's native threads: their end."""

from __future__ import annotations

import time

import gevent
import pytest

from chef.errors import StoreUnavailable
from chef.store.storethreads import StoreThreads


def test_what_is_asked_for_while_they_stop_does_not_keep_them_from_it() -> None:
    threads = StoreThreads(most=4)
    busy = [gevent.spawn(threads.run, lambda: time.sleep(0.2)) for _ in range(2)]
    gevent.sleep(0.05)
    stopping = gevent.spawn(threads.stop)
    gevent.sleep(0)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="the server is stopping"):
            threads.run(lambda: None)
    with gevent.Timeout(20):
        stopping.get()
        for one in busy:
            one.get()


def test_what_was_asked_for_before_they_stop_is_done() -> None:
    threads = StoreThreads(most=2)
    asked = [gevent.spawn(threads.run, lambda number=number: number) for number in range(9)]
    gevent.sleep(0)
    threads.stop()
    assert [one.get(timeout=20) for one in asked] == list(range(9))
