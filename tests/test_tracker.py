"""The only write path: stored, published, answered, counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from chef.domain.rules import LOGS_AFTER_END_MS
from chef.errors import ChefError, Conflict, Forbidden, StoreUnavailable
from chef.live.hub import Hub
from chef.live.readers import Reader
from chef.live.tracker import Tracker
from chef.metrics import Metrics
from chef.store import Store
from tests.tools.making import AT, log, open_store, piece, update


class Parts:
    """A tracker and what it works with; the clock stands still at `at`."""

    def __init__(self, store: Store) -> None:
        self.at = AT
        self.store = store
        self.hub = Hub(store)
        self.metrics = Metrics()
        self.tracker = Tracker(store, self.metrics, lambda: self.at, self.hub.publish)

    def counted(self, name: str) -> float:
        lines = self.metrics.text().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def follow(self) -> Reader:
        with self.hub.room(("job", "job")) as room:
            reader = Reader(room, 0)
            room.join(reader)
        return reader


@pytest.fixture
def parts(database_url: str) -> Iterator[Parts]:
    with open_store(database_url) as store:
        made = Parts(store)
        yield made
        made.hub.close()


def test_what_is_recorded_is_stored_and_its_answer_says_so(parts: Parts) -> None:
    receipt = parts.tracker.record([update(phase="building"), log("a\nb", id="1"), piece(b"c\n")])
    assert (receipt.accepted, receipt.lines, receipt.seqs) == (3, 3, {"job": 4})
    assert [entry.seq for entry in parts.store.entries("job", 0)] == [1, 3, 4]


def test_viewers_can_read_it_before_it_is_answered(parts: Parts) -> None:
    """Invariant 1, from the other side: an answered update is on its way already."""
    reader = parts.follow()
    parts.tracker.record([update(phase="building"), log("one")])
    assert reader.room.head == 2
    assert [event.name for event in reader.load()] == ["job:progress", "job:log"]


def test_what_is_refused_is_neither_stored_nor_published_nor_counted(parts: Parts) -> None:
    reader = parts.follow()
    for wrong in (update(project_id=None, job_id="new"), piece(b"x", offset=9)):
        with pytest.raises(ChefError):
            parts.tracker.record([update(), wrong])
    assert (parts.store.job("job"), reader.room.head) == (None, 0)
    assert parts.counted("chef_updates_total") == 0


def test_what_cannot_be_stored_is_not_published(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = parts.follow()
    monkeypatch.setattr(parts.store._commits, "_write", lambda batches: [StoreUnavailable()] * len(batches))
    with pytest.raises(StoreUnavailable):
        parts.tracker.record([update()])
    assert not reader.wait(0.02)
    assert reader.room.head == 0


def test_a_viewer_that_breaks_the_hub_does_not_break_the_answer(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(stored: object) -> None:
        raise RuntimeError("of ours")

    parts.store.on_commit(broken)
    with gevent.Timeout(10):
        assert parts.tracker.record([update()]).accepted == 1
        assert parts.tracker.record([update()]).seqs == {"job": 2}
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_an_id_may_be_written_in_another_way_and_is_the_same_update(parts: Parts) -> None:
    parts.tracker.record([update(progress=50, meta={"a": 1, "b": 2}, id="1")])
    again = parts.tracker.record([update(progress=50.0, meta={"b": 2, "a": 1}, id="1", project_id=None)])
    assert (again.accepted, again.duplicates) == (0, 1)
    with pytest.raises(Conflict):
        parts.tracker.record([update(progress=51, id="1")])


def test_updates_are_stamped_with_the_servers_clock(parts: Parts) -> None:
    parts.tracker.record([update(phase="building")])
    parts.at += 1500
    parts.tracker.record([update("completed")])
    job = parts.store.job("job")
    assert job is not None
    assert (job.started_at, job.finished_at) == (AT, AT + 1500)


def test_only_allowed_projects_are_written(parts: Parts) -> None:
    with pytest.raises(Forbidden):
        parts.tracker.record([update()], frozenset({"docs"}))
    assert parts.tracker.record([update()], frozenset({"web"})).accepted == 1


def test_a_log_body_is_refused_before_it_comes_as_it_would_be_after(parts: Parts) -> None:
    def refused(allowed: frozenset[str] | None = None, **fields: Any) -> ChefError:
        with pytest.raises(ChefError) as before:
            parts.tracker.log_offset(piece(b"", **fields), allowed)
        with pytest.raises(ChefError) as after:
            parts.tracker.record([piece(b"late\n", **fields)], allowed)
        assert (before.value.code, before.value.extra) == (after.value.code, after.value.extra)
        return before.value

    assert refused(project_id=None).code == "invalid"
    assert refused(offset=1).extra == {"offset": 0}
    assert parts.store.job("job") is None
    parts.tracker.record([piece(b"one\n"), piece(b"more\n", stream="other")])
    assert parts.tracker.log_offset(piece(b"", offset=2)) == 4
    assert refused(offset=5).extra == {"offset": 4}
    assert refused(project_id="docs").code == "project_mismatch"
    assert refused(allowed=frozenset({"docs"})).code == "forbidden"
    parts.tracker.record([update("completed")])
    assert parts.tracker.log_offset(piece(b"")) == 4
    parts.at += LOGS_AFTER_END_MS + 1
    assert refused().code == "job_finished"


def test_what_is_recorded_is_counted(parts: Parts) -> None:
    parts.tracker.record([log("a\nb", id="1"), update()])
    parts.tracker.record([log("a\nb", id="1")])
    assert parts.counted('chef_updates_total{result="accepted"}') == 2
    assert parts.counted('chef_updates_total{result="duplicate"}') == 1
    assert parts.counted("chef_log_lines_total") == 2
