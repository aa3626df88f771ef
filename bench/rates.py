"""The cost of rates: POSTs among a hundred thousand windows, against a server that counts nothing.

The windows are those of writes, one for each address, and none of them is over while it is measured. The
addresses are this machine's own: all of 127.0.0.0/8 leads here.
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from ipaddress import IPv4Address
from pathlib import Path

from bench.driver import POSTER, Result, measure, progress
from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import CHEF, Server, free_port, start

WINDOWS = 100_000
_FIRST = IPv4Address("127.1.0.1")
# It has a right to write and is no update: a window begins, and nothing is stored.
_REQUEST = (
    b"POST /api/updates HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1\r\nConnection: close\r\n\r\n["
)
_UNITS = 1_000_000
_SETTINGS = {
    "off": {"CHEF_RATE_WRITES": "0", "CHEF_RATE_FAILURES": "0"},
    "empty": {"CHEF_RATE_WRITES": f"{_UNITS}/h"},
    "full": {"CHEF_RATE_WRITES": f"{_UNITS}/h"},
}
_NAMES = {"off": "without rates", "empty": "with rates", "full": f"with rates and {WINDOWS:,} windows"}
# POSTs a second, well below what a server takes: none is to wait for others.
_PACE = 300


def run(*, quick: bool) -> list[Table]:
    rounds, seconds = (5, 3.0) if quick else (11, 6.0)
    paced: dict[str, list[Result]] = defaultdict(list)
    flat_out: dict[str, list[Result]] = defaultdict(list)
    with ExitStack() as open_servers:
        servers = {kind: _start(open_servers, kind) for kind in _SETTINGS}
        idle = {kind: server.memory() for kind, server in servers.items()}
        _fill(servers["full"], WINDOWS)
        grown = servers["full"].memory() - idle["full"]

        def once(kind: str) -> None:
            body = progress(job=f"job-{POSTER}")
            paced[kind].append(measure(servers[kind], body, posters=1, seconds=seconds, rate=_PACE))
            flat_out[kind].append(measure(servers[kind], body, posters=8, seconds=seconds / 3))

        for server in servers.values():
            measure(server, progress(job=f"job-{POSTER}"), posters=8, seconds=0.5)  # warm
        alternate(list(servers), rounds, once)
    return [_table(paced, flat_out, grown), _judged(paced, flat_out)]


def _start(open_servers: ExitStack, kind: str) -> Server:
    folder = Path(open_servers.enter_context(tempfile.TemporaryDirectory(prefix="chef-bench-")))
    server = start(CHEF, folder, free_port(), **_SETTINGS[kind])
    open_servers.callback(server.stop)
    return server


def _fill(server: Server, count: int) -> None:
    """Begin a window for each of so many addresses; the first of them has to be there at the end."""
    for number_of_address in range(count):
        _ask(server, _FIRST + number_of_address)
    left = re.search(rb'RateLimit: "writes";r=(\d+)', _ask(server, _FIRST))
    if left is None or int(left[1]) != _UNITS - 2:
        raise RuntimeError("the first window is not there any more")


def _ask(server: Server, address: IPv4Address) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), 30, (str(address), 0)) as connection:
        connection.sendall(_REQUEST)
        answer = b""
        while block := connection.recv(4096):
            answer += block
    return answer


def _table(paced: dict[str, list[Result]], flat_out: dict[str, list[Result]], grown: int) -> Table:
    table = Table(
        ["server", f"p50 ms at {_PACE} a second", "p99 ms", "POSTs per server CPU second, 8 posters"]
    )
    table.text = (
        f"POSTs of one progress update. A window for each of {WINDOWS:,} addresses takes "
        f"{number(grown / WINDOWS)} bytes of memory."
    )
    for kind, name in _NAMES.items():
        columns = [
            median([one["post_p50"] for one in paced[kind]]),
            median([one["post_p99"] for one in paced[kind]]),
            median([one.posts_per_cpu for one in flat_out[kind]]),
        ]
        table.rows.append([name, *map(number, columns)])
    return table


def _judged(paced: dict[str, list[Result]], flat_out: dict[str, list[Result]]) -> Table:
    table = figures()
    for name in ("post_p50", "post_p99"):
        for other in ("empty", "off"):
            ratios = [many[name] / few[name] for many, few in zip(paced["full"], paced[other], strict=True)]
            what = f"{name[-3:]} with {WINDOWS:,} windows against {_NAMES[other]}"
            judge(table, f"{what}, median of {len(ratios)} rounds", median(ratios), "<= 1.05", " x")
    off, full = flat_out["off"], flat_out["full"]
    ratio = median([few.posts_per_cpu / many.posts_per_cpu for few, many in zip(off, full, strict=True)])
    judge(
        table, f"CPU per stored update with {WINDOWS:,} windows against without rates", ratio, "<= 1.02", " x"
    )
    return table
