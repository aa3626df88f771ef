"""Log rows are put together while nobody waits: readers see the same before, meanwhile and after."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from sqlalchemy import Connection, text

from chef.domain.logentries import MAX_ENTRY_LINES
from chef.domain.model import Entry, LogPiece, StateEntry, Update
from chef.errors import StoreUnavailable
from chef.store import Store, loglines, logrows, packing, upkeep
from chef.store.packing import jobs_to_pack, pack_step
from tests.tools.logs import all_entries, entries_of, random_output, texts, wait_for_upkeep
from tests.tools.making import batch, log, open_store, piece, update

MAX_BYTES = 2000


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        opened._upkeep._swept = True  # No steps but those that a test takes or waits for.
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs are put together at once, as if nothing had come to them for long."""
    monkeypatch.setattr(upkeep, "QUIET_S", 0.0)


def pack(store: Store, max_bytes: int = MAX_BYTES, *, to_end: bool = True) -> int:
    """Take all steps that there are; returns how many it were."""
    count = 1
    while store._run_upkeep(lambda connection: pack_step(connection, "job", max_bytes, to_end=to_end)):
        count += 1
    return count


def log_rows(store: Store) -> list[Any]:
    query = text(
        "SELECT seq, first_seq, first_line, last_line, size, data FROM entries"
        " WHERE last_line IS NOT NULL ORDER BY seq"
    )

    def run(connection: Connection) -> list[Any]:
        return list(connection.execute(query))

    return store._read(run)


def everything(store: Store) -> tuple[list[Entry], Any, Any]:
    job = store.job("job")
    assert job is not None
    return (
        all_entries(store),
        store.lines("job", 1, job.lines),
        texts(store.search("job", "é", 0, 1000)),
    )


# The same entries


@pytest.mark.parametrize("seed", range(4))
def test_readers_see_the_same_before_and_after(store: Store, seed: int) -> None:
    output = random_output(random.Random(seed))
    for _ in range(40):
        store.append(batch(*(next(output) for _ in range(5))))
    before = everything(store)
    count = len(log_rows(store))
    pack(store)
    assert everything(store) == before
    packed = log_rows(store)
    assert len(packed) < count
    for row in packed:
        assert row.seq - row.first_seq < MAX_ENTRY_LINES
        # Readers look no further than this behind the lines that they want.
        assert row.last_line - row.first_line < MAX_ENTRY_LINES
        assert row.size <= MAX_BYTES or row.first_seq == row.seq
        numbers = logrows.log_numbers_of(row)
        assert (min(numbers), max(numbers)) == (row.first_line, row.last_line)
    pack(store)
    assert log_rows(store) == packed


def test_entries_keep_their_times_streams_and_levels(store: Store) -> None:
    came: list[Entry] = []
    for n, (level, stream) in enumerate([("warn", "stdout"), (None, "stderr"), ("info", "stdout")] * 5):
        came += entries_of(store.append(batch(log("x", level=level, stream=stream), at=2000 - n)).stored)
    pack(store)
    assert len(log_rows(store)) == 1
    assert all_entries(store) == came


def test_what_says_where_the_job_is_stays_between_the_lines(store: Store) -> None:
    store.append(batch(log("a"), log("b"), update(progress=1), log("c"), log("d"), update(progress=2)))
    before = all_entries(store)
    pack(store)
    assert [(row.first_seq, row.seq) for row in log_rows(store)] == [(1, 2), (4, 5)]
    assert all_entries(store) == before
    assert [entry.seq for entry in before if isinstance(entry, StateEntry)] == [3, 6]


def test_bars_of_several_streams_are_put_together_too(store: Store) -> None:
    store.append(batch(piece(b"a 0%\r", stream="a"), log("\n".join("between")), piece(b"b 0%\r", stream="b")))
    for n in range(1, 40):
        store.append(batch(piece(b"a %d%%\r" % n, stream="a"), piece(b"b %d%%\r" % n, stream="b")))
    before = everything(store)
    pack(store)
    assert everything(store) == before
    assert len(log_rows(store)) == 1


def test_a_page_may_begin_in_the_middle_of_a_row(store: Store) -> None:
    store.append(batch(*(log(f"{n}\n{n}") for n in range(20))))
    before = {after: store.entries("job", after) for after in range(41)}
    pack(store)
    assert {after: store.entries("job", after) for after in range(41)} == before


@pytest.mark.parametrize("seed", range(3))
def test_readers_miss_nothing_while_rows_are_put_together(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Between any two pages, and any two parts of a search, there may be a step."""
    monkeypatch.setattr("chef.store.queries.PAGE_BYTES", 900)
    monkeypatch.setattr(loglines, "_SEARCH_ROWS", 3)
    monkeypatch.setattr(packing, "_ROWS", 7)
    monkeypatch.setattr(packing, "MAX_ENTRY_LINES", 6)
    output = random_output(random.Random(seed))
    store.append(batch(*(next(output) for _ in range(120))))
    expected, _, found = everything(store)
    read = store._read

    def step_first(*args: Any, **kwargs: Any) -> Any:
        store._run_upkeep(lambda connection: pack_step(connection, "job", 500, to_end=False))
        return read(*args, **kwargs)

    count = len(log_rows(store))
    monkeypatch.setattr(store, "_read", step_first)
    assert texts(store.search("job", "é", 0, 1000)) == found
    assert all_entries(store) == expected
    assert len(log_rows(store)) < count


# When


def test_single_lines_become_few_rows_while_more_come(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "PACK_ROWS", 30)
    monkeypatch.setattr(packing, "_ROWS", 40)
    monkeypatch.setattr(packing, "MAX_ENTRY_LINES", 25)
    for n in range(100):
        store.append(batch(log(f"line {n}")))
    assert len(log_rows(store)) < 60
    assert [text_ for _, text_ in texts(store.lines("job", 1, 100))] == [f"line {n}" for n in range(100)]


@pytest.mark.usefixtures("quick")
def test_a_log_is_put_together_to_its_end_once_it_is_quiet(store: Store) -> None:
    store.append(batch(*(log(f"line {n}") for n in range(100)), update("completed")))
    wait_for_upkeep(store)
    assert len(log_rows(store)) == 1
    store.append(batch(log("late")))
    wait_for_upkeep(store)
    assert len(log_rows(store)) == 2  # Behind the ending.


def test_rows_that_are_large_already_are_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise AssertionError("a step for nothing")

    monkeypatch.setattr(upkeep, "pack_step", fail)
    for _ in range(5):
        store.append(batch(log("\n".join(["line"] * 2000))))
    assert store._upkeep.pause() is None


@pytest.mark.usefixtures("quick")
def test_what_a_crash_left_is_put_together_after_the_next_start(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store._upkeep._swept = True
        store._upkeep.note = lambda stored: False  # type: ignore[method-assign]
        for n in range(20):
            store.append(batch(log(f"line {n}")))
        assert len(log_rows(store)) == 20
        assert store._read(lambda connection: jobs_to_pack(connection, 10)) == ["job"]
    with open_store(any_database_url) as store:
        store.append(batch(update(job_id="another")))
        wait_for_upkeep(store)
        assert len(log_rows(store)) == 1


def test_a_job_goes_on_where_its_rows_were_put_together(store: Store) -> None:
    for part in range(5):
        store.append(batch(*(log(f"{part} {n}") for n in range(7))))
        pack(store)
        assert len(log_rows(store)) == 1
    assert [text_ for _, text_ in texts(store.lines("job", 1, 99))] == [
        f"{part} {n}" for part in range(5) for n in range(7)
    ]


def test_a_step_looks_at_no_more_rows_than_its_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_ROWS", 10)
    store.append(batch(*(one for n in range(30) for one in (log(f"{n}"), update(progress=n)))))
    assert pack(store) == 7  # 60 rows, and a look behind them.


@pytest.mark.usefixtures("quick")
def test_appends_go_on_while_upkeep_fails_and_it_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    step = packing.pack_step
    failures = iter([StoreUnavailable(), RuntimeError("odd")])

    def fail_first(connection: Connection, *args: Any, **kwargs: Any) -> bool:
        for failure in failures:
            raise failure
        return step(connection, *args, **kwargs)

    monkeypatch.setattr(upkeep, "pack_step", fail_first)
    monkeypatch.setattr(upkeep, "_RETRY_S", 0.01)
    for n in range(10):
        store.append(batch(log(f"line {n}")))
        gevent.sleep(0.02)
    wait_for_upkeep(store)
    assert caplog.text.count("upkeep waits") == 2
    assert len(log_rows(store)) == 1


@pytest.mark.usefixtures("quick")
def test_two_processes_may_put_one_log_together(any_database_url: str) -> None:
    with open_store(any_database_url) as one, open_store(any_database_url) as other:

        def write(store: Store, name: str) -> None:
            for n in range(30):
                store.append(batch(log(f"{name} {n}"), piece(b"%d%%\r" % n, stream=name)))

        greenlets = [gevent.spawn(write, one, "one"), gevent.spawn(write, other, "other")]
        gevent.joinall(greenlets, timeout=60, raise_error=True)
        wait_for_upkeep(one)
        wait_for_upkeep(other)
        seqs = [seq for entry in all_entries(one) for seq in range(entry.first_seq, entry.seq + 1)]
        assert seqs == list(range(1, 121))
        job = one.job("job")
        assert job is not None
        assert len(one.lines("job", 1, job.lines)) == job.lines == 62
        pack(one)
        assert len(log_rows(one)) <= 2


# What it is for


def test_a_line_of_many_forms_is_read_from_its_newest_row(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[Update | LogPiece] = [piece(b"%d%%\r" % n) for n in range(1500)]
    store.append(batch(log("before"), *parts))
    pack(store, 65536)
    opened: list[int] = []
    open_row = logrows.log_entries_of

    def note_and_open(row: Any) -> Any:
        opened.append(row.seq)
        return open_row(row)

    monkeypatch.setattr(logrows, "log_entries_of", note_and_open)
    assert texts(store.lines("job", 1, 9)) == [(1, "before"), (2, "1499%")]
    assert len(opened) == 2


def test_single_lines_take_no_more_room_than_a_stream(store: Store) -> None:
    """The realistic figures are in docs/performance.md; this holds that they cannot get far worse."""
    lines = [f"  CC      drivers/net/ethernet/intel/ice/ice_{n * 7919 % 1000}.o" for n in range(3000)]
    store.append(batch(*(log(one) for one in lines)))
    pack(store, 65536)
    packed = log_rows(store)
    raw = sum(len(one) + 1 for one in lines)
    assert sum(row.size for row in packed) == raw
    assert len(packed) == 6
    assert sum(len(row.data) for row in packed) < raw * 0.15
