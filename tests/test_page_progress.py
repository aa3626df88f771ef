"""How far a job is, on every page: in numbers, in words, and the same everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from chef.pages.progresswords import stopped_words
from tests.tools.modules import run
from tests.tools.pages import chip, progress
from tests.tools.serving import Served

STOPPED = [
    ({"status": "failed", "phase": "building", "progress": 62.5}, "while building, at 62%"),
    ({"status": "cancelled", "phase": "installing", "progress": 30}, "while installing, at 30%"),
    ({"status": "abandoned", "phase": "completed", "progress": 95}, "while finishing, at 95%"),
    ({"status": "failed", "phase": "deploy", "progress": 62}, "in phase deploy, at 62%"),
    ({"status": "failed", "phase": "queued", "progress": 0}, "while queued, at 0%"),
    # Nobody told a percent, or nothing at all.
    ({"status": "failed", "phase": "building", "progress": 0, "progressKnown": False}, "while building"),
    ({"status": "failed", "phase": "queued", "progress": 0, "progressKnown": False}, ""),
    # A job that stopped has not done all, whatever its script said.
    ({"status": "failed", "phase": "building", "progress": 100}, "while building"),
    ({"status": "completed", "phase": "completed", "progress": 100}, ""),
    ({"status": "building", "phase": "building", "progress": 62}, ""),
    (None, ""),
]


@pytest.mark.parametrize(("job", "words"), STOPPED)
def test_where_a_job_stopped_in_words(job: dict[str, Any] | None, words: str) -> None:
    assert stopped_words(job) == words


def test_both_say_the_same_of_where_a_job_stopped() -> None:
    script = """
    import { stoppedWords } from "chef/progress-words.js";
    const answer = (jobs) => jobs.map(stoppedWords);
    """
    assert run(script, [job for job, _ in STOPPED]) == [words for _, words in STOPPED]


def test_a_job_that_stopped_says_where_in_french_too(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        said = stopped_words({"status": "failed", "phase": "building", "progress": 62})
        assert said == "pendant la construction, à 62\u00a0%"


def test_a_job_that_stopped_says_where_on_each_page(server: Served, page: Page, plain: Page) -> None:
    server.update(progress(phase="building", progress=62))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#stopped")).to_be_hidden()
    server.update({"type": "error", "jobId": "j", "message": "no", "code": 1})
    expect(page.locator(".facts")).to_contain_text("Failed while building, at 62%")
    plain.goto(f"{server.url}/jobs/j")
    for tab in (page, plain):
        expect(tab.locator("#stopped")).to_have_text("while building, at 62%")
        expect(tab.locator("#bar")).to_have_js_property("value", 62)
        expect(tab.locator("#bar")).to_have_attribute("aria-valuetext", "Failed while building, at 62%")
        expect(tab.locator("#bar")).to_have_css("color", "rgb(192, 42, 38)")
        expect(tab.locator("#percent")).to_be_hidden()
        expect(tab).to_have_title("Failed · j")
    plain.goto(f"{server.url}/projects/web")
    page.goto(f"{server.url}/projects/web")
    chip(page, "Live")
    for tab in (page, plain):
        row = tab.locator(".job[data-job=j]")
        expect(row.locator("[data-field=status]")).to_have_text("Failed")
        expect(row.locator("[data-field=stopped]")).to_have_text("while building, at 62%")
        expect(row.locator(".job-bar")).to_be_hidden()
