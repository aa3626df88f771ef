"""Test reports of a job: added up, tried again, listed, compared with earlier runs."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from chef.domain.testreports import CaseResult, Outcome, OutcomeCounts, ReportedTests, absorb
from chef.domain.testreports.cases import count_outcomes, make_counts
from chef.store import Store
from chef.store.tables import test_cases as cases_table
from chef.store.tables import test_failures as failures_table
from chef.wire.reports.reading import read_report
from tests.test_http_writing import Hands
from tests.tools.making import AT, batch, open_store, update

MINUTE_MS = 60_000


# --- adding up -------------------------------------------------------------------------------


def report(*cases: tuple[str, Outcome], **fields: Any) -> ReportedTests:
    """A report of tests by their names; with their outcomes as its fingerprint."""
    results = tuple(CaseResult(name, outcome, "suite", duration_ms=1, **fields) for name, outcome in cases)
    counts = make_counts(count_outcomes(results), len(results), 0)
    return ReportedTests(counts, results, repr(cases))


OUTCOME = st.sampled_from(["passed", "failed", "skipped", "flaky"])
REPORTS = st.lists(st.dictionaries(st.sampled_from("abc"), OUTCOME, max_size=3), max_size=5)


def outcomes_by_hand(reports: list[dict[str, Outcome]]) -> dict[str, int]:
    """The rule in other words: once a test has failed, what comes of it later are attempts."""
    counted = dict.fromkeys(["passed", "failed", "skipped", "flaky"], 0)
    failed: dict[str, Outcome] = {}
    for one in reports:
        for name, outcome in one.items():
            if name in failed and outcome == "failed":
                failed[name] = "failed"
            elif name in failed and outcome != "skipped":
                failed[name] = "flaky"
            elif name not in failed and outcome in ("failed", "flaky"):
                failed[name] = outcome
            elif name not in failed:
                counted[outcome] += 1
    for outcome in failed.values():
        counted[outcome] += 1
    return counted


@given(REPORTS, st.integers(0, 6), st.integers(0, 4))
def test_reports_add_up_whatever_is_in_them(
    reports: list[dict[str, Outcome]], most_cases: int, most_failures: int
) -> None:
    counts: OutcomeCounts | None = None
    known: dict[int, Outcome] = {}
    listed = 0
    for one in reports:
        absorbed = absorb(report(*one.items()), counts, known, most_cases, most_failures)
        counts = absorbed.counts
        listed += len(absorbed.listed) + len(absorbed.failures.keys() - known.keys())
        known |= absorbed.states
        assert listed <= most_cases
        assert len(known) <= most_failures
    if counts is None:
        return
    by_outcome = {name: getattr(counts, name) for name in ("passed", "failed", "skipped", "flaky")}
    assert min(by_outcome.values()) >= 0
    assert sum(by_outcome.values()) == counts.total
    assert counts.total - (counts.unlisted or 0) == listed
    if not counts.unlisted:
        assert by_outcome == outcomes_by_hand(reports)


# --- over HTTP -------------------------------------------------------------------------------


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def junit(*cases: tuple[str, Outcome], time: float = 0.01) -> bytes:
    """A report of tests by their names."""
    inside = {
        "passed": "",
        "failed": '<failure message="broken">trace</failure>',
        "skipped": "<skipped/>",
        "flaky": '<flakyFailure message="broken"/>',
    }
    tests = "".join(
        f'<testcase classname="c" name="{name}" time="{time}">{inside[outcome]}</testcase>'
        for name, outcome in cases
    )
    return f"<testsuites><testsuite>{tests}</testsuite></testsuites>".encode()


def put(client: FlaskClient, body: bytes, job: str = "j", query: str = "?projectId=p") -> dict[str, Any]:
    answer = client.put(f"/api/jobs/{job}/tests{query}", data=body)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def json_of(answer: TestResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.data)
    return found


def get(client: FlaskClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def counts(client: FlaskClient, job: str = "j") -> tuple[int, ...]:
    """Passed, failed, skipped, flaky, total."""
    tests = get(client, f"/api/jobs/{job}")["tests"]
    return tuple(tests[name] for name in ("passed", "failed", "skipped", "flaky", "total"))


def listed(client: FlaskClient, job: str = "j", query: str = "") -> list[tuple[str, str]]:
    return [(case["name"], case["status"]) for case in get(client, f"/api/jobs/{job}/tests{query}")["cases"]]


def events(client: FlaskClient, job: str = "j") -> list[dict[str, Any]]:
    answer = client.get(f"/api/jobs/{job}/events", headers={"Accept": "application/json"})
    return list(json_of(answer)["events"])


def test_a_report_is_counted_and_its_tests_are_listed_failed_ones_first(client: FlaskClient) -> None:
    answer = put(client, junit(("a", "passed"), ("b", "failed"), ("c", "skipped"), ("d", "flaky")))
    summary = {"passed": 1, "failed": 1, "skipped": 1, "flaky": 1, "total": 4, "durationMs": 40}
    assert answer == {
        "accepted": 1,
        "duplicates": 0,
        "jobs": {"j": {"seq": 1, "viewers": 0}},
        "report": summary,
        "tests": summary,
    }
    found = get(client, "/api/jobs/j/tests")
    assert found["tests"] == summary
    assert found["next"] is None
    assert [case["name"] for case in found["cases"]] == ["b", "d", "c", "a"]
    assert found["cases"][0] == {
        "name": "b",
        "suite": "c",
        "file": None,
        "status": "failed",
        "durationMs": 10,
        "message": "broken",
        "output": "trace",
        "failing": {"runs": 1, "since": "j"},
    }


def test_several_reports_add_up_and_the_same_one_again_changes_nothing(client: FlaskClient) -> None:
    first, second = junit(("a", "passed"), ("b", "failed")), junit(("c", "passed"), ("d", "skipped"))
    put(client, first)
    assert put(client, second)["tests"]["total"] == 4
    again = put(client, first, query="")
    assert (again["accepted"], again["duplicates"], again["jobs"]["j"]["seq"]) == (0, 1, 1)
    assert again["tests"]["total"] == 4
    assert counts(client) == (2, 1, 1, 0, 4)
    assert len(events(client)) == 2


def test_a_test_that_passes_in_a_later_report_is_flaky(client: FlaskClient) -> None:
    put(client, junit(("a", "failed"), ("b", "failed"), ("c", "passed")))
    put(client, junit(("a", "passed"), ("b", "failed"), time=0.02))
    assert counts(client) == (1, 1, 0, 1, 3)
    assert listed(client) == [("b", "failed"), ("a", "flaky"), ("c", "passed")]
    put(client, junit(("b", "passed"), time=0.03))
    assert counts(client) == (1, 0, 0, 2, 3)
    assert sorted(listed(client)) == [("a", "flaky"), ("b", "flaky"), ("c", "passed")]
    put(client, junit(("b", "failed"), time=0.04))
    assert counts(client) == (1, 1, 0, 1, 3)


def test_reports_change_neither_status_nor_progress(client: FlaskClient) -> None:
    client.post("/api/jobs/j/progress", json={"projectId": "p", "progress": 70, "message": "Testing"})
    put(client, junit(("a", "failed")))
    job = get(client, "/api/jobs/j")
    assert (job["status"], job["phase"], job["progress"], job["seq"]) == ("building", "building", 70, 2)
    last = events(client)[-1]
    assert (last["event"], last["data"]["seq"], last["data"]["message"]) == ("job:progress", 2, "Testing")
    assert last["data"]["tests"] == job["tests"]


def test_a_job_may_begin_with_a_report(client: FlaskClient) -> None:
    refused = client.put("/api/jobs/j/tests", data=junit(("a", "passed")))
    assert (refused.status_code, json_of(refused)["errors"][0]["field"]) == (422, "projectId")
    put(client, junit(("a", "passed")))
    job = get(client, "/api/jobs/j")
    assert (job["status"], job["progress"], job["progressKnown"]) == ("queued", 0, False)


def test_after_its_end_a_job_takes_reports_for_five_minutes(make_app: Callable[..., Flask]) -> None:
    clock = Hands()
    client = make_app(clock=clock).test_client()
    client.post("/api/jobs/j/error", json={"projectId": "p", "message": "tests failed"})
    ended = events(client)
    clock.now += 5 * MINUTE_MS
    put(client, junit(("a", "failed")))
    # The ending was told already, and is not told again.
    assert events(client)[:2] == ended
    (late,) = events(client)[2:]
    assert (late["event"], late["data"]["status"], late["data"]["seq"]) == ("job:progress", "failed", 2)
    assert late["data"]["tests"]["failed"] == 1
    assert get(client, "/api/jobs/j")["status"] == "failed"
    clock.now += 1
    answer = client.put("/api/jobs/j/tests", data=junit(("b", "failed")))
    assert (answer.status_code, json_of(answer)["code"]) == (409, "job_finished")
    # One that was taken is answered as it was.
    assert put(client, junit(("a", "failed")))["duplicates"] == 1


def test_an_abandoned_job_goes_on_with_a_report(client: FlaskClient) -> None:
    client.post("/api/jobs/j/progress", json={"projectId": "p", "status": "abandoned"})
    put(client, junit(("a", "passed")))
    assert get(client, "/api/jobs/j")["status"] == "queued"


def test_endings_and_lists_carry_the_counts(client: FlaskClient) -> None:
    put(client, junit(("a", "failed")))
    client.post("/api/jobs/j/error", json={"message": "tests failed"})
    assert [event["data"]["tests"]["failed"] for event in events(client)] == [1, 1, 1]
    assert get(client, "/api/jobs")["jobs"][0]["tests"]["failed"] == 1
    assert get(client, "/api/projects/p")["newestJob"]["tests"]["failed"] == 1


def test_the_tests_are_paged_and_each_comes_once(client: FlaskClient) -> None:
    for part in range(3):
        names = [f"{part}-{n}" for n in range(7)]
        put(client, junit(*((name, outcome) for name in names for outcome in ("skipped",) if name < "2")))
        put(
            client,
            junit(*((f"p{name}", "passed") for name in names), *((f"f{name}", "failed") for name in names)),
        )
    whole = listed(client, query="?limit=1000")
    assert len(whole) == len(set(whole)) == counts(client)[-1]
    for limit in (1, 4, 50):
        found: list[tuple[str, str]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = get(client, f"/api/jobs/j/tests?limit={limit}{cursor and '&cursor='}{cursor}")
            found += [(case["name"], case["status"]) for case in page["cases"]]
            assert ("slowest" in page) == (not cursor)
            cursor = page["next"]
        assert found == whole


def test_a_page_goes_on_within_the_tests_of_a_large_report(client: FlaskClient) -> None:
    put(client, junit(*((f"t{n}", "passed") for n in range(1203))))
    first = get(client, "/api/jobs/j/tests?limit=999")
    rest = get(client, f"/api/jobs/j/tests?limit=999&cursor={first['next']}")
    names = [case["name"] for page in (first, rest) for case in page["cases"]]
    assert names == [f"t{n}" for n in range(1203)]
    assert rest["next"] is None


def test_tests_of_one_status_are_asked_for(client: FlaskClient) -> None:
    put(client, junit(("a", "passed"), ("b", "failed"), ("c", "skipped"), ("d", "flaky")))
    for name, status in (("a", "passed"), ("b", "failed"), ("c", "skipped"), ("d", "flaky")):
        assert listed(client, query=f"?status={status}") == [(name, status)]
    answer = client.get("/api/jobs/j/tests?status=broken")
    assert (answer.status_code, json_of(answer)["errors"][0]["field"]) == (422, "status")


def test_the_ten_slowest_tests_are_those_of_all_reports(client: FlaskClient) -> None:
    for n in range(12):
        put(client, junit((f"t{n}", "failed" if n % 2 else "passed"), time=n / 100))
    slowest = get(client, "/api/jobs/j/tests")["slowest"]
    assert [case["name"] for case in slowest] == [f"t{n}" for n in range(11, 1, -1)]
    assert "message" not in slowest[0]


def test_a_job_without_reports_has_no_tests(client: FlaskClient) -> None:
    client.post("/api/jobs/j/progress", json={"projectId": "p"})
    assert get(client, "/api/jobs/j/tests") == {"tests": None, "cases": [], "next": None, "slowest": []}
    assert "tests" not in get(client, "/api/jobs/j")
    assert client.get("/api/jobs/other/tests").status_code == 404


# --- since when ------------------------------------------------------------------------------


def run(client: FlaskClient, job: str, body: bytes | None, kind: str | None = "ci") -> None:
    """A whole run of a kind with a test report."""
    meta = {} if kind is None else {"kind": kind}
    client.post(f"/api/jobs/{job}/progress", json={"projectId": "p", "meta": meta})
    if body is not None:
        put(client, body, job)
    client.post(f"/api/jobs/{job}/completed", json={})


def failing(client: FlaskClient, job: str) -> dict[str, Any]:
    cases = get(client, f"/api/jobs/{job}/tests?status=failed")["cases"]
    return {case["name"]: (case["failing"]["runs"], case["failing"]["since"]) for case in cases}


def test_a_failed_test_says_since_which_run_of_its_kind_it_fails(client: FlaskClient) -> None:
    run(client, "r1", junit(("a", "failed"), ("b", "failed")))
    run(client, "r2", junit(("a", "failed"), ("b", "passed")))
    run(client, "other", junit(("a", "passed")), kind="nightly")
    run(client, "without", None)
    run(client, "r3", junit(("a", "failed"), ("b", "failed"), ("c", "failed")))
    assert failing(client, "r3") == {"a": (3, "r1"), "b": (1, "r3"), "c": (1, "r3")}
    run(client, "r4", junit(("a", "flaky"), ("c", "failed")))
    run(client, "r5", junit(("a", "failed"), ("c", "failed")))
    assert failing(client, "r5") == {"a": (1, "r5"), "c": (3, "r3")}
    # What came later does not change it.
    assert failing(client, "r3")["a"] == (3, "r1")


def test_runs_without_a_kind_are_compared_with_each_other(client: FlaskClient) -> None:
    run(client, "r1", junit(("a", "failed")), kind=None)
    run(client, "r2", junit(("a", "passed")))
    run(client, "r3", junit(("a", "failed")), kind=None)
    assert failing(client, "r3") == {"a": (2, "r1")}


# --- summaries -------------------------------------------------------------------------------


def summary_update(**summary: Any) -> dict[str, Any]:
    return {"type": "tests", "jobId": "j", "projectId": "p", "report": summary}


def test_an_update_brings_the_summary_of_a_report(client: FlaskClient) -> None:
    cases = [{"name": "b", "suite": "c", "status": "failed", "message": "broken", "durationMs": 5}]
    sent = summary_update(passed=41, failed=1, skipped=2, durationMs=1234, cases=cases)
    assert client.post("/api/updates", json=sent).status_code == 200
    assert get(client, "/api/jobs/j")["tests"] == {
        "passed": 41,
        "failed": 1,
        "skipped": 2,
        "flaky": 0,
        "total": 44,
        "durationMs": 1234,
        "unlisted": 43,
    }
    assert listed(client) == [("b", "failed")]
    put(client, junit(("b", "passed"), ("d", "passed")))
    assert counts(client) == (42, 0, 2, 1, 45)


def test_the_summary_that_an_answer_has_can_be_sent_for_another_job(client: FlaskClient) -> None:
    summary = put(client, junit(("a", "passed"), ("b", "failed")))["report"]
    answer = client.post("/api/updates", json=summary_update(**summary) | {"jobId": "k"})
    assert (answer.status_code, "warnings" in json_of(answer)) == (200, False)
    assert counts(client, "k") == counts(client, "j")


def test_a_summary_with_an_id_is_safe_to_send_again(client: FlaskClient) -> None:
    sent = summary_update(passed=1, failed=0, skipped=0) | {"id": "one"}
    assert [json_of(client.post("/api/updates", json=sent))["duplicates"] for _ in range(2)] == [0, 1]
    assert counts(client) == (1, 0, 0, 0, 1)
    other = summary_update(passed=2, failed=0, skipped=0) | {"id": "one"}
    assert json_of(client.post("/api/updates", json=other))["code"] == "id_reused"


@pytest.mark.parametrize(
    ("summary", "field"),
    [
        ({"failed": 0, "skipped": 0}, "report.passed"),
        ({"passed": -1, "failed": 0, "skipped": 0}, "report.passed"),
        ({"passed": "1", "failed": 0, "skipped": 0}, "report.passed"),
        ({"passed": 1, "failed": 0, "skipped": 0, "total": 2}, "report.total"),
        ({"passed": 1, "failed": 0, "skipped": 0, "cases": {}}, "report.cases"),
        ({"passed": 1, "failed": 0, "skipped": 0, "cases": [{"name": "a"}]}, "report.cases[0].status"),
        (
            {"passed": 1, "failed": 0, "skipped": 0, "cases": [{"name": "a", "status": "x"}]},
            "report.cases[0].status",
        ),
        (
            {"passed": 1, "failed": 0, "skipped": 0, "cases": [{"name": "a", "status": "failed"}]},
            "report.failed",
        ),
    ],
)
def test_a_wrong_summary_is_refused_by_its_field(
    client: FlaskClient, summary: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/updates", json=summary_update(**summary))
    assert answer.status_code == 422
    assert json_of(answer)["errors"][0]["field"] == field
    assert client.get("/api/jobs/j").status_code == 404


# --- large ones ------------------------------------------------------------------------------


def test_other_requests_go_on_while_a_large_report_is_read(app: Flask) -> None:
    body = junit(*((f"t{n}", "passed") for n in range(20_000)))
    turns = 0

    def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0.001)

    other = gevent.spawn(work)
    try:
        sending = gevent.spawn(put, app.test_client(), body)
        assert sending.get()["tests"]["total"] == 20_000
    finally:
        other.kill()
    # A body of 1.2 MB is read in some 150 blocks, and the loop may turn at each.
    assert turns > 50


def test_memory_does_not_grow_with_a_report() -> None:
    """What a test wrote may be many megabytes, and is read without being kept."""
    written = b"a line that a test has written\n" * 2000
    case = b'<testcase name="a"><system-out>' + written + b"</system-out></testcase>"
    with tempfile.TemporaryFile() as file:
        file.write(b"<testsuite>" + case * 400 + b"</testsuite>")
        size = file.tell()
        tracemalloc.start()
        try:
            read = read_report(file, "")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert read.counts.total == 400
    assert size > 20_000_000
    assert most < 3_000_000


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 422, "invalid"),
        (b"<html/>", {}, 422, "invalid"),
        (b"<testsuite>", {}, 400, "not_xml"),
        (b"{", {}, 400, "not_json"),
        (b"\x1f\x8b", {}, 415, "unsupported_media_type"),
        (junit(("a", "passed")), {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (junit(("a", "passed")) + b" " * 5000, {}, 413, "too_large"),
    ],
)
def test_a_refused_report_leaves_nothing(
    make_app: Callable[..., Flask], body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    client = make_app(max_report_bytes=4096).test_client()
    answer = client.put("/api/jobs/j/tests?projectId=p", data=body, headers=headers)
    assert (answer.status_code, json_of(answer)["code"]) == (status, code)
    assert client.get("/api/jobs/j").status_code == 404


@pytest.mark.parametrize(
    "type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json"]
)
def test_the_type_of_a_report_means_nothing(client: FlaskClient, type: str | None) -> None:
    answer = client.post("/api/jobs/j/tests?projectId=p", data=junit(("a", "passed")), content_type=type)
    assert answer.status_code == 200


def test_an_unknown_parameter_is_warned_about(client: FlaskClient) -> None:
    answer = put(client, junit(("a", "passed")), query="?projectId=p&projectid=q")
    assert answer["warnings"] == ["update 0: unknown field 'projectid', did you mean 'projectId'?"]


def test_secrets_of_the_job_are_not_shown_in_its_tests(client: FlaskClient) -> None:
    mask = {"type": "mask", "jobId": "j", "projectId": "p", "value": "hunter22"}
    client.post("/api/updates", json=mask)
    body = junit(("a[hunter22]", "failed"), ("b", "passed")).replace(b"trace", b"password hunter22")
    put(client, body)
    client.post("/api/jobs/j/error", json={"message": "failed"})
    put(client, body.replace(b"a[", b"late["))
    found = get(client, "/api/jobs/j/tests")
    assert "hunter22" not in json.dumps(found)
    assert [case["name"] for case in found["cases"]] == ["a[***]", "late[***]", "b", "b"]
    assert found["cases"][0]["output"] == "password ***"


# --- the store -------------------------------------------------------------------------------


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def test_reports_of_one_commit_and_of_several_add_up_alike(store: Store) -> None:
    first = update("tests", report=report(("a", "failed"), ("b", "failed"), ("c", "passed")))
    second = update("tests", report=report(("a", "passed"), ("d", "skipped")))
    store.append(batch(first, second))
    for one in (first, second):
        store.append(batch(same_for("other", one)))
    for name in ("job", "other"):
        job = store.job(name)
        assert job is not None
        assert job.tests == make_counts({"passed": 1, "failed": 1, "skipped": 1, "flaky": 1}, 5, 0)
        found = [(one.case.name, one.case.outcome) for one in store.cases(name)]
        assert found == [("b", "failed"), ("a", "flaky"), ("d", "skipped"), ("c", "passed")]


def same_for(job_id: str, one: Any) -> Any:
    return update("tests", job_id, report=one.report)


def test_the_tests_of_a_removed_job_are_gone(store: Store) -> None:
    cases: list[tuple[str, Outcome]] = [(f"t{n}", "failed") for n in range(450)]
    store.append(batch(update("tests", report=report(*cases, ("p", "passed")))))
    store.append(batch(update("completed"), at=AT + 1))
    assert store.remove_finished(AT + 2) == 1
    with store._connections.reading() as connection:
        assert connection.execute(cases_table.select()).all() == []
        assert connection.execute(failures_table.select()).all() == []
