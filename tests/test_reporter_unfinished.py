"""Lines that have no end yet: seen a second or two old, whole in the end, and no secret in pieces."""

from __future__ import annotations

import time

import pytest

from chef.reporter.output.lines import LONG_LINE
from chef.reporter.output.markerlines import MarkerLines
from chef.reporter.output.masking import Masker
from tests.tools.reporting import Machine, Store, lines, pretending, raw, stored
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]


def test_a_marker_is_looked_for_in_the_whole_line() -> None:
    text = MarkerLines(headings=False)
    assert text.feed(b"::gro") == b""
    assert text.part == b"::gro"
    assert text.feed(b"up::Tests\n") == b"::group::Tests\n"
    assert text.part == b""


def test_of_a_very_long_line_little_is_kept() -> None:
    text = MarkerLines(headings=False)
    for _ in range(3):
        assert text.feed(b"x" * LONG_LINE) == b""
    assert len(text.settle()) == 1


def test_what_may_begin_a_diff_waits_for_the_next_line() -> None:
    text = MarkerLines(headings=True)
    assert text.feed(b"x\n--- a\n") == b"x\n"
    assert text.is_undecided
    assert text.settle() == b"--- a\n"
    assert text.feed(b"--- a\n") == b""
    assert text.feed(b"+++ a\n") == b""
    assert text.feed(b"@@ -1 +1 @@\n") == b"--- a\n+++ a\n@@ -1 +1 @@\n"


def test_a_few_characters_that_may_be_wrapped_base64_of_a_secret_wait() -> None:
    masker = Masker({"A_KEY": "abcdefghij" * 8})
    assert masker.held(b"YWJj") == 4
    assert masker.held(b"sure? ") == 0
    assert Masker({"A_KEY": "abcdefghij"}).held(b"zzzz") == 0


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    "dot", ["printf .", r"printf '\\033[1G\\033[0K-'", "printf é"], ids=["dots", "spinner", "letters"]
)
def test_dots_and_spinners_are_seen_while_they_go_on(
    served: Served, machine: Machine, job: str, dot: str
) -> None:
    script = f"n=0; until [ -e go ]; do {dot}; sleep 0.2; done; echo ' end'"
    with machine.start("run", "--", "sh", "-c", script.replace("\\\\", "\\")) as process:
        began = time.monotonic()
        eventually(lambda: len(raw(served, job)) > 4)
        first, took = len(raw(served, job)), time.monotonic() - began
        eventually(lambda: len(raw(served, job)) > first)
        (machine.folder / "go").touch()
        out, _ = process.communicate(timeout=30)
    assert took < 8
    assert raw(served, job) == out
    assert len(lines(served, job)) == 1


@pytest.mark.real
@pytest.mark.slow
def test_standard_input_is_seen_before_its_line_ends(served: Served, machine: Machine, job: str) -> None:
    with machine.start("log", "-", stdin=-1) as process:
        assert process.stdin is not None
        process.stdin.write(b"checking for X... ")
        process.stdin.flush()
        eventually(lambda: raw(served, job) == b"checking for X... ")
        process.communicate(b"yes\n", timeout=30)
    assert lines(served, job) == [("stdout", "checking for X... yes")]


@pytest.mark.real
@pytest.mark.slow
def test_neither_a_secret_nor_a_command_is_shown_in_pieces(machine: Machine) -> None:
    store = Store()
    # Not on the command line, which is sent, too.
    (machine.folder / "build.sh").write_text(
        "printf 'key is hunt'; sleep 1.6; echo er22-secret\n"
        "printf '::add-mask::over'; sleep 1.6; echo board; echo overboard\n"
        "printf '[ 4'; sleep 1.6; echo '2%] x'\n"
    )
    with pretending(store.take) as server:
        environment = {"CHEF_URL": server.url, "DEPLOY_KEY": "hunter22-secret"}
        machine.run("run", "--", "sh", "build.sh", environment=environment)
        sent = b"".join(request.body for request in server.requests)
    assert store.streams["stdout"] == b"key is ***\n::add-mask::***\n***\n[ 42%] x\n"
    assert b"hunt" not in sent
    assert b"over" not in sent
    assert 42 in [update.get("phaseProgress") for update in store.updates]


@pytest.mark.real
@pytest.mark.slow
def test_what_was_shown_early_is_counted_once(served: Served, machine: Machine, job: str) -> None:
    machine.run("run", "--", "sh", "-c", "printf one; sleep 1.6; printf ' two'; sleep 1.6; printf ' three'")
    assert raw(served, job) == b"one two three"
    assert stored(served, job)["integrity"]["complete"] is True
    assert [text for _, text in lines(served, job)] == ["one two three"]
