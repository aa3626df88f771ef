"""Workflow commands that say something of a level, at a place: read by the server and by the page alike."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from chef.domain.workflow import annotation_of
from tests.tools.modules import run
from tests.tools.pages import chip, log, progress
from tests.tools.serving import Served

ANNOTATIONS = {
    "::error file=a.c,line=1::no": ("error", "a.c:1: no"),
    "::error::100%25 wrong%0Aand more%0D%0Aof it": ("error", "100% wrong and more of it"),
    "::warning file=a%3Ab%2Cc.c,line=1,endLine=2,col=3,title=Old %2525::use the new one": (
        "warning",
        "a:b,c.c:1:3: Old %25: use the new one",
    ),
    "  ::notice title=Seen::": ("notice", "Seen"),
    "::debug::std::vector": ("debug", "std::vector"),
    "##[error]Process completed with exit code 1.": ("error", "Process completed with exit code 1."),
    "##[warning]old": ("warning", "old"),
    "##vso[task.logissue type=error;sourcepath=src/a.c;linenumber=1;columnnumber=2;code=7]no%3B": (
        "error",
        "src/a.c:1:2: no;",
    ),
    "##vso[task.logissue type=warning]old": ("warning", "old"),
    "##teamcity[message text='a |'b|' |[c|]|nd ||' status='ERROR']": ("error", "a 'b' [c] d |"),
    "##teamcity[message status='WARNING' text='|0x00e9t|0x00e9']": ("warning", "été"),
    "##teamcity[buildProblem description='no']": ("error", "no"),
    "##teamcity[testFailed name='adds' message='3 is not 4']": ("error", "adds: 3 is not 4"),
}
NO_ANNOTATIONS = [
    "::group::a",
    "::endgroup::",
    "a ::error::b",
    "::errors::b",
    "##[group]a",
    "##[section]a",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[message text='a']",
    "##teamcity[testStarted name='a']",
    "plain",
    "",
]


def test_annotations_are_read_with_their_level_and_place() -> None:
    assert {line: annotation_of(line) for line in ANNOTATIONS} == ANNOTATIONS
    assert [line for line in NO_ANNOTATIONS if annotation_of(line)] == []


def test_the_page_reads_the_same() -> None:
    script = """
    import { annotationOf } from "chef/log-annotations.js";
    const answer = (lines) => lines.map(annotationOf).map((one) => one && [one.level, one.text]);
    """
    expected = [*map(list, ANNOTATIONS.values()), *(None for _ in NO_ANNOTATIONS)]
    assert run(script, [*ANNOTATIONS, *NO_ANNOTATIONS]) == expected


def test_a_page_is_rendered_with_annotations_and_keeps_the_line(app: Flask) -> None:
    client = app.test_client()
    line = "::error file=a.c,line=1::100%25 no"
    update = {"type": "log", "jobId": "j", "projectId": "web", "message": line}
    assert client.post("/api/updates", json=[update]).status_code == 200
    html = client.get("/jobs/j").text
    assert 'data-level="error"' in html
    assert f'data-drawn="{line}">a.c:1: 100% no</span>' in html


@pytest.mark.parametrize("is_live", [True, False])
def test_the_log_shows_annotations_without_their_markers(server: Served, page: Page, is_live: bool) -> None:
    lines = [
        "::group::100%25 done",
        "within",
        "::endgroup::",
        "\x1b[31m::warning file=a.c,line=2::old%2C very",
    ]
    server.update(progress(phase="building"))
    if is_live:
        page.goto(f"{server.url}/jobs/j")
        chip(page, "Live")
    server.update(log("\n".join(lines)))
    if not is_live:
        page.goto(f"{server.url}/jobs/j")
    warning = page.locator("#L4 .text")
    expect(warning).to_have_text("a.c:2: old, very")
    expect(page.locator("#L4")).to_have_attribute("data-level", "warning")
    expect(page.locator("#L1 .fold")).to_have_attribute("aria-label", "100% done, group of 1 line")
    page.locator("#L1 .fold").click()
    expect(page.locator("#L3")).to_be_visible()
    assert page.locator("#L3 .text").inner_text() == ""
