"""How a command ended, and how to end like it."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import NamedTuple


class Ended(NamedTuple):
    """How a command ended: its exit status as shells tell it, and the signal that ended it.

    `failure`: why it could not be started at all. `was_stopped`: somebody had sent us a signal to end it.
    `stopped_by`: who had asked on the server that it stops, before it ended.
    """

    status: int
    signal: int | None = None
    failure: str | None = None
    was_stopped: bool = False
    stopped_by: str | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled, and did not fail by itself.

        A command that ends well has completed, unless it was asked on the server to stop: many a server takes
        SIGTERM for a good end.
        """
        if self.stopped_by is not None:
            return True
        return self.status in CANCELLED_STATUSES or (self.was_stopped and self.status != 0)


def ended_with(returncode: int) -> Ended:
    """The end that `subprocess` tells as a negative number where it was a signal."""
    return Ended(returncode) if returncode >= 0 else Ended(128 - returncode, signal=-returncode)


# Exit statuses of a shell whose command was ended by SIGINT or by SIGTERM.
CANCELLED_STATUSES = (128 + 2, 128 + 15)


def cannot_start(name: str, error: OSError) -> Ended:
    """The words and the exit status of a shell where a command cannot be run."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Ended(127, failure="%s: command not found" % name)
    return Ended(126, failure="%s: %s" % (name, error.strerror or error))


def outcome_text(name: str, ended: Ended) -> str:
    """How the command ended, for people."""
    if ended.failure:
        return ended.failure
    if ended.stopped_by is not None:
        own = outcome_text(name, ended._replace(stopped_by=None))
        return "stopped at the request of %s: %s" % (ended.stopped_by, own)
    name = os.path.basename(name)
    if ended.signal is None:
        return "%s ended with exit status %d" % (name, ended.status)
    try:
        return "%s was ended by %s" % (name, signal.Signals(ended.signal).name)
    except ValueError:
        return "%s was ended by signal %d" % (name, ended.signal)


def end_like(ended: Ended) -> int:
    """End as the command did, by the same signal where it was one; else the exit status is returned."""
    if ended.signal is None:
        return ended.status
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        import resource

        # The command has left its core already, if it should.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if ended.signal != signal.SIGKILL:
            signal.signal(ended.signal, signal.SIG_DFL)
        os.kill(os.getpid(), ended.signal)
    except (ImportError, OSError, ValueError):
        pass
    return ended.status
