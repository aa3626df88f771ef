"""Tables for the terminal and for docs/performance.md, where each stands between two markers."""

from __future__ import annotations

import json
import operator
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.servers import PEERS, ROOT

PAGE = ROOT / "docs" / "performance.md"


@dataclass
class Table:
    """Rows of text below a header; `text` stands above it."""

    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    text: str = ""

    def markdown(self) -> str:
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{self.text}\n\n{table}".strip()


def figures() -> Table:
    """A table of measured values against their bounds; `judge` adds to it."""
    return Table(["what", "measured", "must be", ""])


def judge(table: Table, what: str, measured: float, must: str, unit: str = "") -> None:
    """Add a figure and whether it keeps its bound: `must` is like `< 100` or `>= 0.6`."""
    sign, bound = must.split()
    compare = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "=": operator.eq}[sign]
    kept = compare(measured, float(bound))
    table.rows.append([what, number(measured, unit), f"{must}{unit}", "ok" if kept else "**MISSED**"])


def number(value: float, unit: str = "") -> str:
    """A value with as many digits as can be meant."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}{unit}"
    return f"{value:.3g}{unit}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def alternate(names: Sequence[str], rounds: int, run: Callable[[str], None]) -> None:
    """Run each of `names` once per round, so that what disturbs the machine disturbs all alike."""
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            run(name)


def about_this_run(command: str) -> str:
    """When, where and with what the figures were taken."""
    names = ("flask", "flask-socketio", "python-socketio", "python-engineio", "gevent", "sqlalchemy")
    parts = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)]
    parts += [f"Node {_output('node', '--version')}", *(f"{n} {_node_version(n)}" for n in _NODE)]
    parts += [f"{name} {pinned}" for name, pinned in _bun_versions() if name != "socket.io"]
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"commit {_output('git', 'rev-parse', '--short', 'HEAD')}; "
        f"{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, "
        f"load {os.getloadavg()[0]:.1f} at the end; {', '.join(parts)}."
    )


_NODE = ("socket.io", "bufferutil", "socket.io-client")


def _node_version(name: str) -> str:
    manifest = ROOT / "node_modules" / name / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.exists() else "missing"


def _bun_versions() -> Iterable[tuple[str, str]]:
    manifest: dict[str, dict[str, str]] = json.loads((PEERS / "bun" / "package.json").read_text())
    return manifest["dependencies"].items()


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else platform.machine()


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def show(name: str, tables: Sequence[Table], command: str, *, write: bool) -> None:
    """Print a benchmark's tables and put them into the page."""
    text = "\n\n".join([*(table.markdown() for table in tables), about_this_run(command)])
    sys.stdout.write(f"\n## {name}\n\n{text}\n")
    if write:
        begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
        before, _, rest = PAGE.read_text().partition(begin)
        after = rest.partition(end)[2]
        PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
