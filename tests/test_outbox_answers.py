"""Pure parts of the outbox: what answers mean, when places are asked again, what is told next."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from chef.domain.model import Job, Status
from chef.outbox.answers import LONGEST_S, outcome_of, retry_after
from chef.outbox.channel import RequestChannel
from chef.outbox.owner import is_gone, own_name
from chef.outbox.places import LONGEST_S as LONGEST_WAIT_S
from chef.outbox.places import TargetPlaces
from chef.outbox.telling import Telling, gap_after, given_up, next_word, notice_id, told_before, told_of
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Rejected, Request, Word
from chef.store.outbox import NOTHING_TOLD, ToldRow


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_delivered(status: int) -> None:
    assert outcome_of(Answer(status), "x") == Delivered("x")


@pytest.mark.parametrize("status", [408, 421, 423, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_not_now(status: int) -> None:
    outcome = outcome_of(Answer(status, {"retry-after": "7"}))
    assert isinstance(outcome, NotNow)
    assert outcome.after_s == 7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 413, 415, 422])
def test_what_will_not_get_better_is_rejected(status: int) -> None:
    outcome = outcome_of(Answer(status))
    assert isinstance(outcome, Rejected)
    assert not outcome.for_good
    assert outcome_of(Answer(410)) == Rejected("status 410", for_good=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("120", 120), ("1.5", 1.5), ("99999999", LONGEST_S), ("", None), ("soon", None), ("-3", None)],
)
def test_patience_is_asked_for_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after(Answer(429, {"retry-after": text})) == seconds


def test_patience_is_asked_for_until_a_date() -> None:
    later = retry_after(Answer(429, {"retry-after": formatdate(time.time() + 100, usegmt=True)}))
    assert later is not None
    assert 90 < later <= 100
    assert retry_after(Answer(429, {"retry-after": formatdate(time.time() - 100, usegmt=True)})) == 0


def test_times_between_tries_double_up_to_a_minute() -> None:
    places, now, waits = TargetPlaces(), 1000.0, list[float]()
    for _ in range(12):
        assert places.wait_until("a", now) == now
        until, is_first = places.fail("a", now, None)
        assert is_first == (not waits)
        waits.append(until - now)
        now = until
    for number, wait in enumerate(waits):
        assert min(2**number, LONGEST_WAIT_S) / 2 <= wait <= min(2**number, LONGEST_WAIT_S)
    assert places.fail("a", now, 500)[0] == now + 500
    assert places.wait_until("b", now) == now


def test_a_place_that_failed_is_asked_by_one_at_a_time_until_it_answers() -> None:
    places = TargetPlaces()
    places.enter("a")
    assert places.wait_until("a", 5) == 5
    places.leave("a")
    until, _ = places.fail("a", 5, None)
    assert places.fail("a", 5, None) == (until, False)
    assert places.wait_until("a", 5) == until
    places.enter("a")
    assert places.wait_until("a", until + 1) is None
    places.leave("a")
    assert places.succeed("a")
    assert not places.succeed("a")
    assert places.wait_until("a", 5) == 5


def test_a_process_is_gone_once_it_is_certain() -> None:
    name = own_name()
    here, pid, started = name.split("/")
    assert not is_gone(name)
    assert is_gone(f"{here}/{pid}/{int(started) - 1}")
    assert is_gone(f"{here}/4194305/1")
    assert not is_gone(f"elsewhere/{pid}/{int(started) - 1}")
    assert not is_gone("-/0123456789abcdef")


class _Message(RequestChannel):
    kind = "message"

    def first(self, notice: Notice) -> Request:
        return Request("POST", f"https://x.example/{notice.id}")


class _Few(_Message):
    most = 5


class _Events(_Message):
    updates = False


def channel(kind: type[_Message], *words: str) -> _Message:
    return kind(key="k", label="l", words=frozenset(map(Word, words)))


def job(status: Status = "building", seq: int = 1) -> Job:
    return Job("a", "web", 0, 0, seq=seq, state_seq=seq, status=status)


def told_all(kind: RequestChannel, *jobs: tuple[Status, bool]) -> list[list[Word]]:
    """What is told at each state of a job, until there is nothing more."""
    telling, found = Telling(job()), list[list[Word]]()
    for number, (status, recovered) in enumerate(jobs, 1):
        telling.job, telling.failed_before = job(status, number), int(recovered)
        words = list[Word]()
        while (word := next_word(kind, telling)) is not None:
            words.append(word)
            telling.told = told_of(kind, telling, telling.job, word, "handle")
        found.append(words)
    return found


RUN: tuple[tuple[Status, bool], ...] = (("queued", False), ("building", False), ("completed", True))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["failed", "recovered"], [[], [], ["recovered"]]),
        (["failed"], [[], [], []]),
        (["completed"], [[], [], ["completed"]]),
        (["completed", "recovered"], [[], [], ["recovered"]]),
        (["started", "failed"], [["started"], [], ["recovered"]]),
        (["progress"], [["progress"], ["progress"], ["recovered"]]),
        (["started", "progress"], [["started"], ["progress"], ["recovered"]]),
    ],
)
def test_a_message_follows_the_job_and_its_end_is_told(words: list[str], expected: list[list[str]]) -> None:
    assert told_all(channel(_Message, *words), *RUN) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["failed", "recovered"], [[], [], ["recovered"]]),
        (["started", "failed"], [["started"], [], []]),
        (["completed", "recovered"], [[], [], ["completed", "recovered"]]),
        (["started", "progress", "completed"], [["started"], ["progress"], ["completed"]]),
    ],
)
def test_events_are_told_each_by_itself(words: list[str], expected: list[list[str]]) -> None:
    assert told_all(channel(_Events, *words), *RUN) == expected


def test_what_was_missed_is_told_in_order_once_the_target_is_back() -> None:
    events = channel(_Events, "started", "progress", "completed", "recovered")
    assert told_all(events, ("completed", True)) == [["started", "completed", "recovered"]]
    assert told_all(channel(_Message, "started", "completed"), ("completed", False)) == [["completed"]]


def test_a_job_that_runs_again_after_it_was_abandoned_is_told_to_its_end() -> None:
    states: tuple[tuple[Status, bool], ...] = (
        ("abandoned", False),
        ("building", False),
        ("completed", False),
    )
    assert told_all(channel(_Events, "abandoned", "completed"), *states) == [["abandoned"], [], ["completed"]]
    assert told_all(channel(_Message, "abandoned"), *states) == [["abandoned"], [], ["completed"]]


def test_of_few_requests_the_last_is_for_the_end_and_the_others_grow_apart() -> None:
    few = channel(_Few, "progress")
    states: list[tuple[Status, bool]] = [("building", False)] * 10
    found = told_all(few, *states, ("failed", False))
    assert found == [[Word.PROGRESS]] * 4 + [[]] * 6 + [[Word.FAILED]]
    gaps = [gap_after(few, number) for number in range(1, 30)]
    assert gaps[0] == 3.0
    assert gaps == sorted(gaps)
    assert sum(gaps) > 3600
    assert gap_after(channel(_Message), 50) == 3.0


def test_what_a_target_refuses_is_told_no_more() -> None:
    message = channel(_Message, "progress")
    telling = Telling(job())
    telling.told = given_up(message, telling, telling.job, Word.PROGRESS)
    telling.job = job("failed", 2)
    assert next_word(message, telling) is None
    events = channel(_Events, "started", "failed")
    telling = Telling(job())
    telling.told = given_up(events, telling, telling.job, Word.STARTED)
    telling.job = job("failed", 2)
    assert next_word(events, telling) == Word.FAILED


def test_a_job_that_began_before_the_target_was_there_has_not_just_started() -> None:
    assert told_before(job(), 0) == NOTHING_TOLD
    telling = Telling(job(), told=told_before(job(), 1))
    assert next_word(channel(_Events, "started"), telling) is None


def test_a_first_message_that_may_be_there_becomes_final() -> None:
    telling = Telling(job("failed"), told=ToldRow(begun=True))
    assert next_word(channel(_Message, "progress"), telling) == Word.FAILED


def test_an_id_is_that_of_the_message_or_of_the_word() -> None:
    message, events = channel(_Message), channel(_Events)
    words = (Word.STARTED, Word.PROGRESS, Word.FAILED)
    assert len({notice_id(message, job(seq=seq), word, "e") for seq in (1, 2) for word in words}) == 1
    assert len({notice_id(events, job(seq=seq), word, "e") for seq in (1, 2) for word in words}) == 4
    assert notice_id(events, job(), Word.FAILED, "e") != notice_id(events, job(), Word.FAILED, "f")
