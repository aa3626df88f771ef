"""Commit statuses: how often a job is told, and that its end is not held up by that."""

from __future__ import annotations

import itertools
import math

import pytest

from chef.outbox.kinds import make_channels
from chef.outbox.statuses import MOST_STATUSES, StatusChannel
from chef.outbox.telling import Telling, due_at_end, gap_after, given_up, next_word, told_of, turn_of
from chef.outbox.values import Word
from chef.settings.config import Settings
from tests.tools.notices import ended_job, told_job


@pytest.fixture
def channel() -> StatusChannel:
    (found,) = make_channels(Settings.from_env({"CHEF_STATUS_TOKEN": "x"}, dotenv=None))
    assert isinstance(found, StatusChannel)
    return found


def run(channel: StatusChannel, length_s: int, *, expected_s: float | None) -> tuple[list[float], float]:
    """A job that says something each second: when it is told, and when its end may be.

    `expected_s` is how long it is expected to take; it is always a little longer than it has run.
    """
    telling = Telling(told_job())
    at: list[float] = []
    for now in range(length_s):
        telling.job = told_job(state_seq=now + 1)
        word = next_word(channel, telling)
        if word is not None and now >= telling.due_at:
            at.append(now)
            telling.told, telling.told_at = told_of(channel, telling, telling.job, word, ""), float(now)
            left = None if expected_s is None else max(5.0, expected_s - now)
            telling.due_at = now + gap_after(channel, telling.told.requests, left)
    telling.job = ended_job("completed", state_seq=length_s + 1)
    assert next_word(channel, telling) == Word.COMPLETED
    return at, max(length_s, due_at_end(channel, telling))


@pytest.mark.parametrize("length_s", [1, 30, 600, 3600, 86_400])
@pytest.mark.parametrize("factor", [None, 0.01, 1.0, 10.0])
def test_a_job_is_told_at_most_thirty_times_and_its_end_at_once(
    channel: StatusChannel, length_s: int, factor: float | None
) -> None:
    at, end = run(channel, length_s, expected_s=None if factor is None else factor * length_s)
    assert 1 <= len(at) <= MOST_STATUSES - 1
    assert end <= length_s + channel.gap_s


def test_an_hour_is_told_to_its_end(channel: StatusChannel) -> None:
    """Without an estimate at growing distances; with one evenly enough that what stands there is true."""
    at, _ = run(channel, 3600, expected_s=None)
    assert len(at) < MOST_STATUSES - 4
    expected, _ = run(channel, 3600, expected_s=3600)
    assert max(later - before for before, later in itertools.pairwise(expected)) < 300
    assert expected[-1] > 3300


def test_a_wrong_estimate_does_not_use_up_what_there_is(channel: StatusChannel) -> None:
    at, _ = run(channel, 3600, expected_s=1)
    assert at[-1] > 1800
    assert math.isclose(gap_after(channel, 25, 1.0), gap_after(channel, 25))


def test_what_is_refused_of_a_running_job_is_tried_at_its_end(channel: StatusChannel) -> None:
    telling = Telling(told_job(state_seq=1))
    telling.told = given_up(channel, telling, telling.job, Word.STARTED, until_end=True)
    telling.job = told_job(state_seq=2)
    assert next_word(channel, telling) is None
    telling.job = ended_job("failed", state_seq=3)
    assert next_word(channel, telling) == Word.FAILED
    telling.told = given_up(channel, telling, telling.job, Word.FAILED)
    assert next_word(channel, telling) is None


def test_ends_are_told_before_progress_and_none_that_fails_holds_up_others() -> None:
    running = Telling(told_job(), due_at=1.0)
    end = Telling(ended_job("failed"), due_at=2.0)
    failing = Telling(ended_job("failed"), due_at=0.5, failures=1)
    assert sorted([running, end, failing], key=turn_of) == [end, failing, running]
    failing.due_at = 1.5
    assert sorted([running, end, failing], key=turn_of) == [end, running, failing]
