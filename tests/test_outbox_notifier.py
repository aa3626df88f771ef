"""The notifier over a real store: who tells, from when on, how far apart, and what is kept of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import gevent
import pytest
from sqlalchemy import create_engine, func, select

from chef.domain.batches import Batch, Item
from chef.domain.model import Job, Update
from chef.domain.removals import Removal
from chef.outbox import notifier as notifiers
from chef.outbox import queue
from chef.outbox.channel import NotifyChannel, Send
from chef.outbox.notifier import Notifier
from chef.outbox.teller import OutboxCounts, OutboxParts
from chef.outbox.values import Delivered, Notice, NotNow, Outcome, Word
from chef.settings.config import Settings
from chef.store import Store
from chef.store.outbox import FORGET_MS, ToldRow
from chef.store.tables import outbox_leases, outbox_targets, outbox_tellings
from tests.tools.until import until

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(NotifyChannel):
    """Keeps what it is told, and when (seconds)."""

    kind = "recording"
    gap_s = 0.2

    heard: list[tuple[float, Notice, str | None]] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        self.heard.append((time.monotonic(), notice, handle))
        return self.answers.pop(0) if self.answers else Delivered(f"of {notice.job.job_id}")

    @property
    def words_heard(self) -> list[tuple[str, str]]:
        return [(notice.job.job_id, notice.word) for _, notice, _ in self.heard]


@dataclass(frozen=True, slots=True, kw_only=True)
class Eventful(Recording):
    updates = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(Recording):
    most = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful(Recording):
    knows_repeats = False


def channel(kind: type[Recording], *words: str, key: str = "a", **fields: Any) -> Any:
    return kind(key=key, label=key, words=frozenset(map(Word, words)), **fields)


class House:
    """A store, and notifiers of it that a test starts and ends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stores = [Store(Settings(database_url=url))]
        self.store = self.stores[0]
        self.ahead_ms = 0
        self.notifiers: list[Notifier] = []

    def now(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms

    def start(self, *channels: NotifyChannel, owner: str = "") -> Notifier:
        """A notifier; one with a name is in a process of its own, which has its own connections."""
        if owner:
            self.stores.append(Store(Settings(database_url=self.url)))
        parts = OutboxParts(
            self.stores[-1].outbox,
            self.store.epoch,
            self.now,
            lambda job_id: f"https://chef.example/jobs/{job_id}",
            lambda job: None,
            lambda: found.is_held,
            OutboxCounts(),
        )
        found = Notifier(channels, parts)
        found._owner = owner or found._owner
        self.notifiers.append(found)
        found.start()
        return found

    def ready(self, *channels: NotifyChannel) -> Notifier:
        """One that tells from now on."""
        found = self.start(*channels)
        until(lambda: found._queues)
        return found

    def post(self, job_id: str, kind: str = "progress", **fields: Any) -> Job:
        given: dict[str, Any] = {"message": "boom"} if kind == "error" else {}
        update = Update(**({"type": kind, "job_id": job_id, "project_id": "web"} | given | fields))
        self.store.append(Batch((Item(update),), self.now()))
        job = self.store.job(job_id)
        assert job is not None
        return job

    def rows(self, table: Any) -> int:
        engine = create_engine(self.url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            count = connection.scalar(select(func.count()).select_from(table))
        engine.dispose()
        return int(count or 0)

    def close(self) -> None:
        for one in self.notifiers:
            one.close()
        for store in self.stores:
            store.close()


@pytest.fixture
def house(any_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(notifiers, "_LOOK_S", 0.1)
    monkeypatch.setattr(notifiers, "_ASK_S", 0.1)
    monkeypatch.setattr(notifiers, "_TOGETHER_S", 0.01)
    found = House(any_database_url)
    yield found
    found.close()


def test_what_is_stored_right_after_the_start_is_told(house: House) -> None:
    """A server that comes back with a new target is sent at once what builds had to hold back."""
    heard = channel(Eventful, "failed")
    house.start(heard)
    house.post("a", "error")
    until(lambda: heard.words_heard == [("a", "failed")])


def test_what_another_process_stores_is_found(house: House) -> None:
    """Nothing is noted here: as what comes from elsewhere, it is found in the projects' entries."""
    heard = channel(Recording, "failed")
    house.ready(heard)
    house.post("a", "error")
    until(lambda: heard.words_heard == [("a", "failed")])
    assert heard.heard[0][1].link == "https://chef.example/jobs/a"


def test_edits_keep_their_distance_and_the_end_is_last(house: House) -> None:
    heard = channel(Counting, "progress")
    teller = house.ready(heard)
    for number in range(40):
        house.post("a", progress=number)
        gevent.sleep(0.02)
    begun = time.monotonic()
    job = house.post("a", "completed")
    until(lambda: heard.words_heard[-1] == ("a", "completed"))
    # Not as far from the one before as that one from its own.
    assert time.monotonic() - begun < 5
    times = [at for at, _, _ in heard.heard]
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))
    assert len(times) <= 12
    assert heard.heard[-1][1].job.state_seq == job.state_seq
    assert [handle for _, _, handle in heard.heard] == [None] + ["of a"] * (len(times) - 1)
    assert len({notice.id for _, notice, _ in heard.heard}) == 1
    until(lambda: not teller.waiting()["recording"])


def test_a_target_begins_with_what_comes_after_it_and_goes_on_after_a_restart(house: House) -> None:
    house.post("before", "error")
    old, new = channel(Eventful, "failed", key="old"), channel(Eventful, "failed", "started", key="new")
    house.ready(old).close()
    house.post("between", "error")
    house.post("runs")
    teller = house.start(old)
    until(lambda: old.words_heard == [("between", "failed")])
    teller.close()
    house.ready(old, new)
    house.post("runs", "error")
    house.post("after", "error")
    until(lambda: len(old.heard) == 3 and len(new.heard) == 3)
    assert old.words_heard == [("between", "failed"), ("runs", "failed"), ("after", "failed")]
    assert sorted(new.words_heard) == [("after", "failed"), ("after", "started"), ("runs", "failed")]


def test_a_target_that_was_long_in_no_setting_is_forgotten_and_begins_anew(house: House) -> None:
    old, other = channel(Recording, "failed", key="old"), channel(Recording, "failed", key="other")
    teller = house.ready(old, other)
    house.post("a", "error")
    until(lambda: old.heard and other.heard)
    teller.close()
    house.ahead_ms = FORGET_MS + 60_000
    house.ready(other)
    until(lambda: house.rows(outbox_targets) == 1 and house.rows(outbox_tellings) == 1)


def test_one_process_tells_and_another_goes_on_when_it_leaves(house: House) -> None:
    first, second = channel(Eventful, "failed"), channel(Eventful, "failed")
    teller = house.start(first, owner="elsewhere/1/1")
    until(lambda: teller.is_held)
    other = house.start(second, owner="elsewhere/2/2")
    house.post("a", "error")
    until(lambda: first.heard)
    gevent.sleep(0.5)
    assert not other.is_held
    teller.close()
    house.post("b", "error")
    until(lambda: second.heard)
    assert (first.words_heard, second.words_heard) == ([("a", "failed")], [("b", "failed")])


def test_a_process_that_was_killed_holds_nobody_up(house: House) -> None:
    teller = house.start(channel(Eventful, "failed"), owner="elsewhere/1/1")
    until(lambda: teller.is_held)
    assert teller._task is not None
    teller._task.kill()  # It leaves its lease behind.
    teller._end_queues()
    assert house.rows(outbox_leases) == 1
    rows, now = house.store.outbox, house.now()
    assert not rows.hold("x", now, now + 15_000, lambda name: False)
    assert rows.hold("x", now, now + 15_000, lambda name: name == "elsewhere/1/1")
    # What one writes that has lost the lease is not kept.
    house.post("a", "error")
    old = house.stores[-1].outbox
    assert not old.save(1, "a", ToldRow(seq=1))
    assert not old.go_on([])
    assert rows.save(1, "a", ToldRow(seq=1))
    assert house.rows(outbox_tellings) == 1
    # Its time ends, and a clock that was ahead does not keep it for ever.
    assert old.hold("y", now + 15_001, now + 30_001, lambda name: False)
    assert rows.hold("x", now - DAY_MS, now - DAY_MS + 15_000, lambda name: False)


def test_what_cannot_be_in_memory_waits_in_the_store(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MOST_WAITING", 5)
    heard = channel(Eventful, "failed", answers=[NotNow()] * 3)
    house.ready(heard)
    for number in range(30):
        house.post(f"job-{number}", "error")
    until(lambda: len(heard.heard) >= 33, seconds=40)
    gevent.sleep(0.3)
    assert sorted({notice.job.job_id for _, notice, _ in heard.heard}) == sorted(
        f"job-{n}" for n in range(30)
    )
    assert len(heard.heard) == 33


def test_while_nothing_changes_the_store_is_asked_for_that_alone(house: House) -> None:
    """Targets are away, and what waits for them was read when this began: it is not read again."""
    asked = Counter[str]()

    def counting(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            asked[name] += 1
            return ask(*args)

        return counted

    rows: Any = house.store.outbox
    for name in ("moved", "open", "told", "failed_before", "keep", "go_on", "save"):
        setattr(rows, name, counting(name, getattr(rows, name)))
    away = [channel(Eventful, "failed", key=f"{n}", answers=[NotNow(600.0)] * 2) for n in range(3)]
    teller = house.ready(*away)
    house.post("a", "error")
    until(lambda: all(one.heard for one in away) and house.rows(outbox_tellings) == 3)
    teller.close()
    house.start(*away)
    until(lambda: all(len(one.heard) == 2 for one in away))
    until(lambda: asked["open"] >= 3)
    asked.clear()
    until(lambda: asked["moved"] >= 3)  # What was under way is over.
    asked.clear()
    until(lambda: asked["moved"] >= 5)
    assert set(asked) == {"moved"}


def test_a_first_message_that_may_be_there_is_said_to_be_repeated(house: House) -> None:
    """The process ends between the request and keeping what came of it."""
    hanging = gevent.event.Event()

    class Hanging(Forgetful):
        def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
            Recording.tell(self, notice, handle, send)
            hanging.wait()
            return Delivered("never kept")

    lost, heard = channel(Hanging, "failed"), channel(Forgetful, "failed")
    teller = house.ready(lost)
    house.post("a", "error")
    until(lambda: lost.heard)
    assert teller._task is not None
    teller._task.kill()
    teller._end_queues()
    house.start(heard)
    until(lambda: heard.heard)
    assert [notice.is_repeated for _, notice, _ in (*lost.heard, *heard.heard)] == [False, True]
    assert lost.heard[0][1].id == heard.heard[0][1].id


def test_a_job_that_is_gone_is_told_to_nobody_and_leaves_no_row(house: House) -> None:
    heard = channel(Recording, "failed", answers=[NotNow(30.0)] * 4)
    teller = house.ready(heard)
    house.post("a", "error")
    house.post("b", "error", project_id="shop")
    until(lambda: teller.waiting() == {"recording": 2})
    until(lambda: house.rows(outbox_tellings) == 2)
    teller.forget(Removal(1, "web", "a"))
    teller.forget(Removal(2, "shop"))
    assert teller.waiting() == {"recording": 0}
    teller.close()
    house.store.remove_finished(house.now() + DAY_MS)
    assert house.rows(outbox_tellings) == 0


def test_what_a_target_did_not_take_for_a_day_is_given_up(house: House) -> None:
    heard = channel(Recording, "failed", answers=[NotNow(0.0), NotNow(0.0), NotNow(0.0)])
    teller = house.ready(heard)
    house.post("a", "error")
    until(lambda: heard.heard)
    house.ahead_ms = FORGET_MS + 60_000
    until(lambda: teller.waiting() == {"recording": 0})
    gevent.sleep(0.3)
    assert len(heard.heard) <= 3


# The jobs before one of main and ci that completes (how each ended, its branch and its kind), and how many
# failed runs it comes after.
BEFORE: list[tuple[list[tuple[str, str, str]], int]] = [
    ([], 0),
    ([("error", "main", "ci")], 1),
    ([("error", "main", "ci"), ("completed", "main", "ci")], 0),
    ([("error", "main", "ci"), ("cancelled", "main", "ci")], 1),
    ([("error", "main", "ci"), ("progress", "main", "ci")], 1),
    ([("error", "other", "ci")], 0),
    ([("error", "main", "deploy")], 0),
    ([("error", "", "")], 0),
    ([("error", "main", "ci"), ("completed", "main", "ci"), *[("error", "main", "ci")] * 2], 2),
    ([("error", "main", "ci"), ("error", "other", "ci"), ("error", "main", "ci")], 2),
]


def test_a_recovery_comes_after_a_failure_of_its_kind_and_branch(house: House) -> None:
    def meta(branch: str, kind: str) -> dict[str, Any]:
        given = {"branch": branch, "kind": kind}
        return {"meta": {name: value for name, value in given.items() if value}}

    for number, (before, failed) in enumerate(BEFORE):
        project = f"p{number}"
        for place, (how, branch, kind) in enumerate(before):
            house.post(f"{project}-{place}", how, project_id=project, **meta(branch, kind))
        job = house.post(f"{project}-last", "completed", project_id=project, **meta("main", "ci"))
        house.post(f"{project}-later", "error", project_id=project, **meta("main", "ci"))
        assert house.store.outbox.failed_before(job) == failed, before
        bare = house.post(f"{project}-bare", "completed", project_id=project)
        assert house.store.outbox.failed_before(bare) == before.count(("error", "", ""))
