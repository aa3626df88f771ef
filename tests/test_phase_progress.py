"""A tool's percent within its phase: the phase's span, what it never does, and where it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain.model import Abandonment, Job
from chef.domain.payloads import job_json, state_events
from chef.domain.phases import PHASES
from chef.domain.wiretypes import as_dict
from chef.errors import Invalid
from tests.tools.book import Book
from tests.tools.making import AT, batch, log, open_store, piece, update

HOUR = 60 * 60 * 1000


def progressed(*fields: dict[str, Any]) -> Job:
    book = Book()
    for one in fields:
        book.take(update(**one))
    return book.job()


def said(job: Job) -> tuple[str, float, float | None, str]:
    return job.phase, job.progress, job.phase_progress, job.status


# The span of a phase


@pytest.mark.parametrize(
    ("phase", "phase_progress", "progress"),
    [
        ("queued", 0, 0),
        ("queued", 50, 5),
        ("queued", 100, 10),
        ("preparing", 0, 10),
        ("preparing", 50, 20),
        ("preparing", 100, 30),
        ("installing", 12.5, 32.5),
        ("installing", 100, 50),
        ("building", 0, 50),
        ("building", 50, 70),
        ("building", 100, 90),
        ("completed", 0, 90),
        ("completed", 50, 95),
    ],
)
def test_it_fills_the_span_of_its_phase(phase: str, phase_progress: float, progress: float) -> None:
    job = progressed({"phase": phase}, {"phase_progress": phase_progress})
    assert (job.phase, job.progress, job.phase_progress) == (phase, progress, phase_progress)
    together = progressed({"phase": phase, "phase_progress": phase_progress})
    assert said(together) == said(job)


def test_it_never_ends_a_job_and_leaves_100_to_the_end() -> None:
    job = progressed({"phase": "completed"}, {"phase_progress": 100})
    assert said(job) == ("completed", 99, 100, "building")
    assert not job.ended


def test_a_phase_of_ones_own_has_no_span() -> None:
    job = progressed({"phase": "installing"}, {"phase": "lint"}, {"phase_progress": 60})
    assert said(job) == ("lint", 30, 60, "building")


def test_the_issues_example_goes_forward_only() -> None:
    """One step's `[100%]`, then a build's `[  5%]`, which fails."""
    job = progressed({"phase": "installing"}, {"phase_progress": 100})
    assert job.progress == 50
    job = progressed(
        {"phase": "installing"}, {"phase_progress": 100}, {"phase": "building"}, {"phase_progress": 5}
    )
    assert said(job) == ("building", 52, 5, "building")


def test_a_second_tool_in_the_phase_does_not_throw_the_first_one_back() -> None:
    job = progressed({"phase": "building"}, {"phase_progress": 80}, {"phase_progress": 10})
    assert said(job) == ("building", 82, 80, "building")


def test_a_new_phase_resets_it_and_the_same_one_does_not() -> None:
    first = {"phase": "building", "phase_progress": 40}
    assert progressed(first, {"phase": "completed"}).phase_progress is None
    assert progressed(first, {"phase": "building"}).phase_progress == 40
    assert progressed(first, {"progress": 95}).phase_progress is None


def test_the_scripts_own_progress_in_the_same_update_counts() -> None:
    job = progressed({"phase": "building", "progress": 55, "phase_progress": 80})
    assert said(job) == ("building", 55, 80, "building")


def test_it_lowers_no_progress_that_the_script_told() -> None:
    job = progressed({"phase": "building", "progress": 88}, {"phase_progress": 30})
    assert said(job) == ("building", 88, 30, "building")


def test_after_the_script_set_it_lower_a_tool_moves_on_from_there() -> None:
    job = progressed({"phase": "building", "phase_progress": 80}, {"progress": 55}, {"phase_progress": 30})
    assert said(job) == ("building", 62, 80, "building")


def test_it_makes_progress_known_where_its_phase_has_a_span() -> None:
    book = Book()
    book.take(log("one"))
    assert (book.job().progress, book.job().progress_known) == (0, False)
    book.take(update(phase_progress=25))
    assert (book.job().progress, book.job().progress_known) == (60, True)
    own = progressed({"phase": "lint", "phase_progress": 25})
    assert (own.progress, own.progress_known) == (0, False)


# Ends


def test_a_failed_job_says_how_far_its_phase_was_and_a_completed_one_nothing() -> None:
    failed = progressed({"phase": "building", "phase_progress": 30}, {"type": "error", "message": "no"})
    assert said(failed) == ("building", 62, 30, "failed")
    at_once = progressed({"phase": "building", "phase_progress": 30, "status": "failed"})
    assert said(at_once) == ("building", 62, 30, "failed")
    done = progressed({"phase": "completed", "phase_progress": 30}, {"type": "completed"})
    assert said(done) == ("completed", 100, None, "completed")


def test_a_job_that_runs_again_goes_on_in_the_phase_it_was_in() -> None:
    book = Book()
    book.take(update(phase="building", phase_progress=50))
    book.take(Abandonment("job", AT + 1), at=AT + 24 * HOUR)
    assert said(book.job()) == ("building", 70, 50, "abandoned")
    book.take(update(phase_progress=75), at=AT + 25 * HOUR)
    assert said(book.job()) == ("building", 80, 75, "building")


# Where there is no phase


@pytest.mark.parametrize("earlier", [None, {"message": "hello"}, {"meta": {"branch": "main"}}])
def test_without_a_phase_it_is_refused(earlier: dict[str, Any] | None) -> None:
    book = Book()
    if earlier is not None:
        book.take(update(**earlier))
    others: list[dict[str, Any]] = [{}, {"status": "building"}, {"status": "failed"}]
    for fields in others:
        refused = book.ledger.take(batch(update(phase_progress=40, **fields)))
        assert isinstance(refused, Invalid)
        (error,) = refused.errors
        assert (error.field, error.index) == ("phaseProgress", 0)
        assert "phase" in error.message


@pytest.mark.parametrize("first", [update(phase="lint"), update(progress=0), log("one"), piece(b"one\n")])
def test_any_phase_will_do_also_one_that_was_implied(first: Any) -> None:
    book = Book()
    book.take(first)
    book.take(update(phase_progress=40))
    assert book.job().phase_progress == 40


@pytest.mark.parametrize("wrong", [-1, 100.5, "50", True, None, [50]])
def test_out_of_range_it_is_refused_by_name(app: Flask, wrong: Any) -> None:
    body = {"type": "progress", "jobId": "j", "projectId": "p", "phase": "building", "phaseProgress": wrong}
    answer = app.test_client().post("/api/updates", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in json.loads(answer.data)["errors"]] == ["phaseProgress"]


# On the wire


def test_all_ways_of_sending_take_it_and_a_job_shows_it(app: Flask) -> None:
    client = app.test_client()
    first = {"type": "progress", "jobId": "j", "projectId": "p", "phase": "building", "phaseProgress": 12.5}
    assert client.post("/api/updates", json=first).status_code == 200
    assert json.loads(client.get("/api/jobs/j").data)["phaseProgress"] == 12.5
    assert client.post("/api/jobs/j/progress", data={"phaseProgress": "25"}).status_code == 200
    assert client.post("/api/jobs/j/progress?phaseProgress=30.0").status_code == 200
    shown = json.loads(client.get("/api/jobs/j").data)
    assert (shown["progress"], shown["phaseProgress"], shown["status"]) == (62, 30, "building")


def test_events_of_progress_carry_it() -> None:
    ((_, event),) = state_events(progressed({"phase": "building", "phase_progress": 30.0}))
    assert repr(as_dict(event)["phaseProgress"]) == "30"
    ((_, event),) = state_events(progressed({"phase": "building"}))
    assert as_dict(event)["phaseProgress"] is None
    assert as_dict(job_json(progressed({"phase": "building"}), AT))["phaseProgress"] is None


def test_the_store_keeps_it(database_url: str) -> None:
    with open_store(database_url) as store:
        store.append(batch(update(phase="building", phase_progress=12.5)))
    with open_store(database_url) as store:
        job = store.job("job")
        assert job is not None
        assert job.phase_progress == 12.5


# Whatever is sent

PERCENTS = st.one_of(st.integers(0, 100), st.floats(0, 100))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from([*PHASES, "lint", "deploy"]),
        "progress": PERCENTS,
        "phase_progress": PERCENTS,
        "status": st.sampled_from(["queued", "building", "abandoned"]),
        "message": st.just("hello"),
    },
)
STEPS = st.lists(st.one_of(FIELDS, st.sampled_from(["line", "silence"])), max_size=25)


def step(book: Book, one: Any, at: int) -> None:
    """One step. An update may be refused, and then changes nothing."""
    if one == "silence":
        book.take(Abandonment("job", at), at=at)
    else:
        book.ledger.take(batch(log("a line") if one == "line" else update(**one), at=at))


def script_went_back(before: Job, one: Any) -> bool:
    """Whether an update itself says a progress below the job's, or a phase that begins below it."""
    if not isinstance(one, dict):
        return False
    if "progress" in one:
        return bool(one["progress"] < before.progress)
    phase = one.get("phase")
    return phase != before.phase and phase in PHASES and PHASES[phase][0] < before.progress


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_progress_never_falls_but_where_the_script_itself_sets_it_lower(steps: list[Any]) -> None:
    book = Book()
    book.take(update())
    for count, one in enumerate(steps, 1):
        before = book.job()
        step(book, one, AT + count * HOUR)
        after = book.job()
        assert after.progress >= before.progress or script_went_back(before, one)
        if after.progress == 100 > before.progress:
            assert after.ended or one["progress"] == 100
        if after.phase == before.phase:
            assert (after.phase_progress or 0) >= (before.phase_progress or 0) or after.status == "completed"
