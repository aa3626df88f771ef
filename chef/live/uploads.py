"""The log uploads that are open in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Uploads:
    """How many requests bring log bodies at this moment, by job."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def during(self, job_id: str) -> Iterator[None]:
        """Count an upload of this job as open until the context is left."""
        self._open[job_id] += 1
        try:
            yield
        finally:
            self._open[job_id] -= 1
            if not self._open[job_id]:
                del self._open[job_id]

    def are_open(self, job_id: str) -> bool:
        """Whether some upload of this job is open."""
        return job_id in self._open
