"""Test reports into rows, and tests out of them: failed ones one by one, the others some hundred a row."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import BindParameter, bindparam, insert, select, update

from chef.domain.testreports import Absorbed, CaseResult, Outcome
from chef.store.deflate import QUICK, deflated
from chef.store.statements import CompiledStatement, Driver
from chef.store.tables import test_cases, test_failures
from chef.store.upsert import upsert

SLOWEST = "slowest"
"""The status of the rows that have each report's slowest tests."""
PART_CASES = 500

_PLAIN, _DEFLATED = b"m", b"M"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[CaseResult])

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_STATES = CompiledStatement(
    select(test_failures.c.job_pk, test_failures.c.test_key, test_failures.c.status).where(
        test_failures.c.job_pk.in_(_IDS)
    )
)
_INSERT_CASES = CompiledStatement(insert(test_cases))
_CHANGE_STATUS = CompiledStatement(
    update(test_failures)
    .where(
        test_failures.c.job_pk == bindparam("of_job_pk"), test_failures.c.test_key == bindparam("of_test_key")
    )
    .values(status=bindparam("new_status"))
)


@cache
def _upsert_failures(dialect: str) -> CompiledStatement:
    changed = [column.name for column in test_failures.c if not column.primary_key]
    return CompiledStatement(upsert(dialect, test_failures, ["job_pk", "test_key"], changed))


def load_states(driver: Driver, job_pks: Sequence[int]) -> dict[int, dict[int, Outcome]]:
    """The outcomes of the tests of some jobs that failed at least once, by the keys of jobs and tests."""
    found: dict[int, dict[int, Outcome]] = {}
    for row in _STATES.rows(driver, job_pks):
        found.setdefault(row.job_pk, {})[row.test_key] = row.status
    return found


def save_reports(
    driver: Driver, reports: Mapping[tuple[str, int], Absorbed], job_pks: Mapping[str, int]
) -> None:
    """Write what test reports have brought, by the ids of jobs and the seqs of the reports."""
    for (job_id, seq), report in reports.items():
        job_pk = job_pks[job_id]
        if cases := list(_case_rows(job_pk, seq, report)):
            _INSERT_CASES.run(driver, cases)
        if report.failures:
            failures = [
                {
                    "job_pk": job_pk,
                    "test_key": key,
                    "status": case.outcome,
                    "seq": seq,
                    "place": place,
                    "data": _packed([case]),
                }
                for place, (key, case) in enumerate(report.failures.items())
            ]
            _upsert_failures(driver.dialect.name).run(driver, failures)
        if report.changed:
            _CHANGE_STATUS.run(
                driver,
                [
                    {"of_job_pk": job_pk, "of_test_key": key, "new_status": status}
                    for key, status in report.changed.items()
                ],
            )


def _case_rows(job_pk: int, seq: int, report: Absorbed) -> Iterator[dict[str, Any]]:
    by_status: dict[str, Sequence[CaseResult]] = {
        status: [case for case in report.listed if case.outcome == status] for status in ("skipped", "passed")
    }
    for status, cases in {**by_status, SLOWEST: report.slowest}.items():
        for part, start in enumerate(range(0, len(cases), PART_CASES)):
            some = cases[start : start + PART_CASES]
            yield {
                "job_pk": job_pk,
                "status": status,
                "seq": seq,
                "part": part,
                "count": len(some),
                "data": _packed(some),
            }


def _packed(cases: Iterable[CaseResult]) -> bytes:
    return deflated(_encoder.encode(list(cases)), _PLAIN, _DEFLATED, QUICK)


def unpacked(data: bytes) -> list[CaseResult]:
    """The tests in a column of data."""
    body = zlib.decompress(data[1:]) if data[:1] == _DEFLATED else data[1:]
    return _decoder.decode(body)
