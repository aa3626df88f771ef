"""Waiting for other greenlets of this process; `tests.tools.watching` waits for other processes."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Let the others run until it is so; fails the test at the time limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come true in time"
        gevent.sleep(0.002)
