"""Phases and their places in the log: links, what rows know of them, times, pauses. In a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.tools.pages import at_rest, chip, fill, line, log, numbered, progress, wait_until
from tests.tools.serving import Served, Serving

SELECT = """() => {
  const text = (number) => document.querySelector(`#L${number} .text`).firstChild;
  getSelection().setBaseAndExtent(text(90), 0, text(92), 7);
}"""


def in_phases(server: Served, lines: int = 1_000) -> None:
    """A running job that was in `building` twice, and in `preparing` without a line."""
    server.update(progress(phase="preparing"), progress(phase="installing"))
    server.post("/api/jobs/j/logs", data=f"{numbered(1, lines)}\n")
    server.update(progress(phase="building"))
    server.post("/api/jobs/j/logs", data=f"{numbered(lines + 1, 2 * lines)}\n")
    server.update(progress(phase="deploy"))
    server.post("/api/jobs/j/logs", data=f"{numbered(2 * lines + 1, 3 * lines)}\n")
    server.update(progress(phase="building"))
    server.post("/api/jobs/j/logs", data=f"{numbered(3 * lines + 1, 4 * lines)}\n")


def at_top(page: Page, number: int) -> bool:
    """Whether a line is the first one in view."""
    log_top, top = page.evaluate(
        "(id) => ['log', id].map((one) => document.getElementById(one)?.getBoundingClientRect().top ?? 0)",
        f"L{number}",
    )
    return bool(-1 <= top - log_top < 20)


@pytest.mark.parametrize(
    ("name", "first"), [("installing", 1), ("building", 1_001), ("deploy", 2_001), ("building.2", 3_001)]
)
def test_an_address_names_a_phase_and_leads_to_its_first_line(
    server: Served, page: Page, name: str, first: int
) -> None:
    in_phases(server)
    page.goto(f"{server.url}/jobs/j#phase={name}")
    expect(line(page, first)).to_have_text(f"line {first}")
    wait_until(page, lambda: at_top(page, first))
    chip(page, "Live")
    at_rest(page)
    assert at_top(page, first)
    expect(page.locator(".line.current")).to_have_attribute("data-number", str(first))
    expect(page.locator("#log-marked")).to_be_hidden()


def test_the_list_of_phases_leads_into_the_log_again_and_again(server: Served, page: Page) -> None:
    in_phases(server)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    links = page.locator("#phases a")
    expect(links).to_have_text(["preparing", "installing", "building", "deploy", "building"])
    for _ in range(2):
        links.nth(2).click()
        assert page.evaluate("location.hash") == "#phase=building"
        wait_until(page, lambda: at_top(page, 1_001))
        page.keyboard.press("G")
        expect(line(page, 4_000)).to_be_in_viewport()
    links.nth(4).click()
    assert page.evaluate("location.hash") == "#phase=building.2"
    wait_until(page, lambda: at_top(page, 3_001))


def test_a_phase_that_one_cannot_go_to_is_said_and_waited_for(server: Served, page: Page) -> None:
    in_phases(server, 50)
    page.goto(f"{server.url}/jobs/j#phase=preparing")
    chip(page, "Live")
    expect(page.locator("#marked-lines")).to_have_text("The phase preparing has no line in the log")
    expect(page.locator("#marked-copy")).to_be_hidden()
    expect(line(page, 200)).to_be_in_viewport()
    page.evaluate("location.hash = '#phase=building.9'")
    expect(page.locator("#marked-lines")).to_have_text("This job has no phase building")
    page.locator("#marked-clear").click()
    expect(page.locator("#log-marked")).to_be_hidden()
    assert page.evaluate("location.hash") == ""
    page.evaluate("location.hash = '#phase=publish'")
    expect(page.locator("#marked-lines")).to_have_text("This job has no phase publish")
    server.update(progress(phase="publish"), log("to publish"))
    expect(page.locator("#log-marked")).to_be_hidden()
    expect(page.locator(".line.current .text")).to_have_text("to publish")


def test_rows_know_their_phase_and_say_where_one_begins(server: Served, page: Page, plain: Page) -> None:
    in_phases(server, 30)
    page.goto(f"{server.url}/jobs/j#L31")
    plain.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for tab in (page, plain):
        expect(tab.locator("#L31")).to_have_attribute("data-begins", "building")
        expect(tab.locator("#L32")).not_to_have_attribute("data-begins", "building")
        assert tab.locator("#L31").evaluate("one => getComputedStyle(one, '::after').content") == '"building"'
        expect(tab.locator("#L31")).to_have_css("height", "20px")
    page.evaluate("location.hash = '#L91'")
    expect(page.locator("#L91")).to_have_attribute("data-phase", "building.2")
    expect(page.locator("#L90")).to_have_attribute("data-phase", "deploy")
    # What is copied is the log and nothing else.
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(SELECT)
    page.keyboard.press("Control+c")
    wait_until(page, lambda: page.evaluate("navigator.clipboard.readText()") == numbered(90, 92))
    # Live, too.
    server.update(progress(phase="publish"))
    server.update(log("to publish"))
    page.keyboard.press("G")
    expect(page.locator("#L121")).to_have_attribute("data-begins", "publish")


def test_the_tools_percent_stands_beside_its_phase(server: Served, page: Page, plain: Page) -> None:
    server.update(progress(phase="building", phaseProgress=45.7))
    page.goto(f"{server.url}/jobs/j")
    plain.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    for tab in (page, plain):
        expect(tab.locator("#phases [data-field=share]")).to_have_text("45%")
    server.update(progress(phaseProgress=60))
    expect(page.locator("#phases [data-field=share]")).to_have_text("60%")
    server.update(progress(phase="completed"))
    expect(page.locator("#phases [data-field=share]")).to_have_text(["", ""])


def test_a_phase_may_have_a_name_that_every_object_of_javascript_knows(server: Served, page: Page) -> None:
    server.update(progress(phase="constructor"), progress(phase="__proto__"))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Live")
    server.update(progress(phase="valueof", message="here"))
    expect(page.locator("#phases [data-field=usual]")).to_have_text(["", "", ""])
    expect(page.locator("#silence")).to_be_hidden()


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file by which a server's clock is set."""
    return tmp_path / "clock"


@pytest.fixture
def clocked(serving: Serving, tmp_path: Path, clock: Path) -> Iterator[Served]:
    """A server whose clock is set."""
    clock.write_text("0", "ascii")
    with serving(tmp_path, {"CLOCK_FILE": str(clock)}, ("-m", "tests.tools.clocked")) as server:
        yield server


def test_the_longest_pauses_of_a_finished_job_lead_to_their_lines(
    clocked: Served, clock: Path, page: Page, plain: Page
) -> None:
    def at(seconds: int) -> None:
        clock.write_text(str((seconds - 1_000) * 1_000), "ascii")

    at(0)
    fill(clocked, 300)
    for seconds, message in ((40, "after forty"), (50, "after ten"), (170, "after two minutes")):
        at(seconds)
        clocked.update(log(message))
    page.goto(f"{clocked.url}/jobs/j")
    chip(page, "Live")
    expect(page.locator("#pauses-section")).to_be_hidden()
    clocked.update({"type": "completed", "jobId": "j"})
    chip(page, "Ended")
    plain.goto(f"{clocked.url}/jobs/j")
    for tab in (page, plain):
        links = tab.locator("#pauses a")
        expect(links).to_have_text(["2 min 00 s · building", "40 s · building", "10 s · building"])
    page.locator("#pauses a").nth(1).click()
    expect(page.locator(".line.marked .text")).to_have_text("after forty")
    expect(line(page, 301)).to_be_in_viewport()
