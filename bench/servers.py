"""Servers under measurement: started on one core, with what the kernel knows about them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
SERVER_CORE = 0
DRIVER_CORE = 1 if (os.cpu_count() or 1) > 1 else 0
_START_S = 30

CHEF = "Chef"
EARLIER = "Chef, an earlier commit"
"""Measured where `BENCH_EARLIER` names a checkout of it."""
SOAKED = "Chef, retention every ten seconds"
HELLO = "Flask hello world, Chef's handler"
STOCK_HELLO = "Flask hello world, stock pywsgi + TCP_NODELAY"
STOCK = "stock Flask-SocketIO"
STOCK_NODELAY = "stock Flask-SocketIO + TCP_NODELAY"
NODE = "Node socket.io + bufferutil"
BUN = "Bun socket.io + bun-engine"
FLOOR = "C epoll loop, one send per message"


# Variables that are set for a peer besides.
_SWITCHES = {STOCK_NODELAY: {"NODELAY": "1"}, STOCK_HELLO: {"STOCK": "1"}}


@dataclass
class Server:
    """A running server; `folder` holds its database and what it wrote."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def cpu(self) -> float:
        """Seconds of CPU time so far, user and system, of all its threads.

        To the nanosecond, unlike /proc/PID/stat, whose hundredths are too coarse for a run of a few seconds.
        Source: Linux, include/linux/posix-timers_types.h, how a process's clock is named (CPUCLOCK_SCHED).
        """
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self) -> int:
        """Resident bytes."""
        return int(self._proc("statm").split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self) -> int:
        """How many descriptors it holds open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connections(self) -> int:
        """How many sockets it holds open, its listener included."""
        count = 0
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            # What is closed meanwhile is none.
            with suppress(FileNotFoundError):
                count += os.readlink(f"/proc/{self.process.pid}/fd/{name}").startswith("socket:")
        return count

    def holds(self, peers: Collection[int]) -> int:
        """How many connections to these ports of others it holds a descriptor of."""
        open_now = set()
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with suppress(FileNotFoundError):
                open_now.add(os.readlink(f"/proc/{self.process.pid}/fd/{name}"))
        rows = [line.split() for line in self._proc("net/tcp").splitlines()[1:]]
        return sum(
            int(row[2].split(":")[1], 16) in peers and f"socket:[{row[9]}]" in open_now for row in rows
        )

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def compile_c(source: Path, folder: Path) -> Path:
    """Compile one file; the program stands in `folder`."""
    program = folder / source.stem
    if not program.exists():
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)
    return program


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@cache
def _bun() -> Path:
    """A folder with Bun and its Socket.IO, as pinned; installed when first needed."""
    folder = ROOT / "build" / "bun"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(PEERS / "bun" / name, folder)
    # Of what these packages name as peers nothing is needed, and none of their install scripts.
    command = ["npm", "ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def _command(name: str, folder: Path) -> Sequence[str | Path]:
    if name == FLOOR:
        return [compile_c(PEERS / "floor.c", folder)]
    if name == NODE:
        return ["node", PEERS / "node_socketio.js"]
    if name == BUN:
        # The first that runs here: of some systems there are several builds.
        return [next(_bun().glob("node_modules/@oven/bun-*/bin/bun")), _bun() / "server.js"]
    hello = PEERS / "hello.py"
    programs = {CHEF: ROOT / "app.py", EARLIER: earlier() / "app.py", HELLO: hello, STOCK_HELLO: hello}
    programs[SOAKED] = PEERS / "soaked.py"
    return [sys.executable, programs.get(name, PEERS / "stock.py")]


def earlier() -> Path:
    """The checkout of an earlier commit; this one where none is named."""
    return Path(os.environ.get("BENCH_EARLIER", ROOT))


def chefs() -> list[str]:
    """The builds of Chef that are compared."""
    return [CHEF, EARLIER] if "BENCH_EARLIER" in os.environ else [CHEF]


@contextmanager
def serve(name: str, **settings: str) -> Iterator[Server]:
    """Serve one of the names above as its users do, pinned to a core, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        folder = Path(place)
        server = start(name, folder, free_port(), **settings)
        try:
            yield server
        finally:
            server.stop()


def start(name: str, folder: Path, port: int, **settings: str) -> Server:
    """The same in a given folder; the caller stops it."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    # The peers in Python import from the checkout, Node's from its node_modules.
    own = {"PORT": str(port), "HOST": "127.0.0.1", "DATABASE_URL": f"sqlite:///{folder / 'chef.db'}"}
    own |= {"PYTHONPATH": str(earlier() if name == EARLIER else ROOT)} | _SWITCHES.get(name, {})
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            _command(name, folder), cwd=folder, env=kept | own | settings, stdout=output, stderr=output
        )
    os.sched_setaffinity(process.pid, {SERVER_CORE})
    server = Server(name, process, port, folder)
    _wait_until_up(server)
    return server


def _wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(0.3)
            return
    server.process.kill()
    raise RuntimeError(f"{server.name} does not start:\n{server.output()}")
