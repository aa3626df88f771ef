"""A note from one command to another of the same job on the same machine: streams and phase so far.

A help and never needed: where the file cannot be read or written, nothing is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from typing import Any

from chef.reporter.output.lines import StreamTotals

_MAX_BYTES = 64 * 1024
# An older note is of another job that had the same id.
_MAX_AGE_S = 24 * 60 * 60


class Memory:
    """A small file for one job of one server, which only this user can read."""

    def __init__(self, url: str, job: str) -> None:
        self._folder = self._path = ""
        user = os.getuid() if hasattr(os, "getuid") else 0
        try:
            self._folder = os.path.join(tempfile.gettempdir(), "chef-%d" % user)
        except OSError:
            return  # No folder can be written to: no file has an empty name, so nothing is remembered.
        name = hashlib.sha256(("%s %s" % (url, job)).encode()).hexdigest()[:32]
        self._path = os.path.join(self._folder, name + ".json")

    def tallies(self) -> dict[str, StreamTotals]:
        """The sums of the streams so far."""
        try:
            return {name: StreamTotals(*map(int, state)) for name, state in self._read()["streams"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def keep(self, tallies: dict[str, StreamTotals]) -> None:
        """Remember this for the next command."""
        streams = {name: tally.state() for name, tally in tallies.items()}
        self._write({**self._known(), "streams": streams})

    def tell_phase(self, phase: str) -> None:
        """Tell the `chef run` around this command that the build is in another phase."""
        self._write({**self._known(), "phase": "%s %d" % (phase, time.time_ns())})

    def told_phase(self) -> str | None:
        """The phase that a command within has told last, and when; None where none has."""
        told = self._known().get("phase")
        return told if isinstance(told, str) else None

    def keep_stop(self, by: str) -> None:
        """A step was ended at somebody's request: the end of the job says so."""
        self._write({**self._known(), "stop": by})

    def stopped_by(self) -> str | None:
        """Who asked to stop, where a step was ended for it."""
        by = self._known().get("stop")
        return by if isinstance(by, str) else None

    def _known(self) -> dict[str, Any]:
        try:
            known = self._read()
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self, known: dict[str, Any]) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not self._is_ours():
                return
            fd, path = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(fd, "w") as file:
                json.dump(known, file)
            os.replace(path, self._path)
        except OSError:
            pass

    def forget(self) -> None:
        """The job has ended."""
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def _read(self) -> Any:
        if not self._is_ours() or time.time() - os.stat(self._path).st_mtime > _MAX_AGE_S:
            return {}
        with open(self._path, encoding="utf-8") as file:
            return json.loads(file.read(_MAX_BYTES))

    def _is_ours(self) -> bool:
        """Whether nobody else could have put something into the folder."""
        if not hasattr(os, "getuid"):
            return True
        found = os.lstat(self._folder)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
