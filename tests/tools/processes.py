"""Which processes a test starts, by the audit events that Python raises for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

# Quick enough for any test; a run has one Node.
_QUICK = {"git", "make", "node"}
_watching: list[list[str]] = []


@contextmanager
def watched_processes() -> Iterator[list[str]]:
    """The names of the programs that are started meanwhile, but for the quick ones."""
    _install()
    started: list[str] = []
    _watching.append(started)
    try:
        yield started
    finally:
        _watching.remove(started)


@cache
def _install() -> None:
    """An audit hook stays for good."""
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and _watching and Path(arguments[0]).name not in _QUICK:
        _watching[-1].append(Path(arguments[0]).name)
