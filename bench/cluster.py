"""Several Chefs on one PostgreSQL behind a real HAProxy, on a machine of two cores.

The Chefs are pinned to the cores in turn. PostgreSQL, HAProxy and the load run where there is room, so what
is compared is CPU time, and what all of it reaches together is what two cores give.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psycopg

from bench.servers import CHEF, DRIVER_CORE, SERVER_CORE, Server, free_port, start
from bench.web import Web
from tests.tools.postgres import Postgres

CORES = (SERVER_CORE, DRIVER_CORE)
_CONFIG = """
global
    maxconn {most}
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    option redispatch
    retries 5
    timeout check 5s
    default-server check inter 500ms fall 2 rise 1
frontend all
    bind 127.0.0.1:{port}
    default_backend chefs
backend chefs
    balance roundrobin
    option httpchk GET /health
{servers}
"""

# All come from the balancer's address.
_ALL_FROM_HERE = {"CHEF_MAX_CONNECTIONS_PER_ADDRESS": "0", "CHEF_RATE_WRITES": "0"}


@dataclass
class Cpu:
    """Seconds of CPU time of each part of the whole."""

    chefs: float
    postgres: float
    haproxy: float

    def since(self, earlier: Cpu) -> Cpu:
        return Cpu(
            self.chefs - earlier.chefs, self.postgres - earlier.postgres, self.haproxy - earlier.haproxy
        )


@dataclass
class Cluster:
    """`with Cluster(count) as cluster`: `port` is HAProxy's, `servers` are the Chefs."""

    count: int
    settings: dict[str, str] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)

    def __enter__(self) -> Cluster:
        os.sched_setaffinity(0, set(CORES))  # PostgreSQL and HAProxy inherit it.
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chef-cluster-")))
            self._postgres = stack.enter_context(Postgres())
            self._url = self._postgres.new_database()
            self._ports = [free_port() for _ in range(self.count)]
            stack.callback(lambda: [server.stop() for server in self.servers])
            for number in range(self.count):
                self.servers.append(self._start(number))
            self.port = free_port()
            self._haproxy = stack.enter_context(self._balance())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def _start(self, number: int) -> Server:
        folder = self.folder / f"chef-{number}"
        folder.mkdir(exist_ok=True)
        server = start(
            CHEF, folder, self._ports[number], DATABASE_URL=self._url, **_ALL_FROM_HERE | self.settings
        )
        os.sched_setaffinity(server.process.pid, {CORES[number % len(CORES)]})
        return server

    def replace(self, number: int) -> int:
        """End one by SIGTERM, as a deploy does, and start another in its place; the exit status."""
        self.servers[number].stop()
        status = self.servers[number].process.returncode
        self.servers[number] = self._start(number)
        return status

    @contextmanager
    def _balance(self) -> Iterator[subprocess.Popen[bytes]]:
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise RuntimeError("haproxy is not installed (Debian: apt-get install haproxy)")
        lines = [f"    server chef{n} 127.0.0.1:{port}" for n, port in enumerate(self._ports)]
        config = self.folder / "haproxy.cfg"
        config.write_text(_CONFIG.format(port=self.port, most=_most_connections(), servers="\n".join(lines)))
        with (self.folder / "haproxy.log").open("wb") as log:
            process = subprocess.Popen([program, "-f", config], stdout=log, stderr=log)
        os.sched_setaffinity(process.pid, set(CORES))
        try:
            self._wait_until_balanced()
            yield process
        finally:
            process.terminate()
            process.wait()

    def _wait_until_balanced(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                Web(self.port).get("/health")
            except OSError:
                time.sleep(0.1)
            else:
                time.sleep(1)  # Until all have been looked at.
                return
        raise RuntimeError((self.folder / "haproxy.log").read_text())

    def stored(self) -> int:
        """Bytes of the database on disk, indexes included."""
        with psycopg.connect(self._url) as connection:
            (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
        return int(size)

    def cpu(self) -> Cpu:
        return Cpu(
            sum(server.cpu() for server in self.servers),
            _cpu_of_family(self._postgres.pid),
            _cpu_of_family(self._haproxy.pid),
        )


def _most_connections() -> int:
    """Of HAProxy, which needs two descriptors for each."""
    return min(30_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 500)


def _cpu_of_family(pid: int) -> float:
    """CPU seconds of a process and its children, those that have ended included."""
    ticks = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It ended meanwhile.
        if int(entry) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
