"""The reporter's pure parts: secrets, markers, whole lines, where it runs."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain.lines import StreamState, attach
from chef.domain.model import ID
from chef.domain.segments import Segmenter
from chef.reporter import cli
from chef.reporter.ids import make_id
from chef.reporter.memory import Memory
from chef.reporter.output.lines import LONG_LINE, LineGate, StreamTotals
from chef.reporter.output.markers import Marker, MarkerParser, masked_phase, phase_named
from chef.reporter.output.masking import Masker
from chef.reporter.running import command_text
from chef.reporter.sending import spool
from chef.reporter.sending.sender import Sender
from chef.reporter.sending.spool import Spool
from chef.reporter.target import Target, UsageError, check_token, find_target
from tests.tools.serving import ROOT

SECRET = "s3cr3t-Value/42"

# --- secrets -------------------------------------------------------------------------------


def masked(text: bytes, names: str | None = None, **environ: str) -> bytes:
    return Masker(environ, names).mask(text)


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "TOKENS", "MySecret", "DB_PASSWORD", "SSH_KEY_2", "npm_authtoken"]
)
def test_values_of_variables_that_are_named_so_are_masked(name: str) -> None:
    assert masked(b"a s3cr3t-Value/42 b", **{name: SECRET}) == b"a *** b"


@pytest.mark.parametrize("name", ["HOME", "TOK", "PASSPHRASE"])
def test_other_values_are_not(name: str) -> None:
    assert masked(b"a s3cr3t-Value/42 b", **{name: SECRET}) == b"a s3cr3t-Value/42 b"


def test_nothing_shorter_than_six_characters_is_masked() -> None:
    assert masked(b"abcde abcdef", A_KEY="abcde") == b"abcde abcdef"
    assert masked(b"abcde abcdef", A_KEY="abcdef") == b"abcde ***"


@pytest.mark.parametrize(
    ("names", "plain"),
    [("MY_*", False), ("!MINE*", True), ("=OTHER", True), ("=", True), ("mine_too", False)],
)
def test_which_variables_is_for_the_user_to_say(names: str, plain: bool) -> None:
    environ = {"MY_OWN": SECRET} if "MY" in names else {"MINE_TOO": SECRET}
    environ |= {"MINE_KEY": SECRET} if plain else {}
    assert (masked(SECRET.encode(), names, **environ) == SECRET.encode()) is plain


def test_a_value_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIBOgIBAAJB\nshort\n-----END KEY-----\n"
    text = b"x\r\n-----BEGIN KEY-----\r\nMIIBOgIBAAJB\r\nshort\r\n-----END KEY-----\r\n"
    assert masked(text, DEPLOY_KEY=key) == b"x\r\n***\r\n***\r\nshort\r\n***\r\n"


def test_a_secret_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    assert masked(b"secret-long secret", A_KEY="secret", B_KEY="secret-long") == b"*** ***"


def test_maskings_are_counted() -> None:
    masker = Masker({"A_KEY": SECRET})
    masker.mask(SECRET.encode() * 2 + b"\n" + base64.b64encode(SECRET.encode()))
    assert masker.count == 3


@given(
    secret=st.binary(min_size=6, max_size=40).filter(
        lambda text: not set(text) & set(b"\r\n \t\0\x0b\x0c\x1c\x1d\x1e\x85")
    ),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
    urlsafe=st.booleans(),
)
def test_base64_of_a_text_with_a_secret_shows_nothing_of_it(
    secret: bytes, before: bytes, after: bytes, urlsafe: bool
) -> None:
    masker = Masker({"A_KEY": secret.decode("utf-8", "surrogateescape")})
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    found = masker.mask(encode(before + secret + after))
    # The characters that it shares with its neighbours are left of it.
    left = len(found.replace(b"***", b"").rstrip(b"="))
    assert b"***" in found
    assert left <= -(-len(before) * 4 // 3) + -(-len(after) * 4 // 3) + 4


def test_base64_that_is_wrapped_is_found_too() -> None:
    secret = bytes(random.Random(3).randrange(33, 127) for _ in range(300))
    masker = Masker({"A_KEY": secret.decode()})
    text = base64.encodebytes(b"user:" + secret + b" and more")
    left = masker.mask(text).split(b"\n")
    assert left[:-1].count(b"***") >= 5
    assert b"".join(left).count(b"***") == masker.count
    assert masker.mask(b"bm90aGluZyBvZiBhIHNlY3JldCBoZXJlIGF0IGFsbCwgcmVhbGx5\n").startswith(b"bm90")


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (b"nothing", 0),
        (b"x s3cr", 4),
        (b"x s3cr3t-Value/4", 14),
        (b"s", 1),
        (b"s3cr3t-Value/42", 0),
        (b"czNj", 4),
    ],
)
def test_what_may_begin_a_secret_is_held_back(part: bytes, kept: int) -> None:
    assert Masker({"A_KEY": SECRET}).held(part) == kept


def test_holding_back_cuts_no_secret_in_two() -> None:
    masker = Masker({"A_KEY": "abcabc", "B_KEY": "abcabcdef"}, None)
    assert masker.held(b"x abcabc") == 6
    assert Masker({"A_KEY": "abcabc"}).held(b"x abcabc") == 6
    assert Masker({"A_KEY": "xyzabc", "B_KEY": "abcdef"}).held(b"xyzabcd") == 7


def test_holding_back_looks_at_few_places_and_finds_the_same() -> None:
    chance = random.Random(5)
    for _ in range(300):
        values = ["".join(chance.choices("abc", k=chance.randint(6, 12))) for _ in range(3)]
        masker = Masker({f"KEY{n}": value for n, value in enumerate(values)})
        part = "".join([*chance.choices("abc", k=9), chance.choice(values)[: chance.randint(0, 12)]]).encode()
        quick = masker.held(part)
        masker._heads = {part[place : place + 4] for place in range(len(part))}  # every place is looked at
        assert masker.held(part) == quick


def test_secrets_that_overlap_leave_nothing_of_each_other() -> None:
    masker = Masker({"A_TOKEN": "AAAABBBBCCCC", "B_TOKEN": "CCCCDDDDEEEE", "C_TOKEN": "xyxyxy"})
    assert masker.mask(b"1 AAAABBBBCCCCDDDDEEEE 2 xyxyxyxy 3") == b"1 *** 2 *** 3"
    assert masker.count == 2


# --- markers -------------------------------------------------------------------------------


def said(text: str) -> list[Marker]:
    return MarkerParser(lambda _value: None).find(text.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::group::Unit tests\n", Marker(message="Unit tests")),
        ("  \x1b[36;1m::group::Unit tests\r\n", Marker(message="Unit tests")),
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
        "section_start:now:x\n",
        "section_start:1:completed\r\x1b[0Kx\n",
        "std::vector\n::x\n",
    ],
)
def test_what_is_no_marker(text: str) -> None:
    assert said(text) == []


def test_nothing_speaks_while_commands_are_stopped() -> None:
    markers = MarkerParser(lambda _value: None)
    text = (
        b"1%\n::stop-commands::to-ken\n2%\n::group::x\n::other::\n--- y\n::stop-commands::z\n::to-ken::\n3%\n"
    )
    assert markers.find(text) == [Marker(progress=1), Marker(progress=3)]
    assert markers.find(b"::stop-commands::a\n4%\n") == []
    # It holds on over reads, and for other streams.
    assert markers.find(b"5%\n::b::\n6%\n") == []
    assert markers.find(b"::a::\n7%\n") == [Marker(progress=7)]


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
    markers = MarkerParser(lambda _value: None)
    stopped = f"::stop-commands::{token}\n1%\n::{token}::more\n::{token} a=b::\n2%\n::{token}::\n3%\n"
    assert markers.find(stopped.encode()) == [Marker(progress=3)]


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
    assert MarkerParser(masker.add, masker.text).find(line.encode()) == [expected]


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
    for one in MarkerParser(lambda _value: None).find(text):
        assert one.progress is None or 0 <= one.progress <= 100
        assert one.message is None or len(one.message) <= 200


# --- lines ---------------------------------------------------------------------------------

PIECES = st.lists(
    st.binary(max_size=12).map(lambda text: text.replace(b"a", b"\n").replace(b"b", b"\r")), max_size=9
)


@given(PIECES)
def test_whole_lines_pass_and_no_byte_is_lost(pieces: list[bytes]) -> None:
    gate = LineGate()
    passed = [gate.feed(piece) for piece in pieces]
    assert all(lines == b"" or lines.endswith((b"\n", b"\r")) for lines in passed)
    assert b"".join(passed) + gate.take() == b"".join(pieces)


@given(PIECES)
def test_a_tally_is_that_of_the_server(pieces: list[bytes]) -> None:
    tally, state = StreamTotals(), StreamState()
    for piece in pieces:
        tally.add(piece)
        segmenter = Segmenter(65536)
        _, state = attach(state, [*segmenter.feed(piece), *segmenter.finish()], 1)
    assert state.tally is not None
    assert tally.claim() == {
        "bytes": state.offset,
        "lines": state.tally.lines,
        "crc32": f"{state.tally.crc:08x}",
    }
    again = StreamTotals(*tally.state())
    again.add(b"more\n")
    tally.add(b"more\n")
    assert again.claim() == tally.claim()


def test_a_very_long_line_is_noticed() -> None:
    gate = LineGate()
    noticed = []
    for part in (b"x" * (LONG_LINE - 1), b"x"):
        gate.feed(part)
        noticed.append(gate.is_long)
    assert noticed == [False, True]
    assert len(gate.take()) == LONG_LINE


# --- the spool -----------------------------------------------------------------------------


def read_all(one: Spool, stream: str) -> tuple[int, bytes]:
    """Where a stream begins in the spool, and all of it from there on."""
    place = start = one.start(stream)
    found = b""
    while data := one.read(stream, place, 100_000, float("inf"))[0]:
        found += data
        place += len(data)
    return start, found


def test_what_does_not_fit_into_memory_is_on_disk_and_the_same() -> None:
    one = Spool(memory_bytes=200_000, disk_bytes=10_000_000)
    chance, sent = random.Random(1), {"a": b"", "b": b""}
    for _ in range(400):
        stream, data = chance.choice("ab"), chance.randbytes(chance.randrange(1, 20_000))
        one.put(stream, data)
        sent[stream] += data
    assert sum(file.size for file in one._files) > 2_000_000
    assert one._in_memory < 500_000
    assert {stream: read_all(one, stream) for stream in sent} == {
        name: (0, data) for name, data in sent.items()
    }
    half = len(sent["a"]) // 2
    one.confirm("a", half)
    assert read_all(one, "a")[1] == sent["a"][one.start("a") :]
    assert 0 < one.start("a") <= half
    one.close()
    assert (one.waiting, one._in_memory, len(one._files)) == (0, 0, 0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 90_000), st.booleans()), max_size=60),
    st.randoms(),
)
def test_of_too_much_the_oldest_is_dropped_and_the_rest_is_as_it_was(
    puts: list[tuple[str, int, bool]], chance: random.Random
) -> None:
    # Closed however the example ends, which hypothesis may do anywhere.
    with closing(Spool(memory_bytes=100_000, disk_bytes=400_000)) as one:
        put_and_check(one, puts, chance)


def put_and_check(one: Spool, puts: list[tuple[str, int, bool]], chance: random.Random) -> None:
    sent = {"a": b"", "b": b""}
    for stream, size, ends_line in puts:
        data = bytes([len(sent[stream]) % 251]) * size
        one.put(stream, data, ends_line)
        sent[stream] += data
        if chance.random() < 0.2:
            one.seal()
        if chance.random() < 0.2:
            one.confirm(stream, one.start(stream) + chance.randrange(100_000))
    assert sum(file.size for file in one._files) <= 400_000 + spool.BLOCK_BYTES
    waiting = 0
    for stream, data in sent.items():
        start, found = read_all(one, stream)
        assert found == data[start:]
        waiting += len(found)
    assert one.waiting == waiting <= 1_000_000


def test_all_that_did_not_arrive_is_counted_also_where_the_spool_had_no_room_for_it() -> None:
    target = Target("http://127.0.0.1:9", None, "job", "web", {}, is_new=True)
    sender = Sender(target, "0", Spool(memory_bytes=64 * 1024, disk_bytes=256 * 1024))
    for number in range(100_000):
        sender.output(["stdout", "stderr"][number % 2], b"a line of the output\n")
    assert sender.spool.waiting < 1_000_000
    assert sender.shortfall.bytes == 2_100_000
    sender.spool.close()
    sender.output("stdout", b"more\n")
    assert sender.shortfall.bytes == 2_100_005


def test_a_disk_that_is_full_loses_the_oldest_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "SpoolFile", refuse)
    one = Spool(memory_bytes=100_000)
    for number in range(50):
        one.put("a", bytes([number]) * 20_000)
    start, found = read_all(one, "a")
    assert found == b"".join(bytes([number]) * 20_000 for number in range(50))[start:]
    assert 0 < len(found) <= 300_000


def test_many_small_lines_of_two_streams_take_little_room_while_nobody_reads() -> None:
    one = Spool(memory_bytes=1_000_000)
    for number in range(100_000):
        one.put("ab"[number % 2], b"line\n")
    assert one.blocks < 60_000
    assert len(read_all(one, "a")[1]) == 250_000


# --- where it runs -------------------------------------------------------------------------

SYSTEMS: dict[str, tuple[dict[str, str], str, str, dict[str, str]]] = {
    "github": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": "1658821493",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_JOB": "test",
            "GITHUB_REPOSITORY": "octo/hello.world",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": "ffac537e6cbbf934b08745a378932722df287a53",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_WORKFLOW": "CI",
        },
        "github-1658821493-2-test",
        "hello.world",
        {
            "branch": "main",
            "commit": "ffac537e6cbbf934b08745a378932722df287a53",
            "author": "octocat",
            "title": "CI / test",
            "url": "https://github.com/octo/hello.world/actions/runs/1658821493/attempts/2",
        },
    ),
    "gitlab": (
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_ID": "7",
            "CI_JOB_ID": "50",
            "CI_PROJECT_NAME": "web",
            "CI_COMMIT_REF_NAME": "feature/x",
            "CI_COMMIT_SHA": "1ecfd275",
            "CI_COMMIT_AUTHOR": "A <a@example.com>",
            "CI_COMMIT_TITLE": "Fix it",
            "CI_JOB_URL": "https://gitlab.example.com/web/-/jobs/50",
        },
        "gitlab-7-50",
        "web",
        {
            "branch": "feature/x",
            "commit": "1ecfd275",
            "author": "A <a@example.com>",
            "title": "Fix it",
            "url": "https://gitlab.example.com/web/-/jobs/50",
        },
    ),
    "buildkite": (
        {
            "BUILDKITE": "true",
            "BUILDKITE_JOB_ID": "e44f9784-e20e-4b93-a21d-f41fd5869db9",
            "BUILDKITE_PIPELINE_SLUG": "web",
            "BUILDKITE_BUILD_NUMBER": "8",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": "83a20ec",
            "BUILDKITE_BUILD_CREATOR": "Grace",
            "BUILDKITE_MESSAGE": "Fix it\n\nlong text",
            "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/web/builds/8",
        },
        "buildkite-web-8-e44f9784-e20e-4b93-a21d-f41fd5869db9",
        "web",
        {
            "branch": "main",
            "commit": "83a20ec",
            "author": "Grace",
            "title": "Fix it",
            "url": "https://buildkite.com/acme/web/builds/8#e44f9784-e20e-4b93-a21d-f41fd5869db9",
        },
    ),
    "circleci": (
        {
            "CIRCLECI": "true",
            "CIRCLE_BUILD_NUM": "123",
            "CIRCLE_PROJECT_REPONAME": "web",
            "CIRCLE_NODE_TOTAL": "2",
            "CIRCLE_NODE_INDEX": "1",
            "CIRCLE_BRANCH": "main",
            "CIRCLE_SHA1": "83a20ec",
            "CIRCLE_USERNAME": "grace",
            "CIRCLE_JOB": "test",
            "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/web/123",
        },
        "circleci-web-123-node1",
        "web",
        {
            "branch": "main",
            "commit": "83a20ec",
            "author": "grace",
            "title": "test",
            "url": "https://circleci.com/gh/acme/web/123",
        },
    ),
    "jenkins": (
        {
            "JENKINS_URL": "https://jenkins.example.com/",
            "JOB_NAME": "acme/web/feature%2Fx",
            "JOB_BASE_NAME": "feature%2Fx",
            "BRANCH_NAME": "feature/x",
            "BUILD_NUMBER": "17",
            "GIT_COMMIT": "83a20ec",
            "BUILD_URL": "https://jenkins.example.com/job/acme/17/",
            "BUILD_DISPLAY_NAME": "#17",
        },
        "jenkins-acme-web-feature-2Fx-17",
        "web",
        {
            "branch": "feature/x",
            "commit": "83a20ec",
            "title": "#17",
            "url": "https://jenkins.example.com/job/acme/17/",
        },
    ),
    "heroku": (
        {
            "DYNO": "release.4521",
            "HEROKU_APP_NAME": "web",
            "HEROKU_RELEASE_VERSION": "v42",
            "HEROKU_SLUG_COMMIT": "83a20ec",
        },
        "heroku-web-v42-release.4521",
        "web",
        {"commit": "83a20ec", "title": "v42"},
    ),
    "heroku ci": (
        {
            "HEROKU_TEST_RUN_ID": "e5e28b13",
            "HEROKU_TEST_RUN_BRANCH": "main",
            "HEROKU_TEST_RUN_COMMIT_VERSION": "83a20ec",
            "CI_NODE_TOTAL": "2",
            "CI_NODE_INDEX": "1",
            "HEROKU_APP_NAME": "web",
        },
        "heroku-test-e5e28b13-node1",
        "web",
        {"branch": "main", "commit": "83a20ec"},
    ),
    "woodpecker": (
        {
            "CI": "woodpecker",
            "CI_REPO": "acme/web",
            "CI_REPO_ID": "3",
            "CI_REPO_NAME": "web",
            "CI_PIPELINE_NUMBER": "8",
            "CI_WORKFLOW_NUMBER": "2",
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_SHA": "83a20ec",
            "CI_COMMIT_AUTHOR": "grace",
            "CI_COMMIT_MESSAGE": "Fix it\n",
            "CI_PIPELINE_URL": "https://ci.example.com/repos/3/pipeline/8",
        },
        "woodpecker-3-8-2",
        "web",
        {
            "branch": "main",
            "commit": "83a20ec",
            "author": "grace",
            "title": "Fix it",
            "url": "https://ci.example.com/repos/3/pipeline/8",
        },
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_system_that_runs_us_says_which_job_this_is(name: str) -> None:
    environ, job, project, meta = SYSTEMS[name]
    target = find_target({**environ, "CHEF_URL": "https://chef.example.com/"})
    assert (target.url, target.job, target.project, target.meta) == (
        "https://chef.example.com",
        job,
        project,
        meta,
    )
    assert not target.is_new
    assert find_target({**environ, "CHEF_JOB": "mine", "CHEF_PROJECT": "own"})[2:4] == ("mine", "own")
    assert find_target({**environ, "CHEF_JOB": "mine"}, job="more")[2] == "more"


def test_legs_of_a_matrix_are_jobs_of_their_own() -> None:
    environ = SYSTEMS["github"][0]
    one, other = [find_target({**environ, "RUNNER_TRACKING_ID": f"github_{n}"}).job for n in (1, 2)]
    assert one != other
    assert one == find_target({**environ, "RUNNER_TRACKING_ID": "github_1", "RUNNER_NAME": "x"}).job


def test_a_system_that_says_too_little_is_none() -> None:
    for name, (environ, *_) in SYSTEMS.items():
        target = find_target(dict(list(environ.items())[:1]))
        assert ID.fullmatch(target.job), name
        assert ID.fullmatch(target.project), name


def test_without_a_name_each_run_is_a_job_of_its_own() -> None:
    one, other = find_target({}), find_target({})
    assert one.job != other.job
    assert one.is_new
    assert one.is_guess


@given(st.lists(st.text(max_size=90), max_size=4))
def test_ids_are_ids_whatever_they_are_made_of(parts: list[str]) -> None:
    made = make_id(*parts)
    assert made is None or ID.fullmatch(made)


def test_ids_that_are_too_long_stay_different() -> None:
    one, other = make_id("x" * 200, "1"), make_id("x" * 200, "2")
    assert one is not None
    assert one != other
    assert len(one) <= 128


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"CHEF_URL": "chef.example.com"}, "CHEF_URL must be like"),
        ({"CHEF_URL": "http://me:pass@host?x"}, r"http://\*\*\*@host"),
        ({"CHEF_JOB": "a b"}, "the job's id must be 1 to 128 characters"),
        ({"CHEF_PROJECT": "x" * 129}, "the project's id must be 1 to 128 characters"),
        ({"CHEF_TOKEN": "a b"}, "CHEF_TOKEN must be printable"),
    ],
)
def test_wrong_settings_are_told_without_what_is_secret(setting: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find_target(setting)


def test_what_cannot_be_sent_as_json_is_replaced() -> None:
    target = find_target({**SYSTEMS["gitlab"][0], "CI_COMMIT_TITLE": "bad \udcff" + "x" * 2000})
    assert target.meta["title"].startswith("bad ?xxx")
    assert len(target.short_meta(str)["title"]) == 1000
    assert check_token(" token\n") == "token"


def test_no_part_of_a_secret_is_left_where_meta_and_commands_are_cut() -> None:
    masker = Masker({"A_KEY": SECRET, "B_KEY": "it's-secret"})
    for filling in range(985, 1002):
        title = "x" * filling + SECRET
        meta = find_target({**SYSTEMS["gitlab"][0], "CI_COMMIT_TITLE": title}).short_meta(masker.text)
        assert "s3" not in meta["title"]
    for filling in range(480, 502):
        assert "s3" not in command_text(["x" * filling + SECRET], masker.text)
    words = ["sh", "--token=" + SECRET, "it's-secret", "a b", "bad \udcff", "*"]
    assert command_text(words, masker.text) == "sh --token=*** *** 'a b' 'bad ?' '*'"


# --- what goes wrong -----------------------------------------------------------------------


def run_within(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`chef run` as a command of a `chef run`."""
    environ = {"PATH": os.environ["PATH"], "CHEF_RUN": "j", "CHEF_JOB": "j", **environ}
    words = [sys.executable, "-m", "chef", "run", "--", *command]
    return subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def test_a_command_within_a_chef_run_is_run_as_if_alone(tmp_path: Path) -> None:
    assert run_within("sh", "-c", "kill -PIPE $$; exit 3").returncode == -signal.SIGPIPE
    assert run_within("sh", "-c", "kill -XFSZ $$; exit 3").returncode == -signal.SIGXFSZ
    wrong = run_within("echo", "built", CHEF_URL="nonsense")
    assert (wrong.returncode, wrong.stdout) == (0, "built\n")
    assert "CHEF_URL must be like" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_command_within_a_chef_run_that_cannot_start_ends_as_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    found = run_within(str(tmp_path / "plain"))
    assert (found.returncode, "Permission denied" in found.stderr) == (126, True)
    missing = run_within(str(tmp_path / "missing"))
    assert (missing.returncode, "command not found" in missing.stderr) == (127, True)


def test_without_a_temporary_folder_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_usable() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none_usable)
    memory = Memory("http://chef", "job")
    memory.keep({"stdout": StreamTotals()})
    assert memory.tallies() == {}
    memory.forget()


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 1)])
def test_a_fault_of_a_step_is_one_line_and_fails_no_build(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], strict: list[str], status: int
) -> None:
    def fail(*_any: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Sender, "start", fail)
    command = ["phase", *strict, "--url", "http://chef.invalid", "--job", "j", "building"]
    assert cli.main(command) == status
    assert capfd.readouterr().err == "chef: a fault of the reporter: RuntimeError: can't start new thread\n"


def test_fields_of_an_update_may_have_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Sender, "send", lambda _self, fields: sent.append(fields))
    words = ["kind=x", "passing=y", "self=z", "fields=w"]
    command = ["send", "--linger", "0", "--url", "http://chef.invalid", "--job", "j", *words]
    assert cli.main(command) == 0
    assert sent == [{"type": "progress", "kind": "x", "passing": "y", "self": "z", "fields": "w"}]


def test_checksums_are_those_of_zlib() -> None:
    tally = StreamTotals()
    tally.add(b"abc")
    claim: dict[str, Any] = tally.claim()
    assert int(claim["crc32"], 16) == zlib.crc32(b"abc")
