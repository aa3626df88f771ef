"""Errors in logs: recordings of real tools, that went well and that failed. `index.json` says what each is.

All were made by running the tool, in a pipe or in a terminal of 120 columns; paths are replaced. `firstError`
is the line that first tells of the error, and null where the tool was content.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from chef.domain.errorlines import HARMLESS, RULES
from chef.domain.outline import is_error, notable_lines
from chef.domain.text import clean_text
from tests.tools.modules import run
from tests.tools.serving import ROOT

RECORDINGS = ROOT / "tests/recordings/errors"
INDEX: list[dict[str, Any]] = json.loads((RECORDINGS / "index.json").read_text())
# Each tool that the rules were made for, and what else they write.
MORE_ERRORS = [
    "  ✕ adds (2 ms)",
    " FAIL  src/total.test.ts > total > adds",
    "  ● total › adds",
    "Tests:       1 failed, 3 passed, 4 total",
    "not ok 3 - the sum",
    "    --- FAIL: TestTotal/of_nothing (0.00s)",
    "FAIL\texample.com/shop\t0.004s",
    "panic: runtime error: index out of range [2] with length 0",
    "thread 'main' panicked at src/main.rs:4:26:",
    "ld: cannot find -lshop: No such file or directory",
    "[ERROR] /build/Shop.java:[3,14] incompatible types",
    "[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0",
    "> Task :compileJava FAILED",
    "ShopTest > adds FAILED",
    "npm ERR! code ELIFECYCLE",
    " ELIFECYCLE  Command failed with exit code 1.",
    " ERR_PNPM_NO_MATCHING_VERSION  No matching version found for nothing@9",
    "➤ YN0009: │ shop@workspace:. couldn't be built: exited with exit code 1, failed",
    "zsh: command not found: dockr",
    "/bin/sh: 1: dockr: not found",
    "Killed",
    'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
    "2026-11-28 12:00:00,123 ERROR shop: the database is gone",
    "collect2: fatal error: ld terminated with signal 9 [Killed]",
    "ninja: build stopped: subcommand failed.",
    "##[error]Process completed with exit code 1.",
    "##vso[task.logissue type=error;sourcepath=a.c;linenumber=1]no",
    "##teamcity[buildProblem description='no']",
    "cat: nothing.txt: No such file or directory",
    "E: Unable to locate package nothing",
    "/bin/sh: 1: ./gradlew: Permission denied",
    "/usr/lib/ruby/x.rb:85:in `require': cannot load such file -- shop (LoadError)",
    "shop.rb:2:in 'Shop.total': no price (Shop::NoPriceError)",
    "git@example.com: Permission denied (publickey).",
    "./build.sh: line 3: syntax error near unexpected token `fi'",
    "/bin/sh: 1: Syntax error: end of file unexpected",
    "Command failed with status (1): [rspec...]",
    "[  FAILED  ] Shop.Adds (0 ms)",
    "shop_test.cc:3: Failure",
    "Error [ERR_REQUIRE_ESM]: require() of ES Module /build/x.js not supported.",
    "py311: FAIL code 1 (0.27=setup[0.22]+cmd[0.06] seconds)",
]
MORE_HARMLESS = [
    "  ✓ shows an error when the login failed: error: no (7 ms)",
    "  error handling",
    "find: '/proc/1/fd': Permission denied",
    "  permission denied is shown to whoever may not read",
    "the upload was aborted and began anew",
    "checks assertions (AssertionError)",
    "connection refused, trying again in 1 s",
    "  when it failed",
    "ok 3 - error: shows an exception",
    "not ok 4 - error: later # TODO not yet",
    "    # Subtest: fatal: an error",
    "tests/test_shop.py::test_error PASSED                    [ 50%]",
    "test_fatal (test_shop.ErrorTest.test_fatal) ... ok",
    "Error: shows a fatal error when the disk is full. ... ok",
    "test error::fatal ... ok",
    "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured",
    "--- PASS: TestError (0.00s)",
    "    shop_test.go:6: error: as expected",
    "[       OK ] Error.IsFatal (0 ms)",
    "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0",
    "-- Performing Test HAVE_STRERROR - Failed",
    "checking for error.h... no",
    "   Compiling thiserror v1.0.50",
    "Setting up liberror-perl (0.17029-2) ...",
    "└── http-errors@2.0.0",
    "npm warn deprecated error@1.0.0: use errors: now",
    "warning: error: is a word",
    "5 passed, 1 xfailed in 0.10s",
    "✖ 2 problems (0 errors, 2 warnings)",
    "make: [Makefile:3: clean] Error 1 (ignored)",
    "TASK [failed=1: error: no] ****",
    "localhost : ok=2 changed=0 unreachable=0 failed=0 skipped=0",
    "+ echo 'error: no'",
    "::warning file=a.c::error: no",
    "LOG_LEVEL=ERROR",
    "  ● Console",
    "      Error: printed by a test of Jest's",
]


def recording(name: str) -> bytes:
    return (RECORDINGS / f"{name}.log").read_bytes().rstrip(b"\n")


def errors_of(log: bytes) -> list[int]:
    """The numbers of the lines that tell of errors."""
    return [place + 1 for place, mark in notable_lines(log) if mark is None]


def test_there_are_recordings_enough() -> None:
    assert sum(one["firstError"] is None for one in INDEX) >= 25
    assert sum(one["firstError"] is not None for one in INDEX) >= 25
    assert {path.stem for path in RECORDINGS.glob("*.log")} == {one["name"] for one in INDEX}


@pytest.mark.parametrize("one", INDEX, ids=lambda one: one["name"])
def test_the_first_error_is_the_true_one_and_no_error_is_found_where_there_is_none(
    one: dict[str, Any],
) -> None:
    assert errors_of(recording(one["name"]))[:1] == ([one["firstError"]] if one["firstError"] else [])


def test_errors_are_errors_and_passed_tests_are_none() -> None:
    assert [line for line in MORE_ERRORS if not is_error(line)] == []
    assert [line for line in MORE_HARMLESS if is_error(line)] == []


def test_what_ansible_ignores_is_no_error() -> None:
    fatal = b"fatal: [localhost]: FAILED! => {}"
    assert errors_of(b"\n".join([fatal, b"...ignoring", fatal, b"PLAY RECAP ***"])) == [3]


def test_the_page_finds_the_same_errors() -> None:
    """So each line of a rule has one of the rule's words, which the page does not look for."""
    lines = [
        clean_text(line)
        for one in INDEX
        for line in recording(one["name"]).decode("utf-8", "replace").split("\n")
    ]
    lines += MORE_ERRORS + MORE_HARMLESS
    script = """
    import { isError } from "chef/log-outline.js";
    const answer = (lines) => lines.map(isError);
    """
    assert run(script, lines) == [is_error(line) for line in lines]


def test_neighbours_are_one_error_and_the_page_knows_what_is_ignored() -> None:
    script = """
    import { Outline } from "chef/log-outline.js";
    const answer = (messages) => {
      const outline = new Outline();
      messages.forEach((message, index) => outline.take({ line: index + 1, message }));
      return [outline.errors, outline.firstErrors];
    };
    """
    lines = ["error: a", "error: b", "between", "fatal: [localhost]: FAILED!", "...ignoring", "error: c"]
    assert run(script, lines) == [[1, 2, 6], [1, 6]]


def test_words_are_as_they_are_looked_for() -> None:
    assert [word for rule in RULES for word in rule.words if word != word.lower() or not word] == []
    assert len({pattern for _, pattern in HARMLESS}) == len(HARMLESS)
