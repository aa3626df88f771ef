"""The cost of targets that are dead: POSTs beside fifty webhooks that nobody takes, against none.

Half of them refuse the connection, half take it and never answer. Each asks for progress, so each has
something to be told all the time. They have been dead for a while: in the first seconds each is tried often.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from bench.driver import POSTER, Result, measure, progress
from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import CHEF, Server, free_port, start

TARGETS = 50
# POSTs a second, well below what a server takes: none is to wait for others.
_PACE = 300
_NAMES = {"none": "no target", "dead": f"{TARGETS} dead targets"}


def run(*, quick: bool) -> list[Table]:
    rounds, seconds, dead_s = (7, 3.0, 30.0) if quick else (21, 4.0, 75.0)
    paced: dict[str, list[Result]] = defaultdict(list)
    with ExitStack() as open_parts:
        silent = open_parts.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        ports = [free_port(), silent.getsockname()[1]]
        targets = [f"http://127.0.0.1:{ports[n % 2]}/hook-{n}#progress,failed" for n in range(TARGETS)]
        servers = {
            "none": _start(open_parts, {}),
            "dead": _start(open_parts, {"CHEF_NOTIFY": " ".join(targets), "CHEF_HOOK_SECRET": "s" * 32}),
        }
        for server in servers.values():
            measure(server, progress(job=f"job-{POSTER}"), posters=8, seconds=2.0)
        time.sleep(dead_s)

        def once(kind: str) -> None:
            body = progress(job=f"job-{POSTER}")
            paced[kind].append(measure(servers[kind], body, posters=1, seconds=seconds, rate=_PACE))

        alternate(list(servers), rounds, once)
        waiting = _waiting(servers["dead"])
    return [_table(paced), _judged(paced, waiting)]


def _start(open_parts: ExitStack, settings: dict[str, str]) -> Server:
    folder = Path(open_parts.enter_context(tempfile.TemporaryDirectory(prefix="chef-bench-")))
    server = start(CHEF, folder, free_port(), **settings)
    open_parts.callback(server.stop)
    return server


def _waiting(server: Server) -> int:
    """How many notices wait, so that it is certain that the targets are dead and not just idle."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(float(text.partition('chef_notify_waiting{kind="webhook"} ')[2].partition("\n")[0]))


def _table(paced: dict[str, list[Result]]) -> Table:
    table = Table(["server", "p50 ms", "p99 ms", "POSTs per server CPU second"])
    rounds = len(paced["none"])
    table.text = f"{_PACE} POSTs a second of one poster, each a progress update; medians of {rounds} rounds."
    for kind, name in _NAMES.items():
        runs = paced[kind]
        columns = [[one["post_p50"] for one in runs], [one["post_p99"] for one in runs]]
        columns.append([one.posts_per_cpu for one in runs])
        table.rows.append([name, *(number(median(values)) for values in columns)])
    return table


def _judged(paced: dict[str, list[Result]], waiting: int) -> Table:
    table = figures()
    pairs = list(zip(paced["none"], paced["dead"], strict=True))

    def ratio(name: str) -> float:
        return median([dead[name] / none[name] for none, dead in pairs])

    cpu = median([none.posts_per_cpu / dead.posts_per_cpu for none, dead in pairs])
    judge(table, "POST p99 with dead targets, against none", ratio("post_p99"), "< 1.05", " x")
    judge(table, "CPU per stored update, against none", cpu, "< 1.05", " x")
    table.rows.append(["POST p50, against none", number(ratio("post_p50"), " x"), "", ""])
    judge(table, "jobs that wait to be told, one for each target at least", waiting, f">= {TARGETS}")
    return table
