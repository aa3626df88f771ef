"""Whether SQLite's files are still those that were opened, at the place where the next start looks for them.

SQLite goes on with files that were removed or exchanged under it, and reports success; nobody finds again
what it wrote ("How To Corrupt An SQLite Database File", section 4.1). So each transaction looks before it
begins, and one that writes also before anybody is told that it is on disk.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from typing import Protocol

from sqlalchemy import make_url

from chef.store.faults import refusal

log = logging.getLogger(__name__)

MOVED = "the database file was removed or exchanged"
_ENDINGS = ("", "-wal", "-shm")
# A folder's time of change counts in steps: of two changes in one step the second would not be seen.
_STEP_S = 2.0

_Identity = tuple[int, int]


class FileCheck(Protocol):
    """Raises StoreUnavailable where the database's files are not there."""

    def __call__(self, *, reading: bool) -> None: ...


class DatabaseFile:
    """The files of one SQLite database.

    A connection is kept open: so nobody removes the log beside the file in good order, and its identity
    stays. When the same files are put back, all goes on; with others a server has to start again.
    """

    def __init__(self, url: str) -> None:
        """The files of `sqlite:///…`, which are there."""
        self._path = os.path.abspath(make_url(url).database or "")
        self._real = os.path.realpath(self._path)
        # Behind a symbolic link more than one folder may change.
        self._folder = os.path.dirname(self._real) if self._real == self._path else None
        self._held = sqlite3.connect(self._path, check_same_thread=False)
        self._held.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        self._opened = self._identities()
        self._settled: tuple[int, int, int] | None = None
        self._is_gone = False

    def check(self, *, reading: bool) -> None:
        """Raise StoreUnavailable where a file is not the one that was opened. Any thread may call it.

        Mostly this is one look at the folder, which changes with each file that comes, goes or is renamed.
        """
        if self._settled is not None and self._folder is not None:
            folder = _state(self._folder)
            if folder == self._settled:
                return
        self._look_closely(reading)

    def _look_closely(self, reading: bool) -> None:
        now = time.time()
        folder = None if self._folder is None else _state(self._folder)
        if self._identities() != self._opened:
            self._settled = None
            self._tell_gone()
            raise refusal(MOVED, reading=reading)
        self._tell_back()
        is_old = folder is not None and now - folder[2] / 1e9 > _STEP_S
        self._settled = folder if is_old else None

    def _identities(self) -> list[_Identity | None]:
        """Of the file where it is looked for, and of those that SQLite keeps beside it."""
        return [_identity(self._path), *(_identity(self._real + ending) for ending in _ENDINGS[1:])]

    def _tell_gone(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            name = self._path
            log.error("%s: %s. It goes on when the same file is put back, or after a new start.", name, MOVED)

    def _tell_back(self) -> None:
        if self._is_gone:
            self._is_gone = False
            log.warning("%s: the database file is back", self._path)

    def close(self) -> None:
        """Let go of the files."""
        self._held.close()


def read_only(url: str) -> str | None:
    """A sentence where `sqlite:///…` names a file that cannot be written, or whose folder cannot.

    SQLite keeps two more files beside it.
    """
    if not url.startswith("sqlite"):
        return None
    path = os.path.abspath(make_url(url).database or "")
    for place in (path, os.path.dirname(path)):
        if os.path.exists(place) and not os.access(place, os.W_OK):
            return f"the database {path} is read-only: {place} cannot be written"
    return None


def _state(folder: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
