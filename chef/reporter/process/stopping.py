"""Ends a build that is asked to stop: SIGTERM for all of it, and after some time SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Callable, NamedTuple

_GROUP_LOOK_S = 0.05
_PS_PATIENCE_S = 2.0


class BuildStop:
    """The end of a command and of its children, on request. Times are seconds of `time.monotonic()`.

    `group` is the process group of the command, None where it shares ours, as one that is started in a
    terminal may: then its children are looked up. `after` is how long SIGTERM is given.
    """

    def __init__(self, pid: int, group: int | None, after: float) -> None:
        self._pid = pid
        self._group = group
        self._family: set[tuple[int, str]] = set()
        self._kill_at = time.monotonic() + after
        self._was_killed = False

    def terminate(self) -> None:
        """Ask all of them to end."""
        self._send(signal.SIGTERM)
        # What is stopped (SIGSTOP) can take no SIGTERM before it goes on.
        self._send(signal.SIGCONT)

    def look(self) -> float | None:
        """Kill them where the time is over; returns in how many seconds to look again."""
        left = self._kill_at - time.monotonic()
        if left > 0:
            return left
        if not self._was_killed:
            self._was_killed = True
            self._send(signal.SIGKILL)
        return None

    def outlast(self, tick: Callable[[], None]) -> None:
        """The command has ended: give those that it left behind the rest of the time."""
        while self._is_alive() and self.look() is not None:
            tick()
            time.sleep(_GROUP_LOOK_S)

    def _send(self, number: int) -> None:
        if self._group is not None:
            _send_to(os.killpg, self._group, number)
            return
        running = listed_processes()
        below = _below(self._pid, running)
        self._family |= {(one.pid, one.started) for one in running if one.pid in below}
        for one in running:
            # A number that is another process's by now is left alone.
            if (one.pid, one.started) in self._family:
                _send_to(os.kill, one.pid, number)
        if not running:
            _send_to(os.kill, self._pid, number)

    def _is_alive(self) -> bool:
        """Whether any process is left in the command's own group; in ours there are always some."""
        return self._group is not None and _send_to(os.killpg, self._group, 0)


class ListedProcess(NamedTuple):
    """A process with its parent and when it was started."""

    pid: int
    parent: int
    started: str


def listed_processes() -> list[ListedProcess]:
    """All processes as `ps` (POSIX) lists them; none where it cannot be asked."""
    command = ["ps", "-A", "-o", "pid=,ppid=,lstart="]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=_PS_PATIENCE_S
        )
    except (OSError, subprocess.SubprocessError):
        return []
    words = [line.split(None, 2) for line in done.stdout.decode("utf-8", "replace").splitlines()]
    return [
        ListedProcess(int(pid), int(parent), started)
        for pid, parent, started in (found for found in words if len(found) == 3)
        if pid.isdigit() and parent.isdigit()
    ]


def _below(pid: int, running: list[ListedProcess]) -> set[int]:
    """A process and all that it has started, as far as they are still its children."""
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {one.pid for one in running if one.parent in found}
    return found


def _send_to(send: Callable[[int, int], None], target: int, number: int) -> bool:
    try:
        send(target, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
