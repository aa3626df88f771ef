"""A heartbeat that the server answers as soon as somebody asks the build to stop, in a thread of its own.

Requests that send output and updates go one by one, so none of them can wait. Where the server allows it
(`hold` in its answer to a heartbeat), one more connection waits for the whole time of the build: a build that
prints nothing learns at once, and the server is asked once in some 20 seconds.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.sending.schedule import HEARTBEAT_S
from chef.reporter.sending.stopping import StopSignal

# It ends before the sender's own heartbeat is due, which it takes the place of.
_MAX_HOLD_S = int(HEARTBEAT_S) - 3
# An answer that comes much sooner than it was asked for is not followed by the next request at once.
_HOLD_REST_S = 1.0
_FIRST_HOLD_PAUSE_S, _LONGEST_HOLD_PAUSE_S = 1.0, 5.0
_BUSY_STATUSES = (429, 500, 502, 503, 504)


def hold_in(answer: ServerAnswer) -> int:
    """How many seconds a heartbeat may wait, as an answer says; 0: it may not, as with older servers."""
    found = answer.data.get("hold") if answer.status == 200 else None
    return min(found, _MAX_HOLD_S) if isinstance(found, int) and found > 0 else 0


class HeldHeartbeats:
    """Waits for a stop request. `heard` is called whenever the server hears of us this way."""

    def __init__(self, stop: StopSignal, heard: Callable[[float], None], promise: int) -> None:
        self._stop = stop
        self._heard = heard
        self._promise = promise
        self._thread: threading.Thread | None = None

    def begin(self, answer: ServerAnswer, api: JobApi) -> None:
        """Begin, once, where the answer to a heartbeat allows it; `api` is the sender's own."""
        hold = hold_in(answer)
        if hold and self._thread is None and self._stop.asked is None:
            self._thread = threading.Thread(
                target=self._run, args=(api.another(), hold), name="chef-stop", daemon=True
            )
            self._thread.start()

    def _run(self, api: JobApi, hold: int) -> None:
        pause = _FIRST_HOLD_PAUSE_S
        try:
            while hold and self._stop.asked is None:
                begun = time.monotonic()
                self._heard(begun)
                try:
                    answer = api.post_heartbeat(self._promise, hold)
                except Unreachable:
                    answer = None
                if answer is None or answer.status in _BUSY_STATUSES:
                    time.sleep(pause)
                    pause = min(2 * pause, _LONGEST_HOLD_PAUSE_S)
                    continue
                # Another status: the job has ended, or the server is an older one by now.
                hold, pause = hold_in(answer), _FIRST_HOLD_PAUSE_S
                time.sleep(max(0.0, min(_HOLD_REST_S, begun + hold - time.monotonic())) if hold else 0.0)
        except Exception:
            pass
        finally:
            api.close()
