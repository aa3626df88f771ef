"""Headings: `--- TITLE` is a phase where that is wanted, and a diff is none."""

from __future__ import annotations

import pytest

from chef.reporter.output.headings import undecided
from chef.reporter.output.markers import MarkerParser
from chef.reporter.output.reader import StreamReader
from tests.tools.reporting import Machine, stored
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]

GIT = b"--- src/app.py\n+++ src/app.py\n@@ -1,2 +1,2 @@\n--- an old comment\n+++ a new one\n same\n"
RUFF = b"--- src/app.py\n+++ src/app.py\n@@ -1 +1 @@\n-a\n+b\n1 file would be reformatted\n"
GOFMT = b"diff main.go.orig main.go\n--- main.go.orig\n+++ main.go\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n"
PHPUNIT = b"--- Expected\n+++ Actual\n@@ @@\n-'a'\n+'b'\n"
MINITEST = b"--- expected\n+++ actual\n@@ -1 +1 @@\n-a\n+b\n"
COLOURED = b"\x1b[1m--- app.py\x1b[m\n\x1b[1m+++ app.py\x1b[m\n\x1b[36m@@ -1 +1 @@\x1b[m\n\x1b[31m-a\x1b[m\n"
CONTEXT = b"*** old.txt\n--- new.txt\n***************\n*** 1 ****\n"
TESTIFY = b"    Diff:\n    --- Expected\n    +++ Actual\n    @@ -1 +1 @@\n"
CARGO = b"  --- stdout\n  building\n  --- stderr\n"
DIFFS = [GIT, RUFF, GOFMT, PHPUNIT, MINITEST, COLOURED, CONTEXT, TESTIFY, CARGO, RUFF.replace(b"\n", b"\r\n")]


def phases(*pieces: bytes, headings: bool = True) -> list[str | None]:
    stream = StreamReader(MarkerParser(lambda _value: None, headings=headings))
    said = [one for piece in pieces for one in stream.read(piece)]
    return [one.phase for one in [*said, *stream.settle()]]


@pytest.mark.parametrize("diff", DIFFS)
def test_a_diff_is_no_phase_and_what_stands_around_it_is_one(diff: bytes) -> None:
    assert phases(b"--- Format\n" + diff + b"done\n--- Test\n" + diff) == ["format", "test"]


def test_nine_files_are_no_nine_phases() -> None:
    assert phases(b"".join(RUFF.replace(b"app", b"app%d" % number) for number in range(9))) == []


def test_headings_that_follow_each_other_are_headings() -> None:
    text = b"--- One\n+++ Two\n~~~ Three\n--- Four\n--- Five\n+++ Six\n"
    assert phases(text) == ["one", "two", "three", "four", "five", "six"]
    assert phases(GIT + b"--- Next\n") == ["next"]


def test_the_lines_of_a_hunk_are_none_also_in_the_next_piece() -> None:
    hunk = b"--- a.sql\n+++ a.sql\n@@ -1,3 +1,3 @@\n one\n"
    assert phases(hunk, b"--- was\n+++ is\n three\n--- Deploy\n") == ["deploy"]


def test_headings_are_none_where_nobody_wants_them() -> None:
    assert phases(b"--- Build\n+++ Tests\n~~~ Deploy\n45%\n", headings=False) == [None]


@pytest.mark.parametrize(
    ("lines", "waits"),
    [
        (b"x\n--- app.py\n", b"--- app.py\n"),
        (b"--- app.py\r\n", b"--- app.py\r\n"),
        (b"--- app.py\n+++ app.py\n", b"--- app.py\n+++ app.py\n"),
        (b"\x1b[1m--- app.py\x1b[m\n", b"\x1b[1m--- app.py\x1b[m\n"),
        (b"--- app.py\nx\n", b""),
        (b"+++ Tests\n", b""),
        (b"  --- app.py\n", b""),
        (b"", b""),
    ],
)
def test_the_next_line_decides_what_a_last_one_is(lines: bytes, waits: bytes) -> None:
    assert lines[len(lines) - undecided(lines) :] == waits


def phases_of(served: Served, job: str) -> list[str]:
    return [phase["phase"] for phase in stored(served, job)["phases"]]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ((), {}, ["building", "completed"]),
        (("--headings",), {}, ["building", "test", "completed"]),
        ((), {"BUILDKITE": "true"}, ["building", "test", "completed"]),
        (("--no-markers",), {"BUILDKITE": "true"}, ["building", "completed"]),
    ],
)
def test_buildkites_headings_count_in_buildkite_or_where_one_asks_for_them(
    served: Served,
    machine: Machine,
    job: str,
    options: tuple[str, ...],
    environment: dict[str, str],
    expected: list[str],
) -> None:
    script = (
        "printf -- '--- app.py\\n'; sleep 0.4;"
        " printf -- '+++ app.py\\n@@ -1 +1 @@\\n-a\\n+b\\n'; echo '--- Test'"
    )
    machine.run("run", *options, "--", "sh", "-c", script, environment=environment)
    assert phases_of(served, job) == expected
