"""The store, on SQLite and on a real PostgreSQL: what is answered is on disk, whole, in one order."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest
from sqlalchemy import Connection, text

import chef.store.loglines
import chef.store.queries
from chef.domain.batches import Batch, Receipt, Stored
from chef.domain.filtering import JobFilter
from chef.domain.lines import StreamState
from chef.domain.model import Entry, LogEntry, LogPiece, StateEntry, Update
from chef.domain.payloads import line_text
from chef.errors import ChefError, Conflict, StoreUnavailable
from chef.live.events import Event, Published, events_of
from chef.store import NumberedLine, Store, engine, groupcommit, loading, reading, rowcache
from chef.store.queries import PAGE_BYTES
from chef.store.statements import CompiledStatement, Driver, _expanded
from chef.wire.recovery import Kept
from tests.tools.making import batch, log, open_store, piece, update
from tests.tools.postgres import Postgres


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


@pytest.fixture
def two_stores(any_database_url: str) -> Iterator[tuple[Store, Store]]:
    """Two on one database, as two server processes have them."""
    with open_store(any_database_url) as one, open_store(any_database_url) as other:
        yield one, other


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls return when all are made at once; a refusal is returned, not raised."""

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    greenlets = [gevent.spawn(outcome, call) for call in calls]
    gevent.joinall(greenlets, timeout=60)
    assert all(greenlet.ready() for greenlet in greenlets)
    return [greenlet.value for greenlet in greenlets]


def appending(store: Store, *updates: Update | LogPiece) -> Callable[[], Receipt]:
    return lambda: store.append(batch(*updates))


def all_entries(store: Store, job_id: str = "job", after: int = 0) -> list[Entry]:
    found: list[Entry] = []
    while page := store.entries(job_id, found[-1].seq if found else after):
        found += page
    return found


def project_seqs(store: Store, project_id: str = "web") -> list[int]:
    found: list[int] = []
    while page := store.project_entries(project_id, found[-1] if found else 0):
        found += [entry.project_seq for entry in page if not isinstance(entry, LogEntry)]
    return found


def assert_no_holes(store: Store, job_id: str = "job") -> None:
    entries = all_entries(store, job_id)
    seqs = [seq for entry in entries for seq in range(entry.first_seq, entry.seq + 1)]
    job = store.job(job_id)
    assert job is not None
    assert seqs == list(range(1, job.seq + 1))
    numbers = {n for entry in entries if isinstance(entry, LogEntry) for n in entry.numbers}
    assert numbers == set(range(1, job.lines + 1))


# What goes in comes out


def test_a_job_is_read_as_it_was_stored(store: Store) -> None:
    receipt = store.append(
        batch(
            update(
                phase="building", progress=50.5, message="Übung 🎂", meta={"branch": "main", "n": [1, {}]}
            ),
            update("error", message="no", code="E1", meta={"x": None}),
            update(job_id="done", project_id="docs"),
            update(
                "completed",
                job_id="done",
                project_id=None,
                artifacts=({"name": "a", "url": "https://x.y/a", "size": 1},),
            ),
        )
    )
    stored = {one.job.job_id: one.job for one in receipt.stored}
    assert {name: store.job(name) for name in stored} == stored


def test_entries_are_read_as_they_were_stored(store: Store) -> None:
    every_byte = bytes(byte for byte in range(256) if byte not in b"\r\n")
    body = every_byte + b"\r\n\r\r\n" + b"10%\r20%\r" + "é".encode() * 300 + b"\nopen"
    receipt = store.append(
        batch(update(message="hi"), piece(body, stream="stderr"), piece(b"\n"), log("x", level="warn"))
    )
    assert all_entries(store) == [stored.entry for stored in receipt.stored]
    assert store.stream("job", "stderr") == receipt.streams["job", "stderr"]
    assert store.stream("job", "stderr").offset == len(body)


def test_a_stored_state_is_sent_again_as_it_was_written(store: Store) -> None:
    """Also one of an earlier version, whose payload had other fields in another order."""
    store.append(batch(update(progress=10)))
    written = '{"seq":1,"jobId":"job","progress":1e1,"gone":[1,null],"message":"\\u00fc"}'
    data = b'j[["progress",' + written.encode() + b"]]"
    with store._upkeep_connections.writing() as connection:
        connection.execute(text("UPDATE entries SET data = :data"), {"data": data})
    assert [entry.events for entry in states_of(store)] == [(("progress", written),)]
    page = [Published(entry, "job", "web", "job") for entry in states_of(store)]
    assert list(events_of(page, 0, batch=True)) == [Event("job:progress", 1, written, "1")]


def states_of(store: Store) -> list[StateEntry]:
    return [entry for entry in store.entries("job", 0) if isinstance(entry, StateEntry)]


def test_what_is_not_there_is_not_found(store: Store) -> None:
    assert store.job("nobody") is None
    assert store.project("nothing") is None
    assert store.entries("nobody", 0) == store.project_entries("nothing", 0) == []
    assert store.stream("nobody", "stdout") == StreamState()
    assert store.job_seqs(["nobody"]) == store.project_seqs(["nothing"]) == {}
    assert store.lines("nobody", 1, 10) == store.search("nobody", "x", 0, 10) == []


def test_a_stream_goes_on_where_it_was(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store.append(batch(piece(b"10%\r", offset=0)))
    with open_store(any_database_url) as store:
        store.append(batch(piece(b"10%\r20%\n", offset=0)))
        assert [line_text(line) for _, _, line in store.lines("job", 1, 9)] == ["20%"]


def test_entries_come_in_pages_from_any_place(store: Store) -> None:
    store.append(batch(*(log(f"{n}\n" * 700) for n in range(5)), update()))
    everything = all_entries(store)
    assert [entry.seq for entry in everything] == sorted(entry.seq for entry in everything)
    for after in (0, 1, 499, 500, 501, 3499, 3500):
        assert all_entries(store, after=after) == [entry for entry in everything if entry.seq > after]
    assert store.entries("job", 3501) == []
    assert len(store.entries("job", 0)) == 1  # A page is bounded: 500 lines are one already.


def test_a_page_is_bounded_by_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chef.store.queries, "PAGE_BYTES", 1)
    store.append(batch(*(update(message="x") for _ in range(3))))
    assert [len(store.entries("job", after)) for after in (0, 1, 2, 3)] == [1, 1, 1, 0]
    assert project_seqs(store) == [1, 2, 3]


# One order


def test_seqs_have_no_holes_when_many_write_at_once(store: Store) -> None:
    calls = [appending(store, log("a\nb"), update(progress=n), piece(b"c\n")) for n in range(30)]
    receipts = at_once(*calls, *(appending(store, update(project_id="other")) for _ in range(5)))
    assert sum(isinstance(receipt, Receipt) for receipt in receipts) == 30
    assert_no_holes(store)
    assert project_seqs(store) == list(range(1, 31))


@pytest.mark.slow
def test_two_processes_on_one_database_share_one_order(two_stores: tuple[Store, Store]) -> None:
    """Invariant 2. Each appends, waits for the answer, appends: transactions interleave freely."""

    def write_some(store: Store, name: str) -> list[int]:
        return [
            store.append(batch(log("one\ntwo"), update(progress=n, id=f"{name}-{n}"))).seqs["job"]
            for n in range(15)
        ]

    one, other = two_stores
    first, second = at_once(lambda: write_some(one, "one"), lambda: write_some(other, "other"))
    assert first == sorted(first)
    assert second == sorted(second)
    assert sorted(first + second) == list(range(3, 91, 3))
    assert_no_holes(one)
    assert project_seqs(other) == list(range(1, 31))


def test_two_processes_may_make_the_same_project_and_job_at_once(two_stores: tuple[Store, Store]) -> None:
    for n in range(6):
        name = f"p{n}"
        receipts = at_once(
            *(
                appending(
                    store,
                    update(job_id=name, project_id=name, phase="building"),
                    log("x", job_id=name, project_id=None),
                )
                for store in two_stores
            )
        )
        assert sorted(receipt.seqs[name] for receipt in receipts) == [2, 4]
        assert_no_holes(two_stores[0], name)
        found = two_stores[1].project(name)
        assert found is not None
        assert (found.project.running, found.project.seq) == (1, 2)


def test_two_processes_may_make_jobs_of_one_new_project_at_once(two_stores: tuple[Store, Store]) -> None:
    for n in range(6):
        one, other = (
            appending(store, update(job_id=f"{n}-{count}", project_id=f"p{n}"))
            for count, store in enumerate(two_stores)
        )
        assert all(isinstance(receipt, Receipt) for receipt in at_once(one, other))
        assert project_seqs(two_stores[0], f"p{n}") == [1, 2]


def test_a_project_that_appears_while_a_transaction_begins_is_locked_all_the_same(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process makes what the first has just not found to lock, and then goes on writing."""
    load_jobs, load_streams = loading._load_jobs, loading._load_streams
    threads: list[threading.Thread] = []
    with open_store(postgres_url) as store, open_store(postgres_url) as other:

        def write_elsewhere(*updates: Update) -> None:
            thread = threading.Thread(target=other._commits._write, args=([batch(*updates)],))
            thread.start()
            thread.join(0.5)  # It waits for the first one's lock, where there is one.
            threads.append(thread)

        def is_first(transaction: Any) -> bool:
            return bool(transaction.connection.engine is store._connections.engine)

        def then_load_jobs(transaction: Any, job_ids: Any) -> None:
            if is_first(transaction) and not threads:
                write_elsewhere(log("one"))
            load_jobs(transaction, job_ids)

        def then_load_streams(transaction: Any, keys: Any) -> None:
            if is_first(transaction) and len(threads) == 1:
                write_elsewhere(log("two\nthree"), update(message="x"))
            load_streams(transaction, keys)

        monkeypatch.setattr(loading, "_load_jobs", then_load_jobs)
        monkeypatch.setattr(loading, "_load_streams", then_load_streams)
        store.append(batch(update(message="first")))
        for thread in threads:
            thread.join()
        assert_no_holes(store)
        assert project_seqs(store) == [1, 2]


# What the writer knows of its last commits


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one with each query of a commit."""
    counted: list[None] = []
    rows = CompiledStatement.rows

    def count(self: CompiledStatement, driver: Driver, ids: Sequence[Any]) -> Sequence[Any]:
        counted.append(None)
        return rows(self, driver, ids)

    monkeypatch.setattr(CompiledStatement, "rows", count)
    return counted


def test_what_a_commit_wrote_the_next_one_need_not_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(database_url) as store:
        store.append(batch(update(meta={"n": 1}), log("one")))
        reads = count_reads(monkeypatch)
        for n in range(5):
            store.append(batch(update(progress=n), log("more")))
        assert reads == []
        assert_no_holes(store)
        assert store.append(batch(update())).stored[0].job == store.job("job")


def test_what_others_wrote_meanwhile_is_not_overlooked(two_stores: tuple[Store, Store]) -> None:
    """Another process, and this one's own upkeep."""
    one, other = two_stores
    for n in range(4):
        one.append(batch(update(phase="building", meta={f"one {n}": n}), log("one")))
        other.append(batch(update(meta={f"other {n}": n}), log("other")))
        one.save_heartbeat("job", 1000 + n, 30)
    job = one.append(batch(log("last"))).stored[0].job
    assert (job.seq, job.lines, job.heartbeat_at, len(job.meta)) == (17, 9, 1003, 8)
    assert project_seqs(one) == list(range(1, 9))
    assert_no_holes(one)


def test_nothing_is_known_of_a_commit_that_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(batch(update(message="one")))
    failures = iter([OSError("disk")])
    commit = engine.commit

    def fail_once(connection: Connection) -> None:
        if connection.engine is store._connections.engine:
            for failure in failures:
                raise failure
        commit(connection)

    monkeypatch.setattr(engine, "commit", fail_once)
    with pytest.raises(OSError, match="disk"):
        store.append(batch(update(message="lost")))
    assert store.append(batch(update(message="two"))).seqs == {"job": 2}
    assert_no_holes(store)


def test_what_is_known_wrongly_does_no_harm(database_url: str) -> None:
    """A row that is not there takes no update: what was known is forgotten, and the rows are read."""
    with open_store(database_url) as store:
        for change in ("jobs", "projects"):
            store.append(batch(update(phase="building"), log("one")))
            ((connection, _),) = store._connections._writers
            rows = getattr(connection.info["chef.rows"], change)
            rows.update({name: (pk + 7, row) for name, (pk, row) in rows.items()})
        assert store.append(batch(update())).seqs == {"job": 5}
        assert project_seqs(store) == [1, 2, 3]
        assert_no_holes(store)


def test_what_is_known_is_bounded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowcache, "_MOST_ROWS", 3)
    with open_store(database_url) as store:
        for turn in range(2):
            for n in range(9):
                name = f"job{n}"
                assert store.append(
                    batch(
                        update(job_id=name, project_id=name, phase="building"),
                        log("x", job_id=name, project_id=None),
                    )
                ).seqs == {name: 2 * turn + 2}
        large = {f"{n}": "x" * 1000 for n in range(8)}
        for n in range(3):
            assert store.append(batch(update(job_id="large", meta=large))).seqs == {"large": n + 1}


# The group commit


@pytest.fixture
def commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one with each commit that is synced."""
    counted: list[None] = []
    commit = engine.commit

    def count(connection: Connection) -> None:
        commit(connection)
        if connection.engine is store._connections.engine:
            counted.append(None)

    monkeypatch.setattr(engine, "commit", count)
    return counted


def test_all_that_wait_share_one_commit(store: Store, commits: list[None]) -> None:
    receipts = at_once(*(appending(store, update(job_id=f"job{n}")) for n in range(40)))
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    assert len(commits) == 1


def test_what_comes_during_a_commit_shares_the_next_one(
    store: Store, commits: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store._commits._write
    late: list[gevent.Greenlet[..., Receipt]] = []
    seen: list[int] = []

    def slow_write(batches: list[Batch]) -> Sequence[Any]:
        seen.append(len(batches))
        time.sleep(0.05)
        return write(batches)

    monkeypatch.setattr(store._commits, "_write", slow_write)
    first = gevent.spawn(appending(store, update()))
    gevent.sleep(0.01)
    late += [gevent.spawn(appending(store, update())) for _ in range(20)]
    gevent.joinall([first, *late])
    assert (seen, len(commits)) == ([1, 20], 2)
    assert first.get().seqs == {"job": 1}


def test_viewers_that_want_to_come_back_are_kept_in_the_commit_of_what_waits(
    store: Store, commits: list[None]
) -> None:
    kept = [Kept(0, "job", "job", False, 0)]
    saves = [lambda n=n: store.save_session(f"pid-{n}", kept, 1000) for n in range(20)]
    at_once(appending(store, log("one")), *saves, lambda: store.end_session("pid-0", 2000))
    assert len(commits) == 1
    assert store.lines("job", 1, 1)
    assert all(store.session(f"pid-{n}", 2000) == kept for n in range(20))
    assert store.session("pid-0", 10_000_000) is None
    assert store.session("pid-1", 10_000_000) == kept


def test_a_refused_batch_leaves_those_that_share_its_commit(store: Store, commits: list[None]) -> None:
    one, refused, two = at_once(
        appending(store, log("one")),
        appending(store, log("lost"), update(project_id="other")),
        appending(store, log("two")),
    )
    assert isinstance(refused, Conflict)
    assert (one.seqs, two.seqs, len(commits)) == ({"job": 1}, {"job": 2}, 1)
    assert [line_text(line) for _, _, line in store.lines("job", 1, 9)] == ["one", "two"]
    assert store.project("other") is None


def test_a_batch_that_breaks_its_transaction_takes_none_down_with_it(store: Store) -> None:
    one, broken, two = at_once(
        appending(store, update(message="one")),
        appending(store, update(message="lone surrogate \ud800")),
        appending(store, update(message="two")),
    )
    assert isinstance(broken, Exception)
    assert not isinstance(broken, StoreUnavailable)
    assert [one.seqs, two.seqs] == [{"job": 1}, {"job": 2}]
    assert_no_holes(store)


def test_text_that_postgresql_cannot_hold_is_no_outage(postgres_url: str) -> None:
    with open_store(postgres_url) as store:
        broken, taken = at_once(appending(store, update(phase="\0")), appending(store, update()))
        assert not isinstance(broken, StoreUnavailable | Receipt)
        assert isinstance(taken, Receipt)


def test_it_is_committed_then_published_then_answered(store: Store, any_database_url: str) -> None:
    """Invariant 1. What is published, another process can read already; what is answered is published."""
    steps: list[object] = []
    with open_store(any_database_url) as other:

        def publish(stored: Sequence[Stored]) -> None:
            steps.append([one.entry for one in stored])
            with other._connections.reading() as connection:  # It must not wait, as `entries` does.
                steps.append(reading.entries_after(connection, "job", 0, PAGE_BYTES))

        store.on_commit(publish)
        receipt = store.append(batch(update(), log("a\nb")))
        steps.append("answered")
    entries = [stored.entry for stored in receipt.stored]
    assert steps == [entries, entries, "answered"]


def test_commits_are_published_in_the_order_of_their_seqs(store: Store) -> None:
    published: list[int] = []
    store.on_commit(lambda stored: published.extend(one.entry.seq for one in stored))
    at_once(*(appending(store, update()) for _ in range(20)))
    at_once(*(appending(store, update()) for _ in range(20)))
    assert published == list(range(1, 41))


def test_ids_are_remembered_over_restarts(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        first = store.append(batch(log("one", id="1"), update()))
    with open_store(any_database_url) as store:
        again = store.append(batch(log("one", id="1")))
        assert (again.accepted, again.duplicates, again.seqs) == (0, 1, {"job": 1})
        with pytest.raises(Conflict):
            store.append(batch(log("two", id="1")))
        assert store.job_seqs(["job"]) == first.seqs


def test_an_id_sent_twice_at_once_counts_once(two_stores: tuple[Store, Store]) -> None:
    receipts = at_once(*(appending(store, log("x", id="1")) for store in two_stores * 3))
    assert sum(receipt.accepted for receipt in receipts) == 1
    assert [receipt.seqs for receipt in receipts] == [{"job": 1}] * 6


def test_a_large_batch_is_taken(store: Store) -> None:
    """More than a statement's parameters."""
    updates = [update(job_id=f"job{n}", project_id=f"web{n}", id="1") for n in range(700)]
    assert store.append(batch(*updates)).accepted == 700
    assert store.append(batch(*updates)).duplicates == 700


# On disk, and when it cannot be


def test_sqlite_syncs_every_commit(database_url: str) -> None:
    with open_store(database_url) as store, store._connections.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_postgresql_syncs_every_commit_whatever_its_default(postgres_url: str) -> None:
    with open_store(postgres_url) as store, store._connections.writing() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with open_store(postgres_url) as store, store._connections.writing() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_while_another_process_holds_the_lock_nothing_is_kept(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(groupcommit, "STORE_WAIT_S", 0.05)
    published: list[Stored] = []
    with open_store(database_url) as store:
        store.on_commit(published.extend)
        holder = sqlite3.connect(tmp_path / "chef.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as refused:
            store.append(batch(update()))
        assert refused.value.retry_after
        assert (published, store.job("job")) == ([], None)
        holder.execute("ROLLBACK")
        holder.close()
        assert store.append(batch(update())).seqs == {"job": 1}
    assert capfd.readouterr().err == ""


@pytest.mark.real
@pytest.mark.slow
def test_a_database_that_goes_away_and_comes_back_is_used_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Postgres() as postgres, open_store(postgres.new_database()) as store:
        store.append(batch(update(id="1", phase="building")))
        at_once(*[lambda: store.job("job")] * 4)  # Readers have connections, too.
        postgres.stop()
        outcomes = at_once(appending(store, log("lost")), lambda: store.job("job"))
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        assert store.trouble() is not None
        postgres.start()
        assert store.trouble() is None
        assert store.append(batch(update(id="1", phase="building"), log("two"))).seqs == {"job": 2}
        assert_no_holes(store)
    assert capfd.readouterr().err == ""


@pytest.mark.real
@pytest.mark.slow
def test_a_restart_of_the_database_costs_one_answer_at_most(tmp_path: Path) -> None:
    with Postgres() as postgres, open_store(postgres.new_database()) as store:
        store.append(batch(update()))
        at_once(*[lambda: store.job("job")] * 4)
        postgres.stop()
        postgres.start()
        outcomes = [at_once(appending(store, update()))[0] for _ in range(4)]
        assert all(isinstance(outcome, Receipt) for outcome in outcomes[1:])
        assert_no_holes(store)


def test_the_loop_goes_on_while_the_store_writes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stack-traps 21: a commit that waits for a disk holds up nobody else."""
    write = store._commits._write

    def slow_write(batches: list[Batch]) -> Sequence[Any]:
        time.sleep(0.2)
        return write(batches)

    monkeypatch.setattr(store._commits, "_write", slow_write)
    append = gevent.spawn(appending(store, update()))
    turns = 0
    while not append.ready():
        gevent.sleep(0.005)
        turns += 1
    assert turns > 15


def test_close_stores_what_waits_and_refuses_what_comes_later(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        waiting = [gevent.spawn(appending(store, log(str(n)))) for n in range(5)]
        gevent.sleep(0)
        store.close()
        gevent.joinall(waiting)
        assert {greenlet.get().seqs["job"] for greenlet in waiting} == {1, 2, 3, 4, 5}
        with pytest.raises(StoreUnavailable):
            store.append(batch(update()))
    with open_store(any_database_url) as store:
        assert store.job_seqs(["job"]) == {"job": 5}


def test_the_epoch_is_the_databases(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        epoch = store.epoch
    with open_store(any_database_url) as store, open_store(any_database_url) as other:
        assert store.epoch == other.epoch == epoch


def test_a_new_database_has_a_new_epoch(tmp_path: Path) -> None:
    epochs = set()
    for name in ("one", "two"):
        with open_store(f"sqlite:///{tmp_path / name}") as store:
            epochs.add(store.epoch)
    assert len(epochs) == 2


# Lists


def fill(store: Store) -> None:
    """Jobs 0 to 7, by turns of project a, b and c; those of c are completed."""
    for n in range(8):
        project = "abc"[n % 3]
        kind: Any = "completed" if project == "c" else "progress"
        store.append(batch(update(kind, job_id=str(n), project_id=project)))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, "76543210"),
        ({"project_id": "a"}, "630"),
        ({"statuses": ("completed",)}, "52"),
        ({"statuses": ("completed", "queued")}, "76543210"),
        ({"statuses": ()}, ""),
        ({"project_id": "b", "statuses": ("queued",)}, "741"),
        ({"allowed": {"a", "c"}}, "65320"),
        ({"allowed": {"a"}, "project_id": "b"}, ""),
        ({"allowed": set()}, ""),
        ({"project_id": "nothing"}, ""),
    ],
)
def test_jobs_are_listed_newest_first_in_pages(store: Store, wanted: dict[str, Any], names: str) -> None:
    fill(store)
    wanted = dict(wanted)
    allowed = wanted.pop("allowed", None)
    page = store.jobs(JobFilter(**wanted), allowed=allowed, limit=2)
    found = [job.job_id for job in page.jobs]
    while page.next is not None:
        assert len(page.jobs) == 2
        page = store.jobs(JobFilter(**wanted), allowed=allowed, before=page.next, limit=2)
        found += [job.job_id for job in page.jobs]
    assert "".join(found) == names


def test_projects_are_listed_by_their_newest_job(store: Store) -> None:
    fill(store)
    first = store.projects(limit=2)
    assert [(one.project.project_id, one.newest and one.newest.job_id) for one in first] == [
        ("b", "7"),
        ("a", "6"),
    ]
    (last,) = store.projects(before=first[-1].place, limit=2)
    assert (last.project.project_id, last.project.completed, last.project.running) == ("c", 2, 0)
    assert [one.project.project_id for one in store.projects(allowed={"c", "a"})] == ["a", "c"]


def test_a_project_is_found_with_its_newest_job(store: Store) -> None:
    fill(store)
    found = store.project("a")
    assert found is not None
    assert found.newest == store.job("6")
    assert (found.project.running, found.project.seq) == (3, 3)
    assert store.project_seqs(["a", "b", "x"]) == {"a": 3, "b": 3}


# Log lines by number


def texts(lines: Iterable[NumberedLine]) -> list[tuple[int, str]]:
    return [(number, line_text(line)) for number, _, line in lines]


def test_lines_are_read_by_range(store: Store) -> None:
    store.append(batch(log("\n".join(f"line {n}" for n in range(1, 1201)))))
    for first, last in ((1, 3), (499, 502), (1000, 1200), (1198, 5000), (700, 700)):
        expected = [(n, f"line {n}") for n in range(first, min(last, 1200) + 1)]
        assert texts(store.lines("job", first, last)) == expected
    assert store.lines("job", 1201, 1300) == store.lines("job", 5, 4) == []


def test_lines_are_shown_as_they_stand(store: Store) -> None:
    store.append(batch(piece(b"a\n10%\r20%\r"), log("x\ny", stream="stderr")))
    store.append(batch(piece(b"30%\r100%\nb\n")))
    assert texts(store.lines("job", 1, 99)) == [(1, "a"), (2, "100%"), (3, "x"), (4, "y"), (5, "b")]
    assert texts(store.lines("job", 2, 2)) == [(2, "100%")]
    assert [entry.stream for _, entry, _ in store.lines("job", 2, 3)] == ["stdout", "stderr"]


def test_any_number_of_lines_is_walked(store: Store) -> None:
    store.append(batch(*(log("x\n" * 999) for _ in range(3))))
    assert [number for number, _, _ in store.walk_lines("job", 2, 2900)] == list(range(2, 2901))


def test_the_raw_log_is_walked_up_to_a_seq(store: Store) -> None:
    body = b"a\r\n10%\r20%\r\n\xff\n" * 300
    receipt = store.append(batch(update(), piece(body), update()))
    store.append(batch(log("later")))
    walked = [line for entry in store.walk_entries("job", receipt.seqs["job"]) for line in entry.lines]
    assert b"".join(line.pre + line.text + line.end for line in walked) == body


def test_search_finds_lines_with_their_numbers_in_any_case(store: Store) -> None:
    store.append(batch(log("Error: one\nfine\nan ERROR\nStraße"), log("error", stream="stderr")))
    assert texts(store.search("job", "error", 0, 10)) == [(1, "Error: one"), (3, "an ERROR"), (5, "error")]
    assert texts(store.search("job", "error", 1, 1)) == [(3, "an ERROR")]
    assert texts(store.search("job", "STRASSE", 0, 10)) == [(4, "Straße")]
    assert store.search("job", "nothing", 0, 10) == []


def test_search_does_not_find_what_was_replaced(store: Store) -> None:
    store.append(batch(piece(b"needle 1%\rneedle 2%\rdone\nneedle\n")))
    assert texts(store.search("job", "needle", 0, 1)) == [(2, "needle")]


def test_search_looks_through_the_whole_log(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chef.store.loglines, "_SEARCH_ROWS", 2)
    store.append(batch(*(log(f"{n}: {'needle' if n % 3 == 0 else ''}") for n in range(1, 20))))
    assert [number for number, _ in texts(store.search("job", "needle", 0, 100))] == [3, 6, 9, 12, 15, 18]
    assert [number for number, _ in texts(store.search("job", "needle", 6, 2))] == [9, 12]


def test_search_finds_a_line_in_the_last_of_many_entries_that_replace_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.store.loglines, "_SEARCH_ROWS", 2)
    for text_ in (b"a\n1%\r", b"2%\r", b"3%\r", b"needle\n"):
        store.append(batch(piece(text_)))
    store.append(batch(log("end")))
    assert texts(store.search("job", "needle", 0, 10)) == [(2, "needle")]


def test_search_finds_a_line_whose_last_version_shares_its_entry_with_later_lines(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.store.loglines, "_SEARCH_ROWS", 1)
    for text_ in (b"a\n1%\r", b"needle\nb\nc\n"):
        store.append(batch(piece(text_)))
    assert texts(store.search("job", "needle", 0, 10)) == [(2, "needle")]


def test_search_gives_the_first_lines_also_where_later_ones_are_found_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was replaced late has an entry of its own, which ends before the one around it."""
    monkeypatch.setattr(chef.store.loglines, "_SEARCH_ROWS", 1)
    store.append(batch(piece(b"needle 1\n1%\r")))
    store.append(batch(log("\n".join(["needle 3", *"456"]), stream="stderr"), piece(b"needle 2\n")))
    assert [number for number, _ in texts(store.search("job", "needle", 0, 2))] == [1, 2]


def test_a_refusal_reaches_who_sent_it_and_nobody_else(store: Store) -> None:
    error, receipt = at_once(appending(store, update(project_id=None)), appending(store, update(job_id="b")))
    assert isinstance(error, ChefError)
    assert isinstance(receipt, Receipt)


def test_a_store_answers_after_a_broken_query(store: Store) -> None:
    def broken() -> None:
        store._read(lambda connection: connection.execute(text("SELECT nothing")).scalar())

    for _ in range(6):
        with pytest.raises(StoreUnavailable):
            broken()
    assert store.trouble() is None


@pytest.mark.parametrize("query", [loading._SENT, loading._STREAMS])
def test_what_several_updates_need_is_found_by_key_however_long_the_history(
    database_url: str, query: dict[str, CompiledStatement]
) -> None:
    """SQLite reads a whole table for a list of pairs: with 300,000 ids in it that took 20 ms a commit."""
    with open_store(database_url) as store, store._connections.reading() as connection:
        ids = [(1, "a"), (1, "b"), (2, "a")]
        found = query["sqlite"]._text(connection.dialect, (), ids)
        plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {found.sql}", _expanded(ids))
        steps = [step[3] for step in plan.fetchall()]
    assert any("USING PRIMARY KEY (job_pk=? AND" in step for step in steps), steps
    assert not any(step in ("SCAN sent", "SCAN streams") for step in steps)


def test_streams_that_an_update_does_not_name_are_left_alone(store: Store) -> None:
    """A job may have thousands; each keeps its own place."""
    store.append(batch(*[piece(b"one\n", stream=f"s{number}") for number in range(600)]))
    store.append(batch(piece(b"two\n", stream="s7"), piece(b"three\n", stream="s599")))
    offsets = {name: store.stream("job", name).offset for name in ("s0", "s7", "s598", "s599")}
    assert offsets == {"s0": 4, "s7": 8, "s598": 4, "s599": 10}
