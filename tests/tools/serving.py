"""Serve Chef as a user does: `python app.py` in a process of its own, on a free port."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests

from tests.tools.forking import Forked, fork_app

ROOT = Path(__file__).resolve().parents[2]
APP = (str(ROOT / "app.py"),)
_START_S = 60
# With it in its environment a Python process takes part in `pytest --cov`; there only where that runs.
_COVERAGE = "COVERAGE_PROCESS_CONFIG"


@dataclass
class Served:
    """A running server. `url` is where it is, `output` the file with what it wrote."""

    process: subprocess.Popen[bytes] | Forked
    port: int
    output: Path
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=30, **options)

    def update(self, *updates: dict[str, Any]) -> dict[str, Any]:
        """Post updates and return the answer; anything but 200 fails the test."""
        response = self.post("/api/updates", json=list(updates))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


class Serving(Protocol):
    """`serving` below, as the fixture of its name gives it. A test that asks for that starts processes."""

    def __call__(
        self, folder: Path, environment: dict[str, str], program: tuple[str, ...] = ()
    ) -> AbstractContextManager[Served]: ...


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection takes while its server is down."""
    while True:
        port = random.randrange(20000, 32000)  # Linux gives 32768 and above to outgoing connections.
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def measured() -> dict[str, str]:
    """The environment of a server whose lines count as covered: it is slower, so not for what is timed."""
    return {_COVERAGE: os.environ[_COVERAGE]} if _COVERAGE in os.environ else {}


def serve(folder: Path, environment: dict[str, str], program: tuple[str, ...] = ()) -> Served:
    """Start the server with a database in `folder` (unless told otherwise) and wait until it answers.

    It is `app.py`, forked from a process that has imported it, or another program, started by Python.
    """
    port = int(environment.get("PORT", "0")) or free_port()
    output = folder / f"server-{port}.log"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {"PORT": str(port), "HOST": "127.0.0.1", "DATABASE_URL": f"sqlite:///{folder / 'chef.db'}"}
    environment = inherited | settings | environment | {"PORT": str(port), "PYTHONPATH": str(ROOT)}
    process: subprocess.Popen[bytes] | Forked
    with output.open("ab") as log:
        if program:
            command = [sys.executable, *program]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        else:
            process = fork_app(folder, environment, log)
    served = Served(process, port, output)
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, output.read_text()
        try:
            served.get("/health")
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return served
    raise AssertionError(f"the server does not answer: {output.read_text()}")


@contextmanager
def serving(folder: Path, environment: dict[str, str], program: tuple[str, ...] = ()) -> Iterator[Served]:
    """`serve`, and stop it at the end, however that comes."""
    served = serve(folder, environment, program)
    try:
        yield served
    finally:
        served.stop()
