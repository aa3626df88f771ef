"""When a follower of a job that has ended may be told that nothing more comes.

`make | tee >(curl -T - …/logs)` and a request that ends the job are two connections: the end is often
stored before the log, or before the log's connection is even made. Pure: times are arguments.
"""

from __future__ import annotations

from chef.domain.model import Job

QUIET_S = 2.0
"""Nothing has come for so long."""
LONGEST_S = 30.0
"""A follower is kept waiting no longer than this, whatever comes."""
_LOOK_S = 0.5


class EndDelay:
    """Holds the end back for one follower while the job's log may still be on its way.

    Uploads are known in the process that takes them. Those of other processes show in the store, by the
    time of what came last.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._quiet_at = 0.0
        self._latest = 0.0

    def left(self, job: Job, at: int, is_uploading: bool, now: float) -> float:
        """Seconds after which it is to be asked again; 0 where the end may be told.

        `job` is the job as stored, at `at` (ms of the clock that stamps updates), and `now` counts
        seconds steadily.
        """
        if self._seen is None:
            self._latest = now + LONGEST_S
        if self._seen != (job.seq, job.updated_at):
            self._seen = (job.seq, job.updated_at)
            # Another process' clock may be ahead.
            age = min(max((at - job.updated_at) / 1000, 0.0), QUIET_S)
            self._quiet_at = now + QUIET_S - age
        wait = max(self._quiet_at - now, _LOOK_S if is_uploading else 0.0)
        return max(min(wait, self._latest - now), 0.0)
