"""`pytest --quick`: the tests that `make check` runs, without collecting files that hold none of them.

Which those are is known from the last collection. A file that has changed since is collected again, and all
are when something has changed that may mark tests: the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

NOT_QUICK = ("slow", "real", "whole")
EXPRESSION = " and ".join(f"not {mark}" for mark in NOT_QUICK)
_TESTS = Path(__file__).resolve().parents[1]
_KEY = "chef/files-without-quick-tests"

Plan = dict[str, int]
"""The files without quick tests: path, and when it was changed, ns."""


def read_plan(config: pytest.Config) -> Plan:
    """What is known from the last collection, if it still holds."""
    cache = getattr(config, "cache", None)  # a run may be without it
    known = cache.get(_KEY, {}) if cache else {}
    return known.get("files", {}) if known.get("fixtures") == _fixtures_changed_at() else {}


def is_left_out(plan: Plan, path: Path) -> bool:
    """Whether the file is known to hold no quick test."""
    return plan.get(str(path)) == path.stat().st_mtime_ns


def keep_plan(config: pytest.Config, plan: Plan, items: Iterable[pytest.Item]) -> None:
    """Remember which files hold no quick test: those that were left out, and those among the items."""
    marked: dict[Path, bool] = {}
    for item in items:
        is_quick = not any(item.get_closest_marker(mark) for mark in NOT_QUICK)
        marked[item.path] = marked.get(item.path, False) or is_quick
    seen = {str(path): path.stat().st_mtime_ns for path, has_quick in marked.items() if not has_quick}
    left_out = {path: at for path, at in plan.items() if Path(path) not in marked}
    if cache := getattr(config, "cache", None):
        cache.set(_KEY, {"fixtures": _fixtures_changed_at(), "files": left_out | seen})


def _fixtures_changed_at() -> int:
    files = [_TESTS / "conftest.py", *(_TESTS / "tools").glob("*.py")]
    return max(file.stat().st_mtime_ns for file in files)
