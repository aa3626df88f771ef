"""The lines that stand out in a log: errors and groups, found by the server and by the page alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.domain.outline import is_error, notable_lines
from tests.tools.modules import run

ERRORS = [
    "error: cannot find symbol",
    "src/app.ts(3,7): error TS2304: Cannot find name 'x'.",
    "TypeError: x is not a function",
    "java.lang.IllegalStateException: no",
    "error[E0382]: borrow of moved value",
    "make: *** [all] Error 2",
    "npm ERR! code ELIFECYCLE",
    "FAILED tests/test_x.py::test_y",
    "3 failed, 2 passed",
    "--- FAIL: TestX (0.00s)",
    "Traceback (most recent call last):",
    "fatal: not a git repository",
    "panic: runtime error",
    "  ✗ adds numbers",
    "::error file=a.js::no",
]
NO_ERRORS = [
    "0 errors, 0 failed",
    "Compiled with no errors and without error",
    "gcc -Werror -c error_handler.c errors.c -o error.o",
    "tests/error/x.py",
    "found 0 error(s)",
    "errors: 0",
    "failed: 0",
    "terror and unfailed",
    "https://example.com/error",
    "✓ adds numbers",
]
MARKS = [
    "::group::Install",
    "::endgroup::",
    "##[group]Install",
    "##[endgroup]",
    "section_start:1560896352:my_section[collapsed=true]",
    "section_end:1560896353:my_section",
    "--- :docker: Build",
    "+++ Tests",
    "~~~ Preparing",
    "::stop-commands::0b1f",
    "::0b1f::",
]
NO_MARKS = [
    "a ::group::",
    "std::vector::",
    "::notice::seen",
    "---",
    "--- ",
    "----- x",
    "--- FAIL: TestX",
    "--- PASS: TestX",
    "section_start:x:y",
    "###",
]


def found(*lines: str) -> tuple[list[str], list[str]]:
    """The marks and the errors among lines."""
    notable = list(notable_lines("\n".join(lines).encode()))
    marks = [mark for _, mark in notable if mark is not None]
    return marks, [lines[place] for place, mark in notable if mark is None]


def test_errors_are_what_usual_tools_print_and_not_every_mention() -> None:
    assert [line for line in ERRORS if not is_error(line)] == []
    assert [line for line in NO_ERRORS if is_error(line)] == []
    assert found(*ERRORS, *NO_ERRORS)[1] == ERRORS


def test_marks_are_those_that_people_print() -> None:
    assert found(*MARKS, *NO_MARKS)[0] == MARKS
    assert found("\x1b[0Ksection_start:1:a", "\x1b[1m--- b\x1b[0m") == (["section_start:1:a", "--- b"], [])


def test_the_page_finds_the_same() -> None:
    script = """
    import { isError, MARK } from "chef/log-outline.js";
    const answer = (lines) => lines.map((line) => [isError(line), MARK.test(line)]);
    """
    lines = [*ERRORS, *NO_ERRORS, *MARKS, *NO_MARKS]
    expected = [[line in ERRORS or is_error(line), bool(found(line)[0])] for line in lines]
    assert run(script, lines) == expected


GROUPS = """
import { groupsOf } from "chef/log-group-marks.js";
const answer = (marks) => groupsOf(marks).map(({ first, last, count, isEnded, isOpen }) =>
  [first, isEnded ? last : null, count, isOpen]);
"""


@pytest.mark.parametrize(
    ("marks", "groups"),
    [
        ([], []),
        ([(1, "::group::a"), (5, "::endgroup::")], [[1, 5, 3, False]]),
        # They do not nest: the next one ends the one before.
        ([(1, "::group::a"), (5, "::group::b")], [[1, 4, 3, False], [5, None, None, False]]),
        ([(3, "::endgroup::")], []),
        # GitLab's do.
        (
            [
                (1, "section_start:1:a"),
                (2, "section_start:1:b"),
                (4, "section_end:1:b"),
                (9, "section_end:1:a"),
            ],
            [[1, 9, 7, False], [2, 4, 1, False]],
        ),
        (
            [(1, "section_start:1:a"), (2, "section_start:1:b"), (9, "section_end:1:a")],
            [[1, 9, 7, False], [2, 9, 7, False]],
        ),
        # Buildkite's last until the next one, and `+++` is meant to be seen.
        (
            [(1, "--- a"), (4, "--- b"), (6, "+++ c")],
            [[1, 3, 2, False], [4, 5, 1, False], [6, None, None, True]],
        ),
        # A few rules that somebody drew are not folded by themselves; a diff is none at all.
        ([(1, "--- a"), (4, "--- b")], [[1, 3, 2, True], [4, None, None, True]]),
        ([(1, "--- a/x.c"), (2, "+++ b/x.c"), (9, "--- a/y.c"), (10, "+++ b/y.c")], []),
        # Untrusted text marks nothing, until the word that ends it.
        (
            [
                (1, "::group::a"),
                (2, "::stop-commands::x y"),
                (3, "::group::no"),
                (4, "section_start:1:no"),
                (5, "::X Y::"),
                (6, "::endgroup::"),
                (7, "::x y::"),
                (9, "::endgroup::"),
                (10, "::group::b"),
                (12, "::endgroup::"),
            ],
            [[1, 9, 7, False], [10, 12, 1, False]],
        ),
        (
            [(1, "::0b1f::"), (2, "::group::a"), (4, "::stop-commands::"), (5, "::endgroup::")],
            [[2, 5, 2, False]],
        ),
        # Nothing to fold.
        ([(1, "::group::a"), (2, "::group::b"), (3, "::endgroup::")], [[2, 3, 0, False]]),
    ],
)
def test_marks_make_groups(marks: list[tuple[int, str]], groups: list[list[Any]]) -> None:
    assert run(GROUPS, marks) == groups


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def post(client: FlaskClient, *updates: dict[str, Any]) -> None:
    assert client.post("/api/updates", json=list(updates)).status_code == 200


def test_the_outline_of_a_log_comes_in_parts(client: FlaskClient) -> None:
    post(client, {"type": "progress", "jobId": "j", "projectId": "web", "phase": "building"})
    filler = "x" * 100 + "\n"
    for part in range(6):
        body = f"::group::{part}\n" + filler * 9_000 + f"error in {part}\n"
        client.post("/api/jobs/j/logs", data=body)
    post(client, {"type": "log", "jobId": "j", "message": "by its level", "level": "Error"})
    after: str | None = "1-0"
    marks, errors, parts = [], [], 0
    while after is not None:
        answer = client.get("/jobs/j/outline", query_string={"after": after}).get_json()
        marks += answer["marks"]
        errors += answer["errors"]
        after, parts = answer["next"], parts + 1
    assert parts > 1
    assert marks == [[part * 9_002 + 1, f"::group::{part}"] for part in range(6)]
    assert errors == [*((part + 1) * 9_002 for part in range(6)), 6 * 9_002 + 1]
    assert client.get("/jobs/j/outline").get_json() == client.get("/jobs/j/outline").get_json()


def test_the_outline_knows_markers_that_their_names_replaced(client: FlaskClient) -> None:
    post(client, {"type": "progress", "jobId": "j", "projectId": "web", "phase": "building"})
    client.post(
        "/api/jobs/j/logs",
        data=b"\x1b[0Ksection_start:1:a\r\x1b[0KName\nx\n\x1b[0Ksection_end:2:a\r\x1b[0K\n",
    )
    answer = client.get("/jobs/j/outline").get_json()
    assert answer["marks"] == [[1, "section_start:1:a"], [3, "section_end:2:a"]]
    assert client.get("/api/jobs/j/logs").get_json()["lines"][0]["message"] == "\x1b[0KName"


def test_matches_are_the_numbers_of_lines(client: FlaskClient) -> None:
    post(client, {"type": "progress", "jobId": "j", "projectId": "web", "phase": "building"})
    body = "".join("\x1b[1mnee\x1b[0mdle\n" if number % 2 else "none\n" for number in range(1, 50_001))
    client.post("/api/jobs/j/logs", data=body)
    after: int | None = 0
    numbers: list[int] = []
    while after is not None:
        answer = client.get("/jobs/j/matches", query_string={"q": "NEEDLE", "after": after}).get_json()
        numbers += answer["lines"]
        after = answer["next"]
    assert numbers == list(range(1, 50_001, 2))
    lines = client.get("/api/jobs/j/logs?q=needle&limit=2").get_json()["lines"]
    assert [line["line"] for line in lines] == [1, 3]


@pytest.mark.parametrize(
    "path", ["/jobs/none/outline", "/jobs/none/matches?q=x", "/jobs/j/matches", "/jobs/j/outline?after=x"]
)
def test_there_is_none_of_what_is_not_there(client: FlaskClient, path: str) -> None:
    post(client, {"type": "progress", "jobId": "j", "projectId": "web", "phase": "building"})
    assert client.get(path).status_code == 404


def test_outlines_are_for_who_may_see_the_job(make_app: Callable[..., Flask]) -> None:
    client = make_app(public_read=False, jwt_secret="a secret of more than thirty-two bytes").test_client()
    assert client.get("/jobs/j/outline").status_code == 303
    assert client.get("/jobs/j/matches?q=x").status_code == 303
