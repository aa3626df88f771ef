"""Test reports: taken as files, and the tests of a job (contract sections 2 and 4)."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from flask import Blueprint, Response, request
from gevent.monkey import get_original
from msgspec import UNSET

from chef.api.admission import writer_of_request
from chef.api.answers import (
    answer,
    check_id,
    cursor_in_query,
    limit_in_query,
    reader,
    text_in_query,
    visible_job,
    wrong,
)
from chef.api.bodies import spool_body
from chef.api.receipts import receipts
from chef.api.shapes import Cases, ReportAccepted
from chef.api.writing import id_in_query, unknown_in_query
from chef.domain.batches import Receipt
from chef.domain.model import Update
from chef.domain.testreports import OUTCOMES, Outcome, OutcomeCounts, ReportedTests
from chef.domain.testreports.shapes import case_json
from chef.services import services
from chef.wire.paging import make_cursor

blueprint = Blueprint("testing", __name__)

# That of the thread: gevent's lets greenlets run, and this one has none.
_sleep = get_original("time", "sleep")
_REST_S = 0.0002
_BLOCK_BYTES = 8 * 1024


@blueprint.route("/api/jobs/<job_id>/tests", methods=["POST", "PUT"])
def post_tests(job_id: str) -> Response:
    """A test report as its tool wrote it: JUnit XML or CTRF JSON, whatever its Content-Type says."""
    writer = writer_of_request()
    check_id(job_id, "jobId")
    project_id = id_in_query("projectId")
    report = _read_report()
    # The same content again is the same update.
    update = Update("tests", job_id, project_id, id=f"report-{report.fingerprint}", report=report)
    receipt = services().tracker.record([update], writer.projects)
    warnings = unknown_in_query(("projectId",))
    return answer(
        ReportAccepted(
            receipt.accepted,
            receipt.duplicates,
            receipts(services(), receipt),
            warnings or UNSET,
            report=report.counts,
            tests=_counts_after(receipt, job_id),
        )
    )


def _read_report() -> ReportedTests:
    from chef.wire.reports.reading import read_report  # Loads an XML parser, which few requests need.

    body = spool_body(request, services().settings.max_report_bytes, "CHEF_MAX_REPORT_BYTES")
    with body.content as content:
        stream = cast("BinaryIO", _Unhurried(content))
        return services().side_thread.run(lambda: read_report(stream, body.sha256))


class _Unhurried(io.RawIOBase):
    """A file that is read in small blocks, with a rest before each.

    The interpreter switches between busy threads 200 times a second, and a POST needs several turns of two
    of them: it would wait for that long at each.
    """

    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def read(self, size: int = -1) -> bytes:
        _sleep(_REST_S)
        return self._content.read(size if size < 0 else min(size, _BLOCK_BYTES))


def _counts_after(receipt: Receipt, job_id: str) -> OutcomeCounts | None:
    """What the job's reports add up to after one of them; it may have been there already."""
    if receipt.stored:
        return receipt.stored[-1].job.tests
    job = services().store.job(job_id)
    return job.tests if job else None


@blueprint.get("/api/jobs/<job_id>/tests")
def get_tests(job_id: str) -> Response:
    """The tests of a job's reports, failed ones first, with the runs in which they failed before."""
    principal = reader("log")
    job = visible_job(principal, check_id(job_id, "jobId"))
    limit, after = limit_in_query(), cursor_in_query() or 0
    found = services().store.cases_with_streaks(job_id, _statuses_in_query(), after, limit + 1)
    page = found[:limit]
    more = make_cursor(page[-1][0].place) if len(found) > limit else None
    slowest = UNSET if after else [case_json(case) for case in services().store.slowest_cases(job_id)]
    # A streak names an earlier job, which a link to this one does not show.
    cases = [case_json(one.case, None if principal.of_one_job else streak) for one, streak in page]
    return answer(Cases(job.tests, cases, more, slowest))


def _statuses_in_query() -> tuple[Outcome, ...]:
    text = text_in_query("status")
    if text is None:
        return OUTCOMES
    chosen = tuple(outcome for outcome in OUTCOMES if outcome == text)
    if not chosen:
        raise wrong("status", f"must be one of {', '.join(OUTCOMES)}")
    return chosen
