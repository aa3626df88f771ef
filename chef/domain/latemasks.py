"""The secrets of jobs that have ended, since lines of theirs may still come. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chef.domain.masking import Masks
from chef.domain.rules import LOGS_AFTER_END_MS


class LateMasks:
    """Masks by the ids of jobs that have ended: in memory alone, since the store has forgotten them."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Masks]] = {}

    def keep(self, job_id: str, masks: Masks, at: int) -> None:
        """A job with masks ends at a time (ms)."""
        self._kept = {name: one for name, one in self._kept.items() if at <= one[0] + LOGS_AFTER_END_MS}
        self._kept[job_id] = at, masks

    def forget(self, job_ids: Iterable[str]) -> None:
        """These jobs are gone."""
        for job_id in job_ids:
            self._kept.pop(job_id, None)

    def of(self, job_id: str) -> Masks:
        """Those of a job, as far as they are known here."""
        return self._kept.get(job_id, (0, ()))[1]
