"""Sessions of real tools: the percent that is read rises to the end, and is a word of the tool each time.

`tests/recordings/progress/` holds what each tool wrote, compressed; `table.json` there says which tool, which
version and how it was run, and the percents that are read, each higher than those before. `others` are those
of the recordings that are kept for other tests. One without percents has none that mean the whole work.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from chef.reporter.output.progress.finder import ProgressFinder
from chef.reporter.output.progress.reading import Reading
from tests.tools.reporting import Machine, stored
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]

RECORDINGS = Path(__file__).parent / "recordings"
TABLE: dict[str, Any] = json.loads((RECORDINGS / "progress" / "table.json").read_text("utf-8"))
BY_NAME = {f"progress/{one['name']}": one for one in TABLE["recordings"]}
PERCENTS: dict[str, list[float]] = TABLE["others"] | {name: one["percents"] for name, one in BY_NAME.items()}
WITH_PROGRESS = sorted(name for name, percents in PERCENTS.items() if percents)
LOGS = [
    f"{path.parent.name}/{path.name.removesuffix('.gz').removesuffix('.log')}"
    for room in ("progress", "terminal", "errors")
    for path in sorted((RECORDINGS / room).glob("*.log*"))
]
WITHOUT = sorted(set(LOGS) - set(WITH_PROGRESS))
# What the log ends with before the tool has said that all is done.
ENDS_BELOW_100 = {
    *("terminal/apt", "progress/apt-terminal"),  # dpkg's bar is removed before it is full
    *("terminal/7zip", "terminal/7zip-pipe"),
    *("terminal/cargo", "progress/cargo-terminal"),  # the count is of those that are done when one begins
    *("progress/bazel", "progress/gradle-terminal", "terminal/zig"),
    *("progress/lit-bar-terminal", "progress/stryker", "progress/webpackbar-terminal"),
    *("errors/cargo-build-failed-terminal", "errors/cmake-failed"),  # they failed there
}
# Of several rows: of all rows of the kind so far, so that no single row has the number.
COUNTED = (
    *("playwright-list", "mocha", "progress/nx", "buildah-stages", "buildkit"),
    *("composer", "poetry", "docker-pull", "docker-push", "podman", "lerna"),
)
SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\(B")


def bytes_of(name: str) -> bytes:
    packed = RECORDINGS / f"{name}.log.gz"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else packed.with_suffix("").read_bytes()


def rising(readings: list[Reading]) -> list[float]:
    """The percents that are higher than all before them."""
    found: list[float] = []
    for reading in readings:
        if not found or reading.percent > found[-1]:
            found.append(reading.percent)
    return found


def tenths(done: float, total: float) -> float:
    return math.floor(1000 * done / total + 1e-6) / 10


def words(text: bytes) -> set[float]:
    """All numbers in a text that could be a tool's word about its progress."""
    plain = SEQUENCE.sub(b"", text)
    found = {float(percent) for percent in re.findall(rb"(\d{1,3}(?:\.\d+)?) ?%", plain)}
    found |= {float(percent) for percent in re.findall(rb"\x1b\]9;4;\d;(\d+)", plain)}
    pairs = re.findall(rb"([\d,]+) ?(?:/|of) ?([\d,]+)", plain)
    pairs += re.findall(rb"(\d+) successful, (\d+) total", plain)
    pairs += [(done, total) for total, done in re.findall(rb"resolved (\d+), .*added (\d+)", plain)]
    counts = [
        (int(done.replace(b",", b"") or 0), int(total.replace(b",", b"") or 0)) for done, total in pairs
    ]
    counts += [
        (int(total) - int(left), int(total)) for left, total in re.findall(rb"to-chk=(\d+)/(\d+)", plain)
    ]
    for results, total in re.findall(rb"Test Files +([^(\n]*)\((\d+)\)", plain):
        counts.append((sum(map(int, re.findall(rb"(\d+) [a-z]", results))), int(total)))
    found |= {tenths(done, total) for done, total in counts if total}
    is_done = re.search(rb"Test Suites:.*\d total|, done\s", plain)
    return found | ({100.0} if is_done else set())


def test_every_recording_is_in_the_table_small_and_of_no_one_machine() -> None:
    files = {path.name.removesuffix(".log.gz") for path in (RECORDINGS / "progress").glob("*.log.gz")}
    assert files == {one["name"] for one in TABLE["recordings"]}
    assert [name for name in TABLE["others"] if not (RECORDINGS / f"{name}.log").exists()] == []
    sizes = {name: (RECORDINGS / f"{name}.log.gz").stat().st_size for name in BY_NAME}
    assert {name: size for name, size in sizes.items() if size > 4000} == {}
    machine = re.compile(rb"(?<![\w./-])/(?:tmp|home|root|opt)/|https?://(?!mirror\.example|github\.com)")
    assert [name for name in BY_NAME if machine.search(bytes_of(name))] == []


def test_there_are_many_tools_and_many_logs_without_progress() -> None:
    tools = {one["tool"] for one in TABLE["recordings"] if one["percents"]}
    assert len(tools) >= 20
    assert {one["output"] for one in TABLE["recordings"] if one["percents"]} == {"pipe", "terminal"}
    assert len(WITHOUT) >= 50


def test_readers_are_told_of_every_recording() -> None:
    document = (RECORDINGS.parents[1] / "docs" / "compatibility.md").read_text("utf-8")
    assert [one["name"] for one in TABLE["recordings"] if f"`{one['name']}`" not in document] == []


@pytest.mark.parametrize("size", [None, 4096, 997, 61], ids=["whole", "4096", "997", "61"])
@pytest.mark.parametrize("name", WITH_PROGRESS)
def test_the_percent_rises_to_the_end_however_the_output_comes(name: str, size: int | None) -> None:
    output, finder = bytes_of(name), ProgressFinder()
    readings: list[Reading] = []
    for start in range(0, len(output), size or len(output)):
        readings += finder.feed(output[start : start + (size or len(output))])
    assert rising([*readings, *finder.settle()]) == PERCENTS[name]
    assert (PERCENTS[name][-1] < 100) == (name in ENDS_BELOW_100)


@pytest.mark.parametrize("name", [name for name in WITH_PROGRESS if not any(one in name for one in COUNTED)])
def test_it_is_no_more_than_the_tool_says_at_that_moment(name: str) -> None:
    output, finder, size = bytes_of(name), ProgressFinder(), 61
    for end in range(size, len(output) + size, size):
        readings = [*finder.feed(output[end - size : end]), *finder.look()]
        said = words(output[max(0, end - 3000) : end])
        assert {reading.percent for reading in readings} - said == set()


@pytest.mark.parametrize("name", WITHOUT)
def test_a_log_without_progress_has_none(name: str) -> None:
    finder = ProgressFinder()
    assert [*finder.feed(bytes_of(name)), *finder.look(), *finder.settle()] == []


REPLAY = """
import gzip, sys, time
output = gzip.open(sys.argv[1]).read()
size = max(64, len(output) // 40)
for start in range(0, len(output), size):
    sys.stdout.buffer.write(output[start : start + size])
    sys.stdout.buffer.flush()
    time.sleep(0.1)
"""


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradle-terminal", "ninja", "pytest-bar-terminal", "dnf"])
def test_the_bar_of_a_served_job_rises_as_the_tool_says(
    served: Served, machine: Machine, job: str, name: str
) -> None:
    replay = [sys.executable, "-c", REPLAY, str(RECORDINGS / "progress" / f"{name}.log.gz")]
    machine.run("run", "--step", "--", "sh", "-c", shlex.join(replay))
    events = served.get(f"/api/jobs/{job}/events?follow=0", headers={"Accept": "application/json"}).json()
    states = [one["data"] for one in events["events"] if one["event"] == "job:progress"]
    percents = [state["phaseProgress"] for state in states if state["phaseProgress"] is not None]
    bar = [state["progress"] for state in states]
    assert (percents, bar) == (sorted(percents), sorted(bar))
    assert set(percents) <= set(BY_NAME[f"progress/{name}"]["percents"])
    assert percents[-1] == BY_NAME[f"progress/{name}"]["percents"][-1]
    assert stored(served, job)["progress"] == pytest.approx(50 + 0.4 * percents[-1])
