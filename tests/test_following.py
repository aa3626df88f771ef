"""Where a follower goes on: one table, and each of its rows asked in each of the ways to follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from flask import Flask

from chef.domain.model import Kind
from chef.live.following import Bookmark, History, Start, find_start
from chef.store import Store
from chef.wire.recovery import Kept, new_pid
from tests.test_sockets import Viewer, call, extension
from tests.tools.making import batch, log, open_store, update

LIMIT = 4096
"""Bytes of log that a job keeps."""
LAST = 5
"""The seq that a history goes up to, where it is whole."""
OWN, OTHER = "own", "other"


def make_history(store: Store, kind: str) -> None:
    """`whole`: five updates. `cut`: a log of which the middle was removed. `gone`: nothing."""
    if kind == "whole":
        store.append(batch(*(update(progress=n) for n in range(LAST))))
    elif kind == "cut":
        for n in range(50):
            store.append(batch(log("\n".join(f"{n} {line} of a log".ljust(40, ".") for line in range(10)))))


@dataclass(frozen=True)
class Row:
    """One that has had all up to `after` of the store `epoch` goes on behind `position`.

    Of a cut history both count from the seq before the first from which on nothing was removed.
    """

    history: str
    after: int
    epoch: str | None
    position: int
    complete: bool


ROWS = [
    Row("whole", 0, None, 0, True),
    Row("whole", 3, None, 3, True),
    Row("whole", 3, OWN, 3, True),
    Row("whole", 3, OTHER, 0, False),
    Row("whole", 0, OTHER, 0, False),
    Row("whole", LAST, OWN, LAST, True),
    Row("whole", LAST + 1, None, 0, False),
    Row("whole", LAST + 1, OWN, 0, False),
    Row("gone", 0, OWN, 0, True),
    Row("gone", 3, OWN, 0, False),
    Row("cut", -1, None, -1, False),
    Row("cut", 0, None, 0, True),
    Row("cut", 7, OWN, 7, True),
]

EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=str)
# No project's history is cut: it has no logs.
A_PROJECTS = pytest.mark.parametrize("row", [row for row in ROWS if row.history != "cut"], ids=str)


@dataclass(frozen=True)
class Case:
    """A row's case on a real store: what is asked, and what is to come of it."""

    after: int
    epoch: str | None
    seqs: list[int]
    complete: bool
    first_seq: int | None


def make_case(store: Store, row: Row) -> Case:
    make_history(store, row.history)
    job = store.job("job")
    base = job.whole_from - 1 if job and row.history == "cut" else 0
    assert bool(base) is (row.history == "cut")
    stored = [seq for entry in store.entries("job", 0) for seq in range(entry.first_seq, entry.seq + 1)]
    return Case(
        base + row.after,
        store.epoch if row.epoch == OWN else row.epoch,
        [seq for seq in stored if seq > base + row.position],
        row.complete,
        base + 1 if row.history == "cut" and not row.complete else None,
    )


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(max_log_bytes=LIMIT)


def store_of(app: Flask) -> Store:
    store: Store = app.extensions["chef"].store
    return store


@EVERY_ROW
def test_the_rule(row: Row, database_url: str) -> None:
    with open_store(database_url, max_log_bytes=LIMIT) as store:
        case = make_case(store, row)
        history = History.of_job(store.epoch, store.job("job"))
        start = find_start(history, Bookmark(case.after, case.epoch, skip=1), otherwise=77)
    position = case.after if case.complete or case.first_seq else 0
    skip = 1 if case.complete or case.first_seq else 0
    assert start == Start(position, skip, case.complete, case.first_seq)


@pytest.mark.parametrize("epoch", [None, OWN, OTHER])
def test_one_that_has_had_nothing_begins_where_its_way_of_following_does(epoch: str | None) -> None:
    for otherwise in (0, 5):
        found = find_start(History(OWN, 5), Bookmark(None, epoch, skip=1), otherwise)
        assert found == Start(otherwise)


def receive(viewer: Viewer, count: int) -> list[int]:
    """The seqs of the next events, once that many are there and nothing more is on its way."""
    with gevent.Timeout(5):
        while len(viewer.queue) < count:
            gevent.sleep(0.005)
    gevent.sleep(0.02)
    return [event["args"][0]["seq"] for event in viewer.get_received()]


@EVERY_ROW
def test_a_subscription_goes_on_by_the_rule(app: Flask, row: Row) -> None:
    case = make_case(store_of(app), row)
    viewer = Viewer(app, extension(app))
    wanted = {"jobId": "job", "after": case.after, "epoch": case.epoch}
    answer = call(viewer, "subscribe:job", wanted)
    assert (answer["complete"], answer.get("firstSeq")) == (case.complete, case.first_seq)
    assert receive(viewer, len(case.seqs)) == case.seqs


def stream(app: Flask, kind: Kind, case: Case) -> Iterator[tuple[str, list[int]]]:
    """What the header says of completeness, with the seqs so far; again whenever more has come."""
    name = "job" if kind == "job" else "web"
    epoch = f"&epoch={case.epoch}" if case.epoch else ""
    answer = app.test_client().get(f"/api/{kind}s/{name}/events?after={case.after}{epoch}")
    assert answer.status_code == 200, answer.text
    seqs: list[int] = []
    for chunk in answer.iter_encoded():
        lines = chunk.decode().splitlines()
        data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        seqs += [payload["seq"] for payload in data]
        yield answer.headers["Chef-Complete"], seqs
    answer.close()


def check_stream(app: Flask, kind: Kind, row: Row) -> None:
    case = make_case(store_of(app), row)
    for complete, seqs in stream(app, kind, case):
        assert complete == ("true" if case.complete else "false")
        assert seqs == case.seqs[: len(seqs)]
        if len(seqs) == len(case.seqs):
            return
    pytest.fail("the stream ended too early")


@EVERY_ROW
def test_an_event_stream_goes_on_by_the_rule(app: Flask, row: Row) -> None:
    check_stream(app, "job", row)


@A_PROJECTS
def test_a_projects_event_stream_goes_on_by_the_rule(app: Flask, row: Row) -> None:
    check_stream(app, "project", row)


class Returning(Viewer):
    """A viewer that asks for recovery; `welcome` is what CONNECT told it."""

    welcome: Any = None

    def connect(self, *args: Any, **kwargs: Any) -> None:
        server = self.socketio.server
        send = server._send_packet

        def note_and_send(eio_sid: str, packet: Any) -> None:
            if eio_sid == self.eio_sid and packet.packet_type == 0:  # CONNECT
                self.welcome = packet.data
            send(eio_sid, packet)

        server._send_packet = note_and_send
        super().connect(*args, **kwargs)


def check_recovery(app: Flask, kind: Kind, row: Row) -> None:
    """It goes on where all can be had, and is else told to begin anew.

    Another store has never heard of the viewer's private id.
    """
    case = make_case(store_of(app), row)
    pid = new_pid()
    if row.epoch != OTHER:
        kept = Kept(0, kind, "job" if kind == "job" else "web", False, 0)
        store_of(app).save_session(pid, [kept], app.extensions["chef"].clock())
    auth = {"recovery": True, "pid": pid, "offset": f"0:{case.after}"}
    viewer = Returning(app, extension(app), auth=auth)
    assert (viewer.welcome["pid"] == pid) is case.complete
    expected = case.seqs if case.complete else []
    assert receive(viewer, len(expected)) == expected


@EVERY_ROW
def test_a_viewer_that_recovers_goes_on_by_the_rule(app: Flask, row: Row) -> None:
    check_recovery(app, "job", row)


@A_PROJECTS
def test_a_projects_viewer_that_recovers_goes_on_by_the_rule(app: Flask, row: Row) -> None:
    check_recovery(app, "project", row)
