"""What becomes of a job without an update that says so: building by a line, abandoned, taken up again."""

from __future__ import annotations

from typing import Any

import pytest

from chef.domain import rules
from chef.domain.implied import resume, resume_by_log
from chef.domain.lines import StreamState
from chef.domain.model import Abandonment, Job, JobError, LogEntry, PhaseSpan, Update
from chef.domain.payloads import job_json, state_events
from chef.domain.wiretypes import as_dict
from tests.tools.book import Book
from tests.tools.making import AT, log, piece, update

HOUR = 60 * 60 * 1000
DAY = 24 * HOUR


def said(job: Job) -> tuple[str, float, str]:
    return job.phase, job.progress, job.status


# A log's first line


@pytest.mark.parametrize("first", [log("one"), piece(b"one\ntwo\n")])
def test_a_job_that_begins_with_a_line_is_building_at_an_unknown_progress(first: Any) -> None:
    book = Book()
    assert book.take(first, at=AT + 7).seqs == {"job": book.job().lines}
    assert said(book.job()) == ("building", 0, "building")
    assert book.job().phases == (PhaseSpan("building", AT + 7, None, 1, 0),)
    assert book.job().started_at == AT + 7
    assert all(isinstance(entry, LogEntry) for entry in book.entries)


@pytest.mark.parametrize("first", [{}, {"message": "hello"}, {"meta": {"branch": "main"}}])
def test_viewers_who_were_told_that_it_is_queued_learn_of_its_first_line(first: dict[str, Any]) -> None:
    book = Book()
    book.take(update(**first))
    assert book.take(log("one"), log("two"), at=AT + 9).seqs == {"job": 4}
    assert said(book.job()) == ("building", 0, "building")
    assert book.told() == [("progress", "queued", 1), ("progress", "building", 2)]
    assert [entry.seq for entry in book.entries] == [1, 2, 3, 4]
    assert book.job().phases == (
        PhaseSpan("queued", AT, AT + 9, None, 9),
        PhaseSpan("building", AT + 9, None, 1, 0),
    )


@pytest.mark.parametrize("told", [{"phase": "queued"}, {"status": "queued"}, {"progress": 0}])
def test_a_phase_or_status_that_was_told_stays(told: dict[str, Any]) -> None:
    book = Book()
    book.take(update(**told), log("one"))
    assert said(book.job()) == ("queued", 0, "queued")
    assert book.take(log("two")).seqs == {"job": 3}


def test_a_body_without_a_line_changes_nothing() -> None:
    book = Book()
    book.take(update())
    assert book.take(piece(b"")).seqs == {"job": 1}
    assert said(book.job()) == ("queued", 0, "queued")


def test_a_late_line_of_an_ended_job_leaves_it_ended() -> None:
    book = Book()
    book.take(update("error", message="no"), log("late"))
    assert said(book.job()) == ("queued", 0, "failed")


def test_a_phase_that_comes_after_the_first_line_counts_as_ever() -> None:
    book = Book()
    book.take(log("one"), update(phase="installing"))
    assert said(book.job()) == ("installing", 30, "installing")


@pytest.mark.parametrize(
    ("updates", "known"),
    [
        ([update()], False),
        ([log("one")], False),
        ([update(phase="deploying")], False),
        ([update(status="building")], False),
        ([update("error", message="no")], False),
        ([update(progress=0)], True),
        ([update(phase="installing")], True),
        ([update(progress=40), update(phase="deploying")], True),
        ([update("completed")], True),
    ],
)
def test_payloads_say_where_no_progress_was_told(updates: list[Update], known: bool) -> None:
    book = Book()
    book.take(*updates)
    shown = [as_dict(job_json(book.job(), AT)), *(as_dict(one) for _, one in state_events(book.job()))]
    assert [one.get("progressKnown", True) for one in shown] == [known] * len(shown)


# Abandoned


def running() -> Book:
    book = Book()
    book.take(update(phase="building", progress=62, message="compiling"))
    return book


def test_a_silent_job_ends_as_abandoned_by_an_ordinary_entry() -> None:
    book = running()
    assert book.take(Abandonment("job", AT + 1), at=AT + DAY).accepted == 1
    job = book.job()
    assert said(job) == ("building", 62, "abandoned")
    assert job.message == "nothing was heard of this build for 24 hours"
    assert job.error == JobError(job.message, None)
    assert (job.seq, job.finished_at, job.phases) == (
        2,
        AT + DAY,
        (PhaseSpan("building", AT, AT + DAY, None, 0),),
    )
    assert book.told()[1:] == [("progress", "abandoned", 2), ("error", "abandoned", 2)]
    assert book.counts() == {"abandoned": 1}
    assert book.project().seq == 2


def test_when_it_was_last_heard_of_is_not_when_it_was_abandoned() -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    assert book.job().seen_at == AT


def test_a_job_that_said_something_or_ended_or_is_not_there_is_not_abandoned() -> None:
    book = running()
    assert book.take(Abandonment("job", AT), Abandonment("no", AT + 1), at=AT + DAY).accepted == 0
    book.take(update("completed"), at=AT + DAY)
    assert book.take(Abandonment("job", AT + 2 * DAY), at=AT + 3 * DAY).accepted == 0
    assert book.job().status == "completed"


def test_it_is_abandoned_once() -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    assert book.take(Abandonment("job", AT + DAY), at=AT + DAY).accepted == 0
    assert (book.job().seq, book.counts()) == (2, {"abandoned": 1})


@pytest.mark.parametrize(
    ("late", "state"),
    [
        ({}, ("building", 62, "building")),
        ({"message": "still there"}, ("building", 62, "building")),
        ({"progress": 75}, ("building", 75, "building")),
        ({"phase": "deploying"}, ("deploying", 62, "building")),
        ({"status": "preparing"}, ("building", 62, "preparing")),
        ({"type": "completed"}, ("completed", 100, "completed")),
        ({"type": "error", "message": "no"}, ("building", 62, "failed")),
        ({"type": "cancelled"}, ("building", 62, "cancelled")),
    ],
)
def test_any_later_update_takes_it_up_again(late: dict[str, Any], state: tuple[str, float, str]) -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    assert book.take(update(**late), at=AT + 2 * DAY).seqs == {"job": 3}
    assert said(book.job()) == state
    assert book.job().message == late.get("message")
    assert book.counts() == {state[2] if book.job().ended else "running": 1}


def test_its_times_are_those_of_a_build_that_went_on() -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    book.take(update(message="there"), at=AT + 2 * DAY)
    assert (book.job().finished_at, book.job().error) == (None, None)
    assert book.job().phases == (PhaseSpan("building", AT, None, None, 2 * DAY),)
    book.take(update("completed"), at=AT + 3 * DAY)
    assert book.job().phases == (
        PhaseSpan("building", AT, AT + 3 * DAY, None, 2 * DAY),
        PhaseSpan("completed", AT + 3 * DAY, AT + 3 * DAY, None, 0),
    )
    assert as_dict(job_json(book.job(), AT))["durationMs"] == 3 * DAY


def test_a_line_takes_it_up_again_however_late_and_viewers_learn_of_it_first() -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    assert book.take(piece(b"one\ntwo\n"), at=AT + 9 * DAY).seqs == {"job": 5}
    assert said(book.job()) == ("building", 62, "building")
    assert book.told()[-1] == ("progress", "building", 3)
    assert [(entry.first_seq, entry.seq) for entry in book.entries[-2:]] == [(3, 3), (4, 5)]
    assert book.counts() == {"running": 1}


def test_a_log_body_is_begun_however_late() -> None:
    book = running()
    book.take(Abandonment("job", AT + 1), at=AT + DAY)
    rules.check_log_body(book.job(), piece(b""), StreamState(), AT + 99 * DAY)


def test_a_job_that_never_began_begins_with_what_comes_after_all() -> None:
    book = Book()
    book.take(update(), Abandonment("job", AT + 1), at=AT + DAY)
    assert book.job().status == "queued"  # It was heard of in the same moment.
    book.take(Abandonment("job", AT + DAY + 1), at=AT + 2 * DAY)
    shown = as_dict(job_json(book.job(), AT))
    assert (shown["status"], shown["startedAt"]) == ("abandoned", shown["createdAt"])
    assert (resume(book.job()).started_at, resume(book.job()).phases) == (
        None,
        (PhaseSpan("queued", AT + DAY, None, None, 0),),
    )
    assert resume_by_log(book.job(), AT + 3 * DAY)[0].started_at == AT + 3 * DAY


def test_jobs_that_run_or_ended_otherwise_are_left_as_they_are() -> None:
    book = running()
    assert resume(book.job()) is book.job()
    book.take(update("error", message="no"))
    assert resume(book.job()) is book.job()
    assert resume_by_log(book.job(), AT) == (book.job(), None)
