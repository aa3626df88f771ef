"""The tests of a job's reports, a page at a time, and since when they fail."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import nlargest
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, exists, or_, select, tuple_

from chef.domain.model import ENDED
from chef.domain.testreports import MOST_SLOW, OUTCOMES, CaseResult, Outcome
from chef.domain.testreports.shapes import FailingStreak
from chef.store.reading import pk_of_job
from chef.store.tables import jobs, test_cases, test_failures
from chef.store.testrows import PART_CASES, SLOWEST, unpacked

HISTORY = 50
"""So many earlier runs are looked at."""

# A place in a job's tests as one number: the status, the seq of the report, the place within it.
_PLACES, _SEQS = 2**17, 2**43


class ListedCase(NamedTuple):
    """A test in a list, with the place that a next page goes on from; `key` is that of one that failed."""

    place: int
    case: CaseResult
    key: int | None = None


def list_cases(
    connection: Connection, job_id: str, statuses: Sequence[Outcome], after: int, limit: int
) -> list[ListedCase]:
    """The tests of a job behind a place, at most `limit`: failed ones first, each report in its own order."""
    found: list[ListedCase] = []
    for rank, status in enumerate(OUTCOMES):
        if status not in statuses or after >= (rank + 1) * _SEQS * _PLACES:
            continue
        rest = max(0, after - rank * _SEQS * _PLACES)
        seq, place = divmod(rest, _PLACES)
        listing = _failures if status in ("failed", "flaky") else _others
        some = listing(connection, job_id, status, seq, place, limit - len(found))
        found += [one._replace(place=one.place + rank * _SEQS * _PLACES) for one in some]
        if len(found) >= limit:
            break
    return found


def _failures(
    connection: Connection, job_id: str, status: Outcome, seq: int, place: int, limit: int
) -> Iterator[ListedCase]:
    table = test_failures
    order = table.c.seq, table.c.place
    query = select(table).where(table.c.job_pk == pk_of_job(job_id), table.c.status == status)
    query = query.where(tuple_(*order) >= (seq, place)).order_by(*order).limit(limit)
    for row in connection.execute(query):
        (case,) = unpacked(row.data)
        # It may have passed since it was packed.
        yield ListedCase(_place(row.seq, row.place), replace(case, outcome=status), row.test_key)


def _others(
    connection: Connection, job_id: str, status: Outcome, seq: int, place: int, limit: int
) -> Iterator[ListedCase]:
    table = test_cases
    order = table.c.seq, table.c.part
    query = select(table).where(table.c.job_pk == pk_of_job(job_id), table.c.status == status)
    query = query.where(tuple_(*order) >= (seq, place // PART_CASES)).order_by(*order).limit(limit)
    left = limit
    for row in connection.execute(query):
        for index, case in enumerate(unpacked(row.data), row.part * PART_CASES):
            if left and (row.seq, index) >= (seq, place):
                yield ListedCase(_place(row.seq, index), case)
                left -= 1
        if not left:
            return


def _place(seq: int, index: int) -> int:
    return seq * _PLACES + index + 1


def slowest_cases(connection: Connection, job_id: str) -> list[CaseResult]:
    """The slowest tests of a job, the slowest first."""
    table = test_cases
    query = select(table.c.data).where(table.c.job_pk == pk_of_job(job_id), table.c.status == SLOWEST)
    cases = (case for data in connection.scalars(query) for case in unpacked(data))
    return nlargest(MOST_SLOW, cases, key=lambda case: case.duration_ms or 0)


def failing_streaks(connection: Connection, job_id: str, keys: Collection[int]) -> dict[int, FailingStreak]:
    """Since when some failed tests of a job fail: by their keys, the runs of its kind without a gap.

    A run is an ended job of the same project and kind with a test report; the newest `HISTORY` before
    this one count.
    """
    streaks = {key: FailingStreak(1, job_id) for key in keys}
    runs = _earlier_runs(connection, job_id) if keys else []
    failed = _failed_in(connection, [run.pk for run in runs], keys)
    going = set(keys)
    for run in runs:
        going = {key for key in going if (run.pk, key) in failed}
        streaks |= {key: FailingStreak(streaks[key].runs + 1, run.job_id) for key in going}
    return streaks


def _earlier_runs(connection: Connection, job_id: str) -> list[Any]:
    """The newest jobs of the same kind before a job that ended and have a test report, the newest first."""
    this = connection.execute(
        select(jobs.c.pk, jobs.c.project_pk, jobs.c.kind).where(jobs.c.job_id == job_id)
    ).first()
    if this is None:
        return []
    query = select(jobs.c.pk, jobs.c.job_id).order_by(jobs.c.pk.desc()).limit(HISTORY)
    query = query.where(jobs.c.project_pk == this.project_pk, jobs.c.kind.is_not_distinct_from(this.kind))
    query = query.where(jobs.c.pk < this.pk)
    # Each status by itself: so an index has them in order.
    found = [
        row for status in sorted(ENDED) for row in connection.execute(query.where(jobs.c.status == status))
    ]
    newest = nlargest(HISTORY, found, key=lambda row: row.pk)
    reporting = _with_reports(connection, [row.pk for row in newest])
    return [row for row in newest if row.pk in reporting]


def _with_reports(connection: Connection, pks: Sequence[int]) -> set[int]:
    has_report = or_(
        exists().where(test_cases.c.job_pk == jobs.c.pk), exists().where(test_failures.c.job_pk == jobs.c.pk)
    )
    return set(connection.scalars(select(jobs.c.pk).where(jobs.c.pk.in_(pks), has_report)))


def _failed_in(connection: Connection, pks: Sequence[int], keys: Collection[int]) -> set[tuple[int, int]]:
    """Which of some tests failed in which of some jobs."""
    table = test_failures
    query = select(table.c.job_pk, table.c.test_key).where(
        table.c.job_pk.in_(pks), table.c.test_key.in_(keys), table.c.status == "failed"
    )
    return {(row.job_pk, row.test_key) for row in connection.execute(query)}
