"""Connection state recovery: offsets, and an official client whose connection is cut again and again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chef.settings.config import Settings
from chef.store import Store
from chef.wire.recovery import (
    UNRECOVERABLE,
    WINDOW_MS,
    Kept,
    Place,
    decode_kept,
    encode_kept,
    make_offset,
    parse_offset,
)
from tests.tools.protocol import RawViewer
from tests.tools.serving import Served

Join = Callable[..., RawViewer]
ROOT = Path(__file__).resolve().parents[1]


def test_an_offset_says_how_far_each_subscription_has_come() -> None:
    offset = make_offset({0: "123", 3: "7+1"})
    assert parse_offset(offset) == {0: Place(123), 3: Place(7, 1)}
    assert [str(place) for place in parse_offset(offset).values()] == ["123", "7+1"]


@pytest.mark.parametrize(
    "offset", ["", "-", "1", "a:b", "0:1,", "0:-1", "٣:1", "0:1+12", 5, None, "0:1" * 2000]
)
def test_an_offset_of_anyone_else_names_no_place(offset: object) -> None:
    assert parse_offset(offset) == {}


def test_too_many_subscriptions_are_not_recovered_rather_than_weighing_on_every_event() -> None:
    assert make_offset(dict.fromkeys(range(500), "123456")) == UNRECOVERABLE


def test_kept_subscriptions_are_read_as_they_were_written() -> None:
    kept = [Kept(0, "job", "a", False, 5), Kept(4, "project", "b", True, 0)]
    assert decode_kept(encode_kept(kept)) == kept


def test_a_viewer_can_come_back_for_two_minutes(database_url: str) -> None:
    store, kept = Store(Settings(database_url=database_url)), [Kept(0, "job", "a", False, 5)]
    store.save_session("pid", kept, at=1000)
    assert store.session("pid", at=10_000_000) == kept  # Connected still, as far as is known.
    store.end_session("pid", at=2000)
    assert store.session("pid", at=2000 + WINDOW_MS) == kept
    assert store.session("pid", at=2001 + WINDOW_MS) is None
    store.save_session("other", kept, at=2001 + WINDOW_MS)  # Forgets viewers that stayed away.
    assert store.session("pid", at=2000) is None
    store.close()


@pytest.fixture
def join(server: Served) -> Iterator[Join]:
    """Connect viewers that ask for recovery; all are cut at the end."""
    viewers: list[RawViewer] = []

    def connect(**auth: Any) -> RawViewer:
        viewers.append(RawViewer(server, recovery=True, **auth))
        return viewers[-1]

    yield connect
    for viewer in viewers:
        viewer.close()


def _progress(job: str, **more: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": "p"} | more


def test_the_state_that_was_lost_with_the_connection_is_sent_again(server: Served, join: Join) -> None:
    server.update(*(_progress(job, phase="building") for job in "ab"), {"type": "completed", "jobId": "b"})
    viewer = join()
    viewer.emit("subscribe:job", "a")
    offset = viewer.take()[-1]
    viewer.emit("subscribe:job", "b")
    assert viewer.take()[1]["jobId"] == "b"  # This and what follows gets lost on its way.
    viewer.close()
    again = join(pid=viewer.pid, offset=offset)
    assert again.pid == viewer.pid
    assert [again.take()[0] for _ in range(2)] == ["job:progress", "job:completed"]
    server.update(_progress("a", message="only now"))
    assert again.take()[1]["message"] == "only now"


def test_a_client_that_had_half_of_an_ending_gets_the_other_half(server: Served, join: Join) -> None:
    server.update(_progress("a", phase="building"), {"type": "completed", "jobId": "a"})
    viewer = join()
    viewer.emit("subscribe:job", {"jobId": "a", "after": 1})
    name, _, offset = viewer.take()
    assert name == "job:progress"
    viewer.close()
    assert join(pid=viewer.pid, offset=offset).take()[0] == "job:completed"


def test_an_offset_that_nobody_gave_leaves_out_nothing_that_came_whole(server: Served, join: Join) -> None:
    server.update(*(_progress("a", message=message) for message in ("one", "two", "three")))
    viewer = join()
    viewer.emit("subscribe:job", {"jobId": "a", "after": 2})
    viewer.take()
    viewer.close()
    again = join(pid=viewer.pid, offset="0:0+7")
    assert [again.take()[1]["seq"] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("pid", ["", "\0" * 24, "\ud800" * 24, "x" * 10_000, 5, None, ["a"]])
def test_a_pid_that_nobody_gave_makes_a_new_viewer(server: Served, join: Join, pid: object) -> None:
    viewer = join(pid=pid, offset="0:1")
    assert viewer.pid != pid
    assert "Traceback" not in server.output.read_text()


CUT_CLIENT = """
const { io } = require('socket.io-client');
const [url] = process.argv.slice(1);
const socket = io(url, { path: '/ws', auth: { recovery: true }, transports: ['websocket'],
                         reconnectionDelay: 20, reconnectionDelayMax: 60 });
const seen = [], connects = [];
let ended = 0;
socket.on('connect', () => {
  connects.push(socket.recovered);
  if (!socket.recovered) {
    socket.emit('subscribe:project', 'p');
    socket.emit('subscribe:job', { jobId: 'cut', after: seen.length ? seen.at(-1) : 0 });
  }
});
for (const name of ['job:log', 'job:progress']) socket.on(name, (event) => seen.push(event.seq));
socket.on('job:completed', () => { ended += 1; setTimeout(report, 300); });
const cutting = setInterval(() => socket.connected && socket.io.engine.transport.ws._socket.resetAndDestroy(),
                            200 + Math.random() * 200);
function report() {
  clearInterval(cutting);
  console.log(JSON.stringify({ seen, connects, ended }));
  process.exit(0);
}
setTimeout(report, 40000);
"""


@pytest.mark.slow
def test_an_official_client_that_is_cut_again_and_again_sees_each_event_once(server: Served) -> None:
    client = subprocess.Popen(
        ["node", "-e", CUT_CLIENT, "--", server.url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    posts = 500
    for number in range(posts):
        lines = {"type": "log", "jobId": "cut", "projectId": "p", "message": f"{number}\n{number}"}
        server.update(lines, {"type": "progress", "jobId": "cut", "progress": number / 10})
    server.update({"type": "completed", "jobId": "cut"})
    output, _ = client.communicate(timeout=60)
    report = json.loads(output)
    assert report["seen"] == list(range(1, 3 * posts + 2))
    assert report["ended"] == 1
    assert report["connects"][0] is False
    assert report["connects"].count(True) >= len(report["connects"]) - 2 >= 3


CONNECT = """
const { io } = require('socket.io-client');
const [url, recovery] = process.argv.slice(1);
const socket = io(url, { path: '/ws', transports: ['websocket'], auth: JSON.parse(recovery) });
socket.io.on('packet', (packet) => packet.type === 0 && console.log(JSON.stringify(packet.data)));
socket.onAny((name, ...args) => { console.log(JSON.stringify(args.length)); process.exit(0); });
socket.on('connect', () => socket.emit('subscribe:job', 'one'));
"""


@pytest.mark.parametrize("asks", [True, False])
def test_only_a_viewer_that_asks_gets_a_pid_and_offsets(server: Served, asks: bool) -> None:
    server.update({"type": "progress", "jobId": "one", "projectId": "p", "progress": 1})
    auth = json.dumps({"recovery": True} if asks else {})
    done = subprocess.run(
        ["node", "-e", CONNECT, "--", server.url, auth],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    connect, arguments = map(json.loads, done.stdout.split())
    assert ("pid" in connect) is asks
    assert arguments == (2 if asks else 1)
