"""The load driver in C (driver.c): compiled when first needed, one process per run."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.servers import DRIVER_CORE, Server, compile_c

MARK = "@" + "0" * 19 + "@"
"""Where the driver writes the time into a message."""
JOB = "bench"
POSTER = "######"
"""Where the driver writes a poster's number into a body."""
_FOLDER = tempfile.TemporaryDirectory(prefix="chef-driver-")


@cache
def program() -> Path:
    return compile_c(Path(__file__).with_name("driver.c"), Path(_FOLDER.name))


def progress(job: str = JOB, size: int = 0) -> bytes:
    """An update whose event is about 220 bytes long, or its message `size` bytes."""
    message = f"compiling {MARK} src/main.c".ljust(size, ".")
    update = {"type": "progress", "jobId": job, "projectId": "bench", "phase": "building", "progress": 50}
    return json.dumps(update | {"status": "building", "message": message}).encode()


def log_lines(count: int, job: str = JOB) -> bytes:
    """One update with `count` log lines."""
    line = f"{MARK} cc -O2 -Wall -c -o build/main.o src/main.c"
    update = {"type": "log", "jobId": job, "projectId": "bench", "message": "\n".join([line] * count)}
    return json.dumps(update).encode()


@dataclass
class Result:
    """The outcome of a run: the driver's figures (times in ms) and the server's CPU seconds and bytes."""

    figures: dict[str, Any]
    cpu: float
    connect_cpu: float
    memory_per_viewer: float

    def __getitem__(self, name: str) -> float:
        return float(self.figures[name])

    @property
    def posts_per_cpu(self) -> float:
        return self["posts"] / max(self.cpu, 0.01)

    @property
    def messages_per_cpu(self) -> float:
        return self["messages"] / max(self.cpu, 0.01)

    @property
    def complete(self) -> bool:
        return self["messages"] == self["expected"] and not self["errors"]


class Driver:
    """A driver whose viewers have subscribed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def go(self) -> dict[str, Any]:
        """Post, wait for the end, return the figures."""
        self.begin()
        return self.result()

    def begin(self) -> None:
        self._say("go")

    def end(self) -> None:
        """Stop posting before the time is up."""
        self._say("end")

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver ended with status {self._process.wait()}")
        figures: dict[str, Any] = json.loads(line)
        return figures


@contextmanager
def drive(port: int, body: bytes = b"", **options: object) -> Iterator[Driver]:
    """Start a driver and wait until its viewers have subscribed."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        process = subprocess.Popen(
            [program(), "--port", str(port), "--body", file.name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(process.pid, {DRIVER_CORE})
        driver = Driver(process)
        try:
            driver.result()  # {"ready": N}
            yield driver
        finally:
            process.communicate(timeout=60)


def measure(server: Server, body: bytes, viewers: int = 0, **options: object) -> Result:
    """One run against a server: connect the viewers, post, wait until all has arrived."""
    before, memory = server.cpu(), server.memory()
    with drive(server.port, body, viewers=viewers, **options) as driver:
        connected = server.cpu()
        grown = server.memory() - memory
        figures = driver.go()
        used = server.cpu() - connected
    return Result(figures, used, connected - before, grown / max(viewers, 1))
