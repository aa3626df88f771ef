"""The silences of a job and where its phases begin in its log, kept as updates come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain.clockback import TOLERATED_MS
from chef.domain.model import Abandonment, LongPause, PhaseSpan
from chef.domain.payloads import job_json
from chef.domain.wiretypes import as_dict
from chef.store.rows import job_of, job_values
from tests.tools.book import Book
from tests.tools.making import AT, batch, log, open_store, piece, update

HOUR = 60 * 60 * 1000


def told(*steps: tuple[float, Any]) -> Book:
    """A ledger after some updates, each with the seconds after `AT` at which it came."""
    book = Book()
    for seconds, one in steps:
        book.take(one, at=AT + round(seconds * 1000))
    return book


def shown(book: Book) -> dict[str, Any]:
    return as_dict(job_json(book.job(), AT))


def longest(book: Book) -> dict[str, int | None]:
    return {span.phase: span.longest_pause_ms for span in book.job().phases}


# Pauses


def test_the_three_longest_are_kept_longest_first_with_phase_and_place() -> None:
    book = told(
        (0, update(phase="installing")),
        (5, log("one")),
        (7, update(phase="building")),
        (8.5, log("two\nthree")),
        (38.5, log("four")),
        (41.5, update(message="still there")),
    )
    assert shown(book)["pauses"] == [
        {"phase": "building", "line": 4, "startedAt": "2023-11-14T22:13:28.500Z", "durationMs": 30000},
        {"phase": "installing", "line": 1, "startedAt": "2023-11-14T22:13:20.000Z", "durationMs": 5000},
        {"phase": "building", "line": 4, "startedAt": "2023-11-14T22:13:58.500Z", "durationMs": 3000},
    ]
    assert longest(book) == {"installing": 5000, "building": 30000}


def test_its_line_is_the_first_one_behind_it_once_there_is_one() -> None:
    book = told((0, update(phase="building")), (9, update(message="hello")))
    assert shown(book)["pauses"][0]["line"] is None
    book.take(log("one"), at=AT + 9000)
    assert shown(book)["pauses"][0]["line"] == 1
    book.take(log("two"), at=AT + 9000)
    assert shown(book)["pauses"][0]["line"] == 1


def test_less_than_a_second_is_no_pause_but_the_phase_knows_it() -> None:
    book = told((0, update(phase="building")), (0.999, log("one")))
    assert book.job().pauses == ()
    assert longest(book) == {"building": 999}


def test_a_silence_belongs_to_the_phase_that_it_was_in() -> None:
    book = told((0, update()), (60, log("one")), (62, update(phase="completed")), (63, update("completed")))
    assert longest(book) == {"queued": 60_000, "building": 2000, "completed": 1000}
    assert [pause.phase for pause in book.job().pauses] == ["queued", "building", "completed"]


def test_log_bodies_and_masks_are_signs_of_life() -> None:
    book = told((0, update(phase="building")), (2, piece(b"one\n")), (4, update("mask", value="secret-1")))
    book.take(log("two"), at=AT + 5000)
    assert [pause.duration_ms for pause in book.job().pauses] == [2000, 2000, 1000]


def test_a_clock_that_steps_back_makes_no_pause() -> None:
    book = told((100, update(phase="building")), (96, log("one")), (98, log("two")), (101, log("three")))
    assert [pause.duration_ms for pause in book.job().pauses] == [1000]
    assert longest(book) == {"building": 1000}
    # A long step: the clock was wrong before. Its silences are measured from then on.
    book = told((100, update(phase="building")), (10, log("one")), (50, log("two")), (51, log("three")))
    assert [pause.duration_ms for pause in book.job().pauses] == [40_000, 1000]
    assert longest(book) == {"building": 40_000}


def test_lines_after_the_end_make_no_pause_and_no_first_line() -> None:
    book = told((0, update(phase="building")), (1, update("completed")), (60, log("late")))
    assert [pause.duration_ms for pause in book.job().pauses] == [1000]
    assert [span.first_line for span in book.job().phases] == [None, None]
    assert longest(book) == {"building": 1000, "completed": 0}


def test_the_silence_of_an_abandoned_job_that_runs_again_is_a_pause_and_the_job_knows_it() -> None:
    book = told((0, update(phase="building")), (1, log("one")))
    book.take(Abandonment("job", AT + HOUR), at=AT + 24 * HOUR)
    assert not book.job().reopened
    book.take(log("two"), at=AT + 25 * HOUR)
    assert book.job().pauses[0] == LongPause("building", 1, AT + 1000, 25 * HOUR - 1000)
    assert book.job().reopened


def test_jobs_from_before_pauses_were_kept_say_nothing_of_them(database_url: str) -> None:
    with open_store(database_url) as store:
        store.append(batch(update(phase="building")))
        job = store.job("job")
    assert job is not None
    values = job_values(job)
    assert b'["building",1700000000000,null,null,0]' in values["details"]
    values["details"] = values["details"].replace(b",null,null,0]", b",null]")

    class Row:
        job_id, project_id, heartbeat_at, heartbeat_every = "job", "web", None, None

    row: Any = Row()
    row.__dict__.update(values)
    book = Book()
    book.ledger.loaded.jobs["job"] = job_of(row)
    book.take(log("one"), at=AT + 5000)
    assert book.job().phases == (PhaseSpan("building", AT, None, 1, None),)


def test_the_store_keeps_them(database_url: str) -> None:
    with open_store(database_url) as store:
        store.append(batch(update(phase="building")))
        store.append(batch(log("one"), at=AT + 5000))
        before = store.job("job")
    with open_store(database_url) as store:
        assert before is not None
        assert store.job("job") == before
        assert before.pauses == (LongPause("building", 0, AT, 5000),)


# A phase's first line


def test_a_phase_knows_its_first_line() -> None:
    book = told(
        (0, log("one\ntwo")),
        (1, update(phase="completed")),
        (1, update(phase="building")),
        (2, piece(b"three\nfour\n")),
    )
    assert [(span["phase"], span["firstLine"]) for span in shown(book)["phases"]] == [
        ("building", 1),
        ("completed", None),
        ("building", 3),
    ]


def test_a_line_that_replaces_an_older_one_is_no_first_line() -> None:
    book = told((0, piece(b"10%\r")), (1, update(phase="completed")), (2, piece(b"20%\r")))
    assert [span.first_line for span in book.job().phases] == [1, None]
    book.take(piece(b"30%\nnext\n"), at=AT + 3000)
    assert [span.first_line for span in book.job().phases] == [1, 2]


# Whatever comes when

ITEMS = st.sampled_from(
    [update(phase="installing"), update(phase="building"), update(message="m"), log("a\nb"), piece(b"c\r")]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(ITEMS, st.integers(-5000, 90_000)), min_size=1, max_size=30))
def test_they_are_the_longest_silences_of_the_whole_history(steps: list[tuple[Any, int]]) -> None:
    book = Book()
    at = newest = AT
    silences = []
    for count, (one, wait) in enumerate(steps):
        at += wait
        silences += [at - newest] if count and at > newest else []
        # A clock that is further back than this was wrong before.
        newest = max(newest, at) if count and newest <= at + TOLERATED_MS else at
        book.take(one, at=at)
    expected = sorted((silence for silence in silences if silence >= 1000), reverse=True)[:3]
    assert [pause.duration_ms for pause in book.job().pauses] == expected
    assert max(span.longest_pause_ms or 0 for span in book.job().phases) == max(silences, default=0)


@pytest.mark.parametrize("count", [1, 4])
def test_a_steady_build_makes_none(count: int) -> None:
    book = told(*((step / 2, log("line")) for step in range(count * 100)))
    assert book.job().pauses == ()
