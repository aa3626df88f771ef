"""Markers: words of the output that become phases, progress and messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.reporter.output.markers import Marker, MarkerParser, masked_phase, phase_named
from chef.reporter.output.masking import Masker
from chef.reporter.output.reader import StreamReader

SECRET = "s3cr3t-Value/42"


def reader(
    add_mask: Callable[[str], None] = lambda _value: None, mask: Callable[[str], str] = str
) -> StreamReader:
    return StreamReader(MarkerParser(add_mask, mask))


def said(text: str) -> list[Marker]:
    stream = reader()
    return [*stream.read(text.encode()), *stream.settle()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::group::Unit tests\n", Marker(message="Unit tests")),
        ("  \x1b[36;1m::group::Unit tests\r\n", Marker(message="Unit tests")),
        (
            "::group::Unit \x1b[32mte\x1b[1msts\x1b[0m:\t100%25%0Aof%3A a%252Cb\n",
            Marker(message="Unit tests: 100% of: a%2Cb"),
        ),
        ("##[group]Unit tests\n", Marker(message="Unit tests")),
        (
            "section_start:1560896352:my_first[collapsed=true]\r\x1b[0KHeader\n",
            Marker("my_first", None, "Header"),
        ),
        ("section_start:1560896352:my_first\r\x1b[0K\n", Marker("my_first", None, "my_first")),
        ("\x1b[0Ksection_end:1560896353:my_first\r\x1b[0K\n", Marker(ends="my_first")),
        ("--- :hammer: Build it\n", Marker("build-it", None, "Build it")),
        ("+++ Tests\n", Marker("tests", None, "Tests")),
        ("~~~ Set-up\n", Marker("set-up", None, "Set-up")),
        ("45%\n", Marker(progress=45)),
        ("  7.5 %\n", Marker(progress=7.5)),
        ("\r 45%\r", Marker(progress=45)),
        ("[ 45%] Building CXX object a.o\n", Marker(progress=45, message="Building CXX object a.o")),
        ("tests/test_a.py ........ \x1b[32m [ 45%]\x1b[0m\n", Marker(progress=45)),
        ("##vso[task.setprogress value=75;]Upload\n", Marker(progress=75, message="Upload")),
        (
            "##teamcity[progressMessage 'it|'s ||here|| |[1|] |0x00e9|n']\n",
            Marker(message="it's |here| [1] é"),
        ),
        ("##teamcity[blockOpened name='Compile']\n", Marker(message="Compile")),
        (
            "##teamcity[blockOpened description='all |'of|' it' flowId='1' name='Compile']\n",
            Marker(message="Compile"),
        ),
        ("##teamcity[blockOpened name='Compile' description='x']\n", Marker(message="Compile")),
        ("##[section]Starting: Run unit tests\n", Marker("run-unit-tests", None, "Run unit tests")),
        ("##[section]Finishing: Run unit tests\n", Marker(ends="run-unit-tests")),
        ("travis_fold:start:install.1\r\x1b[0K\n", Marker("install", None, "install")),
        ("travis_fold:end:install.1\r\x1b[0K\n", Marker(ends="install")),
        ("[Pipeline] { (Unit tests)\n", Marker("unit-tests", None, "Unit tests")),
        ("[Container] 2026/11/28 10:00:00 Entering phase PRE_BUILD\n", Marker("pre_build")),
        ("===> BUILDING\n", Marker("building")),
        ("\x1b[36m===> EXPORTING\x1b[0m\n", Marker("exporting")),
        ("-----> Installing dependencies\n", Marker(message="Installing dependencies")),
        ("==> Uploading build...\n", Marker(message="Uploading build...")),
    ],
)
def test_what_markers_say(text: str, expected: Marker) -> None:
    assert said("before\n" + text + "after\n") == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "--- a/file.c\n+++ b/file.c\n",
        "--- /dev/null\n",
        "--- old.txt\t2026-01-01 10:00:00\n+++ new.txt\t2026-01-01 10:00:00\n",
        "--- FAIL: TestIt (0.00s)\n",
        "--- PASS: TestIt (0.00s)\n",
        "---\n",
        "------- x\n",
        "--- :::\n",
        "101%\n",
        "45% done\n",
        "100% tests passed, 0 tests failed out of 3\n",
        "x 45%\n",
        "[145%] x\n",
        "::endgroup::\n",
        "::warning file=a.c,line=1::text\n",
        "a::group::b\n",
        "##vso[task.setprogress value=abc;]x\n",
        "##vso[task.logissue type=error;]x\n",
        "##teamcity[testStarted name='x']\n",
        "##teamcity[progressMessage]\n",
        "##[section]Async Command Start: x\n",
        "[Pipeline] sh\n",
        "[Pipeline] }\n",
        "[Container] 2026/11/28 10:00:00 Running command make\n",
        "a ==> b\n",
        "====> x\n",
        "===> Not A Phase\n",
        "travis_time:start:1\n",
        "section_start:now:x\n",
        "section_start:1:completed\r\x1b[0Kx\n",
        "std::vector\n::x\n",
    ],
)
def test_what_is_no_marker(text: str) -> None:
    assert said(text) == []


def test_nothing_speaks_while_commands_are_stopped() -> None:
    markers = reader()
    text = (
        b"1%\n::stop-commands::to-ken\n2%\n::group::x\n::other::\n--- y\n::stop-commands::z\n::to-ken::\n3%\n"
    )
    assert markers.read(text) == [Marker(progress=1), Marker(progress=3)]
    assert markers.read(b"::stop-commands::a\n4%\n") == []
    # It holds on over reads, and for other streams.
    assert markers.read(b"5%\n::b::\n6%\n") == []
    assert markers.read(b"::a::\n7%\n") == [Marker(progress=7)]


def test_what_a_shell_traces_is_no_header() -> None:
    markers = MarkerParser(lambda _: None)
    assert [said.phase for said in markers.find(b"+++ Tests\n")] == ["tests"]
    assert markers.find(b"++ cd .\n+ make\n") == []
    assert markers.find(b"+++ dirname x\n++ cd .\n+ make\n") == []
    assert MarkerParser(lambda _: None).find(b"+++ dirname x\n++ cd .\n") == []
    assert markers.find(b"+++ dirname y\n") == []
    assert [said.phase for said in markers.find(b"--- Tests\n")] == ["tests"]


def test_a_mask_that_the_output_asks_for_is_added() -> None:
    values: list[str] = []
    MarkerParser(values.append).find(b"::add-mask::hidden%25value\n::stop-commands::x\n::add-mask::not\n")
    assert values == ["hidden%value"]


@pytest.mark.parametrize("token", ["é x", "-a_b", "_x", "a:b", "group"])
def test_any_word_stops_commands_until_it_stands_alone(token: str) -> None:
    stopped = f"::stop-commands::{token}\n1%\n::{token}::more\n::{token} a=b::\n2%\n::{token}::\n3%\n"
    assert said(stopped) == [Marker(progress=3)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--- Deploy s3cr3t-Value/42", Marker(phase="deploy", message="Deploy ***")),
        ("section_start:1:on-word-in-name\r\x1b[0KTitle", Marker(phase="on", message="Title")),
        ("section_end:1:on-word-in-name", Marker(ends="on")),
        ("::group::" + "x" * 195 + "s3cr3t-Value/42", Marker(message="x" * 195 + "***")),
        ("##[group]s3cr3t-Value/42", Marker(message="***")),
        ("##teamcity[blockOpened name='s3cr3t-Value/42']", Marker(message="***")),
        ("[ 5%] s3cr3t-Value/42", Marker(progress=5, message="***")),
    ],
)
def test_markers_say_no_secret(line: str, expected: Marker) -> None:
    masker = Masker({"A_KEY": SECRET, "B_KEY": "word-in-name"})
    stream = reader(masker.add, masker.text)
    assert [*stream.read(line.encode()), *stream.settle()] == [expected]


def test_a_phase_that_is_named_by_a_secret_is_still_a_phase() -> None:
    mask = Masker({"A_KEY": "to-ken"}).text
    assert [masked_phase(mask, one) for one in ("to-ken", "on-to-ken", "completed")] == [
        "building",
        "on",
        "completed",
    ]


@pytest.mark.parametrize(
    ("title", "phase"),
    [("Run Tests!", "run-tests"), ("completed", None), ("éé", None), ("x" * 50, "x" * 32), (":tada:", None)],
)
def test_titles_become_names_of_phases(title: str, phase: str | None) -> None:
    assert phase_named(title) == phase


@given(st.binary(max_size=300))
def test_no_output_makes_markers_fail(text: bytes) -> None:
    stream = reader()
    for one in [*stream.read(text), *stream.look(), *stream.settle()]:
        assert one.progress is None or 0 <= one.progress <= 100
        assert one.message is None or len(one.message) <= 200
