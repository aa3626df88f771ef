"""CHEF_MAX_LOG_BYTES: a log keeps its head and its newest tail and says in place what is missing."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.lines import StreamState
from chef.domain.model import Entry, Gap, Job, LogEntry, StateEntry
from chef.domain.payloads import line_text
from chef.domain.tally import Tally
from chef.live.hub import Hub
from chef.store import Store
from chef.store.packing import pack_step
from chef.store.trimming import max_row_bytes
from tests.test_hub import Viewer
from tests.test_sockets import call, connect
from tests.tools.logs import all_entries, entries_of, log_entries, newest_form, random_output, texts
from tests.tools.making import batch, log, open_store, piece, update
from tests.tools.until import until

LIMIT = 4096


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url, max_log_bytes=LIMIT) as opened:
        yield opened


def line(number: int) -> str:
    """19 characters, 20 bytes with the newline."""
    return f"this is line {number:6}"


def write_lines(store: Store, first: int, last: int, at_once: int = 10) -> None:
    for start in range(first, last + 1, at_once):
        end = min(last, start + at_once - 1)
        store.append(batch(log("\n".join(line(n) for n in range(start, end + 1)))))


def job_of(store: Store) -> Job:
    job = store.job("job")
    assert job is not None
    return job


def gap_of(store: Store) -> Gap:
    gap = job_of(store).gap
    assert gap is not None
    return gap


# What is kept


def test_a_log_within_its_limit_is_kept_whole(store: Store) -> None:
    write_lines(store, 1, LIMIT // 20)
    assert job_of(store).gap is None
    assert job_of(store).whole_from == 1
    assert texts(store.lines("job", 1, 999)) == [(n, line(n)) for n in range(1, LIMIT // 20 + 1)]


@pytest.mark.parametrize("limit", [1, 50, 500])
def test_a_limit_of_a_few_lines_is_kept_as_well(any_database_url: str, limit: int) -> None:
    with open_store(any_database_url, max_log_bytes=limit) as store:
        write_lines(store, 1, 100)
        assert job_of(store).log_bytes <= max(limit, 20)
        *_, newest = texts(store.lines("job", 1, 100))
        assert newest == (100, line(100))
        assert job_of(store).lines == 100


@pytest.mark.parametrize("at_once", [pytest.param(1, marks=pytest.mark.slow), 10, 1000])
def test_beyond_the_limit_head_and_newest_tail_are_kept_around_a_marker(store: Store, at_once: int) -> None:
    write_lines(store, 1, 1000, at_once)
    gap = gap_of(store)
    marker = f"… [removed: {gap.lines} lines, {gap.lines * 20} bytes]"
    assert texts(store.lines("job", 1, 1000)) == [
        *((n, line(n)) for n in range(1, gap.first_line)),
        (gap.last_line, marker),
        *((n, line(n)) for n in range(gap.last_line + 1, 1001)),
    ]
    head, tail = (gap.first_line - 1) * 20, (1000 - gap.last_line) * 20
    assert 0.4 * LIMIT < head <= LIMIT / 2
    assert tail > 0.35 * LIMIT
    assert head + tail == job_of(store).log_bytes <= LIMIT
    assert (gap.first_seq, gap.last_seq) == (gap.first_line, gap.last_line)


def test_seqs_and_line_numbers_go_on_as_if_nothing_was_removed(store: Store) -> None:
    write_lines(store, 1, 1000)
    receipt = store.append(batch(log("next")))
    assert receipt.seqs["job"] == job_of(store).seq == 1001
    assert job_of(store).lines == 1001


def test_the_gap_grows_and_there_is_one_marker(store: Store) -> None:
    write_lines(store, 1, 400)
    before = gap_of(store)
    write_lines(store, 401, 900)
    after = gap_of(store)
    assert (after.first_seq, after.head_bytes) == (before.first_seq, before.head_bytes)
    assert after.last_seq > before.last_seq
    markers = [text for _, text in texts(store.lines("job", 1, 900)) if "removed:" in text]
    assert markers == [f"… [removed: {after.lines} lines, {after.bytes} bytes]"]


def test_what_says_where_the_job_is_stays_in_the_gap(store: Store) -> None:
    for step in range(50):
        store.append(batch(update(progress=step)))
        write_lines(store, step * 20 + 1, step * 20 + 20)
    states = [entry for entry in all_entries(store) if isinstance(entry, StateEntry)]
    gap = gap_of(store)
    assert [json.loads(entry.events[0][1])["progress"] for entry in states] == list(range(50))
    assert sum(gap.first_seq < entry.seq < gap.last_seq for entry in states) > 20


def test_the_newest_row_stays_even_if_it_is_longer_than_the_limit(store: Store) -> None:
    store.append(batch(log("short")))
    store.append(batch(log("x" * 2 * LIMIT)))
    assert [text for _, text in texts(store.lines("job", 1, 9))][-1] == "x" * 2 * LIMIT
    store.append(batch(log("end")))
    assert texts(store.lines("job", 1, 9)) == [
        (1, "short"),
        (2, f"… [removed: 1 lines, {2 * LIMIT + 1} bytes]"),
        (3, "end"),
    ]


def test_a_lower_limit_cuts_the_head_again(any_database_url: str) -> None:
    with open_store(any_database_url, max_log_bytes=LIMIT) as store:
        write_lines(store, 1, 1000)
    with open_store(any_database_url, max_log_bytes=LIMIT // 2) as store:
        write_lines(store, 1001, 1010)
        gap = gap_of(store)
        shown = texts(store.lines("job", 1, 1010))
        assert [number for number, _ in shown] == [
            *range(1, gap.first_line),
            *range(gap.last_line, 1011),
        ]
        assert gap.head_bytes <= LIMIT // 4
        assert job_of(store).log_bytes <= LIMIT // 2
        assert gap.bytes + job_of(store).log_bytes == 1010 * 20


def test_the_offset_of_an_upload_counts_what_was_removed(store: Store) -> None:
    body = "".join(line(n) + "\n" for n in range(1, 1001)).encode()
    for start in range(0, len(body), 2000):
        store.append(batch(piece(body[start : start + 2000], offset=start)))
    assert store.stream("job", "stdout").offset == len(body)
    # The same again from any place changes nothing.
    store.append(batch(piece(body[100:] + b"more\n", offset=100)))
    tally = Tally(1001, zlib.crc32(body + b"more\n"))
    assert store.stream("job", "stdout") == StreamState(len(body) + 5, 1001, tally=tally)
    assert texts(store.lines("job", 1000, 1001)) == [(1000, line(1000)), (1001, "more")]


@pytest.mark.slow
def test_a_progress_bar_that_is_longer_than_the_limit_shows_its_newest_form(store: Store) -> None:
    store.append(batch(log("before")))
    for n in range(600):
        store.append(batch(piece(b"%d of 600\r" % n)))
    assert gap_of(store).lines == 0
    assert texts(store.lines("job", 1, 9)) == [(1, "before"), (2, "599 of 600")]
    store.append(batch(log("after", stream="stderr")))
    assert texts(store.lines("job", 1, 9))[-1] == (3, "after")


def test_a_marker_takes_no_number_that_a_kept_line_has(store: Store) -> None:
    """The bar began in what was removed, its newest forms are kept and more may come."""
    write_lines(store, 1, 150)
    store.append(batch(piece(b"10%\r", stream="bar")))
    number = job_of(store).lines
    while gap_of(store).last_line < number if job_of(store).gap else True:
        at = job_of(store).lines
        write_lines(store, at + 1, at + 10)
        if at > 300:
            store.append(batch(piece(b"20%\r", stream="bar")))
    store.append(batch(piece(b"30%\r", stream="bar")))
    shown = dict(texts(store.lines("job", 1, 2000)))
    assert shown[number] == "30%"
    (marker,) = (text for text in shown.values() if "removed:" in text)
    assert marker == f"… [removed: {gap_of(store).lines} lines, {gap_of(store).bytes} bytes]"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_what_is_kept_is_as_it_came(any_database_url: str, seed: int) -> None:
    """Rows are put together in between, as they are while a build runs."""
    chance = random.Random(seed)
    limit = chance.choice([1024, 3000, 10_000])
    came: list[Entry] = []
    with open_store(any_database_url, max_log_bytes=limit) as store:
        output = random_output(chance)
        for _ in range(60):
            updates = [next(output) for _ in range(chance.randrange(1, 12))]
            came += entries_of(store.append(batch(*updates)).stored)
            if chance.random() < 0.2:
                store._run_upkeep(
                    lambda connection: pack_step(connection, "job", max_row_bytes(limit), to_end=True)
                )
            check_against(store, came, limit)


def check_against(store: Store, came: list[Entry], limit: int) -> None:
    job, stored = job_of(store), all_entries(store)
    gap = job.gap
    expected: list[Any] = []
    removed = 0
    for entry in came:
        is_gone = gap is not None and gap.first_seq <= entry.seq <= gap.last_seq
        if isinstance(entry, StateEntry) or not is_gone:
            expected.append(entry)
        else:
            removed += entry.raw_bytes
            expected = [one for one in expected if one != "marker"] + ["marker"]
    shown = ["marker" if gap is not None and is_marker(entry, gap) else entry for entry in stored]
    assert shown == expected
    assert removed == (gap.bytes if gap else 0)
    logs = log_entries([one for one in expected if one != "marker"])
    kept = sum(entry.raw_bytes + entry.drawn_bytes for entry in logs)
    assert kept == job.log_bytes
    newest = log_entries(stored)[-1].raw_bytes if log_entries(stored) else 0
    assert kept <= limit + newest
    assert dict(texts(store.lines("job", 1, job.lines))) == newest_form(stored)


def is_marker(entry: Entry, gap: Gap) -> bool:
    return isinstance(entry, LogEntry) and entry.seq == gap.last_seq


# The gap as a line among lines


@given(head=st.integers(0, 5), hidden=st.integers(1, 5), tail=st.integers(0, 5), data=st.data())
def test_the_gap_counts_as_one_line(head: int, hidden: int, tail: int, data: st.DataObject) -> None:
    gap = Gap(1, 1, head + 1, head + hidden, 0, 0)
    shown = [*range(1, head + 1), head + hidden, *range(head + hidden + 1, head + hidden + tail + 1)]
    first = data.draw(st.sampled_from(shown))
    count = data.draw(st.integers(1, len(shown) - shown.index(first)))
    assert gap.last_of(first, count) == shown[shown.index(first) + count - 1]
    begin = gap.first_of(gap.last_of(first, count), count)
    assert begin == (gap.first_line if first == gap.last_line else first)


# Over HTTP


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    app = make_app(max_log_bytes=LIMIT)
    write_lines(app.extensions["chef"].store, 1, 1000)
    return app.test_client()


def get(client: FlaskClient, query: str) -> Any:
    answer = client.get(f"/api/jobs/job/logs?{query}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def numbers(body: Any) -> list[int]:
    return [one["line"] for one in body["lines"]]


def kept_numbers(client: FlaskClient) -> list[int]:
    removed = get(client, "limit=1")["removed"]
    return [*range(1, removed["firstLine"]), *range(removed["lastLine"], 1001)]


def test_the_answer_says_what_is_missing_and_how_long_the_whole_log_was(client: FlaskClient) -> None:
    body = get(client, "tail=1000")
    removed = body["removed"]
    assert body["total"] == 1000
    assert removed["lines"] == removed["lastLine"] - removed["firstLine"] + 1
    assert removed["bytes"] == removed["lines"] * 20
    (marker,) = (one for one in body["lines"] if one["line"] == removed["lastLine"])
    assert marker["message"] == f"… [removed: {removed['lines']} lines, {removed['bytes']} bytes]"
    assert (marker["stream"], marker["level"]) == ("stdout", None)


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_pages_in_both_directions_go_over_the_gap(client: FlaskClient, limit: int) -> None:
    forward: list[int] = []
    while page := numbers(get(client, f"after={forward[-1] if forward else 0}&limit={limit}")):
        assert len(page) <= limit
        forward += page
    backward: list[int] = [1001]
    while page := numbers(get(client, f"before={backward[0]}&limit={limit}")):
        assert len(page) <= limit
        backward = page + backward
    assert forward == backward[:-1] == kept_numbers(client)


def test_a_range_that_was_removed_is_answered_clearly(client: FlaskClient) -> None:
    removed = get(client, "limit=1")["removed"]
    middle = (removed["firstLine"] + removed["lastLine"]) // 2
    assert numbers(get(client, f"after={middle}&limit=3")) == [removed["lastLine"] + n for n in range(3)]
    assert numbers(get(client, f"before={middle}&limit=2")) == [
        removed["firstLine"] - 2,
        removed["firstLine"] - 1,
    ]
    inside = get(client, f"after={middle}&before={middle + 10}")
    assert (inside["lines"], inside["removed"]) == ([], removed)


def test_the_marker_stands_in_the_text_and_in_the_bytes(client: FlaskClient) -> None:
    removed = get(client, "limit=1")["removed"]
    marker = f"… [removed: {removed['lines']} lines, {removed['bytes']} bytes]"
    expected = [marker if number == removed["lastLine"] else line(number) for number in kept_numbers(client)]
    text = client.get("/api/jobs/job/logs", headers={"Accept": "text/plain"})
    assert text.text.splitlines() == expected
    assert client.get("/api/jobs/job/logs?raw=1").text.splitlines() == expected


def test_in_the_bytes_the_marker_begins_a_line_of_its_own(make_app: Callable[..., Flask]) -> None:
    app = make_app(max_log_bytes=1024)
    for n in range(100):
        app.extensions["chef"].store.append(batch(piece(b"%030d\r" % n)))
    lines = app.test_client().get("/api/jobs/job/logs?raw=1").data.split(b"\n")
    assert [one.startswith("… [removed:".encode()) for one in lines] == [False, True, False]


def test_search_finds_what_is_kept_on_both_sides(client: FlaskClient) -> None:
    kept = set(kept_numbers(client))
    removed = get(client, "limit=1")["removed"]
    found = numbers(get(client, "q=this+is+line&limit=1000"))
    assert set(found) == kept - {removed["lastLine"]}
    assert numbers(get(client, "q=[removed:")) == [removed["lastLine"]]


# For viewers


def test_a_subscription_from_before_the_end_of_the_gap_is_not_whole(make_app: Callable[..., Flask]) -> None:
    app = make_app(max_log_bytes=LIMIT)
    store = app.extensions["chef"].store
    write_lines(store, 1, 500)
    whole_from = job_of(store).whole_from
    assert whole_from > 1
    for after, is_whole in ((0, False), (whole_from - 2, False), (whole_from - 1, True), (500, True)):
        viewer = connect(app)
        answer = call(viewer, "subscribe:job", {"jobId": "job", "after": after})
        assert (answer["ok"], answer["complete"]) == (True, is_whole)
        assert answer.get("firstSeq") == (None if is_whole else whole_from)
        expected = [one for one in kept_seqs(store) if one > after]
        assert [payload["seq"] for _, payload in viewer.take(len(expected))] == expected
        viewer.disconnect()


def test_the_plain_form_is_whole_for_it_asks_for_no_history(make_app: Callable[..., Flask]) -> None:
    app = make_app(max_log_bytes=LIMIT)
    write_lines(app.extensions["chef"].store, 1, 500)
    answer = call(connect(app), "subscribe:job", "job")
    assert answer["complete"] is True
    assert "firstSeq" not in answer


def kept_seqs(store: Store) -> list[int]:
    return [seq for entry in log_entries(all_entries(store)) for seq in range(entry.first_seq, entry.seq + 1)]


@pytest.mark.parametrize("after", [0, 3, 150])
def test_viewers_cross_a_gap_that_grows_while_they_wait(store: Store, after: int) -> None:
    hub = Hub(store)
    store.on_commit(hub.publish)
    write_lines(store, 1, 200)
    live, slow = Viewer().follow(hub, after), Viewer().follow(hub, after)
    slow.block()
    write_lines(store, 201, 1000)
    until(lambda: live.seqs[-1:] == [1000])
    # Since 200 nothing was missing for the one that followed.
    assert live.seqs[-800:] == list(range(201, 1001))
    slow.unblock()
    until(lambda: slow.seqs[-1:] == [1000])
    assert slow.seqs == sorted(set(slow.seqs))
    whole_from = job_of(store).whole_from
    assert slow.seqs[-(1001 - whole_from) :] == list(range(whole_from, 1001))
    hub.close()


def test_a_marker_for_viewers_is_a_log_line(store: Store) -> None:
    write_lines(store, 1, 500)
    gap = gap_of(store)
    (marker,) = (entry for entry in log_entries(all_entries(store)) if entry.seq == gap.last_seq)
    assert [line_text(one) for one in marker.lines] == [f"… [removed: {gap.lines} lines, {gap.bytes} bytes]"]
