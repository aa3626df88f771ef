"""`python -m bench.recording KIND COUNT`: run a real build many times and keep how long its phases took.

The runs of a kind stand in bench/recorded/KIND.json, oldest first: `at` (ms since 1970) and its `phases` with
their ms, the longest time between two lines of output, and the percents that the tool said, with their times.
Each run is a build of this project's own checkout in a folder that goes away; caches are there or not by lot.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.servers import ROOT

RECORDED = Path(__file__).parent / "recorded"
BIN = ROOT / ".venv" / "bin"
_PERCENT = re.compile(rb"\[ *(\d+)%\]")
# In so many of ten runs a cache is there.
_WARM = 7

Phase = tuple[str, Sequence[str]]


def main() -> None:
    kind, count = sys.argv[1], int(sys.argv[2])
    path = RECORDED / f"{kind}.json"
    RECORDED.mkdir(exist_ok=True)
    for _ in range(count):
        runs = json.loads(path.read_text()) if path.exists() else []
        with tempfile.TemporaryDirectory(prefix="chef-recording-") as place:
            runs.append({"at": time.time_ns() // 1_000_000, "phases": _run(KINDS[kind](), place)})
        path.write_text("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")


def _run(phases: Sequence[Phase], place: str) -> list[dict[str, Any]]:
    return [{"phase": name} | _timed(command, place) for name, command in phases]


def _timed(command: Sequence[str], place: str) -> dict[str, Any]:
    """A command's time, its longest silence and its percents."""
    begin = last = time.monotonic()
    pause, percents = 0.0, []
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    ) as process:
        for piece in iter(lambda: os.read(process.stdout.fileno(), 65536), b""):
            now = time.monotonic()
            pause, last = max(pause, now - last), now
            percents += [[_ms(now - begin), int(found)] for found in _PERCENT.findall(piece)[-1:]]
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    end = time.monotonic()
    return {"ms": _ms(end - begin), "pause": _ms(max(pause, end - last))} | (
        {"percents": percents} if percents else {}
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def _is_warm() -> bool:
    return random.randrange(10) < _WARM


def _python() -> list[Phase]:
    cache = os.path.join(tempfile.gettempdir(), "chef-recording-mypy") if _is_warm() else "cold"
    return [
        ("preparing", ["git", "clone", "-q", "--no-hardlinks", str(ROOT), "."]),
        ("installing", [str(BIN / "python"), "-m", "venv", "--without-pip", "environment"]),
        ("building", [str(BIN / "mypy"), "--cache-dir", cache, "chef/errors.py", "chef/domain/forecast"]),
        ("testing", [str(BIN / "pytest"), "-q", "-p", "no:cacheprovider", *_TESTS]),
        ("completed", ["tar", "czf", "build.tar.gz", "chef", "static", "tests"]),
    ]


_TESTS = [f"tests/test_{name}.py" for name in ("rules", "masking", "ledger", "strict_json", "echo")]


def _browser() -> list[Phase]:
    phases: list[Phase] = [
        ("preparing", ["git", "clone", "-q", "--no-hardlinks", str(ROOT), "."]),
        ("installing", ["npm", "ci", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"]),
        ("lint", ["npm", "run", "-s", "lint"]),
        ("building", ["npm", "run", "-s", "types"]),
    ]
    # Most runs do not ship.
    return phases if _is_warm() else [*phases, ("completed", ["tar", "czf", "build.tgz", "node_modules"])]


def _native() -> list[Phase]:
    """One phase, no progress: as a script does that reports its output only."""
    compiling = "for n in 1 2 3 4; do gcc -O2 -DN=$n -c -o $n.o bench/driver.c || exit; echo $n; done"
    script = f'git clone -q --no-hardlinks "$0" . && {compiling}'
    return [("building", ["sh", "-c", script, str(ROOT)])]


KINDS = {"python": _python, "browser": _browser, "native": _native}


if __name__ == "__main__":
    main()
