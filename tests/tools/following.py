"""A viewer on an event stream, in a thread of the test."""

from __future__ import annotations

import threading
import time

from tests.tools.serving import Served


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
