"""Why a build failed, as its log has it: sessions of real tools, in all forms in which CI systems show them.

The recordings stand beside those of `tests/test_error_lines.py`; `expected.json` has what each says.
All were made by running the tool; paths are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET, to_builtins

from chef.domain.failure import MAX_EVENT, MAX_STORED, bounded
from chef.domain.text import clean_text
from chef.domain.wiretypes import ExcerptLine, FailedTest, Failure, encode
from tests.tools.failures import failure_in, recorded_failure, seen_lines, stored_lines
from tests.tools.serving import ROOT

RECORDINGS = ROOT / "tests/recordings"
EXPECTED: dict[str, dict[str, Any]] = json.loads((RECORDINGS / "failures/expected.json").read_text())
TOOLS = (
    *("pytest", "unittest", "jest", "vitest", "mocha", "playwright", "go", "gotestsum", "cargo", "nextest"),
    *("gradle", "maven", "rspec", "minitest", "phpunit", "node-tap", "prove", "bats", "ctest", "tsc"),
    *("eslint", "ruff", "mypy", "flake8", "gcc", "make", "ninja", "cmake", "npm", "javac"),
    *(
        "googletest",
        "catch2",
        "exunit",
        "jasmine",
        "deno",
        "cucumber",
        "behave",
        "robot",
        "pyright",
        "pylint",
    ),
    *("rubocop", "biome", "oxlint", "stylelint", "prettier", "black", "rustfmt", "pre-commit", "tox", "pip"),
)


def lines_of(name: str) -> list[str]:
    return stored_lines((RECORDINGS / f"{name}.log").read_bytes())


def summary_of(texts: list[str]) -> str | None:
    failure = failure_in(seen_lines(texts))
    return None if failure is None else failure.summary


def names_of(failure: Failure | None) -> list[str]:
    return [one.name for one in failure.tests] if failure and failure.tests is not UNSET else []


@pytest.mark.parametrize(
    ("log", "summary"),
    [
        (
            (
                "===== FAILURES =====\n_____ test_a _____\nE   assert 1 == 2\n"
                "===== short test summary info =====\nFAILED test_x.py::test_a - assert 1 == 2\n"
                "FAILED test_x.py::TestC::test_b - ValueError: boom\nERROR test_x.py::test_c - OSError: no\n"
            ),
            "2 failed, 1 error",
        ),
        (
            (
                "ERROR: test_imp (unittest.loader._FailedTest.test_imp)\n-----\n"
                "ImportError: Failed to import test module: test_imp\n-----\nRan 1 test in 0.000s\n\n"
                "FAILED (errors=1)\n"
            ),
            "1 error",
        ),
        (
            (
                '  + Exception Group Traceback (most recent call last):\n  |   File "eg.py", line 3\n'
                "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n"
                "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n"
                '    |   File "eg.py", line 2, in m\n    | shop.errors.Broken: v\n    +----------------\n'
            ),
            "shop.errors.Broken: v",
        ),
        (
            "ERROR: usage: pytest [options] [file_or_dir]\npytest: error: unrecognized arguments: --nope\n",
            "pytest: error: unrecognized arguments: --nope",
        ),
    ],
    ids=["pytest -qq", "unittest that cannot import", "a group of exceptions", "a wrong option"],
)
def test_what_a_tool_does_not_say_in_one_line(log: str, summary: str) -> None:
    assert summary_of(log.splitlines()) == summary


def test_every_tool_has_a_recording_and_every_recording_a_row() -> None:
    stems = {
        f"{folder}/{path.stem}"
        for folder in ("errors", "failures")
        for path in (RECORDINGS / folder).glob("*failed*.log")
    }
    assert stems == set(EXPECTED)
    assert [tool for tool in TOOLS if not any(name.split("/")[1].startswith(tool) for name in EXPECTED)] == []


@pytest.mark.parametrize("name", EXPECTED)
def test_the_summary_the_names_and_their_lines_are_those_of_the_tool(name: str) -> None:
    assert recorded_failure(RECORDINGS / f"{name}.log") == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_each_test_has_the_line_that_tells_of_its_failure(name: str) -> None:
    texts = lines_of(name)
    for test in EXPECTED[name].get("tests", ()):
        told = " ".join(clean_text(text) for text in texts[test["line"] - 1 : test["line"] + 2])
        last_part = test["name"].replace("::", " ").replace(".", " ").replace("›", " ").split()[-1]
        assert last_part in told or test["message"] in told


def test_green_logs_state_nothing_that_failed() -> None:
    green = [
        path
        for folder in ("errors", "failures")
        for path in sorted((RECORDINGS / folder).glob("*.log"))
        if "failed" not in path.stem
    ]
    assert len(green) >= 35
    assert [path.stem for path in green if recorded_failure(path)] == []


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("size", [1, 7])
def test_it_does_not_matter_in_which_pieces_a_log_is_read(name: str, size: int) -> None:
    lines = seen_lines(lines_of(name))
    assert failure_in(lines, size) == failure_in(lines)


FORMS: dict[str, Callable[[str], str]] = {
    "GitHub": lambda text: f"2026-11-28T12:00:00.1234567Z {text}",
    "Jenkins": lambda text: f"[2026-11-28T12:00:00.123Z] {text}",
    "GitLab": lambda text: f"2026-11-28T12:00:00.123456Z 01O {text}",
    "a clock": lambda text: f"12:00:00 {text}",
    "Docker Compose": lambda text: f"web-1  | {text}",
    "Docker Compose in colours": lambda text: f"\x1b[36mweb-1  | \x1b[0m{text}",
    "Turborepo": lambda text: f"@shop/web:test: {text}",
    "pnpm": lambda text: f"packages/web test: {text}",
    "concurrently": lambda text: f"[web] {text}",
    "BuildKit": lambda text: f"#12 3.456 {text}",
    "Windows": lambda text: f"{text}\r",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_before_lines_does_not_matter(form: str) -> None:
    wrong = {
        name: (expected["summary"], found.summary if found else None)
        for name, expected in EXPECTED.items()
        if (found := failure_in(seen_lines(map(FORMS[form], lines_of(name))))) is None
        or found.summary != expected["summary"]
        or names_of(found) != [one["name"] for one in expected.get("tests", ())]
    }
    assert wrong == {}


def test_streams_are_read_apart() -> None:
    pytest_lines, noise = lines_of("errors/pytest-failed"), [f"request {n}" for n in range(40)]
    lines = []
    for number, (one, other) in enumerate(zip(pytest_lines, noise, strict=False)):
        lines += [
            line._replace(number=2 * number + place, stream=stream)
            for place, (stream, text) in enumerate((("stdout", one), ("stderr", other)), 1)
            for line in seen_lines([text])
        ]
    failure = failure_in(lines)
    assert failure is not None
    assert (failure.summary, names_of(failure)) == (
        "1 failed, 4 passed",
        ["pytest_bad/test_shop.py::test_the_total"],
    )


def test_of_several_tools_the_one_counts_that_failed() -> None:
    jest, pytest_ = lines_of("errors/jest-failed"), lines_of("errors/pytest")
    assert summary_of([*pytest_, *jest]) == "2 failed, 3 passed"
    assert summary_of([*jest, *pytest_]) == "2 failed, 3 passed"
    assert summary_of([*jest, *lines_of("errors/pytest-failed")]) == (
        "jest: 2 failed, 3 passed; pytest: 1 failed, 4 passed"
    )


def test_what_was_run_again_and_passed_is_no_reason() -> None:
    again = ["============ 5 passed in 0.09s ============"]
    only_failed = ["============ 1 passed in 0.01s ============"]
    failed = lines_of("errors/pytest-failed")
    for passed in (again, only_failed):
        assert summary_of([*failed, *passed, "make: *** [Makefile:9: deploy] Error 1"]) == (
            "make: *** [Makefile:9: deploy] Error 1"
        )
        assert summary_of([*failed, *passed]) is None
    assert summary_of([*failed, "============ 3 passed in 0.01s ============"]) == "1 failed, 4 passed"


def test_shards_are_added_up_where_they_ran_at_once_and_not_where_one_cannot_know() -> None:
    ended = "= 1 failed, 4 passed in 0.10s ="
    assert summary_of([f"web-1  | {ended}", f"web-2  | {ended}"]) == "2 failed, 8 passed"
    assert summary_of([f"web-1  | {ended}", "web-2  | = 6 passed in 0.10s ="]) == "1 failed, 4 passed"
    assert summary_of([ended, ended]) == "1 failed, 4 passed; 1 failed, 4 passed"


def test_an_error_before_green_tests_is_none() -> None:
    texts = ["ERROR: as the test wants it", "= 5 passed in 0.10s =", "fatal: could not push"]
    assert summary_of(texts) == "fatal: could not push"
    assert summary_of(texts[:2]) is None


def test_records_of_go_that_are_none_are_lines_like_others() -> None:
    def record(output: str) -> str:
        return f'{{"Time":"2026-11-28T12:00:00Z","Action":"output","Package":"shop","Output":"{output}"}}'

    told = [
        record(text)
        for text in (r"--- FAIL: T\ud800\u001b[31m (0.00s)\n", r"bad \x escape", r"FAIL\tshop\t0.1s\n")
    ]
    failure = failure_in(seen_lines(told))
    assert failure is not None
    assert (failure.summary, names_of(failure)) == ("1 failed", ["T?"])
    assert all("\x1b" not in name for name in names_of(failure))
    assert summary_of([record("fatal: no")[:-1], "make: *** [Makefile:9: deploy] Error 1"]) is not None


def test_a_sentence_that_scripts_often_survive_counts_where_nothing_else_is_wrong() -> None:
    for said in (
        "build.sh: line 9:  4711 Aborted                 (core dumped) ./shop",
        "build.sh: line 3: TOKEN: unbound variable",
        "ssh: connect to host 127.0.0.1 port 1: Connection refused",
        "Aborted with 1 warnings in strict mode!",
    ):
        assert summary_of([said]) == said
        assert summary_of([said, "fatal: no"]) == "fatal: no"


def test_nothing_certain_is_nothing() -> None:
    assert summary_of([]) is None
    assert summary_of(["all is well", "done", "3 of 5 boxes packed"]) is None


def test_dotnet_and_surefire_3() -> None:
    """From their documentation: .NET was not run, and Surefire 3 not either."""
    dotnet = [
        "  Failed Shop.Tests.TotalTests.Adds [12 ms]",
        "  Error Message:",
        "   Assert.Equal() Failure: Values differ",
        "  Stack Trace:",
        "Failed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: 25 ms - A.dll",
    ]
    maven = [
        "[INFO] Running ShopTest",
        "[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1, Time elapsed: 0.05 s <<< FAILURE!",
        "[ERROR] ShopTest.adds -- Time elapsed: 0.004 s <<< FAILURE!",
        "java.lang.AssertionError: expected:<4> but was:<3>",
        "[INFO] Results:",
        "[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1",
    ]
    found = failure_in(seen_lines(dotnet))
    assert found is not None
    assert to_builtins(found.tests) == [
        {
            "name": "Shop.Tests.TotalTests.Adds",
            "line": 1,
            "message": "Assert.Equal() Failure: Values differ",
        }
    ]
    assert found.summary == "1 failed, 2 passed, 1 skipped"
    found = failure_in(seen_lines(maven))
    assert found is not None
    assert (found.summary, to_builtins(found.tests)) == (
        "1 failed, 1 passed, 1 skipped",
        [
            {
                "name": "ShopTest.adds",
                "line": 3,
                "message": "java.lang.AssertionError: expected:<4> but was:<3>",
            }
        ],
    )


@pytest.mark.parametrize(
    ("log", "summary", "tests"),
    [
        (
            (
                "Test Case 'ShopTests.testAdds' started at 2026-11-28 12:00:00.000\n"
                '/build/ShopTests.swift:8: error: ShopTests.testAdds : XCTAssertEqual failed: ("3") is not '
                'equal to ("4") - \n'
                "/build/ShopTests.swift:9: error: ShopTests.testAdds : XCTAssertTrue failed - \n"
                "Test Suite 'ShopTests' failed at 2026-11-28 12:00:00.000\n"
                "\t Executed 3 tests, with 2 failures (0 unexpected) in 0.002 (0.002) seconds\n"
                "Test Suite 'All tests' failed at 2026-11-28 12:00:00.000\n"
                "\t Executed 3 tests, with 2 failures (0 unexpected) in 0.002 (0.003) seconds\n"
            ),
            "1 failed, 2 passed",
            [("ShopTests.testAdds", 'XCTAssertEqual failed: ("3") is not equal to ("4")')],
        ),
        (
            (
                "✘ Test adds() recorded an issue at ShopTests.swift:8:5: Expectation failed: (3 → 3) == 4\n"
                "✘ Test adds() failed after 0.001 seconds with 1 issue.\n"
                "✘ Test run with 3 tests in 1 suite failed after 0.001 seconds with 1 issue.\n"
            ),
            "1 failed, 2 passed",
            [("adds()", "Expectation failed: (3 → 3) == 4")],
        ),
        (
            (
                "//shop:adds_test                                  PASSED in 0.3s\n"
                "//shop:till_test                                  FAILED in 0.2s\n"
                "  /build/bazel-out/testlogs/shop/till_test/test.log\n\n"
                "Executed 2 out of 2 tests: 1 test passes and 1 fails locally.\n"
            ),
            "1 failed, 1 passed",
            [("//shop:till_test", "FAILED in 0.2s")],
        ),
        (
            (
                "failed Shop.Tests.Adds (12ms)\n  Assert.AreEqual failed. Expected:<4>. Actual:<3>.\n"
                "Test run summary: Failed! - bin/Debug/net10.0/Shop.Tests.dll (net10.0|x64)\n"
                "  total: 4\n  failed: 1\n  succeeded: 2\n  skipped: 1\n  duration: 308ms\n"
            ),
            "1 failed, 2 passed, 1 skipped",
            [("Shop.Tests.Adds", "Assert.AreEqual failed. Expected:<4>. Actual:<3>.")],
        ),
    ],
    ids=["XCTest", "Swift Testing", "Bazel", "Microsoft.Testing.Platform"],
)
def test_tools_that_were_not_run(log: str, summary: str, tests: list[tuple[str, str]]) -> None:
    """From their documentation."""
    lines = seen_lines(log.splitlines())
    for size in (1, 500):
        found = failure_in(lines, size)
        assert found is not None
        told = [(one.name, one.message) for one in found.tests or ()]
        assert (found.summary, told) == (summary, tests)


def test_a_failure_is_bounded() -> None:
    texts = [f"FAILED tests/test_{n}.py::test_{'x' * 600} - {'assert ' * 100}" for n in range(3000)]
    texts.append("= 3000 failed in 9.99s =")
    failure = failure_in(seen_lines(texts))
    assert failure is not None
    assert failure.summary == "3000 failed"
    for limits in (MAX_STORED, MAX_EVENT):
        part = bounded(failure, limits)
        assert 0 < len(names_of(part)) <= limits.tests
        assert 0 < len(part.lines) <= limits.lines
        assert len(encode(part).encode()) <= limits.bytes
        assert all(len(one.name) <= 500 for one in part.tests or ())


def test_what_fits_is_left_as_it_is() -> None:
    failure = Failure("1 failed", [ExcerptLine(3, "no")], [FailedTest("adds", 3)])
    assert bounded(failure, MAX_EVENT) == failure


def test_no_line_has_what_a_terminal_would_obey() -> None:
    failure = failure_in(seen_lines(lines_of("errors/vitest-failed")))
    assert failure is not None
    assert "\x1b" not in encode(failure)


@pytest.mark.parametrize(
    "filler", ["x" * 100_000, "(" * 5000, "a: " * 5000, "=" * 50_000, " " * 50_000, "1, " * 9000]
)
def test_long_lines_take_no_time(filler: str) -> None:
    """No pattern goes back and forth over a line: 2,000 such lines take what they take to be read."""
    import time

    began = time.process_time()
    texts = [
        f"{head}{filler}" for head in ("FAILED ", "not ok ", " FAIL  ", "  1) ", "Tests: ", "--- FAIL: ", "")
    ]
    failure_in(seen_lines(texts * 20))
    assert time.process_time() - began < 20  # A second; minutes, if one did.
