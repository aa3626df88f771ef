"""A viewer on an event stream, in a thread of the test, and how soon it hears of updates."""

from __future__ import annotations

import threading
import time

from chef.live import hub
from tests.tools.serving import Served

PROMPT_S = hub.SAFETY_POLL_S / 2
"""What takes less was not found by the safety poll alone: of several events in a row none is, as a rule."""


class Follower:
    """Reads a job's event stream in a thread, noting each event's seq and when it came."""

    def __init__(self, server: Served, job_id: str) -> None:
        self.seen: list[int] = []
        self.times: list[float] = []
        url = f"{server.url}/api/jobs/{job_id}/events"
        self._response = server.session.get(url, stream=True, timeout=60)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._response.iter_lines(chunk_size=1):
            if line.startswith(b"id: "):
                self.seen.append(int(line[4:]))
                self.times.append(time.monotonic())

    def wait(self, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f"{len(self.seen)} of {count}"
            time.sleep(0.01)


def log_line(server: Served, job: str = "j") -> int:
    answer = server.update({"type": "log", "jobId": job, "projectId": "p", "message": "x"})
    seq: int = answer["jobs"][job]["seq"]
    return seq


def is_prompt(poster: Served, follower: Follower, posts: int = 8) -> bool:
    """Whether a follower at another process hears of some updates sooner than the safety poll finds them."""
    slowest = 0.0
    for _ in range(posts):
        seq = log_line(poster)
        answered = time.monotonic()
        follower.wait(seq, 30)
        slowest = max(slowest, follower.times[-1] - answered)
    return slowest < PROMPT_S
