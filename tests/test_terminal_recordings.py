"""Sessions of real tools: the lines of the log are the rows that pyte shows of the same bytes.

`tests/recordings/terminal/` holds what each tool wrote; `table.json` there says which tool, which version and
how it was run, and names each known difference with its reason.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chef.domain.lines import StreamState, attach, needs_recent
from chef.domain.segments import Segmenter
from chef.domain.terminal import MOST_ROWS
from chef.domain.text import clean_text
from tests.tools.reporting import Machine
from tests.tools.reporting import lines as stored_lines
from tests.tools.serving import Served
from tests.tools.terminals import pieces_of, screen_of_pyte

pytest_plugins = ["tests.tools.reporter_fixtures"]

RECORDINGS = Path(__file__).parent / "recordings" / "terminal"
TABLE: list[dict[str, Any]] = json.loads((RECORDINGS / "table.json").read_text("utf-8"))
BY_NAME = {recording["name"]: recording for recording in TABLE}
COLUMNS, ROWS = 120, 50
LIMIT = 64 * 1024


# What is taken out of the bytes that pyte gets, by the name of a known difference.
NOT_FOR_PYTE = {
    "alternate screen": re.compile(rb"\x1b\[\?1049h.*?\x1b\[\?1049l", re.DOTALL),
    "cleared screen": re.compile(rb"\x1b\[1;1H\x1b\[2J"),
}


def bytes_of(name: str) -> bytes:
    return (RECORDINGS / f"{name}.log").read_bytes()


def log_of(pieces: Iterable[bytes]) -> list[str]:
    """The lines of a stream that arrives in pieces, as the server stores and shows them."""
    state, numbers = StreamState(), dict[int, str]()
    segmenter = Segmenter(LIMIT)
    for piece in pieces:
        segments = segmenter.feed(piece)
        if rest := segmenter.finish():
            segments = [*segments, *rest]
        recent = list(numbers.items())[-MOST_ROWS:] if needs_recent(state, segments) else ()
        lines, after = attach(state, segments, len(numbers) + 1, LIMIT, recent)
        newest = state.line
        for line in lines:
            if not line.replaces:
                newest = len(numbers) + 1
            numbers[line.number or newest] = line.text.decode(errors="replace")
        state = after
    return [text for _, text in sorted(numbers.items())]


def seen(lines: Iterable[str]) -> list[str]:
    """Lines as a terminal of `COLUMNS` shows them: a longer one takes several rows."""
    rows = []
    for line in lines:
        text = clean_text(line).expandtabs(8).rstrip()
        rows += [text[start : start + COLUMNS].rstrip() for start in range(0, len(text) or 1, COLUMNS)]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def shown_by_pyte(name: str) -> list[str]:
    output = bytes_of(name)
    for difference in BY_NAME[name].get("differences", ()):
        output = NOT_FOR_PYTE[difference].sub(b"", output)
    return screen_of_pyte(output, COLUMNS, ROWS)


def test_every_recording_is_in_the_table_and_small() -> None:
    files = {path.stem: path.stat().st_size for path in RECORDINGS.glob("*.log")}
    assert set(files) == set(BY_NAME)
    assert len({recording["tool"] for recording in TABLE}) >= 15
    assert {name: size for name, size in files.items() if size > 30_000} == {}
    assert {recording["output"] for recording in TABLE} == {"terminal", "pipe"}


def test_readers_are_told_of_every_recording() -> None:
    document = (RECORDINGS.parents[2] / "docs" / "compatibility.md").read_text("utf-8")
    assert [name for name in BY_NAME if f"`{name}`" not in document] == []
    versions = {version for recording in TABLE for version in recording["version"].split(", ")}
    assert [version for version in sorted(versions) if version not in document] == []


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("size", [None, 4096, 997, 61], ids=["whole", "4096", "997", "61"])
def test_the_lines_are_what_a_terminal_shows(name: str, size: int | None) -> None:
    output = bytes_of(name)
    cuts = range(size, len(output), size) if size else ()
    assert seen(log_of(pieces_of(output, cuts))) == shown_by_pyte(name)


@pytest.mark.parametrize("name", [name for name in BY_NAME if len(bytes_of(name)) < 4000])
def test_nor_does_it_matter_when_each_byte_comes_alone(name: str) -> None:
    output = bytes_of(name)
    assert seen(log_of(pieces_of(output, range(len(output))))) == shown_by_pyte(name)


# A build that writes what a tool wrote, piece by piece, into a terminal that leaves line ends alone.
REPLAY = """
import sys, time
output = open(sys.argv[1], "rb").read()
for start in range(0, len(output), 509):
    sys.stdout.buffer.write(output[start : start + 509])
    sys.stdout.buffer.flush()
    time.sleep(0.01)
"""


def replayed(name: str) -> str:
    """The command of a shell that writes what a tool wrote."""
    return shlex.join([sys.executable, "-c", REPLAY, str(RECORDINGS / f"{name}.log")])


def in_a_terminal(command: str) -> str:
    """The command of a shell that runs another in a terminal."""
    return shlex.join(["script", "-qfec", f"stty -onlcr; {command}", "/dev/null"])


def run_by_shell(machine: Machine, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=machine.folder,
        env=machine.environment,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def messages(server: Served, job: str) -> list[str]:
    return [message for _, message in stored_lines(server, job)]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["vitest", "uv", "npm"])
@pytest.mark.parametrize("way", ["curl", "script", "chef run"])
def test_the_lines_of_a_served_job_are_what_a_terminal_shows(
    served: Served, machine: Machine, job: str, name: str, way: str
) -> None:
    upload = f"curl -sS -T - {served.url}/api/jobs/{job}/logs?projectId=web"
    commands = {
        "curl": f"{replayed(name)} | {upload}",
        "script": f"{in_a_terminal(replayed(name))} | {upload}",
        "chef run": in_a_terminal(
            shlex.join(machine.command("run", "-q", "--", "sh", "-c", f"stty -onlcr; {replayed(name)}"))
        ),
    }
    run_by_shell(machine, commands[way])
    assert seen(messages(served, job)) == shown_by_pyte(name)
