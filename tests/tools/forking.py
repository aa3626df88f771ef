"""`python app.py` without its second of imports: forked from a process that has made them already.

What runs is `app.py`, as a process of its own with an environment, a folder and an output of its own. Tests
that start some hundred servers take minutes less.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

_ROOT = Path(__file__).resolve().parents[2]
_APP = str(_ROOT / "app.py")
_BYTES = 65536
_PIDS = 8


class Forked:
    """A process that the template forked: what is used here of `subprocess.Popen`.

    `status` is a pipe on which its parent sends its pid and, when it has ended, its status.
    """

    def __init__(self, status: IO[bytes]) -> None:
        self._status = status
        self.pid = int.from_bytes(status.read(_PIDS))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, for so many seconds; `subprocess.TimeoutExpired` if it still runs then."""
        if self.returncode is None:
            ready = select.poll()  # Not `select`, which knows no descriptor above 1,023.
            ready.register(self._status, select.POLLIN)
            if not ready.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("app.py", timeout or 0)
            self.returncode = int.from_bytes(self._status.read(_PIDS), signed=True)
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


def fork_app(folder: Path, environment: dict[str, str], output: IO[bytes]) -> Forked:
    """Run `app.py` in this folder with this environment alone; stdout and stderr go to the output."""
    receiving, sending = os.pipe()
    wanted = json.dumps({"folder": str(folder), "environment": environment}).encode()
    socket.send_fds(_template(), [wanted], [output.fileno(), sending])
    os.close(sending)
    return Forked(os.fdopen(receiving, "rb", buffering=0))


@cache
def _template() -> socket.socket:
    """Start the template; it ends when its requests do."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with theirs:
        command = [sys.executable, "-m", "tests.tools.forking", str(theirs.fileno())]
        process = subprocess.Popen(command, cwd=_ROOT, env=inherited, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _fork_for_each(requests: socket.socket) -> None:
    """The template: returns in a process that has to become the server, and at the end of the requests."""
    from gevent import monkey

    fork = monkey.get_original("os", "fork")  # of gevent's own, a fork would start its loop here
    while True:
        text, descriptors, _, _ = socket.recv_fds(requests, _BYTES, 2)
        if not text:
            sys.exit()
        if fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    requests.close()
    output, status = descriptors
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := fork():
        _report(pid, status)
    os.close(status)
    _move_in(output, **json.loads(text))


def _report(pid: int, status: int) -> NoReturn:
    """Tell the pid of a child and how it ended."""
    os.write(status, pid.to_bytes(_PIDS))
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(status, ended.to_bytes(_PIDS, signed=True))
    os._exit(0)


def _move_in(output: int, folder: str, environment: dict[str, str]) -> None:
    """Give this process what a new one would have been started with."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    if "COVERAGE_PROCESS_CONFIG" in environment:
        _measure()


def _measure() -> None:
    """Count the lines that run. Coverage takes its lock in the event loop's callbacks, too, where
    gevent's may not wait for another thread: so it gets one of the system's.
    """
    import threading

    import coverage
    from gevent import monkey

    patched, threading.Lock = threading.Lock, monkey.get_original("threading", "Lock")
    try:
        coverage.process_startup()
    finally:
        threading.Lock = patched


def _be_app(descriptor: int) -> None:
    requests = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that what has ended is no zombie
    from gevent import monkey

    monkey.patch_all()
    import chef.serve  # noqa: F401 - this is what takes the time

    _fork_for_each(requests)
    sys.argv = [_APP]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _be_app(int(sys.argv[1]))
