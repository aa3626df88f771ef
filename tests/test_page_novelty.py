"""The log reduced to what is new in a failed job, and its phases against green runs, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.tools.pages import at_rest, chip, line, log, numbered, progress, rows
from tests.tools.serving import Served
from tests.tools.watching import eventually

FAILED = {"type": "error", "jobId": "j", "message": "it broke"}
NEW = (41, 1500, 2990)
GREEN = numbered(1, 10)


def log_with(*numbers: int, lines: int = 3000) -> str:
    """Lines of one kind, but for those of kinds of their own."""
    words = dict(zip(numbers, ("alpha", "beta", "gamma", "delta"), strict=False))
    return "\n".join(words.get(number, f"line {number}") for number in range(1, lines + 1))


def failed(server: Served, text: str, green: str = GREEN, **meta: str) -> None:
    """A green run, and a failed one of the same kind that has been compared with it."""
    server.update(progress("green", phase="building", meta=meta), log(green, "green"))
    server.update({"type": "completed", "jobId": "green"})
    server.update(progress(phase="building", meta=meta))
    server.post("/api/jobs/j/logs", data=f"{text}\n")
    server.update(FAILED)
    eventually(lambda: server.get("/api/jobs/j/new").json()["state"] == "ready", 45)


def numbers(page: Page) -> list[int]:
    return [number for number, _ in rows(page)]


def below_the_top(page: Page, number: int) -> float:
    """How far a line is below the top of the log, in pixels."""
    boxes = [page.locator(name).bounding_box() for name in ("#log", f"#L{number}")]
    top, place = (box["y"] for box in boxes if box)
    return place - top


def only_new(page: Page) -> None:
    expect(page.locator("#log-new")).to_be_visible(timeout=15_000)
    page.keyboard.press("o")
    expect(page.locator("#log-new")).to_have_attribute("aria-pressed", "true")


@pytest.fixture
def compared(server: Served, page: Page) -> Page:
    """The page of a failed job with three new kinds of lines."""
    failed(server, log_with(*NEW))
    page.goto(f"{server.url}/jobs/j#L700")
    chip(page, "Ended")
    expect(page.locator("#log-new")).to_have_text("Only new lines (3)", timeout=15_000)
    return page


def test_the_new_lines_stand_alone_with_the_counts_of_hidden_ones(compared: Page) -> None:
    compared.locator("#log-new").click()
    shown = [
        [1, "40 lines"],
        [41, "alpha"],
        [42, "1,458 lines"],
        [1500, "beta"],
        [1501, "1,489 lines"],
        [2990, "gamma"],
        [2991, "10 lines"],
    ]
    expect(compared.locator("#only-words")).to_have_text(
        "3 lines of 3,000: the first of each kind that green runs do not have."
    )
    expect(compared.locator("#lines .loading")).to_have_count(0)
    assert rows(compared) == shown
    expect(compared.locator("#L1500 .n")).to_have_attribute("href", "#L1500")


def test_lines_that_come_behind_the_end_are_compared_too(compared: Page, server: Served) -> None:
    only_new(compared)
    server.post("/api/jobs/j/logs", data="a late word of another kind\n")
    expect(compared.locator("#log-new")).to_have_text("Only new lines (4)", timeout=45_000)
    expect(compared.locator("#log-new")).to_have_attribute("aria-pressed", "true")
    expect(line(compared, 3001)).to_have_text("a late word of another kind")


def test_who_only_looked_is_back_in_the_old_place(compared: Page) -> None:
    at_rest(compared)
    before = compared.locator("#L700").bounding_box()
    only_new(compared)
    compared.get_by_role("button", name="All lines").click()
    expect(line(compared, 700)).to_be_in_viewport()
    assert compared.locator("#L700").bounding_box() == before
    expect(compared.locator("#log-only")).to_be_hidden()
    expect(compared.locator("#log")).to_be_focused()
    assert compared.locator("#lines .gap").count() == 0


def test_a_line_that_was_marked_there_stays_in_view(compared: Page) -> None:
    only_new(compared)
    compared.locator("#L1500 .n").click()
    before = below_the_top(compared, 1500)
    compared.keyboard.press("o")
    expect(line(compared, 1499)).to_have_text("line 1499")
    at_rest(compared)
    assert abs(below_the_top(compared, 1500) - before) < 2


def test_a_gap_opens_towards_the_new_line_behind_it(compared: Page) -> None:
    only_new(compared)
    compared.get_by_role("button", name="Show 1,458 hidden lines").click()
    expect(line(compared, 1499)).to_have_text("line 1499")
    expect(line(compared, 1499)).to_be_in_viewport()
    expect(line(compared, 1500)).to_be_in_viewport()
    expect(compared.locator("#L1501 .gap-open")).to_have_text("1,489 lines")
    expect(compared.locator("#log")).to_be_focused()


def test_a_link_to_a_hidden_line_shows_it(compared: Page) -> None:
    for number in (1, 1000, 2991, 3000):
        only_new(compared)
        compared.evaluate(f"location.hash = '#L{number}'")
        expect(line(compared, number)).to_have_text(f"line {number}")
        expect(line(compared, number)).to_be_in_viewport()
        expect(compared.locator("#log-new")).to_have_attribute("aria-pressed", "true")
        compared.keyboard.press("o")


def test_a_search_finds_what_is_hidden(compared: Page) -> None:
    only_new(compared)
    compared.keyboard.press("/")
    compared.keyboard.type("line 2000")
    expect(compared.locator("#L2000 mark")).to_be_in_viewport()


def test_a_reader_of_the_end_is_at_the_end_again(server: Served, page: Page) -> None:
    failed(server, log_with(2000))
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    expect(line(page, 3000)).to_be_in_viewport()
    only_new(page)
    assert numbers(page) == [1, 2000, 2001]
    # Lines come for a while after the end: they are counted.
    server.update(log("late line 1"))
    expect(page.locator("#L2001 .gap-open")).to_have_text("1,001 lines")
    page.keyboard.press("o")
    expect(line(page, 3001)).to_be_in_viewport()


def test_rows_stay_few_and_wrapped_ones_keep_their_places(server: Served, page: Page) -> None:
    letters = "abcdefghijklmnopqrst"
    kinds = [f"{one}{other}x " + "word " * 60 for one in letters for other in letters]
    text = "\n".join(f"line {place}\n{kind}" for place, kind in enumerate(kinds))
    failed(server, text)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    page.keyboard.press("w")
    expect(page.locator("#log-new")).to_have_text("Only new lines (400)", timeout=15_000)
    page.evaluate("location.hash = '#L401'")
    only_new(page)
    expect(page.locator("#novelty-more")).to_have_text("and 350 more kinds")
    page.evaluate("location.hash = '#L402'")
    expect(line(page, 402)).to_be_in_viewport()
    at_rest(page)
    assert page.locator("#lines .line").count() < 150
    page.keyboard.press("o")
    expect(line(page, 402)).to_be_in_viewport()
    expect(line(page, 401)).to_have_text("line 200")


def test_folded_groups_hide_no_new_line(server: Served, page: Page) -> None:
    text = f"::group::install\n{numbered(1, 20)}\nalpha\n{numbered(21, 30)}\n::endgroup::\n{numbered(31, 40)}"
    green = "::group::install\nline 1\n::endgroup::"
    failed(server, text, green)
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    expect(page.locator("#L1[data-folded]")).to_be_visible()
    only_new(page)
    expect(page.locator("#lines .loading")).to_have_count(0)
    assert rows(page) == [[1, "21 lines"], [22, "alpha"], [23, "21 lines"]]
    page.keyboard.press("o")
    expect(page.locator("#L1[data-folded]")).to_be_visible()
    expect(line(page, 22)).to_have_count(0)


def answered(page: Page, answer: dict[str, Any]) -> list[str]:
    """Have the page get this answer for what is new; returns the requests for it, as they come."""
    asked: list[str] = []

    def fulfill(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json=answer)

    page.route("**/api/jobs/j/new", fulfill)
    return asked


def test_more_kinds_than_are_listed_are_counted(server: Served, page: Page) -> None:
    server.update(progress(phase="building"), log(numbered(1, 50)), FAILED)
    lines = [{"line": 7, "text": "line 7", "count": 1}, {"line": 3, "text": "line 3", "count": 9}]
    answered(page, {"state": "ready", "runs": 5, "kinds": 14, "lines": lines, "phases": []})
    page.goto(f"{server.url}/jobs/j")
    only_new(page)
    expect(page.locator("#only-words")).to_contain_text("12 more kinds are not listed.")
    expect(page.locator("#novelty-more")).to_have_text("and 12 more kinds")
    assert numbers(page) == [1, 3, 4, 7, 8]


@pytest.mark.parametrize("state", ["none", "pending"])
def test_nothing_is_offered_where_nothing_is_known(server: Served, page: Page, state: str) -> None:
    server.update(progress(phase="building"), log(numbered(1, 50)), FAILED)
    asked = answered(page, {"state": state, "runs": 0, "kinds": 0, "lines": [], "phases": []})
    page.goto(f"{server.url}/jobs/j")
    chip(page, "Ended")
    eventually(lambda: bool(asked))
    page.keyboard.press("o")
    expect(page.locator("#log-new")).to_be_hidden()
    expect(page.locator("#log-only")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#keys-list")).to_contain_text("Search the log")
    expect(page.locator("#keys-list")).not_to_contain_text("new lines, or all")


def test_the_key_is_in_the_list_of_shortcuts(compared: Page) -> None:
    compared.keyboard.press("?")
    expect(compared.locator("#keys-list")).to_contain_text("Show only new lines, or all lines")


def test_phases_that_differ_from_green_runs_say_by_how_much(
    serving: Callable[..., AbstractContextManager[Served]], tmp_path: Path, page: Page
) -> None:
    clock = tmp_path / "clock"
    # Seconds in each phase of a green run, and of the failed one.
    times = {
        "preparing": (10, 12),
        "installing": (80, 180),
        "building": (200, 210),
        "testing": (100, 80),
        "deploying": (300, 60),
    }
    with serving(tmp_path, {"CLOCK_FILE": str(clock)}, ("-m", "tests.tools.clocked")) as server:
        for run, (job_id, end) in enumerate((("green", {"type": "completed"}), ("j", FAILED))):
            past = 4_000 - run * 2_000
            for phase, seconds in times.items():
                clock.write_text(str(-past * 1_000), "ascii")
                server.update(progress(job_id, phase=phase), log(f"in {phase}", job_id))
                past -= seconds[run]
            clock.write_text(str(-past * 1_000), "ascii")
            server.update(end | {"jobId": job_id})
        clock.write_text("0", "ascii")
        page.goto(f"{server.url}/jobs/j")
        # The clock goes on, and a busy machine takes its time between two updates.
        more, less = r"\+1 min 4\d s against green runs", r"\u2212(?:1\d|2\d) s against green runs"
        patterns = [re.compile(f"^{pattern}$") for pattern in ("", more, "", less, "")]
        expect(page.locator("#phases [data-field=against]")).to_have_text(patterns, timeout=45_000)
