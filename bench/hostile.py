"""Hostile input, one kind after the other, while 100 healthy viewers follow a job with 50 events a second."""

from __future__ import annotations

import multiprocessing
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.client import mask
from bench.driver import drive, progress
from bench.report import Table, figures, judge, number
from bench.servers import CHEF, Server, serve

_HEALTHY, _RATE = 100, 50
# How long memory and descriptors have to come back.
_AFTER_S = 30
_UPGRADE = (
    b"GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_TEXT, _CONTINUATION, _BINARY, _FIN, _MASKED = 1, 0, 2, 0x80, 0x80


@dataclass
class Attack:
    """`run` attacks a port and returns how many offenders there were."""

    name: str
    run: Callable[[int], int]


@contextmanager
def _websocket(port: int, *, connected: bool = True) -> Iterator[socket.socket]:
    """A WebSocket that has had its OPEN and, unless told otherwise, is connected."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as one:
        one.sendall(_UPGRADE)
        _read_until(one, b'"maxPayload"')
        if connected:
            one.sendall(mask("40"))
            _read_until(one, b'40{"sid"')
        yield one


def _read_until(one: socket.socket, words: bytes) -> None:
    data = b""
    while words not in data:
        part = one.recv(65536)
        if not part:
            raise ConnectionError(f"closed before {words!r} came")
        data += part


def _send_and_see_it_end(one: socket.socket, *parts: bytes) -> None:
    with suppress(OSError):
        for part in parts:
            one.sendall(part)
        while one.recv(65536):
            pass


def _frames(count: int, *parts: bytes) -> Callable[[int], int]:
    """Each of `count` clients sends these parts."""

    def run(port: int) -> int:
        for _ in range(count):
            with _websocket(port) as one:
                _send_and_see_it_end(one, *parts)
        return count

    return run


def _large(megabytes: int) -> bytes:
    size = megabytes * 1_000_000
    return bytes([_FIN | _BINARY, _MASKED | 127]) + struct.pack(">Q", size) + bytes(4) + bytes(size)


def _declared(size: int) -> bytes:
    return bytes([_FIN | _TEXT, _MASKED | 127]) + struct.pack(">Q", size) + bytes(4)


def _piece(opcode: int) -> bytes:
    return bytes([opcode, _MASKED | 1]) + bytes(4) + b"4"


def _silent(port: int) -> int:
    """Sockets that never say CONNECT, until the server closes them."""
    count = 1000
    with ExitStack() as stack:
        sockets = [stack.enter_context(_websocket(port, connected=False)) for _ in range(count)]
        deadline = time.monotonic() + 15
        for one in sockets:
            one.settimeout(max(deadline - time.monotonic(), 0.01))
            with suppress(OSError):
                while one.recv(4096):
                    pass
    return count


def _handshakes(port: int) -> int:
    """Polling sessions that nobody ever polls again, until the server has given up all of them."""
    count = 2000
    for _ in range(count):
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as one:
            one.sendall(b"GET /ws/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            with suppress(OSError):
                while one.recv(65536):
                    pass
    time.sleep(12)
    return count


def _slow(port: int) -> int:
    """Half of them send a header line every second, half a byte of a body; for 20 seconds."""
    count = 400
    heads = b"GET /api/jobs HTTP/1.1\r\nHost: x\r\n"
    body = (
        b"POST /api/updates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n"
    )
    body += b"\r\n"
    with ExitStack() as stack:
        sockets = []
        for number_ in range(count):
            one = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=30)))
            one.sendall(heads if number_ % 2 else body)
            sockets.append(one)
        for turn in range(20):
            for number_, one in enumerate(sockets):
                with suppress(OSError):
                    one.sendall(b"X-%d: y\r\n" % turn if number_ % 2 else b" ")
            time.sleep(1)
    return count


_ATTACKS = [
    Attack("frames of 20 MB", _frames(5, _large(20))),
    Attack("frames of 60 MB", _frames(5, _large(60))),
    Attack("2^63 bytes declared", _frames(100, _declared(2**63))),
    Attack("10,000 fragments", _frames(20, _piece(_TEXT) + _piece(_CONTINUATION) * 9_999)),
    Attack("unmasked frames", _frames(100, bytes([_FIN | _TEXT, 1]) + b"2")),
    Attack("bad UTF-8", _frames(100, bytes([_FIN | _TEXT, _MASKED | 2]) + bytes(4) + b"4\xff")),
    Attack("1,000 bad packets", _frames(100, mask("49not a packet") * 10)),
    Attack("1,000 sockets that never say CONNECT", _silent),
    Attack("2,000 anonymous polling handshakes", _handshakes),
    Attack("400 slow HTTP connections", _slow),
]


def _waited(process: int) -> float:
    """Seconds that a process was ready to run and the kernel ran another one, so far."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9


def _probe(server: int, port: int, pipe: Connection) -> None:
    """Measure how long the event loop takes to answer a WebSocket's ping, which nothing else holds up.

    The time for which other processes had the processor is left out.
    """
    processes = (server, os.getpid())
    with _websocket(port) as one:
        pipe.send(0.0)
        longest = 0.0
        while not pipe.poll(0.005):
            waited, began = sum(map(_waited, processes)), time.perf_counter()
            one.sendall(mask("ping", opcode=9))
            while b"\x8a\x04ping" not in one.recv(65536):
                pass
            took = time.perf_counter() - began
            longest = max(longest, took - (sum(map(_waited, processes)) - waited))
    pipe.recv()
    pipe.send(longest * 1000)


@contextmanager
def _probing(server: Server, found: list[float]) -> Iterator[None]:
    """Add the longest wait in ms to `found`."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_probe, args=(server.process.pid, server.port, there)
    )
    process.start()
    here.recv()
    yield
    here.send(0.0)
    found.append(here.recv())
    process.join()


@dataclass
class _Seen:
    p99: float
    longest: float
    lines: int
    offenders: int
    missed: float


def _during(server: Server, attack: Attack) -> _Seen:
    # A job of its own for each, so that no viewer is shown an earlier one's newest state.
    job = attack.name.replace(" ", "-").replace(",", "").replace("^", "")
    subscribe = f'420["subscribe:job","{job}"]'
    options = {"viewers": _HEALTHY, "posters": 1, "rate": _RATE, "seconds": 600, "subscribe": subscribe}
    longest: list[float] = []
    with drive(server.port, progress(job), **options) as driver, _probing(server, longest):
        driver.begin()
        time.sleep(0.5)
        before = server.output().count("\n")
        offenders = attack.run(server.port)
        time.sleep(0.5)
        lines = server.output().count("\n") - before
        driver.end()
        found = driver.result()
    missed = found["expected"] - found["messages"] + found["errors"]
    return _Seen(found["p99"], longest[0], lines, offenders, missed)


def run(*, quick: bool) -> list[Table]:  # noqa: ARG001 - it is quick enough as it is
    table = Table(
        ["attack", "offenders", "p99 ms to healthy viewers", "longest wait for a PONG, ms", "log lines"]
    )
    table.text = f"{_HEALTHY} viewers follow a job with {_RATE} events a second meanwhile."
    seen = []
    with serve(CHEF) as server:
        _during(server, Attack("nothing", lambda port: 0))  # Whatever the first viewers make is there then.
        time.sleep(5)
        memory, connections = server.memory(), server.connections()
        for attack in _ATTACKS:
            one = _during(server, attack)
            seen.append(one)
            figures_ = (one.offenders, one.p99, one.longest, one.lines)
            table.rows.append([attack.name, *(number(value) for value in figures_)])
        time.sleep(_AFTER_S)
        grown = server.memory() / memory - 1
        left = server.connections() / connections - 1
    judged = figures()
    judge(judged, "p99 to healthy viewers, the worst", max(one.p99 for one in seen), "< 100", " ms")
    judge(judged, "messages that they missed", sum(one.missed for one in seen), "= 0")
    judge(
        judged, "the longest that the event loop stood still", max(one.longest for one in seen), "< 50", " ms"
    )
    most = max(one.lines / one.offenders for one in seen)
    judge(judged, "log lines for an offender, at most", most, "< 1.01")
    judge(judged, f"memory {_AFTER_S} s later against before", grown * 100, "< 10", " %")
    judge(judged, "descriptors", left * 100, "< 10", " %")
    return [table, judged]
