"""A job's failure on its way: found before the end is stored, looked for again when more of the log comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import UNSET

from chef.domain.batches import Batch, Item
from chef.domain.model import FailureLook, SavedFailure
from chef.domain.wiretypes import ExcerptLine, Failure
from chef.live.failurelooks import look_at_failures
from chef.store import Store
from chef.store.failurelog import END_LINES
from tests.tools.book import Book
from tests.tools.making import AT, batch, log, open_store, piece, update
from tests.tools.serving import ROOT
from tests.tools.until import until

RECORDINGS = ROOT / "tests/recordings/errors"
PYTEST = (RECORDINGS / "pytest-failed.log").read_bytes()
JEST = (RECORDINGS / "jest-failed.log").read_bytes()


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def send_log(client: FlaskClient, output: bytes, job: str = "job") -> None:
    assert client.put(f"/api/jobs/{job}/logs?projectId=web", data=output).status_code == 200


def fail(client: FlaskClient, job: str = "job") -> None:
    answer = client.post(f"/api/jobs/{job}/exit?projectId=web", data={"code": "1"})
    assert answer.status_code == 200, answer.text


def failure_of(client: FlaskClient, job: str = "job") -> dict[str, Any] | None:
    found: dict[str, Any] | None = client.get(f"/api/jobs/{job}").json.get("failure")  # type: ignore[union-attr]
    return found


def last_events(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"{path}/events?follow=0", headers={"Accept": "application/json"})
    assert answer.json is not None
    events: list[dict[str, Any]] = answer.json["events"]
    return [one["data"] for one in events if one["event"].endswith(":error")]


def look(store: Store, *updates: Any) -> FailureLook | None:
    return look_at_failures(store, updates, seconds=10).get(len(updates) - 1)


def test_the_job_and_its_last_event_say_why_it_failed(client: FlaskClient) -> None:
    send_log(client, PYTEST)
    fail(client)
    failure = failure_of(client)
    assert failure is not None
    assert failure["summary"] == "1 failed, 4 passed"
    assert failure["tests"] == [
        {"name": "pytest_bad/test_shop.py::test_the_total", "line": 9, "message": "assert 3 == 4"}
    ]
    assert {"line": 13, "text": "E       assert 3 == 4"} in failure["lines"]
    assert [one["failure"] for one in last_events(client, "/api/jobs/job")] == [failure]
    assert [one["failure"] for one in last_events(client, "/api/projects/web")] == [failure]


def test_lists_have_the_summary_alone(client: FlaskClient) -> None:
    send_log(client, PYTEST)
    fail(client)
    for path in ("/api/jobs", "/api/projects"):
        (one,) = next(iter(client.get(path).json.values()))  # type: ignore[union-attr]
        assert one.get("newestJob", one)["failure"] == {"summary": "1 failed, 4 passed", "lines": []}


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_job_that_did_not_fail_has_none(client: FlaskClient, end: str) -> None:
    send_log(client, PYTEST)
    client.post(f"/api/jobs/job/{end}", json={})
    send_log(client, JEST)
    gevent.sleep(0)
    assert failure_of(client) is None


def test_a_job_of_which_nothing_certain_is_known_has_none(client: FlaskClient) -> None:
    send_log(client, b"packing\ndone\n")
    fail(client)
    assert failure_of(client) is None


def test_what_is_masked_in_the_log_is_masked_in_the_failure(client: FlaskClient) -> None:
    mask = {"type": "mask", "jobId": "job", "projectId": "web", "value": "hunter22"}
    client.post("/api/updates", json=[mask])
    send_log(client, b"fatal: no access with hunter22\n")
    fail(client)
    assert failure_of(client) == {
        "summary": "fatal: no access with ***",
        "lines": [{"line": 1, "text": "fatal: no access with ***"}],
    }


def test_a_log_and_an_end_in_one_request(client: FlaskClient) -> None:
    of_job = {"jobId": "job", "projectId": "web"}
    updates = [
        {"type": "mask", **of_job, "value": "hunter22"},
        {"type": "log", **of_job, "message": "one\ntwo\r\nthree\n"},
        {"type": "log", **of_job, "message": "error: no hunter22", "stream": "stderr"},
        {"type": "error", **of_job, "message": "it ended with exit status 1"},
    ]
    assert client.post("/api/updates", json=updates).status_code == 200
    (event,) = last_events(client, "/api/jobs/job")
    assert event["failure"] == {
        "summary": "error: no ***",
        "lines": [
            {"line": 1, "text": "one"},
            {"line": 2, "text": "two"},
            {"line": 3, "text": "three"},
            {"line": 4, "text": "error: no ***"},
        ],
    }


def test_where_lines_got_other_numbers_meanwhile_nothing_is_said() -> None:
    failure = Failure("error: no", [ExcerptLine(2, "error: no")])
    for lines, kept in ((2, failure), (3, None), (None, failure)):
        book = Book()
        book.take(log("one\ntwo"))
        book.ledger.take(Batch((Item(update("error", message="no"), look=FailureLook(failure, lines)),), AT))
        assert book.job().failure == kept


def test_an_error_in_the_middle_of_a_long_log_is_found_before_its_end(store: Store) -> None:
    filler = b"".join(b"compiled part %d\n" % part for part in range(END_LINES))
    store.append(batch(piece(filler + b"src/till.c:3:5: error: no till\n" + filler)))
    found = look(store, update("error", message="make failed"))
    assert found is not None
    assert found.failure.summary == "src/till.c:3:5: error: no till"
    assert [line.line for line in found.failure.lines][:4] == [END_LINES - 2 + n for n in range(4)]


def test_the_end_of_a_long_log_is_enough_for_a_statement(store: Store) -> None:
    filler = b"".join(b"error: as wanted %d\n" % part for part in range(END_LINES))
    store.append(batch(piece(filler + PYTEST)))
    found = look(store, update("error", message="pytest failed"))
    assert found is not None
    assert found.failure.summary == "1 failed, 4 passed"
    assert found.failure.tests is not UNSET
    assert found.failure.tests[0].line == END_LINES + 9


def test_a_line_that_was_replaced_is_no_error(store: Store) -> None:
    filler = b"".join(b"compiled part %d\n" % part for part in range(END_LINES))
    store.append(batch(piece(b"error: 1 left\rall is well\n" + filler)))
    assert look(store, update("error", message="make failed")) is None


def test_a_look_that_takes_too_long_is_given_up_and_the_update_is_stored(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = app.extensions["chef"].store
    began = time.monotonic()
    monkeypatch.setattr(store, "look_at_end", lambda *_: gevent.sleep(30))
    send_log(client, PYTEST)
    fail(client)
    assert time.monotonic() - began < 5
    assert client.get("/api/jobs/job").json["status"] == "failed"  # type: ignore[index]


def test_a_look_that_fails_fails_no_update(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(app.extensions["chef"].store, "look_at_end", broken)
    send_log(client, PYTEST)
    fail(client)
    assert client.get("/api/jobs/job").json["status"] == "failed"  # type: ignore[index]


def test_an_update_that_does_not_fail_a_job_is_not_looked_at(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["chef"].store, "look_at_end", pytest.fail)
    send_log(client, PYTEST)
    for path in ("progress", "completed"):
        assert client.post(f"/api/jobs/job/{path}", json={}).status_code == 200


def test_a_log_that_comes_after_the_end_is_read_again(client: FlaskClient) -> None:
    send_log(client, b"packing\n")
    fail(client)
    seq = client.get("/api/jobs/job").json["seq"]  # type: ignore[index]
    send_log(client, PYTEST)
    until(lambda: failure_of(client))
    failure = failure_of(client)
    assert failure is not None
    assert (failure["summary"], failure["tests"][0]["line"]) == ("1 failed, 4 passed", 10)
    after = client.get("/api/jobs/job").json
    assert after is not None
    # No event tells of it: the lines' own were the last.
    assert after["seq"] == seq + len(PYTEST.splitlines())


def test_a_long_log_is_read_as_a_whole_after_the_end(client: FlaskClient) -> None:
    filler = b"".join(b"request %d\n" % part for part in range(END_LINES))
    send_log(client, PYTEST + filler + b"fatal: and then\n")
    fail(client)
    until(lambda: (failure_of(client) or {}).get("summary") == "1 failed, 4 passed")


REPORT = """<testsuite name="pytest">
<testcase classname="pytest_bad.test_shop" name="test_the_total">
<failure message="assert 3 == 4">no</failure></testcase>
<testcase classname="pytest_bad.test_till" name="test_the_total">
<failure message="the till is shut">no</failure></testcase>
<testcase classname="pytest_bad.test_shop" name="test_fine"/>
</testsuite>"""
REPORTED = [
    {"name": "pytest_bad.test_shop \u203a test_the_total", "line": 9, "message": "assert 3 == 4"},
    {"name": "pytest_bad.test_till \u203a test_the_total", "message": "the till is shut"},
]


def send_report(client: FlaskClient) -> None:
    answer = client.put("/api/jobs/job/tests", data=REPORT, content_type="application/xml")
    assert answer.status_code == 200, answer.text


def test_a_report_names_the_tests_and_the_log_has_their_lines(client: FlaskClient) -> None:
    send_log(client, PYTEST)
    send_report(client)
    fail(client)
    failure = failure_of(client)
    assert failure is not None
    assert (failure["summary"], failure["tests"]) == ("1 failed, 4 passed", REPORTED)
    assert failure["lines"][0]["line"] == 9


def test_a_report_is_the_reason_where_the_log_states_nothing(client: FlaskClient) -> None:
    send_log(client, b"testing\n")
    send_report(client)
    fail(client)
    failure = failure_of(client)
    assert failure is not None
    assert (failure["summary"], failure["lines"]) == ("2 failed, 1 passed", [])
    assert [one.get("line") for one in failure["tests"]] == [None, None]


def test_a_report_that_comes_after_the_end_is_taken_in(client: FlaskClient) -> None:
    send_log(client, PYTEST)
    fail(client)
    send_report(client)
    until(lambda: (failure_of(client) or {}).get("tests") == REPORTED)


def test_a_look_is_kept_over_a_restart(store: Store, any_database_url: str) -> None:
    store.append(batch(piece(PYTEST), update("error", message="no")))
    failure = Failure("1 failed", [ExcerptLine(3, "no")])
    store.append(Batch((Item(SavedFailure("job", failure)),), AT))
    with open_store(any_database_url) as other:
        job = other.job("job")
        assert job is not None
        assert job.failure == failure


def test_a_look_at_a_job_that_is_gone_or_runs_again_changes_nothing(store: Store) -> None:
    store.append(batch(piece(PYTEST)))
    for name in ("job", "other"):
        store.append(Batch((Item(SavedFailure(name, Failure("no", []))),), AT))
    assert store.job("other") is None
    job = store.job("job")
    assert job is not None
    assert job.failure is None
