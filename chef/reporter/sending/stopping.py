"""Whether somebody has asked the build to stop, as any answer of the server may say."""

from __future__ import annotations

import threading
from typing import Callable, NamedTuple

from chef.reporter.sending.answers import ServerAnswer

_MAX_NAME = 100


class StopWish(NamedTuple):
    """A request that the build stops: who asked."""

    by: str


def stop_in(answer: ServerAnswer, job: str) -> StopWish | None:
    """The request in an answer: of a log by itself, of updates and heartbeats within the part of its job."""
    found = answer.data.get("stop")
    jobs = answer.data.get("jobs")
    if found is None and isinstance(jobs, dict) and isinstance(jobs.get(job), dict):
        found = jobs[job].get("stop")
    if answer.status != 200 or not isinstance(found, dict):
        return None
    by = found.get("by")
    name = "".join(letter for letter in by if letter.isprintable())[:_MAX_NAME] if isinstance(by, str) else ""
    return StopWish(name.strip() or "somebody")


class StopSignal:
    """Noted by the threads that talk to the server, looked at by the one that runs the command."""

    def __init__(self) -> None:
        self.asked: StopWish | None = None
        self.wake: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def hear(self, answer: ServerAnswer, job: str) -> None:
        """Look into an answer; the first request counts."""
        found = stop_in(answer, job)
        with self._lock:
            if found is None or self.asked is not None:
                return
            self.asked = found
        self.wake()
