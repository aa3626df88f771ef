"""Time and size: how long `chef run` waits, how much it sends at once, and its cost."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.tools.reporting import (
    Machine,
    Request,
    Store,
    always,
    build,
    pretending,
    reply,
    silent,
)
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_ctrl_c_ends_the_waiting(tmp_path: Path) -> None:
    with pretending(silent) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="job")
        began = time.monotonic()
        with machine.start("run", "--linger", "30", "--", "sh", "-c", "touch ended; exit 3") as process:
            eventually((tmp_path / "ended").exists)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert time.monotonic() - began < 10
    assert b"did not arrive" in err


def test_a_build_is_as_fast_without_a_server(tmp_path: Path) -> None:
    """Not a measurement: a build of a second takes no longer than one and the lingering."""
    with pretending(silent) as server:
        done = build(tmp_path, server.url, "--linger", "0", command=("sh", "-c", "sleep 1; exit 4"))
    assert done.status == 4
    assert done.seconds < 9


def test_a_quiet_build_costs_next_to_nothing(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="job")
        with machine.start("run", "--", "sh", "-c", "for n in 1 2 3; do echo $n; sleep 1; done") as process:
            eventually(lambda: b"1\n" in store.streams.get("stdout", b""))
            before, began = cpu_of(process.pid), time.monotonic()
            eventually(lambda: b"3\n" in store.streams["stdout"])
            used, took = cpu_of(process.pid) - before, time.monotonic() - began
            memory = Path(f"/proc/{process.pid}/status").read_text()
            process.communicate(timeout=30)
    assert used / took < 0.1
    resident = int(memory.partition("VmRSS:")[2].split()[0])
    assert resident < 50_000


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_heartbeats_say_that_the_reporter_is_there(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        done = build(tmp_path, server.url, command=("sh", "-c", "sleep 1"))
        beats = [one for one in server.requests if one.path == "/api/jobs/job/heartbeat"]
    assert done.complaints == []
    assert json.loads(beats[0].body) == {"projectId": "web", "every": 30}


def test_no_request_has_more_than_64_kb_unless_answers_take_long(tmp_path: Path) -> None:
    near, far = Store(), Store()

    def slow(request: Request, connection: socket.socket) -> None:
        time.sleep(0.3)
        far.take(request, connection)

    sizes = []
    for behaviour in (near.take, slow):
        with pretending(behaviour) as server:
            done = build(tmp_path, server.url, command=("seq", "150000"))
            assert done.complaints == []
            sizes.append([len(request.body) for request in server.requests if "/logs" in request.path])
    assert max(sizes[0]) <= 65_536
    assert 65_536 < max(sizes[1]) <= 8 * 65_536
    assert near.streams == far.streams


def test_where_much_waits_for_a_busy_server_few_requests_carry_it(tmp_path: Path) -> None:
    store = Store()

    def busy(request: Request, connection: socket.socket) -> None:
        time.sleep(0.02)
        store.take(request, connection)

    with pretending(busy) as server:
        done = build(tmp_path, server.url, command=("seq", "1000000"))
        sizes = [len(request.body) for request in server.requests if "/logs" in request.path]
    assert done.complaints == []
    assert bytes(store.streams["stdout"]) == done.out
    assert max(sizes) <= 8 * 65_536
    assert len(sizes) < len(done.out) / 65_536 * 2 / 3


def test_a_pause_that_is_asked_for_is_kept_and_one_that_is_too_long_is_not_waited_for(tmp_path: Path) -> None:
    store, times = Store(), list[float]()

    def busy(request: Request, connection: socket.socket) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            reply(connection, "429 Too Many", Retry_After="2")
        else:
            store.take(request, connection)

    with pretending(busy) as server:
        assert build(tmp_path, server.url).complaints == []
    assert times[1] - times[0] >= 2
    with pretending(always("503 No", Retry_After="50")) as server:
        done = build(tmp_path, server.url)
        assert len(server.requests) == 1
    assert done.seconds < 8
    assert done.complaints[0].endswith("(503 Service Unavailable)")


def test_the_end_arrives_even_where_output_is_too_slow(tmp_path: Path) -> None:
    store = Store()

    def slow(request: Request, connection: socket.socket) -> None:
        if "/logs" in request.path:
            time.sleep(0.4)
        store.take(request, connection)

    with pretending(slow) as server:
        done = build(tmp_path, server.url, "--linger", "4", command=("seq", "2000000"))
    end = store.updates[-1]
    assert (end["type"], end["integrity"]["stdout"]["bytes"]) == ("completed", len(done.out))
    missing = len(done.out) - len(store.streams["stdout"])
    (complaint,) = done.complaints
    said = int(complaint.removeprefix("chef: did not arrive: ").split()[0])
    assert complaint.count("the end of the job") == 0
    # A request that was on its way at the last moment may have arrived without an answer.
    assert missing <= said <= missing + 8 * 65_536
