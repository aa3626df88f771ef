"""The decisions of one transaction: batches whole or not at all, ids once, projects counted."""

from __future__ import annotations

from typing import Any

import pytest

from chef.domain.batches import Batch, Receipt
from chef.domain.ledger import Ledger
from chef.domain.model import StateEntry
from chef.domain.projects import Project
from chef.errors import ChefError, Conflict, Forbidden, Invalid
from tests.tools.making import AT, batch, log, piece, update


def new_ledger() -> Ledger:
    return Ledger(65536)


def taken(ledger: Ledger, one: Batch) -> Receipt:
    outcome = ledger.take(one)
    assert isinstance(outcome, Receipt), outcome
    return outcome


def refused(ledger: Ledger, one: Batch) -> ChefError:
    """The refusal; it must leave the ledger as it was."""
    before = (
        dict(ledger.changed.jobs),
        dict(ledger.changed.projects),
        dict(ledger.changed.streams),
        dict(ledger.changed.sent),
        list(ledger.stored),
    )
    outcome = ledger.take(one)
    assert isinstance(outcome, ChefError), outcome
    changed = ledger.changed
    assert before == (changed.jobs, changed.projects, changed.streams, changed.sent, ledger.stored)
    return outcome


def later(ledger: Ledger) -> Ledger:
    """The next transaction's ledger, with what this one stored."""
    following = new_ledger()
    following.loaded = ledger.changed
    return following


def project(ledger: Ledger, project_id: str = "web") -> Project:
    found = ledger.project(project_id)
    assert found is not None
    return found


def test_a_batch_is_taken_whole() -> None:
    ledger = new_ledger()
    receipt = taken(ledger, batch(update(phase="building"), log("one\ntwo"), update("completed")))
    assert (receipt.accepted, receipt.duplicates, receipt.lines, receipt.seqs) == (3, 0, 2, {"job": 4})
    assert [stored.entry.seq for stored in ledger.stored] == [1, 3, 4]


@pytest.mark.parametrize(
    "last",
    [
        update(progress=5),
        update(project_id="other"),
        update(job_id="new", project_id=None),
        piece(b"x", offset=1),
        update(id="1", message="other"),
    ],
)
def test_a_batch_with_one_wrong_update_leaves_nothing(last: Any) -> None:
    ledger = new_ledger()
    taken(ledger, batch(update(message="one", id="1")))
    error = refused(
        ledger, batch(update(job_id="second"), update(message="two", id="2"), update("completed"), last)
    )
    assert "update 3" in error.detail or "offset 1" in error.detail
    assert ledger.job("second") is None
    assert taken(ledger, batch(update(message="two", id="2"))).seqs == {"job": 2}


def test_a_refused_batch_between_others_does_not_touch_them() -> None:
    ledger = new_ledger()
    taken(ledger, batch(log("one")))
    refused(ledger, batch(log("lost"), update(project_id="other")))
    taken(ledger, batch(log("two")))
    assert [stored.entry.seq for stored in ledger.stored] == [1, 2]


def test_an_id_counts_once_within_a_batch() -> None:
    receipt = taken(new_ledger(), batch(log("one", id="1"), log("two"), log("one", id="1")))
    assert (receipt.accepted, receipt.duplicates, receipt.lines, receipt.seqs) == (2, 1, 2, {"job": 2})


def test_an_id_counts_once_across_batches_of_a_transaction() -> None:
    ledger = new_ledger()
    taken(ledger, batch(log("one", id="1")))
    taken(ledger, batch(log("two")))
    receipt = taken(ledger, batch(log("one", id="1")))
    assert (receipt.accepted, receipt.duplicates, receipt.stored) == (0, 1, [])


def test_a_duplicate_is_answered_like_the_first() -> None:
    ledger = new_ledger()
    first = taken(ledger, batch(log("one", id="1")))
    taken(ledger, batch(log("two")))
    assert taken(later(ledger), batch(log("one", id="1"))).seqs == first.seqs


def test_a_duplicate_of_an_ending_is_no_conflict() -> None:
    ledger = new_ledger()
    taken(ledger, batch(update("completed", id="end")))
    assert taken(later(ledger), batch(update("completed", id="end"))).duplicates == 1


def test_an_id_belongs_to_one_job() -> None:
    ledger = new_ledger()
    taken(ledger, batch(log("one", id="1")))
    assert taken(ledger, batch(log("one", id="1", job_id="other"))).accepted == 1


@pytest.mark.parametrize("same_transaction", [True, False])
def test_an_id_with_another_content_is_refused(same_transaction: bool) -> None:
    ledger = new_ledger()
    taken(ledger, batch(log("one", id="1")))
    error = refused(ledger if same_transaction else later(ledger), batch(log("x"), log("two", id="1")))
    assert isinstance(error, Conflict)
    assert error.code == "id_reused"
    assert (error.errors[0].index, error.errors[0].field) == (1, "id")


def test_a_first_update_needs_a_project_and_the_second_does_not() -> None:
    ledger = new_ledger()
    assert isinstance(refused(ledger, batch(update(project_id=None))), Invalid)
    assert taken(ledger, batch(update(), update(project_id=None))).accepted == 2


def test_one_project_that_is_not_allowed_refuses_the_batch() -> None:
    ledger = new_ledger()
    one = batch(update(), update(job_id="b", project_id="other"), allowed=frozenset({"web"}))
    assert isinstance(refused(ledger, one), Forbidden)
    assert taken(ledger, batch(update(), allowed=frozenset({"web", "docs"}))).accepted == 1


def test_a_token_for_another_project_cannot_send_a_duplicate_either() -> None:
    ledger = new_ledger()
    taken(ledger, batch(update(id="1")))
    error = refused(ledger, batch(update(id="1", project_id=None), allowed=frozenset({"other"})))
    assert isinstance(error, Forbidden)


def test_a_project_counts_its_jobs_by_outcome() -> None:
    ledger = new_ledger()
    for name in "abcd":
        taken(ledger, batch(update(job_id=name), log("x", job_id=name)))
    assert project(ledger).running == 4
    taken(ledger, batch(update("completed", job_id="a"), log("late", job_id="a")))
    ledger = later(ledger)
    taken(ledger, batch(update("error", job_id="b", message="no"), update(job_id="c", status="cancelled")))
    found = project(ledger)
    assert (found.running, found.completed, found.failed, found.cancelled) == (1, 1, 1, 1)


def test_a_job_that_ends_in_its_first_update_was_never_running() -> None:
    ledger = new_ledger()
    taken(ledger, batch(update("completed")))
    assert (project(ledger).running, project(ledger).completed) == (0, 1)


def test_a_projects_state_entries_are_numbered_without_holes_over_its_jobs() -> None:
    ledger = new_ledger()
    taken(ledger, batch(update(job_id="a", phase="building"), log("x", job_id="a"), update(job_id="b")))
    ledger = later(ledger)
    taken(ledger, batch(update("completed", job_id="a"), update(job_id="c", project_id="other")))
    numbers = [
        (stored.job.project_id, stored.entry.project_seq)
        for stored in ledger.stored
        if isinstance(stored.entry, StateEntry)
    ]
    assert numbers == [("web", 3), ("other", 1)]
    assert project(ledger).seq == 3


def test_an_empty_log_body_makes_no_job() -> None:
    ledger = new_ledger()
    receipt = taken(ledger, batch(piece(b"")))
    assert (receipt.accepted, receipt.seqs, ledger.job("job")) == (0, {}, None)


def test_a_receipt_tells_where_each_log_stream_is() -> None:
    receipt = taken(new_ledger(), batch(piece(b"one\ntwo"), piece(b"x\n", stream="stderr")))
    assert {key: state.offset for key, state in receipt.streams.items()} == {
        ("job", "stdout"): 7,
        ("job", "stderr"): 2,
    }


def test_updates_are_stamped_with_the_batchs_time() -> None:
    ledger = new_ledger()
    taken(ledger, batch(update(), at=AT + 5))
    job = ledger.job("job")
    assert job is not None
    assert (job.created_at, job.state_at) == (AT + 5, AT + 5)
