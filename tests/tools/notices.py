"""Jobs and notices of them, for tests of what targets are told."""

from __future__ import annotations

from typing import Any

from chef.domain.forecast import Estimate, Interval
from chef.domain.model import Job, PhaseSpan, Status
from chef.domain.wiretypes import ExcerptLine, FailedTest, Failure
from chef.outbox.values import Notice, Word

AT = 1_795_000_000_000
LINK = "https://chef.example/jobs/web-17"
FAILURE = Failure(
    summary="3 failed, 120 passed",
    lines=[ExcerptLine(line=21236, text="FAILED tests/test_a.py::test_x")],
    tests=[FailedTest(name=f"test_{one}", line=21236) for one in "xyz"],
)


def told_job(**fields: Any) -> Job:
    """A job of 3 min 12 s that is building, at 62 %."""
    known: dict[str, Any] = {
        "job_id": "web-17",
        "project_id": "web",
        "created_at": AT - 192_000,
        "updated_at": AT,
        "status": "building",
        "phase": "building",
        "progress": 62,
        "meta": {"branch": "main"},
        "state_at": AT,
        "started_at": AT - 192_000,
        "phases": (PhaseSpan("building", AT - 192_000),),
        "progress_at": AT,
    }
    return Job(**(known | fields))


def ended_job(status: Status, **fields: Any) -> Job:
    """The same, over."""
    return told_job(status=status, finished_at=AT, **fields)


def notice_of(
    job: Job,
    word: Word = Word.PROGRESS,
    estimate: Estimate | None = None,
    *,
    is_repeated: bool = False,
    name: str = "5f" * 16,
    failed_before: int = 0,
) -> Notice:
    return Notice(job, word, estimate, LINK, AT, name, is_repeated, failed_before)


def estimated(median: int | None, *, is_range: bool = False, over: int | None = None) -> Estimate:
    """An estimate of so many ms until the end and of the phase."""
    times = None if median is None else Interval(median // 2, median, median * 2)
    return Estimate(AT, 18, is_range, times, times, over, {}, {"building": 600_000})
