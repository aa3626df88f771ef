"""Every viewer is a cursor on a log: in order, each once, nothing lost, bounded, whatever happens."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chef.live.hub
from chef.access.levels import Level
from chef.domain.batches import Stored
from chef.domain.model import Entry
from chef.errors import StoreUnavailable
from chef.live.cursors import Cursor
from chef.live.events import Event, Form, events_of
from chef.live.hub import Hub
from chef.live.readers import Reader
from chef.live.rooms import Key, Member, Room
from chef.live.sinks import Wire
from chef.store import Store
from chef.wire.strict import loads
from tests.tools.making import batch, log, open_store, update
from tests.tools.until import until

JOB: Key = ("job", "job")
PROJECT: Key = ("project", "web")


class PlainForm:
    """Frames are the events themselves. Counts what is encoded."""

    level: Level = "log"

    def __init__(self, batch: bool = False) -> None:
        self.batch = batch
        self.encoded = 0
        self.joined = 0

    def encode(self, event: Event) -> Event:
        self.encoded += 1
        return event

    def join(self, frames: Sequence[Event]) -> Sequence[Event]:
        self.joined += 1
        return frames


class Viewer:
    """A connection that takes `room` bytes, and more when it is drained; unlimited at first."""

    wire: Wire | None = None

    def __init__(self, form: Form | None = None) -> None:
        self.form: Form = form or PlainForm()
        self.events: list[Event] = []
        self.unsent = 0
        self.limit: float = float("inf")
        self.cursor: Cursor | None = None

    def ready(self) -> bool:
        return self.unsent < self.limit

    def send(self, frames: Sequence[Any]) -> None:
        assert self.ready()
        self.events += frames
        self.unsent += sum(len(event.data) for event in frames)

    def block(self) -> None:
        self.limit = 0

    def drain(self) -> None:
        """The connection has sent all it held and takes some more."""
        self.unsent = 0
        self.limit = max(self.limit, 1)
        if self.cursor is not None:
            self.cursor.wake()

    def unblock(self) -> None:
        self.limit = float("inf")
        self.drain()

    def follow(self, hub: Hub, after: int = 0, key: Key = JOB) -> Self:
        """Join as the edges do."""
        with hub.room(key) as room:
            room.raise_head(stored_head(hub.store, key))
            self.cursor = Cursor(room, after, self)
            room.join(self.cursor)
        self.cursor.wake()
        return self

    def leave(self) -> None:
        assert self.cursor is not None
        self.cursor.leave()

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.events]


class LineForm:
    """Frames are lines of bytes, each with the event's seq; joined they are one piece."""

    batch = False
    level: Level = "log"

    def encode(self, event: Event) -> bytes:
        return f"{event.seq} {event.data}\n".encode()

    def join(self, frames: Sequence[bytes]) -> Sequence[bytes]:
        return (b"".join(frames),)


LINES = LineForm()


class Socket:
    """A connection that lanes write to directly: its kernel takes `room` bytes until drained."""

    def __init__(self) -> None:
        self.room: float = float("inf")
        self.received = bytearray()
        self.backlog = bytearray()
        self.error: OSError | None = None
        self.direct_sends = 0

    @property
    def direct_send(self) -> Callable[[bytes], int] | None:
        return self.take if not self.backlog and self.error is None else None

    def take(self, data: bytes) -> int:
        assert not self.backlog
        self.direct_sends += 1
        if self.error is not None:
            raise self.error
        sent = int(min(len(data), self.room))
        if not sent:
            raise BlockingIOError
        self.room -= sent
        self.received += data[:sent]
        return sent

    def keep(self, data: bytes, sent: int) -> None:
        if self.error is None:
            self.backlog += data[sent:]

    def failed(self, error: OSError) -> int:
        if not isinstance(error, BlockingIOError):
            self.error = error
        return 0

    def drain(self) -> None:
        self.received += self.backlog
        self.backlog.clear()


class Wired(Viewer):
    """A viewer with a socket of its own, or one that it shares with its other subscriptions."""

    def __init__(self, wire: Socket | None = None) -> None:
        super().__init__(LINES)
        self.wire: Socket = wire or Socket()

    def ready(self) -> bool:
        return len(self.wire.backlog) < self.limit

    def send(self, frames: Sequence[bytes]) -> None:
        for data in frames:
            send, sent = self.wire.direct_send, 0
            if send is not None:
                try:
                    sent = send(data)
                except OSError as error:
                    sent = self.wire.failed(error)
            if sent != len(data):
                self.wire.keep(data, sent)

    def block(self) -> None:
        self.limit = self.wire.room = 100  # Less than two events: it takes one in part.

    def drain(self) -> None:
        self.wire.drain()
        self.wire.room = self.limit
        super().drain()

    def unblock(self) -> None:
        self.limit = float("inf")
        self.drain()

    @property
    def seqs(self) -> list[int]:
        return [
            int(line.split()[0])
            for line in self.wire.received.splitlines(keepends=True)
            if line[-1:] == b"\n"
        ]


def stored_head(store: Store, key: Key) -> int:
    kind, name = key
    heads = store.job_seqs([name]) if kind == "job" else store.project_seqs([name])
    return heads.get(name, 0)


def settle() -> None:
    """Let what is on its way arrive."""
    gevent.sleep(0.03)


def has(viewer: Viewer, first: int, last: int) -> bool:
    """Whether it has exactly these seqs by now; one too many or out of order fails at once."""
    assert viewer.seqs == list(range(first, first + len(viewer.seqs)))
    assert len(viewer.seqs) <= last - first + 1
    return len(viewer.seqs) == last - first + 1


def ring_bytes(room: Room) -> int:
    return sum(len(event.data) for event in events_of(room.ring._entries, 0, batch=False))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with open_store(database_url) as opened:
        yield opened


@pytest.fixture
def hub(store: Store) -> Iterator[Hub]:
    hub = Hub(store)
    store.on_commit(hub.publish)
    yield hub
    hub.close()


@pytest.fixture
def write(store: Store) -> Callable[..., None]:
    """Append `lines` log lines or, with 0, one progress update."""

    def append(lines: int = 0, job_id: str = "job", **fields: Any) -> None:
        one = log("\n".join("x" * 20 for _ in range(lines)), job_id=job_id) if lines else None
        store.append(batch(one or update(job_id=job_id, **({"phase": "building"} | fields))))

    return append


# Live and late


def test_viewers_get_what_comes_in_order(hub: Hub, write: Callable[..., None]) -> None:
    viewers = [Viewer().follow(hub) for _ in range(3)]
    for n in range(10):
        write(n % 3)
    for viewer in viewers:
        until(lambda viewer=viewer: has(viewer, 1, stored_head(hub.store, JOB)))  # type: ignore[misc]
    write(message="end")
    until(lambda: has(viewers[2], 1, stored_head(hub.store, JOB)))
    assert loads(viewers[2].events[-1].data.encode())["message"] == "end"


def test_nobody_else_gets_it(hub: Hub, write: Callable[..., None]) -> None:
    viewer = Viewer().follow(hub)
    write(job_id="other")
    write()
    until(lambda: has(viewer, 1, 1))
    assert loads(viewer.events[0].data.encode())["jobId"] == "job"


@pytest.mark.parametrize("somebody_follows", [True, False])
def test_a_late_viewer_goes_on_after_any_seq(
    hub: Hub, write: Callable[..., None], somebody_follows: bool
) -> None:
    """Out of the ring where there is one, else out of the store; also from within an entry."""
    if somebody_follows:
        Viewer().follow(hub)
    for lines in (3, 0, 4, 0, 0, 2):
        write(lines)
    viewers = {after: Viewer().follow(hub, after) for after in range(13)}
    write(2)
    for after, viewer in viewers.items():
        until(lambda after=after, viewer=viewer: has(viewer, after + 1, 14))  # type: ignore[misc]


def test_a_viewer_of_a_job_that_does_not_exist_yet_misses_nothing(
    hub: Hub, write: Callable[..., None]
) -> None:
    viewer = Viewer().follow(hub)
    write()
    until(lambda: has(viewer, 1, 1))


def test_a_new_hub_over_an_old_store_has_all(hub: Hub, write: Callable[..., None]) -> None:
    """Invariant 8: a restart loses rings only."""
    for n in range(20):
        write(n)
    restarted = Hub(hub.store)
    viewer = Viewer().follow(restarted, after=7)
    until(lambda: has(viewer, 8, stored_head(hub.store, JOB)))
    restarted.close()


def test_a_projects_viewer_gets_states_and_endings_of_its_jobs_in_order_and_no_logs(
    hub: Hub, store: Store, write: Callable[..., None]
) -> None:
    live = Viewer().follow(hub, key=PROJECT)
    for name in "abab":
        write(job_id=name)
        write(3, job_id=name)
    store.append(batch(update("completed", job_id="a"), update(job_id="c", project_id="other")))
    late = Viewer().follow(hub, key=PROJECT)
    for viewer in (live, late):
        until(lambda viewer=viewer: len(viewer.events) == 6)  # type: ignore[misc]
        shown = [(event.name, loads(event.data.encode())["jobId"]) for event in viewer.events]
        assert shown == [*(("project:progress", name) for name in "ababa"), ("project:completed", "a")]


def test_lines_that_came_together_are_one_event_for_who_wants_batches(
    hub: Hub, write: Callable[..., None]
) -> None:
    write(5)
    late = Viewer(PlainForm(batch=True)).follow(hub, after=2)
    until(lambda: late.events)
    write(4)
    until(lambda: len(late.events) == 2)
    assert [(event.name, event.seq) for event in late.events] == [("job:logs", 5), ("job:logs", 9)]
    assert [line["line"] for line in loads(late.events[0].data.encode())["lines"]] == [3, 4, 5]


def test_all_viewers_share_what_is_encoded_once(hub: Hub, write: Callable[..., None]) -> None:
    """Invariant 5."""
    form = PlainForm()
    viewers = [Viewer(form).follow(hub) for _ in range(20)]
    write(10)
    until(lambda: all(has(viewer, 1, 10) for viewer in viewers))
    assert form.encoded == 10
    assert viewers[0].events[3] is viewers[19].events[3]


class CountingMember(Member):
    woken = 0

    def wake(self) -> None:
        self.woken += 1


def test_what_comes_together_wakes_a_viewer_once(hub: Hub, store: Store) -> None:
    """Invariant 4, as far as it is the hub's."""
    with hub.room(JOB) as room:
        member = CountingMember(room, 0)
        room.join(member)
    greenlets = [gevent.spawn(store.append, batch(log("a\nb"))) for _ in range(30)]
    gevent.joinall(greenlets)
    settle()
    assert room.head == 60
    assert 1 <= member.woken <= 2


def test_what_is_new_is_joined_once_for_all_who_are_at_the_end(hub: Hub, store: Store) -> None:
    form = PlainForm()
    viewers = [Viewer(form).follow(hub) for _ in range(200)]
    store.append(batch(log("first")))
    until(lambda: all(has(viewer, 1, 1) for viewer in viewers))
    form.joined = 0
    store.append(batch(*(log(f"{n}\n{n}") for n in range(30)), update()))
    until(lambda: all(has(viewer, 1, 62) for viewer in viewers))
    entries = 31
    assert form.joined == entries + 1  # Each entry's frames once, and all together once.


def test_one_that_leaves_while_others_are_served_gets_nothing_more(hub: Hub, store: Store) -> None:
    form = PlainForm()
    viewers = [Viewer(form).follow(hub) for _ in range(200)]
    last, take = viewers[-1], viewers[0].send

    def take_and_part(frames: Sequence[Any]) -> None:
        take(frames)
        last.leave()

    viewers[0].send = take_and_part  # type: ignore[method-assign]
    store.append(batch(log("first")))
    until(lambda: all(has(viewer, 1, 1) for viewer in viewers[:-1]))
    settle()
    assert last.events == []


def test_events_that_cannot_be_encoded_cost_their_own_form_alone(
    hub: Hub, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, healthy = PlainForm(), PlainForm()
    viewers = [Viewer(form).follow(hub) for form in (broken, broken, healthy)]
    monkeypatch.setattr(broken, "encode", None)
    for n in range(3):
        write(n)
        settle()
    until(lambda: has(viewers[2], 1, stored_head(hub.store, JOB)))
    assert hub.viewers(JOB) == 1


def test_one_viewer_that_cannot_be_served_is_given_up_alone(
    hub: Hub, write: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    broken, healthy = Viewer().follow(hub), Viewer().follow(hub)
    broken.send = None  # type: ignore[assignment, method-assign]
    for _ in range(3):
        write()
        settle()
    until(lambda: has(healthy, 1, 3))
    assert hub.viewers(JOB) == 1
    assert len(caplog.records) == 1


# Many


def test_a_large_room_does_not_hold_up_a_small_one(hub: Hub, store: Store) -> None:
    form = PlainForm()
    kept = publishing_by_hand(hub, store)
    store.append(batch(log("first"), log("first", job_id="small")))
    crowd = [Viewer(form).follow(hub, 1) for _ in range(1000)]
    small = Viewer(form).follow(hub, 1, key=("job", "small"))
    store.append(batch(log("second")))
    store.append(batch(log("second", job_id="small")))
    for_crowd, for_small = kept[-2:]
    take = crowd[0].send

    def take_and_publish(frames: Sequence[Any]) -> None:
        take(frames)
        hub.publish([for_small])

    crowd[0].send = take_and_publish  # type: ignore[method-assign]
    took, crowd_was_served = small.send, []

    def look_and_take(frames: Sequence[Any]) -> None:
        crowd_was_served.append(bool(crowd[-1].events))
        took(frames)

    small.send = look_and_take  # type: ignore[method-assign]
    hub.publish([for_crowd])
    until(lambda: all(viewer.seqs == [2] for viewer in [*crowd, small]))
    assert crowd_was_served == [False]


def test_who_writes_is_held_up_while_its_viewers_are_served_and_nobody_else(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.hub, "PACE_S", 10)
    receipts = {name: store.append(batch(log("first", job_id=name))) for name in ("job", "other")}
    with hub.room(JOB) as room:
        hub.pace(receipts["job"].stored)  # Nobody is served: it goes on at once.
        turns = room.serve()
        room.join(CountingMember(room, 0))
        next(turns)
        waiting = gevent.spawn(hub.pace, receipts["job"].stored)
        gevent.spawn(hub.pace, receipts["other"].stored).get(timeout=5)
        gevent.sleep(0.01)
        assert not waiting.ready()
        list(turns)
        waiting.get(timeout=5)


def test_a_writer_is_held_up_for_a_moment_at_most(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.hub, "PACE_S", 0.01)
    receipt = store.append(batch(log("first")))
    with hub.room(JOB) as room:
        turns = room.serve()
        room.join(CountingMember(room, 0))
        next(turns)
        gevent.spawn(hub.pace, receipt.stored).get(timeout=10)


# Slow


def test_a_ring_is_bounded_by_bytes_and_the_store_has_the_rest(
    hub: Hub, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 6."""
    monkeypatch.setattr(chef.live.rooms, "RING_BYTES", 5000)
    slow, live = Viewer().follow(hub), Viewer().follow(hub)
    slow.block()
    for _ in range(60):
        write(2)
        write(message="m" * 2000)
    with hub.room(JOB) as room:
        assert 0 < ring_bytes(room) <= 5000
        assert room.ring.size == sum(published.size for published in room.ring._entries)
        assert len(room.ring._entries) == len(room.ring._positions)
    until(lambda: has(live, 1, 180))
    assert slow.events == []
    slow.unblock()
    until(lambda: has(slow, 1, 180))


def test_a_slow_viewer_gets_everything_once_as_it_drains(hub: Hub, write: Callable[..., None]) -> None:
    slow = Viewer()
    slow.limit = 1  # One entry at a time.
    slow.follow(hub)
    for n in range(40):
        write(n % 4)
        if n % 3 == 0:
            slow.drain()
        gevent.sleep(0.02 if n % 10 == 0 else 0)
    while not has(slow, 1, stored_head(hub.store, JOB)):
        before = len(slow.events)
        slow.drain()
        until(lambda before=before: len(slow.events) > before)  # type: ignore[misc]


def test_more_at_once_than_a_ring_holds_is_read_once_for_all(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.rooms, "RING_BYTES", 2000)
    form = PlainForm()
    viewers = [Viewer(form).follow(hub) for _ in range(100)]
    slow = viewers[50]
    store.append(batch(log("first")))
    until(lambda: all(has(viewer, 1, 1) for viewer in viewers))
    slow.block()
    reads: list[int] = []
    read = store.entries

    def count_and_read(job_id: str, after: int) -> list[Entry]:
        reads.append(after)
        return read(job_id, after)

    monkeypatch.setattr(store, "entries", count_and_read)
    store.append(batch(*(log("\n".join("x" * 100 for _ in range(50))) for _ in range(10))))
    until(lambda: all(has(viewer, 1, 501) for viewer in viewers if viewer is not slow))
    assert 1 <= len(reads) <= 10
    assert slow.seqs == [1]
    slow.unblock()
    until(lambda: has(slow, 1, 501))


@pytest.mark.parametrize("form", [PlainForm(), PlainForm(batch=True)])
def test_a_viewer_that_takes_nothing_more_is_sent_a_bounded_amount(
    hub: Hub, store: Store, form: PlainForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 6: also out of the store, and where the log is stored in a hundredth of its bytes."""
    monkeypatch.setattr(chef.live.rooms, "RING_BYTES", 64 * 1024)
    viewers = [Viewer(form) for _ in range(2)]
    for viewer in viewers:
        viewer.limit = 128 * 1024
    viewers[0].follow(hub)
    for _ in range(20):
        store.append(batch(*(log("x" * 1000 + "\n" + "y" * 1000) for _ in range(50))))
    viewers[1].follow(hub)
    settle()
    for viewer in viewers:
        assert 128 * 1024 <= viewer.unsent <= 256 * 1024
        while viewer.events[-1].seq < 2000:
            before = len(viewer.events)
            viewer.drain()
            until(lambda viewer=viewer, before=before: len(viewer.events) > before)  # type: ignore[misc]
            assert viewer.unsent <= 256 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_fifty_viewers_that_join_at_random_moments_are_complete(
    hub: Hub, store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.rooms, "RING_BYTES", 20_000)
    chance = random.Random(seed)
    viewers: list[tuple[int, Viewer]] = []

    def join() -> None:
        gevent.sleep(chance.random())
        after = chance.choice([0, stored_head(store, JOB), chance.randint(0, stored_head(store, JOB))])
        viewers.append((after, Viewer().follow(hub, after)))

    joining = [gevent.spawn(join) for _ in range(50)]
    while not all(greenlet.ready() for greenlet in joining):
        store.append(batch(log("\n".join("x" * chance.randint(1, 4))), update()))
    gevent.joinall(joining, raise_error=True)
    store.append(batch(update()))
    head = stored_head(store, JOB)
    until(lambda: all(has(viewer, after + 1, head) for after, viewer in viewers))
    assert hub.viewers(JOB) == 50


# Written elsewhere


@pytest.fixture
def elsewhere(database_url: str, hub: Hub) -> Iterator[Store]:
    """Another process's store on the same database."""
    with open_store(database_url) as opened:
        yield opened


@pytest.mark.parametrize("has_ring", [True, False])
def test_what_another_process_wrote_arrives_in_order(
    hub: Hub, write: Callable[..., None], elsewhere: Store, has_ring: bool
) -> None:
    viewers = [Viewer().follow(hub) for _ in range(3)]
    slow = Viewer().follow(hub)
    slow.block()
    if has_ring:
        write()
    for _ in range(10):
        elsewhere.append(batch(update(phase="building"), log("a\nb")))
    hub.load_heads()
    until(lambda: all(has(viewer, 1, 30 + has_ring) for viewer in viewers))
    slow.unblock()
    until(lambda: has(slow, 1, 30 + has_ring))


def test_two_processes_writing_by_turns_are_one_order(
    hub: Hub, write: Callable[..., None], elsewhere: Store
) -> None:
    """Invariant 3: the gap that the other process's entries make is closed from the store first."""
    viewer = Viewer().follow(hub)
    project = Viewer().follow(hub, key=PROJECT)
    for n in range(15):
        write(n % 2)
        elsewhere.append(batch(log("elsewhere"), update()))
    write()
    until(lambda: has(viewer, 1, 46))
    until(lambda: len(project.events) == 24)
    jobs = [loads(event.data.encode())["seq"] for event in project.events]
    assert jobs == sorted(jobs)


def test_the_safety_poll_finds_what_another_process_wrote(
    hub: Hub, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.hub, "SAFETY_POLL_S", 0.05)
    job, project = Viewer().follow(hub), Viewer().follow(hub, key=PROJECT)
    elsewhere.append(batch(update(phase="building"), log("one\ntwo")))
    until(lambda: has(job, 1, 3))
    until(lambda: has(project, 1, 1))


def test_the_safety_poll_outlives_an_outage(
    hub: Hub, elsewhere: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chef.live.hub, "SAFETY_POLL_S", 0.02)
    viewer = Viewer().follow(hub)
    with monkeypatch.context() as outage:
        outage.setattr(hub.store, "job_seqs", unavailable)
        until(lambda: caplog.records)
    elsewhere.append(batch(update()))
    until(lambda: has(viewer, 1, 1))


def unavailable(*_: object) -> Any:
    raise StoreUnavailable


@pytest.mark.parametrize("has_ring", [True, False])
def test_viewers_catch_up_when_the_store_is_back(
    hub: Hub,
    write: Callable[..., None],
    elsewhere: Store,
    has_ring: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chef.live.cursors, "RETRY_S", 0.02)
    viewer = Viewer().follow(hub)
    if has_ring:
        write()
        until(lambda: has(viewer, 1, 1))
    elsewhere.append(batch(log("a\nb\nc")))
    with monkeypatch.context() as outage:
        outage.setattr(hub.store, "entries", unavailable)
        hub.load_heads()
        gevent.sleep(0.1)
        assert has(viewer, 1, int(has_ring))
    until(lambda: has(viewer, 1, 3 + has_ring))


def publishing_by_hand(hub: Hub, store: Store) -> list[Stored]:
    """What is stored from now on: the test publishes it."""
    kept: list[Stored] = []
    store.on_commit(kept.extend)
    return kept


@pytest.mark.parametrize(
    "order",
    [
        [1, 0, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [0, 0, 1, 1, 2, 3, 4, 4],
        [0, 4],
        [2],
        [4],
        [0, 1, 3, 2, 4, 0],
    ],
)
def test_publishing_out_of_order_with_gaps_or_twice_is_healed(
    hub: Hub, store: Store, write: Callable[..., None], order: list[int]
) -> None:
    kept = publishing_by_hand(hub, store)
    viewers = [Viewer().follow(hub) for _ in range(2)]
    for lines in (2, 0, 3, 0, 1):
        write(lines)
    for index in order:
        hub.publish([kept[index]])
        settle()
    # What is stored already may come, too, before it is published.
    published = max(kept[index].entry.seq for index in order)
    for viewer in viewers:
        until(lambda viewer=viewer: len(viewer.seqs) >= published)  # type: ignore[misc]
        assert viewer.seqs == list(range(1, len(viewer.seqs) + 1))


def test_an_entry_published_again_costs_the_ring_nothing(
    hub: Hub, store: Store, write: Callable[..., None]
) -> None:
    kept = publishing_by_hand(hub, store)
    viewer = Viewer().follow(hub)
    for _ in range(4):
        write()
    hub.publish(kept)
    hub.publish([kept[1], kept[0]])
    with hub.room(JOB) as room:
        assert [published.entry.seq for published in room.ring._entries] == [1, 2, 3, 4]
    until(lambda: has(viewer, 1, 4))


# Leaving


def loads_running(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many greenlets of the hub's are alive that were started from now on."""
    started: list[Any] = []
    spawn = gevent.spawn

    def recording_spawn(*args: Any, **kwargs: Any) -> Any:
        started.append(spawn(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(gevent, "spawn", recording_spawn)
    return lambda: sum(not greenlet.ready() for greenlet in started)


@pytest.mark.parametrize("leave_while", ["reading", "waiting"])
def test_leaving_ends_a_load(
    hub: Hub, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch, leave_while: str
) -> None:
    for _ in range(5):
        write()
    monkeypatch.setattr(chef.store.queries, "PAGE_BYTES", 1)
    with hub.room(JOB):
        pass  # The hub's own greenlets run from here on.
    running = loads_running(monkeypatch)
    viewer = Viewer()
    if leave_while == "waiting":
        viewer.limit = 1
    viewer.follow(hub)
    if leave_while == "waiting":
        until(lambda: viewer.events)
        settle()
    assert running() == 1
    viewer.leave()
    until(lambda: running() == 0)
    assert len(viewer.events) <= 1
    assert hub.rooms == 0


def test_who_left_gets_nothing_more(hub: Hub, write: Callable[..., None]) -> None:
    gone, stays = Viewer().follow(hub), Viewer().follow(hub)
    write()
    until(lambda: has(gone, 1, 1))
    gone.leave()
    write()
    until(lambda: has(stays, 1, 2))
    gone.drain()
    settle()
    assert has(gone, 1, 1)


def test_a_room_goes_with_its_last_viewer(hub: Hub, write: Callable[..., None]) -> None:
    viewers = [Viewer().follow(hub) for _ in range(2)]
    project = Viewer().follow(hub, key=PROJECT)
    write()
    assert (hub.rooms, hub.viewers(JOB)) == (2, 2)
    for viewer in (*viewers, project):
        viewer.leave()
        viewer.leave()  # Twice changes nothing.
    assert (hub.rooms, hub.viewers(JOB), hub.viewers(PROJECT)) == (0, 0, 0)


def test_a_room_stays_while_somebody_is_about_to_join(hub: Hub, write: Callable[..., None]) -> None:
    first = Viewer().follow(hub)
    with hub.room(JOB) as room:
        first.leave()
        write()  # The one who joins has read the state before this.
        assert room.head == 1
        viewer = Viewer()
        viewer.cursor = Cursor(room, 0, viewer)
        room.join(viewer.cursor)
    write()
    until(lambda: has(viewer, 1, 2))


def test_who_asks_and_does_not_join_leaves_no_room(hub: Hub) -> None:
    with hub.room(JOB):
        assert hub.rooms == 1
    assert hub.rooms == 0


# Readers, at their own pace


def read_all(reader: Reader) -> list[int]:
    found: list[int] = []
    while events := reader.load():
        found += [event.seq for event in events]
    return found


def test_a_reader_reads_at_its_own_pace(hub: Hub, write: Callable[..., None]) -> None:
    write(3)
    with hub.room(JOB) as room:
        room.ring.head = 3
        reader = Reader(room, 1)
        room.join(reader)
    assert reader.wait(0)
    assert read_all(reader) == [2, 3]
    assert not reader.wait(0.01)
    waiting = gevent.spawn(reader.wait, 5)
    write(2)
    assert waiting.get(timeout=30)
    assert read_all(reader) == [4, 5]


def test_a_hub_that_closes_wakes_who_waits(hub: Hub) -> None:
    with hub.room(JOB) as room:
        reader = Reader(room, 0)
        room.join(reader)
    waiting = gevent.spawn(reader.wait, 60)
    gevent.sleep(0)
    hub.close()
    waiting.join(timeout=30)
    assert waiting.ready()
    assert hub.closed


# Anything at all


STEPS = st.lists(
    st.sampled_from(["append", "append", "publish", "publish", "lose", "again", "join", "leave"])
    | st.sampled_from(["block", "drain", "heads", "turn", "turn", "settle"]),
    max_size=30,
)


class Walk:
    """Takes steps at random on one job of its own; viewers must be gapless all the time."""

    def __init__(self, hub: Hub, store: Store, job_id: str, chance: random.Random) -> None:
        self.hub, self.store, self.chance = hub, store, chance
        self.job_id = job_id
        self.kept = publishing_by_hand(hub, store)
        self.viewers: list[tuple[int, Viewer]] = []
        self.gone: list[tuple[int, Viewer]] = []

    @property
    def head(self) -> int:
        return stored_head(self.store, ("job", self.job_id))

    def take(self, step: str) -> None:
        getattr(self, step)()
        for after, viewer in self.viewers + self.gone:
            assert viewer.seqs == list(range(after + 1, after + 1 + len(viewer.seqs)))

    def append(self) -> None:
        message = "\n".join("x" * self.chance.randint(1, 5))
        one = self.chance.choice([update(job_id=self.job_id), log(message, job_id=self.job_id)])
        self.store.append(batch(one))

    def publish(self) -> None:
        if self.kept:
            self.hub.publish([self.kept.pop(self.chance.choice([0, 0, 0, -1]))])

    def lose(self) -> None:
        if self.kept:
            self.kept.pop(0)

    def again(self) -> None:
        if self.kept:
            self.hub.publish(self.kept[:1])

    def join(self) -> None:
        after = self.chance.randint(0, self.head)
        viewer = self.chance.choice([Viewer, Wired, Wired])()
        self.viewers.append((after, viewer.follow(self.hub, after, ("job", self.job_id))))

    def leave(self) -> None:
        if self.viewers:
            self.gone.append(self.viewers.pop(self.chance.randrange(len(self.viewers))))
            self.gone[-1][1].leave()

    def block(self) -> None:
        if self.viewers:
            self.chance.choice(self.viewers)[1].block()

    def drain(self) -> None:
        if self.viewers:
            self.chance.choice(self.viewers)[1].drain()

    def heads(self) -> None:
        self.hub.load_heads()

    def turn(self) -> None:
        gevent.sleep(0)

    def settle(self) -> None:
        gevent.sleep(0.005)

    def end(self) -> None:
        """In the end everybody has everything."""
        self.hub.load_heads()
        for _, viewer in self.viewers:
            viewer.unblock()
        head = self.head
        until(lambda: all(has(viewer, after + 1, head) for after, viewer in self.viewers))
        for _, viewer in self.viewers:
            viewer.leave()
        assert self.hub.rooms == 0


@pytest.mark.slow
def test_any_order_of_events_gives_each_viewer_a_gapless_sequence(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chef.live.rooms, "RING_BYTES", 3000)
    monkeypatch.setattr(chef.store.queries, "PAGE_BYTES", 2000)
    jobs = iter(range(10**6))

    @settings(deadline=None, max_examples=60)
    @given(STEPS, st.integers(0, 2**32))
    def walk(steps: list[str], seed: int) -> None:
        one = Walk(hub, store, f"job{next(jobs)}", random.Random(seed))
        for step in steps:
            one.take(step)
        one.end()

    walk()


def test_what_another_process_writes_is_read_once_for_all_viewers(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where this process has never written anything itself."""
    with open_store(database_url) as writer, open_store(database_url) as store:
        writer.append(batch(log("first")))
        hub = Hub(store)
        viewers = [Viewer().follow(hub, 1) for _ in range(20)]
        reads: list[int] = []
        read = store.entries

        def count_and_read(job_id: str, after: int) -> list[Entry]:
            reads.append(after)
            return read(job_id, after)

        monkeypatch.setattr(store, "entries", count_and_read)
        writer.append(batch(log("second")))
        hub.load_heads()
        until(lambda: all(viewer.seqs == [2] for viewer in viewers))
        assert reads == [1]
        hub.close()


# Lanes: viewers at a room's end are served together


def unpublished(hub: Hub, store: Store, write: Callable[[], object]) -> list[Stored]:
    """What is stored meanwhile, for the test to publish."""
    held: list[Stored] = []
    store.on_commit(held.extend)
    write()
    store.on_commit(hub.publish)
    return held


def big(store: Store, count: int) -> None:
    """Entries of which a chunk holds one."""
    for _ in range(count):
        store.append(batch(log("x" * 40_000)))


def test_who_is_first_at_the_end_again_is_not_given_what_the_others_are_still_handed(
    hub: Hub, store: Store
) -> None:
    form = PlainForm()
    viewers = [Viewer(form).follow(hub) for _ in range(64)]
    settle()
    for viewer in viewers:
        viewer.limit = 1  # Each is full with the first chunk, so all stand apart.
    first = viewers[0].cursor
    assert first is not None
    assert first.lane is not None

    def drain() -> None:
        while first.lane is not None:
            gevent.sleep(0)
        viewers[0].unblock()

    draining = gevent.spawn(drain)
    hub.publish(unpublished(hub, store, lambda: big(store, 8)))
    draining.join()
    until(lambda: has(viewers[0], 1, 8))
    settle()
    assert has(viewers[0], 1, 8)


def test_who_joins_while_a_lane_that_all_have_left_is_read_from_the_store_gets_only_what_is_new(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = PlainForm()
    first = Viewer(form).follow(hub)
    settle()
    read = store.entries
    reads: list[int] = []

    def slow(job_id: str, after: int) -> list[Entry]:
        reads.append(after)
        gevent.sleep(0.05)
        return read(job_id, after)

    monkeypatch.setattr(store, "entries", slow)
    hub.publish(unpublished(hub, store, lambda: big(store, 30)))
    until(lambda: reads)
    with hub.room(JOB):
        first.leave()
        second = Viewer(form).follow(hub, after=30)
    gevent.sleep(0.2)
    big(store, 1)
    until(lambda: second.seqs)
    settle()
    assert second.seqs == [31]


def test_viewers_of_another_form_have_their_turn_however_fast_news_comes(hub: Hub, store: Store) -> None:
    """Each round over a crowd takes longer than the next entry takes to come."""

    class Slow(Viewer):
        def send(self, frames: Sequence[Any]) -> None:
            super().send(frames)
            busy = time.perf_counter() + 0.0002
            while time.perf_counter() < busy:
                pass

    crowd_form = PlainForm()
    crowd = [Slow(crowd_form).follow(hub) for _ in range(200)]
    other = Viewer(PlainForm(batch=True)).follow(hub)
    settle()
    held = unpublished(hub, store, lambda: store.append(batch(*(update() for _ in range(100)))))
    had = []
    for item in held:
        hub.publish([item])
        gevent.sleep(0.002)
        had.append(len(other.seqs))
    assert had[-1] > 1
    until(lambda: has(other, 1, 100))
    until(lambda: all(has(one, 1, 100) for one in crowd))


# Sockets that lanes write to directly


def test_a_lane_writes_to_the_sockets_of_its_viewers(hub: Hub, write: Callable[..., None]) -> None:
    viewers = [Wired().follow(hub) for _ in range(200)]
    settle()
    for viewer in viewers:
        viewer.send = None  # type: ignore[assignment, method-assign] # It takes no way but the direct one.
    write(3)
    write()
    until(lambda: all(has(viewer, 1, 4) for viewer in viewers))


def test_bytes_that_a_socket_does_not_take_follow_once_it_does(hub: Hub, write: Callable[..., None]) -> None:
    slow, stuck, live = (Wired().follow(hub) for _ in range(3))
    settle()
    slow.wire.room, stuck.wire.room = 150, 0
    for _ in range(4):
        write(2)
        settle()
    until(lambda: has(live, 1, 8))
    assert 0 < len(slow.seqs) < 8
    assert stuck.seqs == []
    assert slow.wire.direct_sends <= 3  # Nothing is tried while something waits.
    for viewer in (slow, stuck):
        viewer.unblock()
    write()
    for viewer in (slow, stuck, live):
        until(lambda viewer=viewer: has(viewer, 1, 9))  # type: ignore[misc]


def test_two_subscriptions_of_one_connection_never_write_into_each_others_frames(
    hub: Hub, write: Callable[..., None]
) -> None:
    wire = Socket()
    job, project = Wired(wire).follow(hub), Wired(wire).follow(hub, key=PROJECT)
    settle()
    for room in (300, 10, 700, 0, 1):
        wire.room = room
        for _ in range(3):
            write(message="m" * 100)
            settle()
        wire.drain()
        wire.room = float("inf")
        for viewer in (job, project):
            viewer.drain()
        settle()
    lines = wire.received.decode().splitlines()
    assert len(lines) == 30
    for line in lines:
        assert loads(line.partition(" ")[2].encode())["message"] == "m" * 100


def test_a_socket_that_fails_is_told_so_and_the_others_are_served(
    hub: Hub, write: Callable[..., None]
) -> None:
    viewers = [Wired().follow(hub) for _ in range(5)]
    settle()
    broken = viewers[2].wire

    def fail(data: bytes) -> int:
        raise ConnectionResetError

    broken.take = fail  # type: ignore[method-assign]
    write()
    others = [viewer for viewer in viewers if viewer.wire is not broken]
    until(lambda: all(has(viewer, 1, 1) for viewer in others))
    assert isinstance(broken.error, ConnectionResetError)
    assert broken.backlog == b""
    write()
    until(lambda: all(has(viewer, 1, 2) for viewer in others))


def test_places_of_viewers_that_left_are_given_up(hub: Hub, write: Callable[..., None]) -> None:
    viewers = [Wired().follow(hub) for _ in range(300)]
    settle()
    lane = viewers[0].cursor.lane  # type: ignore[union-attr]
    assert lane is not None
    for viewer in viewers[:290]:
        viewer.leave()
    write()
    until(lambda: all(has(viewer, 1, 1) for viewer in viewers[290:]))
    assert len(lane._cursors) == len(lane._wires) == 10
    write()
    until(lambda: all(has(viewer, 1, 2) for viewer in viewers[290:]))
    assert all(viewer.seqs == [] for viewer in viewers[:290])


def test_one_whose_socket_comes_later_is_written_to_directly_from_then_on(
    hub: Hub, write: Callable[..., None]
) -> None:
    """As a viewer's that begins by polling and moves to a WebSocket."""
    polls = Viewer(LINES)
    polled: list[bytes] = []

    def send(frames: Sequence[bytes]) -> None:
        polled.extend(frames)

    polls.send = send  # type: ignore[method-assign]
    polls.follow(hub)
    settle()
    write()
    until(lambda: polled)
    polls.wire = socket = Socket()
    write()
    until(lambda: len(polled) == 2)
    write()
    until(lambda: socket.received.startswith(b"3 "))
    assert len(polled) == 2
