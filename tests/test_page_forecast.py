"""What earlier runs tell of a running build, on its page and in lists: a real server whose clock is set."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.tools.browser import Complaints
from tests.tools.modules import run
from tests.tools.pages import chip, log, progress
from tests.tools.serving import Served, Serving

KIND = {"kind": "CI / test"}


@dataclass
class Past:
    """A server whose builds were made before now: its clock is set back, and on."""

    server: Served
    clock: Path

    def at(self, seconds: float) -> None:
        """From now on it is so many seconds before the present."""
        self.clock.write_text(str(-round(seconds * 1000)), "ascii")

    def runs(self, count: int) -> None:
        """Completed runs of 20 s of installing and 60 to 71 s of building, with a line every ten seconds."""
        for number in range(count):
            job_id, ago = f"past-{number}", 3600 * (count - number)
            self.at(ago)
            self.server.update(progress(job_id, phase="installing", meta=KIND))
            ago -= 20
            self.at(ago)
            self.server.update(progress(job_id, phase="building"))
            for second in range(10, 60, 10):
                self.at(ago - second)
                self.server.update(log("a line", job_id))
            self.at(ago - 60 - number)
            self.server.update({"type": "completed", "jobId": job_id})

    def running(self, building: float, quiet: float = 0, **fields: Any) -> None:
        """The job `j`, which has been building for so many seconds, the last of them quiet."""
        self.at(building + 20)
        self.server.update(progress(phase="installing", meta=KIND))
        self.at(building)
        self.server.update(progress(phase="building", **fields))
        self.at(quiet)
        self.server.update(log("a line"))
        self.at(0)


@pytest.fixture
def past(request: pytest.FixtureRequest, serving: Serving, tmp_path: Path) -> Iterator[Past]:
    clock = tmp_path / "clock"
    clock.write_text("0", "ascii")
    settings = {"CLOCK_FILE": str(clock), "WEBSOCKET_ENABLED": getattr(request, "param", "true")}
    with serving(tmp_path, settings, ("-m", "tests.tools.clocked")) as server:
        yield Past(server, clock)


def watch_words(page: Page) -> None:
    """Keep the texts that are said aloud."""
    page.evaluate("""() => {
      window.said = [];
      const element = document.getElementById("time-said");
      const note = () => window.said.push(element.textContent);
      new MutationObserver(note).observe(element, { childList: true, characterData: true, subtree: true });
    }""")


def test_the_time_that_is_left_is_said_and_counted_down(
    past: Past, page: Page, plain: Page, complaints: Complaints
) -> None:
    complaints.allow("ERR_INTERNET_DISCONNECTED")
    past.runs(12)
    past.running(building=2)
    page.clock.install()
    page.goto(f"{past.server.url}/jobs/j")
    plain.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    for tab in (page, plain):
        words = tab.locator("#time-words")
        expect(words).to_have_text(
            re.compile(r"^about (1 min|5\d s) left \(.*, from 12 runs\)$|from 12 runs")
        )
        usual = tab.locator("#phases [data-field=usual]")
        expect(usual).to_have_text(["usually 20 s", re.compile("^usually 1 min 0[0-3] s to 1 min 1[0-1] s$")])
    expect(page.locator("#time-said")).to_have_text("about 1 minute left")
    assert page.locator("#time-said").get_attribute("role") == "status"
    plain.goto(f"{past.server.url}/projects/web")
    expect(plain.locator(".job[data-job=j] [data-field=left]")).to_have_text(re.compile("^~(1 min|5\\d s)$"))
    page.context.set_offline(True)
    watch_words(page)
    page.clock.fast_forward(30_000)
    expect(page.locator("#time-words")).to_have_text(re.compile(r"^about (2|3)\d s left|^about 35 s left"))
    page.clock.fast_forward(70_000)
    expect(page.locator("#time-words")).to_have_text(re.compile(r"^\d+ s over the usual$"))
    # Twice in 100 seconds at most, whatever changed each second.
    assert len(page.evaluate("window.said")) <= 2


def test_a_range_of_few_runs_and_nothing_of_fewer(past: Past, page: Page) -> None:
    past.runs(4)
    past.running(building=2)
    page.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#time-left")).to_be_hidden()
    past.server.update({"type": "completed", "jobId": "j"})
    past.at(2)
    past.server.update(progress("k", phase="installing", meta=KIND))
    past.at(0)
    past.server.update(progress("k", phase="building"))
    page.goto(f"{past.server.url}/jobs/k")
    expect(page.locator("#time-words")).to_have_text(re.compile(" in 5 runs$"))


def test_a_bar_that_is_expected_shows_that_and_the_same_number_everywhere(
    past: Past, page: Page, plain: Page
) -> None:
    past.runs(12)
    past.running(building=45)
    page.goto(f"{past.server.url}/jobs/j")
    plain.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    for tab in (page, plain):
        expect(tab.locator(".progress .bar")).to_have_attribute("data-expected", "")
        expect(tab.locator("#percent")).to_have_text(re.compile(r"^~[67]\d%$"))
        expect(tab.locator("#expected-note")).to_contain_text("expected from earlier runs")
        expect(tab.locator("#bar")).to_have_attribute(
            "aria-valuetext", re.compile(r"^~[67]\d% expected from earlier runs, phase building$")
        )
        expect(tab.locator(".said rect")).to_have_attribute("width", re.compile(r"^50(\.00)?$"))
        expect(tab).to_have_title(re.compile(r"^~[67]\d% Building · j$"))
        expect(tab.locator("#favicon")).to_have_attribute("href", re.compile(r"progress=[67]\d$"))
    plain.goto(f"{past.server.url}/projects/web")
    row = plain.locator(".job[data-job=j]")
    expect(row.locator("[data-field=percent]")).to_have_text(re.compile(r"^~[67]\d%$"))
    expect(row.locator(".bar")).to_have_attribute("data-expected", "")
    # The script's word is as it is.
    shown = float(page.locator("#bar").get_attribute("aria-valuenow") or 0)
    past.server.update(progress(progress=89))
    expect(page.locator("#percent")).to_have_text("89%")
    expect(page.locator(".progress .bar")).not_to_have_attribute("data-expected", "")
    assert shown < 89
    past.server.update({"type": "error", "jobId": "j", "message": "no"})
    expect(page.locator("#stopped")).to_have_text("while building, at 89%")
    expect(page.locator("#time-left")).to_be_hidden()


def test_a_bar_does_not_go_back_when_its_script_says_less_than_was_expected(past: Past, page: Page) -> None:
    past.runs(12)
    past.running(building=45)
    page.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#percent")).to_have_text(re.compile(r"^~[67]\d%$"))
    before = float(page.locator("#bar").get_attribute("aria-valuenow") or 0)
    past.server.update(progress(phaseProgress=25, message="said"))
    expect(page.locator("#message")).to_have_text("said")
    expect(page.locator(".said rect")).to_have_attribute("width", "60.00")
    assert float(page.locator("#bar").get_attribute("aria-valuenow") or 0) >= before
    # Nor when the page is loaded again, or another one shows the job.
    page.reload()
    chip(page, "Live")
    expect(page.locator("#percent")).to_have_text(re.compile(r"^~[67]\d%$"))
    assert float(page.locator("#bar").get_attribute("aria-valuenow") or 0) >= before
    page.goto(f"{past.server.url}/projects/web")
    chip(page, "Live")
    bar = page.locator(".job[data-job=j] progress")
    expect(bar).to_have_js_property("max", 100)
    # What screen readers hear is rounded to a tenth, a row's bar is not.
    page.wait_for_function(
        "least => document.querySelector('.job[data-job=j] progress').value >= least", arg=before - 0.05
    )
    page.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    # It begins anew where the script itself does.
    past.server.update(progress(phase="installing", message="again"))
    expect(page.locator("#percent")).to_have_text("30%")


def test_a_silence_that_is_longer_than_usual_is_said_long_before_four_minutes(
    past: Past, page: Page, plain: Page
) -> None:
    past.runs(12)
    past.running(building=50, quiet=40)
    page.goto(f"{past.server.url}/jobs/j")
    plain.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    for tab in (page, plain):
        expect(tab.locator("#silence-word")).to_have_text(re.compile(r"^No output for 4\d s$"))
        expect(tab.locator("#silence-more")).to_have_text(
            re.compile(r"^This phase is usually silent for at most (10|15|20) s\.$")
        )
    past.server.update(log("a line"))
    expect(page.locator("#silence")).to_be_hidden()


BOXES = """row => ['[data-field="status"]', '.job-bar', '.job-time', '.job-when'].map(one => {
  const element = row.querySelector(one), box = element.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom, element.scrollWidth - element.clientWidth];
})"""


def test_on_a_phone_a_long_silence_and_the_time_that_is_left_are_read_whole(
    past: Past, browser: Browser
) -> None:
    past.runs(12)
    past.running(building=50, quiet=45)
    with browser.new_context(viewport={"width": 360, "height": 740}, locale="fr-FR") as context:
        page = context.new_page()
        page.goto(f"{past.server.url}/projects/web")
        row = page.locator(".job[data-job=j]")
        expect(row.locator("[data-field=status]")).to_have_text(re.compile("^Aucune sortie depuis 4\\d s$"))
        boxes = row.evaluate(BOXES)
        assert [hidden for *_, hidden in boxes] == [0, 0, 0, 0]
        for (left, top, right, bottom, _), other in itertools.combinations(boxes, 2):
            beside = other[0] >= right or other[2] <= left
            assert beside or other[1] >= bottom - 1 or other[3] <= top + 1
        page.goto(f"{past.server.url}/jobs/j")
        words = page.locator("#time-words")
        expect(words).to_have_text(re.compile("builds?\\)$"))
        box = words.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 360


def test_the_phases_of_a_finished_job_have_their_usual_times(past: Past, page: Page, plain: Page) -> None:
    past.runs(12)
    page.goto(f"{past.server.url}/jobs/past-3")
    plain.goto(f"{past.server.url}/jobs/past-3")
    chip(page, "Ended")
    for tab in (page, plain):
        usual = tab.locator("#phases [data-field=usual]")
        expect(usual.nth(0)).to_have_text("usually 20 s")
        expect(usual.nth(1)).to_have_text(re.compile("^usually 1 min 0[0-3] s to 1 min 1[0-1] s$"))


@pytest.mark.parametrize("past", ["true", "false"], ids=["socket", "stream"], indirect=True)
def test_an_estimate_comes_live_and_disturbs_nothing(past: Past, page: Page) -> None:
    """The fifth run of a kind ends while one looks at the sixth."""
    past.runs(4)
    past.running(building=2)
    page.goto(f"{past.server.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#time-left")).to_be_hidden()
    past.at(100)
    past.server.update(progress("fifth", phase="installing", meta=KIND))
    past.at(80)
    past.server.update(progress("fifth", phase="building"))
    past.at(0)
    past.server.update({"type": "completed", "jobId": "fifth"})
    expect(page.locator("#time-words")).to_have_text(re.compile(" in 5 runs$"), timeout=15_000)
    past.server.update(log("after it"))
    expect(page.locator("#L2 .text")).to_have_text("after it")
    chip(page, "Live")
    past.server.update({"type": "completed", "jobId": "j"})
    expect(page.locator(".badge")).to_have_text("Completed")
    expect(page.locator("#time-left")).to_be_hidden()


def test_a_new_estimate_is_no_event_of_the_log() -> None:
    """It has no seq: it is taken as it comes, and moves neither the job's seq nor a job that is not there."""
    script = """
    import { applyEvent } from "chef/state.js";
    const answer = ({ job, event }) => {
      const after = applyEvent(job, "job:eta", event);
      return [after.seq, after.eta, after.updatedAt, applyEvent(null, "job:eta", event)];
    };
    """
    job = {"jobId": "j", "seq": 7, "updatedAt": "2026-11-28T10:00:00.000Z", "eta": None, "phases": []}
    event = {"jobId": "j", "projectId": "web", "eta": {"runs": 12}}
    assert run(script, {"job": job, "event": event}) == [7, {"runs": 12}, job["updatedAt"], None]
