"""The tests of a job on its page: as it is rendered, and live while reports come."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from chef.domain.testreports import OutcomeCounts
from chef.pages.testpanel import MOST_TESTS, case_time, counts_words
from tests.test_page_accessibility import IDS, LOOKS, faults_of, looking
from tests.test_reports import junit, put, run
from tests.tools.browser import Complaints
from tests.tools.pages import chip, progress
from tests.tools.serving import Served


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def panel(client: FlaskClient, job: str = "j", path: str = "/tests", **headers: str) -> str:
    """The text of the panel, from its own address or within the page, as one reads it."""
    answer = client.get(f"/jobs/{job}{path}", headers={"Accept": "text/html"} | headers)
    found = re.search(r'<section class="tests".*?</section>', answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split()) if found else ""


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (OutcomeCounts(passed=41, failed=3, skipped=1, flaky=2), "3 failed, 2 flaky, 41 passed, 1 skipped"),
        (OutcomeCounts(passed=1234), "1,234 passed"),
        (OutcomeCounts(), "no tests"),
    ],
)
def test_counts_are_said_without_those_that_are_none(app: Flask, counts: OutcomeCounts, words: str) -> None:
    with app.test_request_context():
        assert counts_words(counts) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(None, ""), (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (65_000, "1 min 05 s")],
)
def test_times_of_tests_in_words(app: Flask, milliseconds: int | None, words: str) -> None:
    with app.test_request_context():
        assert case_time(milliseconds) == words


def test_the_panel_has_failed_tests_with_their_reasons_flaky_ones_and_the_slowest(
    client: FlaskClient,
) -> None:
    run(client, "before", junit(("a", "failed")))
    run(client, "j", junit(("a", "failed"), ("b", "flaky"), ("p", "passed"), ("s", "skipped"), time=0.25))
    for path in ("/tests", ""):
        text = panel(client, path=path)
        assert text.startswith(
            "Tests 1 failed, 1 flaky, 1 passed, 1 skipped 1.0 s a c 250 ms failing for 2 runs"
        )
        assert "broken The run in which it first failed trace" in text
        assert "Failed, then passed b c 250 ms broken" in text
        assert text.endswith("Slowest tests 250 ms a 250 ms b 250 ms p 250 ms s")
    assert 'href="/jobs/before"' in client.get("/jobs/j/tests").text


def test_a_job_without_reports_has_no_panel(client: FlaskClient) -> None:
    client.post("/api/jobs/j/progress", json={"projectId": "p"})
    assert panel(client, path="") == ""
    assert client.get("/jobs/j/tests").status_code == 404
    assert client.get("/jobs/none/tests").status_code == 404


def test_of_many_failed_tests_the_rest_is_counted_and_led_to(client: FlaskClient) -> None:
    put(client, junit(*((f"t{n}", "failed") for n in range(MOST_TESTS + 5))))
    text = client.get("/jobs/j/tests").text
    assert text.count("<details data-test=") == MOST_TESTS
    assert "5 more failed tests" in text
    assert "/api/jobs/j/tests?status=failed&amp;limit=1000" in text


def test_whatever_a_test_is_called_or_says_is_text(client: FlaskClient) -> None:
    inside = '&lt;script&gt;alert(1)&lt;/script&gt;"'
    body = junit(("NAME", "failed")).replace(b"NAME", inside.replace('"', "&quot;").encode())
    put(client, body.replace(b"trace", inside.encode()))
    text = client.get("/jobs/j/tests").text
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_the_panel_speaks_french(client: FlaskClient) -> None:
    put(client, junit(("a", "failed"), ("b", "passed"), ("c", "passed")))
    text = panel(client, **{"Accept-Language": "fr"})
    assert text.startswith("Tests 1 en échec, 2 réussis")


def upload(server: Served, job: str, body: bytes) -> None:
    answer = server.session.put(f"{server.url}/api/jobs/{job}/tests", data=body)
    assert answer.status_code == 200


def test_reports_that_come_are_shown_and_what_is_open_stays_open(server: Served, page: Page) -> None:
    server.update(progress(message="Testing"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#tests")).to_have_count(0)
    upload(server, "j", junit(("a", "failed"), ("b", "passed")))
    expect(page.locator("#tests-words")).to_have_text("1 failed, 1 passed")
    first = page.locator(".test-list summary")
    first.click()
    expect(page.locator(".test-output")).to_have_text("trace")
    upload(server, "j", junit(("c", "failed"), time=0.5))
    expect(page.locator("#tests-words")).to_have_text("2 failed, 1 passed")
    expect(page.locator(".test-list details[open] .test-name")).to_have_text("a")
    expect(page.locator(".test-list details[open] summary")).to_be_focused()
    # So it is with one that comes after the end.
    server.update({"type": "error", "jobId": "j", "message": "tests failed"})
    upload(server, "j", junit(("c", "passed"), time=0.6))
    expect(page.locator("#tests-words")).to_have_text("1 failed, 1 flaky, 1 passed")
    expect(page.locator("#summary")).to_have_attribute("data-status", "failed")


@pytest.mark.parametrize("look", LOOKS, ids=IDS)
def test_the_panel_has_no_fault_open_or_shut(
    server: Served, browser: Browser, complaints: Complaints, look: dict[str, Any]
) -> None:
    server.update(progress())
    upload(server, "j", junit(("a", "failed"), ("b", "flaky"), ("c", "passed"), ("d", "skipped")))
    with looking(browser, complaints, look) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        assert faults_of(page) == []
        for summary in page.locator("#tests summary").all():
            summary.click()
        expect(page.locator("#tests details[open]")).to_have_count(3)
        assert faults_of(page) == []
