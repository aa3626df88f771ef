"""What is read of test reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chef.domain.testreports import OUTCOMES, CaseResult, Outcome
from chef.domain.testreports.shapes import FailingStreak
from chef.store.testreading import ListedCase, failing_streaks, list_cases, slowest_cases
from chef.store.threads import StoreReader


class ReportQueries(StoreReader):
    """The tests of jobs."""

    def cases(
        self, job_id: str, statuses: Sequence[Outcome] = OUTCOMES, after: int = 0, limit: int = 50
    ) -> list[ListedCase]:
        """The tests of a job's reports behind a place, at most `limit`, failed ones first."""
        return self._read(list_cases, job_id, statuses, after, limit)

    def cases_with_streaks(
        self, job_id: str, statuses: Sequence[Outcome] = OUTCOMES, after: int = 0, limit: int = 50
    ) -> list[tuple[ListedCase, FailingStreak | None]]:
        """The same with the runs in which the failed ones among them failed before."""
        found = self.cases(job_id, statuses, after, limit)
        keys = [one.key for one in found if one.key is not None and one.case.outcome == "failed"]
        streaks = self.failing_streaks(job_id, keys)
        return [(one, None if one.key is None else streaks.get(one.key)) for one in found]

    def slowest_cases(self, job_id: str) -> list[CaseResult]:
        """The slowest tests of a job's reports, the slowest first."""
        return self._read(slowest_cases, job_id)

    def failing_streaks(self, job_id: str, keys: Collection[int]) -> dict[int, FailingStreak]:
        """Since when failed tests of a job fail, by their keys."""
        return self._read(failing_streaks, job_id, keys)
