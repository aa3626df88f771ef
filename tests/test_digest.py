"""`GET /api/jobs/JOB/digest`: a job in a page of text. Pure texts first, then recorded failures over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from chef.access.jwts import issue_token
from chef.digest.errors import WHOLE_BYTES, ErrorLines, most_telling
from chef.digest.facts import Excerpt, Facts
from chef.digest.markdown import digest, time_left
from chef.digest.text import code, fenced, shown, words_of_ms
from chef.domain.clock import now_ms
from chef.domain.model import Job
from chef.settings.config import Settings
from chef.store import Outline, Store
from tests.test_novelty_of_jobs import GREEN, RED, build, learned, new_in
from tests.tools.making import AT
from tests.tools.serving import ROOT

RECORDINGS = ROOT / "tests/recordings/errors"
AT_FAULT = {
    "pytest-failed": "pytest_bad/test_shop.py::test_the_total",
    "jest-failed": "● error handling › adds",
    "vitest-failed": "shop.test.mjs > error handling > adds",
    "go-failed": "TestTotal",
    "cargo-failed": "tests::adds",
    "gcc-failed": "bad.c:2:33",
    "javac-failed": "ErrorPage.java:1",
    "tsc-failed": "bad.ts(1,7)",
    "unittest-failed": "test_shop.ErrorTest.test_raises",
    "mocha-failed": "shop.test.js:7",
    "eslint-failed": "/build/eslint/bad.js",
    "rust-panic-failed": "src/main.rs:4:26",
    "gradle-failed": "ErrorPage.java:1",
    "python-failed": ".py",
}
"""Recorded failures, and what names the file or the test at fault."""


def quiet_lines(first: int, count: int) -> bytes:
    """What a compiler that is content prints."""
    numbers = range(first, first + count)
    return b"".join(b"[%d] cc -O2 -c src/module_%d/part.c -o build/part_%d.o\n" % (n, n, n) for n in numbers)


def failed_job(client: FlaskClient, job_id: str, log: bytes, message: str = "make failed") -> None:
    assert client.post(f"/api/jobs/{job_id}/logs?projectId=web", data=log).status_code == 200
    assert client.post(f"/api/jobs/{job_id}/error", data={"message": message, "code": 2}).status_code == 200


def facts(**more: Any) -> Facts:
    job = {
        "jobId": "job",
        "projectId": "web",
        "status": "failed",
        "progress": 50,
        "message": "no",
        "meta": {},
        "phase": "building",
        "durationMs": 61_000,
        "finishedAt": "2026-11-28T12:00:00.000Z",
        "lines": 3,
        "phases": [],
        "error": {"message": "no", "code": 1},
    }
    lines = more.pop("tail", [(1, "one")])
    errors = more.pop("errors", [Excerpt(1, lines, frozenset({1}))])
    return Facts(job | more, "http://chef.example/jobs/job", errors, lines)


# --- texts ---------------------------------------------------------------------------------

LINE = st.text(st.sampled_from("ab`~ #>-*\t<|\\é…\u202e"), max_size=300)


def outside_of_code(text: str) -> list[str]:
    """The lines of a Markdown text that are in no fenced block, read as CommonMark says."""
    outside, fence = [], ""
    for line in text.split("\n"):
        found = re.match(r" {0,3}(`{3,}|~{3,})(.*)$", line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found and ("`" not in found[2] or found[1][0] == "~"):
            fence = found[1]
        else:
            outside.append(line)
    assert not fence, "a block is not closed"
    return outside


@given(st.lists(LINE, max_size=40), st.integers(500, 6000), st.text(max_size=600), st.text(max_size=300))
def test_a_digest_keeps_to_its_budget_and_the_log_to_its_fence(
    texts: list[str], budget: int, message: str, title: str
) -> None:
    lines = list(enumerate(map(shown, texts), 1))
    errors = [
        Excerpt(place + 1, lines[place : place + 7], frozenset({place + 1}))
        for place in range(0, len(lines), 9)
    ]
    told = facts(
        tail=lines,
        errors=errors,
        error={"message": message, "code": None},
        meta={"title": title, "branch": message},
    )
    text = digest(told, budget)
    assert len(text) <= budget
    own = ("#", "- ", "Text in code")
    assert all(line.startswith(own) for line in outside_of_code(text) if line)


@pytest.mark.parametrize("budget", [500, 1000, 8000, 100_000])
def test_a_long_log_fills_the_budget(budget: int) -> None:
    lines = [(number, f"line {number} " + "x" * 60) for number in range(1, 3001)]
    errors = [
        Excerpt(place + 4, lines[place : place + 12], frozenset({place + 4})) for place in range(0, 3000, 100)
    ]
    assert 0.7 * budget <= len(digest(facts(tail=lines, errors=errors), budget)) <= budget


def test_nothing_of_a_build_becomes_markup() -> None:
    assert code("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert code("# no\n- heading") == "`# no - heading`"
    assert fenced(["```", "~~~~~", "````"]) == "`````text\n```\n~~~~~\n````\n`````"


def test_what_nobody_would_see_is_shown() -> None:
    assert shown("a\x1b[31mb\u202ec\u200bd\U000e0041e") == "ab\ufffdc\ufffdd\ufffde"
    assert shown("👩\u200d💻 é") == "👩\u200d💻 é"


def test_errors_that_differ_in_numbers_alone_are_one_and_a_place_comes_first() -> None:
    errors = [(n, f"error: could not reach the cache ({n})") for n in range(1, 100)]
    errors += [(100, "src/till.c:7:3: error: ‘x’ undeclared"), (101, "make: *** [all] Error 2")]
    assert most_telling(errors, 3) == [100, 1, 101]


def test_durations_in_words() -> None:
    assert [words_of_ms(ms) for ms in (0, 450, 9_960, 61_000, 3_725_000)] == [
        "0.0 s",
        "0.5 s",
        "10 s",
        "1 min 1 s",
        "1 h 2 min",
    ]


def running(**eta: Any) -> dict[str, Any]:
    known = {"runs": 18, "range": False, "remainingMs": None, "overMs": None}
    return {"eta": known | eta}


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({}, None),
        ({"eta": None}, None),
        (running(), None),
        (
            running(remainingMs={"low": 110_000, "median": 180_000, "high": 300_000}),
            "about 3 min left (2 min to 5 min, from 18 runs)",
        ),
        (
            running(runs=5, range=True, remainingMs={"low": 40_000, "median": 50_000, "high": 8_000_000}),
            "40 s to 2 h 13 min left, by 5 runs",
        ),
        (running(overMs=120_000), "2 min over the usual"),
    ],
)
def test_how_long_still_in_words(job: dict[str, Any], words: str | None) -> None:
    assert time_left(job) == words


class LongLog:
    """A store with a log of a million lines, whose outline comes in parts of a thousand."""

    def __init__(self, errors: Sequence[int]) -> None:
        self.errors = errors
        self.asked: list[int] = []

    def outline(self, _job_id: str, place: tuple[int, int]) -> tuple[Outline, tuple[int, int] | None]:
        first, after = place[0], place[0] + 1000
        self.asked.append(first)
        found = [number for number in self.errors if first <= number < after]
        return Outline([], found), None if after > 1_000_000 else (after, 0)


def errors_of(store: LongLog, log_bytes: int) -> tuple[int, ...]:
    job = Job("job", "web", log_bytes=log_bytes, lines=1_000_000, created_at=AT, updated_at=AT, seq=9)
    lines = ErrorLines(cast("Store", store))
    assert lines.of(job) is lines.of(job)
    return lines.of(job)


def test_a_very_long_log_is_looked_through_at_its_ends_alone() -> None:
    errors = [10, 100_000, 500_000, 999_999]
    whole = LongLog(errors)
    assert errors_of(whole, WHOLE_BYTES) == tuple(errors)
    assert len(whole.asked) == 1000
    ends = LongLog(errors)
    assert errors_of(ends, 4 * WHOLE_BYTES) == (10, 999_999)
    assert len(ends.asked) < 200


def test_of_very_many_errors_the_first_and_the_last_are_looked_at() -> None:
    found = errors_of(LongLog(range(1, 1_000_001, 10)), WHOLE_BYTES)
    assert len(found) == 200
    assert (found[0], found[-1]) == (1, 999_991)


# --- over HTTP -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", AT_FAULT)
@pytest.mark.parametrize("budget", [1500, 8000])
def test_the_digest_of_a_recorded_failure_names_what_is_at_fault(app: Flask, name: str, budget: int) -> None:
    client = app.test_client()
    recording = (RECORDINGS / f"{name}.log").read_bytes()
    failed_job(client, name, quiet_lines(0, 2500) + recording + quiet_lines(2500, 2500))
    answer = client.get(f"/api/jobs/{name}/digest?budget={budget}")
    assert answer.content_type == "text/markdown; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.text) <= budget
    assert AT_FAULT[name] in answer.text


def test_the_compiler_error_in_the_middle_of_a_large_log_is_in_it(app: Flask) -> None:
    client = app.test_client()
    noise = b"".join(b"fetch: error: mirror %d did not answer, trying the next\n" % n for n in range(300))
    log = (
        noise + quiet_lines(0, 20_000) + (RECORDINGS / "gcc-failed.log").read_bytes() + quiet_lines(0, 25_000)
    )
    assert len(log) > 2_500_000
    failed_job(client, "large", log)
    text = client.get("/api/jobs/large/digest").text
    assert "bad.c:2:33: error: ‘total’ undeclared" in text
    assert text.count("did not answer") < 20


@pytest.mark.parametrize(
    ("updates", "first_line", "place"),
    [
        ([{"type": "log", "message": "a"}], "Running (building)", None),
        ([{"type": "log", "message": "a"}, {"type": "error", "message": "no"}], "Failed", "building,"),
        (
            [{"type": "progress", "progress": 62.5}, {"type": "cancelled"}],
            "Cancelled",
            "building at 62.5 %,",
        ),
        ([{"type": "progress", "message": "waits"}, {"type": "cancelled"}], "Cancelled", None),
        ([{"type": "progress", "phase": "building"}, {"type": "completed"}], "Completed", None),
    ],
)
def test_a_digest_and_a_summary_tell_where_a_job_stopped(
    app: Flask, updates: list[dict[str, Any]], first_line: str, place: str | None
) -> None:
    client = app.test_client()
    answer = client.post(
        "/api/updates", json=[{"jobId": "b-1", "projectId": "web", **one} for one in updates]
    )
    assert answer.status_code == 200
    digest = client.get("/api/jobs/b-1/digest").text
    summary = client.get("/jobs/b-1", headers={"Accept": "*/*", "User-Agent": "curl/8.5.0"}).text
    assert digest.startswith(f"# {first_line}: ")
    assert summary.startswith(f"{first_line}: ")
    for text in (digest, summary):
        assert ("stopped in phase" in text) == (place is not None)
        assert place is None or f"stopped in phase {place} took " in text


def test_a_digest_tells_what_a_job_is_and_how_it_ended(app: Flask) -> None:
    client = app.test_client()
    meta = {"title": "Add retry", "branch": "main", "commit": "4f1c2d9", "author": "Amina"}
    update = {"jobId": "b-1", "projectId": "web", "type": "progress", "phase": "building", "meta": meta}
    assert client.post("/api/updates", json=update).status_code == 200
    running = client.get("/api/jobs/b-1/digest").text
    assert running.startswith("# Running (building, 50 %): `Add retry`\n")
    failed_job(client, "b-1", b"all is well\n", "3 tests failed")
    text = client.get("/api/jobs/b-1/digest").text
    assert text.startswith("# Failed: `Add retry`\n")
    assert "- Status: failed, stopped in phase building at 50 %, took " in text
    assert "- Source: branch `main`, commit `4f1c2d9`, author `Amina`" in text
    assert "- `3 tests failed` (code `2`)" in text
    assert "- Page: <http://localhost/jobs/b-1>" in text
    assert "     1 | all is well" in text
    assert "## Phases\n\n- building: " in text


def test_what_nobody_said_is_not_in_the_reason_and_a_pull_request_is_called_so(app: Flask) -> None:
    client = app.test_client()
    meta = {"branch": "main", "pullRequest": 7}
    first = {"type": "progress", "jobId": "j", "projectId": "p", "phase": "building", "meta": meta}
    assert client.post("/api/updates", json=first).status_code == 200
    log = (ROOT / "tests/recordings/errors/pytest-failed.log").read_bytes()
    assert client.put("/api/jobs/j/logs", data=log).status_code == 200
    ended = {"type": "progress", "jobId": "j", "status": "failed"}
    assert client.post("/api/updates", json=ended).status_code == 200
    digest = client.get("/api/jobs/j/digest").text
    assert "- `1 failed, 4 passed`" in digest
    assert "no message" not in digest
    assert "branch `main`, pull request `#7`" in digest
    summary = client.get("/jobs/j", headers={"Accept": "text/plain"}).text
    assert "main · #7" in summary


def test_a_digest_names_what_no_green_run_printed(app: Flask) -> None:
    client = app.test_client()
    failed_job(client, "first", GREEN)
    assert "## New in this run" not in client.get("/api/jobs/first/digest").text
    build(client, "green", GREEN)
    learned(app)
    build(client, "red", RED, 1)
    assert new_in(client, "red")["kinds"] == 2
    text = client.get("/api/jobs/red/digest").text
    told = "2 kinds of lines are not in the last green run; the most telling first:\n\n```text\n"
    lines = "      3 | src/main.c:12:5: error: 'x' undeclared\n      4 | step 2 skipped\n```"
    assert f"## New in this run\n\n{told}{lines}" in text
    summary = client.get("/jobs/red", headers={"Accept": "text/plain"}).text
    assert f"\nnew: 2 kinds of lines are not in the last green run\n{lines.removesuffix('```')}" in summary


def test_a_job_without_a_log_has_a_digest(app: Flask) -> None:
    client = app.test_client()
    client.post("/api/jobs/new/progress", data={"projectId": "web", "phase": "queued"})
    assert client.get("/api/jobs/new/digest").text.startswith("# Running (queued, 0 %): `new`\n")


@pytest.mark.parametrize("budget", ["499", "100001", "much", ""])
def test_a_budget_out_of_range_is_refused(app: Flask, budget: str) -> None:
    client = app.test_client()
    client.post("/api/jobs/new/progress", data={"projectId": "web", "phase": "queued"})
    assert client.get(f"/api/jobs/new/digest?budget={budget}").status_code == 422


def test_a_digest_is_for_readers_of_the_project_alone(make_app: Callable[..., Flask]) -> None:
    secret = "a secret that is long enough for HS256"
    app = make_app(jwt_secret=secret, api_tokens=("a-token-of-the-tests",))
    client = app.test_client()
    write = {"Authorization": "Bearer a-token-of-the-tests"}
    client.post("/api/jobs/b-1/progress", data={"projectId": "web", "phase": "queued"}, headers=write)
    assert client.get("/api/jobs/b-1/digest").status_code == 401
    other = issue_token(Settings(jwt_secret=secret), {"read"}, {"shop"}, 60, now_ms())
    for job_id in ("b-1", "none"):
        answer = client.get(f"/api/jobs/{job_id}/digest", headers={"Authorization": f"Bearer {other}"})
        assert answer.status_code == 403
    assert client.get("/api/jobs/none/digest", headers=write).status_code == 404
