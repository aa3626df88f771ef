"""What is told when: ends do not wait as progress does, refused progress is not the end, nothing twice."""

from __future__ import annotations

import time
from collections.abc import Collection
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest

from chef.domain.model import Job
from chef.outbox.kinds import make_channels
from chef.outbox.notifier import Notifier
from chef.outbox.queue import TargetQueue
from chef.outbox.sending import TargetSilent
from chef.outbox.teller import OutboxCounts, OutboxParts, TargetTeller
from chef.outbox.telling import Telling, given_up, next_word, told_of
from chef.outbox.values import Answer, Request, Word
from chef.settings.config import Settings
from chef.store.outbox import TargetKey, ToldRow
from tests.tools.notices import ended_job, told_job

(WEBHOOK,) = make_channels(Settings.from_env({"CHEF_NOTIFY": "http://127.0.0.1:9/hook#failed"}))
(CHAT,) = make_channels(Settings.from_env({"CHEF_NOTIFY": "discord://1/t#progress,failed"}))


def test_refused_progress_is_told_no_more_and_the_end_once() -> None:
    telling = Telling(told_job(state_seq=1))
    telling.told = given_up(CHAT, telling, telling.job, Word.PROGRESS, until_end=True)
    telling.job = told_job(state_seq=2)
    assert next_word(CHAT, telling) is None
    telling.job = ended_job("failed", state_seq=3)
    assert next_word(CHAT, telling) is Word.FAILED
    telling.told = given_up(CHAT, telling, telling.job, Word.FAILED)
    telling.job = ended_job("failed", state_seq=4)
    assert next_word(CHAT, telling) is None


@pytest.mark.parametrize(("is_refused", "word"), [(True, None), (False, Word.COMPLETED)])
def test_an_end_that_nobody_asked_for_is_told_where_there_is_a_message(
    is_refused: bool, word: Word | None
) -> None:
    telling = Telling(told_job(state_seq=1))
    if is_refused:
        telling.told = given_up(CHAT, telling, telling.job, Word.PROGRESS, until_end=True)
    else:
        telling.told = told_of(CHAT, telling, telling.job, Word.PROGRESS, "12")
    telling.job = ended_job("completed", state_seq=2)
    assert next_word(CHAT, telling) is word


def test_what_was_told_before_a_restart_may_have_been_told_just_before() -> None:
    queue = TargetQueue(CHAT, TargetKey(7, 0))
    before = time.monotonic()
    queue.take(ended_job("failed", state_seq=2), ToldRow(seq=1, requests=1, handle="12"), 0)
    queue.take(ended_job("failed", job_id="new", state_seq=2), None, 0)
    dues = {name: telling.due_at for name, telling in queue._tellings.items()}
    assert dues["web-17"] >= before + 3
    assert dues["new"] <= before


class Target:
    """A queue that has told a job, which leaves it as soon as the store is asked about another."""

    key = SimpleNamespace(pk=7)
    channel = CHAT

    def __init__(self) -> None:
        self.in_memory = {"old"}
        self.taken: dict[str, ToldRow | None] = {}

    def concerns(self, job: Job) -> bool:
        return True

    def knows(self, job: Job) -> bool:
        return job.job_id in self.in_memory

    def renew(self, job: Job) -> bool:
        return False

    def take(self, job: Job, told: ToldRow | None, failed_before: int) -> bool:
        self.taken[job.job_id] = told
        return False


def test_a_job_that_was_told_while_the_store_was_read_is_not_told_again() -> None:
    queue, all_of_it = Target(), ToldRow(seq=9, words=8, requests=1)

    def told(names: Collection[str]) -> dict[tuple[str, int], ToldRow]:
        queue.in_memory.clear()
        return {("old", 7): all_of_it} if "old" in names else {}

    parts = cast("Any", SimpleNamespace(rows=SimpleNamespace(told=told)))
    notifier = Notifier((), parts)
    notifier._take([Job(name, "web", 1, 1, status="failed") for name in ("old", "new")], cast("Any", [queue]))
    assert queue.taken == {"old": all_of_it, "new": None}


class DeadPlace:
    """Nobody answers there; `asked` has when somebody tried (`time.monotonic`)."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def send(self, request: Request) -> Answer:
        self.asked.append(time.monotonic())
        gevent.sleep(0.01)
        raise TargetSilent("no answer")

    def close(self) -> None:
        pass


def test_a_place_that_failed_is_asked_by_one_at_a_time() -> None:
    rows = SimpleNamespace(save=lambda *_: True, has_later=lambda *_: False)
    parts = OutboxParts(
        cast("Any", rows),
        "epoch",
        lambda: 1_000,
        lambda job_id: f"http://chef/jobs/{job_id}",
        lambda job: None,
        lambda: True,
        OutboxCounts(),
    )
    queue, place = TargetQueue(WEBHOOK, TargetKey(7, 0)), DeadPlace()
    teller = TargetTeller(queue, parts)
    teller._sender = cast("Any", place)
    for number in range(6):
        queue.take(ended_job("failed", job_id=f"j{number}", state_seq=2), None, 0)
    with gevent.Timeout(30):
        while not place.asked:
            gevent.sleep(0.01)
        begun = place.asked[0]
        while time.monotonic() < begun + 2:
            gevent.sleep(0.05)
    teller.close(0)
    again = [at for at in place.asked if at > begun + 0.3]
    assert again
    assert all(later - at > 0.3 for at, later in pairwise(again))
