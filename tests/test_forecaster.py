"""How long running jobs still take, out of a store: which runs count, and how seldom they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chef.domain.batches import Batch, Item, Stored
from chef.domain.forecast import Estimate
from chef.domain.model import Abandonment, Job
from chef.errors import StoreUnavailable
from chef.live import forecaster
from chef.live.forecaster import Forecaster
from chef.store import Store
from tests.tools.builds import SECOND, began, run, run_many
from tests.tools.making import AT, batch, log, open_store, update

HOUR = 60 * 60 * SECOND
NOW = AT + 24 * HOUR
KIND: dict[str, Any] = {"meta": {"kind": "ci / test"}}


class Asking:
    """A forecaster over a store, with a clock that is set by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.forecaster = Forecaster(store, lambda: self.now)

    def begin(self, name: str = "job", **fields: Any) -> Job:
        self.store.append(batch(began(name, **fields), at=self.now))
        return self.job(name)

    def job(self, name: str = "job") -> Job:
        job = self.store.job(name)
        assert job is not None
        return job

    def estimate(self, name: str = "job") -> Estimate | None:
        return self.forecaster.estimate(self.job(name))

    def known(self, name: str = "job") -> Estimate:
        estimate = self.estimate(name)
        assert estimate is not None
        return estimate


@pytest.fixture
def asking(any_database_url: str) -> Iterator[Asking]:
    with open_store(any_database_url) as store:
        yield Asking(store)


def test_five_runs_are_needed_and_fifty_are_read(asking: Asking) -> None:
    run_many(asking.store, 4)
    asking.begin()
    assert asking.estimate() is None
    run(asking.store, "fifth")
    asking.forecaster = Forecaster(asking.store, lambda: asking.now)
    assert asking.known().runs == 5
    assert asking.known().is_range
    run_many(asking.store, 60, prefix="more")
    asking.forecaster = Forecaster(asking.store, lambda: asking.now)
    assert asking.known().runs == 50


def test_it_is_from_the_same_kind_in_the_same_project(asking: Asking) -> None:
    run_many(asking.store, 6, building=60, **KIND)
    run_many(asking.store, 6, building=600, prefix="slow", meta={"kind": "nightly"})
    run_many(asking.store, 6, building=6000, prefix="else", project_id="other", **KIND)
    asking.begin("same", **KIND)
    asking.begin("kindless")
    asking.begin("first", meta={"kind": "new"})
    same = asking.known("same")
    assert same.remaining is not None
    assert 70 * SECOND <= same.remaining.low <= same.remaining.high <= 100 * SECOND
    assert same.runs == 6
    assert asking.known("kindless").runs == 12
    assert asking.estimate("first") is None


def test_a_kind_that_is_no_text_counts_as_a_list_would_have_it(asking: Asking) -> None:
    run_many(asking.store, 6, meta={"kind": 7})
    asking.begin("number", meta={"kind": 7})
    asking.begin("text", meta={"kind": "7"})
    asking.begin("list", meta={"kind": ["7"]})
    assert asking.known("number").runs == asking.known("text").runs == 6
    assert asking.known("list").runs == 6  # As without a kind: all of the project.


def test_runs_that_did_not_complete_or_ran_again_do_not_count(asking: Asking) -> None:
    run_many(asking.store, 5)
    store = asking.store
    store.append(batch(began("failed"), update("error", "failed", message="no"), at=AT))
    store.append(batch(began("lost"), at=AT))
    abandon(store, "lost", AT + HOUR, AT + 9 * HOUR)
    store.append(batch(update("completed", "lost"), at=AT + 10 * HOUR))
    assert asking.job("lost").reopened
    asking.begin()
    estimate = asking.known()
    assert estimate.runs == 5
    assert estimate.phases["installing"].high == 20 * SECOND


def abandon(store: Store, name: str, silent_since: int, at: int) -> None:
    store.append(Batch((Item(Abandonment(name, silent_since)),), at))


def test_a_job_that_ran_again_gets_none(asking: Asking) -> None:
    run_many(asking.store, 6)
    asking.begin()
    abandon(asking.store, "job", NOW + HOUR, NOW + 2 * HOUR)
    assert asking.estimate() is None
    asking.store.append(batch(log("back again"), at=NOW + 3 * HOUR))
    assert asking.job().status == "installing"
    assert asking.estimate() is None


def test_an_ended_job_gets_none(asking: Asking) -> None:
    run_many(asking.store, 6)
    assert asking.estimate("old-3") is None


def test_usual_pauses_are_told_from_ten_runs_on_that_kept_them(asking: Asking) -> None:
    run_many(asking.store, 10)
    asking.begin()
    assert 67 * SECOND <= asking.known().pauses["building"] <= 69 * SECOND


def test_a_run_that_completes_here_counts_at_once(asking: Asking) -> None:
    run_many(asking.store, 5)
    asking.begin()
    assert asking.known().runs == 5
    stored: list[Stored] = []
    asking.store.on_commit(stored.extend)
    run(asking.store, "sixth")
    asking.forecaster.note(stored)
    assert asking.known().runs == 6


def test_what_others_ended_or_removed_counts_after_some_seconds(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_many(asking.store, 6)
    asking.begin()
    assert asking.known().runs == 6
    run(asking.store, "seventh")
    assert asking.known().runs == 6
    monkeypatch.setattr(forecaster, "CHECK_S", 0)
    assert asking.known().runs == 7
    asking.store.remove_finished(AT + 80 * SECOND + 1)
    assert asking.known().runs == 5
    asking.store.remove_finished(NOW)
    assert asking.estimate() is None


def test_a_thousand_viewers_are_one_computation(asking: Asking) -> None:
    run_many(asking.store, 6)
    asking.begin()
    estimates = {id(asking.known()) for _ in range(1000)}
    assert len(estimates) == asking.forecaster.computed == 1


def test_a_new_phase_and_time_passing_are_asked_anew(asking: Asking) -> None:
    run_many(asking.store, 6)
    asking.begin()
    first = asking.known()
    asking.now += 2 * SECOND
    assert asking.known() is first
    asking.now += 10 * SECOND
    assert asking.known().at == NOW + 12 * SECOND
    asking.store.append(batch(update(phase="building"), at=asking.now))
    assert asking.known().phase_remaining == asking.known().remaining
    assert asking.forecaster.computed == 3


def test_a_clock_that_steps_back_makes_no_wrong_one(asking: Asking) -> None:
    run_many(asking.store, 6)
    asking.begin()
    asking.now -= HOUR
    estimate = asking.known()
    assert estimate.at == NOW - HOUR
    assert estimate.remaining is not None
    assert estimate.remaining.high <= 100 * SECOND


def test_a_store_that_does_not_answer_makes_none(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    run_many(asking.store, 6)
    job = asking.begin()

    def gone(*_: Any) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(asking.store, "history", gone)
    assert asking.forecaster.estimate(job) is None


def test_what_is_kept_is_bounded(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecaster, "MOST_KINDS", 3)
    monkeypatch.setattr(forecaster, "MOST_JOBS", 3)
    run_many(asking.store, 6)
    for number in range(5):
        asking.begin(f"job-{number}")
        asking.begin(f"other-{number}", meta={"kind": str(number)})
        asking.estimate(f"job-{number}")
        asking.estimate(f"other-{number}")
    assert (len(asking.forecaster._kinds), len(asking.forecaster._asked)) == (3, 3)
