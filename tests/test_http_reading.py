"""Reading over HTTP (contract section 4): jobs, logs in all forms, projects, health, metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.tools.postgres import Postgres
from tests.tools.serving import Served

TEXT = {"Accept": "text/plain"}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _progress(job: str, project: str = "p", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": project} | fields


def _send(client: FlaskClient, *updates: dict[str, Any]) -> None:
    answer = client.post("/api/updates", json=list(updates))
    assert answer.status_code == 200, answer.text


def _get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def _refusal(client: FlaskClient, path: str) -> tuple[int, str]:
    answer = client.get(path)
    problem = json.loads(answer.data)
    return answer.status_code, problem["errors"][0]["field"] if problem["errors"] else problem["code"]


def _ids(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["jobId"] for job in jobs]


# --- jobs ----------------------------------------------------------------------------------


def test_a_job_is_shown_with_all_that_is_known(make_app: Callable[..., Flask]) -> None:
    times = iter(range(1_772_443_800_000, 1_772_443_900_000, 1500))
    client = make_app(clock=lambda: next(times)).test_client()
    _send(client, _progress("j", phase="preparing"))
    _send(client, _progress("j", phase="building", progress=62.5, message="Running", meta={"branch": "main"}))
    _send(client, {"type": "log", "jobId": "j", "message": "one\ntwo"})
    _send(client, {"type": "error", "jobId": "j", "message": "tests failed", "code": 2})
    assert _get(client, "/api/jobs/j") == {
        "jobId": "j",
        "projectId": "p",
        "status": "failed",
        "progress": 62.5,
        "phase": "building",
        "phaseProgress": None,
        "progressAt": "2026-03-02T09:30:01.500Z",
        "message": "tests failed",
        "seq": 5,
        "lines": 2,
        "createdAt": "2026-03-02T09:30:00.000Z",
        "updatedAt": "2026-03-02T09:30:04.500Z",
        "seenAt": "2026-03-02T09:30:04.500Z",
        "reporter": None,
        "startedAt": "2026-03-02T09:30:00.000Z",
        "finishedAt": "2026-03-02T09:30:04.500Z",
        "durationMs": 4500,
        "phases": [
            {
                "phase": "preparing",
                "startedAt": "2026-03-02T09:30:00.000Z",
                "finishedAt": "2026-03-02T09:30:01.500Z",
                "durationMs": 1500,
                "firstLine": None,
                "longestPauseMs": 1500,
            },
            {
                "phase": "building",
                "startedAt": "2026-03-02T09:30:01.500Z",
                "finishedAt": "2026-03-02T09:30:04.500Z",
                "durationMs": 3000,
                "firstLine": 1,
                "longestPauseMs": 1500,
            },
        ],
        "pauses": [
            {"phase": "preparing", "line": 1, "startedAt": "2026-03-02T09:30:00.000Z", "durationMs": 1500},
            {"phase": "building", "line": 1, "startedAt": "2026-03-02T09:30:01.500Z", "durationMs": 1500},
            {"phase": "building", "line": 2, "startedAt": "2026-03-02T09:30:03.000Z", "durationMs": 1500},
        ],
        "artifacts": [],
        "meta": {"branch": "main"},
        "eta": None,
        "error": {"message": "tests failed", "code": 2},
    }


def test_a_job_that_has_not_begun_has_no_times(client: FlaskClient) -> None:
    _send(client, _progress("j", phase="queued"))
    job = _get(client, "/api/jobs/j")
    assert (job["startedAt"], job["finishedAt"], job["durationMs"]) == (None, None, None)
    assert "error" not in job


def test_a_job_that_does_not_exist_is_not_found(client: FlaskClient) -> None:
    for path in ("/api/jobs/j", "/api/jobs/j/logs", "/api/jobs/j/logs?raw=1", "/api/projects/p"):
        assert _refusal(client, path) == (404, "not_found")


def test_jobs_come_newest_first(client: FlaskClient) -> None:
    _send(client, *(_progress(f"j{number}") for number in range(60)))
    page = _get(client, "/api/jobs")
    assert _ids(page["jobs"]) == [f"j{number}" for number in range(59, 9, -1)]
    assert _ids(_get(client, f"/api/jobs?cursor={page['next']}")["jobs"]) == [
        f"j{number}" for number in range(9, -1, -1)
    ]


def test_jobs_are_filtered_by_project_and_status(client: FlaskClient) -> None:
    _send(
        client,
        _progress("a", "p", phase="building"),
        _progress("b", "q", phase="building"),
        _progress("c", "p", status="failed"),
        _progress("d", "p", progress=100),
        _progress("e", "p", phase="queued"),
    )

    def found(query: str) -> list[str]:
        return _ids(_get(client, f"/api/jobs?{query}")["jobs"])

    assert found("projectId=p") == ["e", "d", "c", "a"]
    assert found("status=building") == ["b", "a"]
    assert found("status=failed&projectId=p") == ["c"]
    assert found("status=failed&projectId=q") == []
    assert found("status=running") == ["e", "b", "a"]
    assert found("projectId=unknown") == []


def _pages(
    client: FlaskClient, path: str, name: str, meanwhile: Callable[[int], None]
) -> Iterator[list[Any]]:
    cursor, number = "", 0
    while True:
        page = _get(client, path + cursor)
        yield page[name]
        if page["next"] is None:
            return
        cursor, number = f"&cursor={page['next']}", number + 1
        meanwhile(number)


def test_pages_of_jobs_have_no_hole_and_no_repeat_while_new_jobs_come(client: FlaskClient) -> None:
    old = [f"old{number}" for number in range(25)]
    _send(client, *(_progress(job, f"p{index % 3}") for index, job in enumerate(old)))

    def meanwhile(number: int) -> None:
        _send(client, _progress(f"new{number}"), _progress(old[number], f"p{number % 3}", phase="building"))

    seen = [_ids(page) for page in _pages(client, "/api/jobs?limit=4", "jobs", meanwhile)]
    assert [len(page) for page in seen] == [4, 4, 4, 4, 4, 4, 1]
    assert [job for page in seen for job in page] == old[::-1]


def test_a_page_that_ends_with_the_last_job_is_the_last(client: FlaskClient) -> None:
    _send(client, *(_progress(f"j{number}") for number in range(4)))
    assert _get(client, "/api/jobs?limit=4")["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1.0", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=%D9%A1", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=MQ==", "cursor"),
        ("cursor=%ff", "cursor"),
        ("cursor=enp6enp6enp6enp6enp6", "cursor"),  # beyond what a database counts to
        ("cursor=" + "A" * 6000, "cursor"),
        ("status=done", "status"),
        ("status=", "status"),
        ("projectId=", "projectId"),
        ("projectId=a/b", "projectId"),
        ("projectId=%00", "projectId"),
        ("projectId=" + "p" * 129, "projectId"),
    ],
)
def test_a_wrong_parameter_of_a_list_is_named(client: FlaskClient, query: str, field: str) -> None:
    assert _refusal(client, f"/api/jobs?{query}") == (422, field)


def test_a_thousand_jobs_fit_on_a_page(client: FlaskClient) -> None:
    _send(client, *(_progress(f"j{number}") for number in range(1001)))
    page = _get(client, "/api/jobs?limit=1000")
    assert (len(page["jobs"]), page["next"] is None) == (1000, False)


# --- projects ------------------------------------------------------------------------------


def test_a_project_has_its_counts_and_its_newest_job(client: FlaskClient) -> None:
    _send(
        client,
        _progress("a", phase="building"),
        _progress("b", status="failed"),
        _progress("c", progress=100),
        _progress("d", status="cancelled"),
        _progress("e", "q", phase="building"),
        _progress("f", phase="queued"),
    )
    project = _get(client, "/api/projects/p")
    assert project["counts"] == {
        "total": 5,
        "running": 2,
        "completed": 1,
        "failed": 1,
        "cancelled": 1,
        "abandoned": 0,
    }
    assert project["newestJob"] == _get(client, "/api/jobs/f")
    assert [one["projectId"] for one in _get(client, "/api/projects")["projects"]] == ["p", "q"]
    assert _get(client, "/api/projects")["projects"][0] == project


def test_pages_of_projects_have_no_hole_and_no_repeat_while_projects_rise(client: FlaskClient) -> None:
    projects = [f"p{number}" for number in range(10)]
    _send(client, *(_progress(f"j-{project}", project) for project in projects))

    def meanwhile(number: int) -> None:
        # One that was seen, one that was not yet, and a new one.
        for project in (f"p{9 - number}", f"p{number}", f"new{number}"):
            _send(client, _progress(f"more-{number}-{project}", project))

    pages = _pages(client, "/api/projects?limit=3", "projects", meanwhile)
    seen = [project["projectId"] for page in pages for project in page]
    assert seen == projects[::-1]
    first = _get(client, "/api/projects?limit=3")["projects"]
    assert [project["projectId"] for project in first] == ["new3", "p3", "p6"]


# --- logs as JSON --------------------------------------------------------------------------


@pytest.fixture
def log(client: FlaskClient) -> FlaskClient:
    """A client of an application with a job of 200 lines, `line 1` to `line 200`."""
    body = "".join(f"line {number}\n" for number in range(1, 201)).encode()
    assert client.post("/api/jobs/j/logs?projectId=p", data=body).status_code == 200
    return client


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 1, 50),
        ("limit=3", 1, 3),
        ("after=0", 1, 50),
        ("after=10&limit=5", 11, 15),
        ("after=190", 191, 200),
        ("before=11", 1, 10),
        ("before=101&limit=10", 91, 100),
        ("before=1000&limit=10", 191, 200),
        ("after=20&before=25", 21, 24),
        ("after=20&before=25&limit=2", 21, 22),
        ("limit=1000", 1, 200),
        ("tail=7", 194, 200),
        ("tail=1000", 1, 200),
    ],
)
def test_a_range_of_lines(log: FlaskClient, query: str, first: int, last: int) -> None:
    answer = _get(log, f"/api/jobs/j/logs?{query}")
    assert answer["total"] == 200
    assert [line["line"] for line in answer["lines"]] == list(range(first, last + 1))
    assert [line["message"] for line in answer["lines"]] == [f"line {n}" for n in range(first, last + 1)]


@pytest.mark.parametrize("query", ["after=200", "before=1", "before=0", "after=5&before=6", "after=99999999"])
def test_a_range_may_be_empty(log: FlaskClient, query: str) -> None:
    assert _get(log, f"/api/jobs/j/logs?{query}") == {"lines": [], "total": 200}


def test_a_line_has_its_time_stream_and_level(make_app: Callable[..., Flask]) -> None:
    client = make_app(clock=lambda: 1_772_443_800_042).test_client()
    log = {"type": "log", "jobId": "j", "projectId": "p"}
    _send(client, log | {"message": "a"}, log | {"message": "b", "stream": "stderr", "level": "warning"})
    assert _get(client, "/api/jobs/j/logs")["lines"] == [
        {"line": 1, "at": "2026-03-02T09:30:00.042Z", "stream": "stdout", "level": None, "message": "a"},
        {"line": 2, "at": "2026-03-02T09:30:00.042Z", "stream": "stderr", "level": "warning", "message": "b"},
    ]


def test_a_job_without_a_log_has_an_empty_one(client: FlaskClient) -> None:
    _send(client, _progress("j"))
    assert _get(client, "/api/jobs/j/logs") == {"lines": [], "total": 0}
    assert client.get("/api/jobs/j/logs", headers=TEXT).data == b""
    assert client.get("/api/jobs/j/logs?raw=1").data == b""
    assert _get(client, "/api/jobs/j/logs?q=x") == {"lines": [], "total": 0, "next": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("before=1e3", "before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("tail=0", "tail"),
        ("tail=1001", "tail"),
        ("tail=5&after=1", "tail"),
        ("tail=5&limit=1", "tail"),
        ("q=", "q"),
        ("q=" + "x" * 1001, "q"),
        ("q=x&tail=5", "q"),
        ("raw=2", "raw"),
        ("raw=true", "raw"),
        ("raw=1&tail=5", "raw"),
        ("after=99999999999999999999", "after"),
    ],
)
def test_a_wrong_parameter_of_a_log_is_named(log: FlaskClient, query: str, field: str) -> None:
    assert _refusal(log, f"/api/jobs/j/logs?{query}") == (422, field)


# --- searching -----------------------------------------------------------------------------


def test_a_search_goes_over_the_whole_log_and_names_the_lines(log: FlaskClient) -> None:
    found = _get(log, "/api/jobs/j/logs?q=LINE 9")
    assert [line["line"] for line in found["lines"]] == [9, *range(90, 100)]
    assert (found["total"], found["next"]) == (200, None)
    assert found["lines"][0]["message"] == "line 9"


def test_a_search_is_paged(log: FlaskClient) -> None:
    seen: list[int] = []
    after: Any = 0
    while after is not None:
        page = _get(log, f"/api/jobs/j/logs?q=line&limit=70&after={after}")
        seen += [line["line"] for line in page["lines"]]
        after = page["next"]
    assert seen == list(range(1, 201))


def test_a_search_can_be_bounded(log: FlaskClient) -> None:
    found = _get(log, "/api/jobs/j/logs?q=line&after=10&before=14")
    assert [line["line"] for line in found["lines"]] == [11, 12, 13]
    assert found["next"] is None


def test_a_search_finds_what_a_line_shows_now(client: FlaskClient) -> None:
    bars = b"".join(b" 10%% of %d\r 99%% of %d\n" % (number, number) for number in range(20))
    client.post("/api/jobs/j/logs?projectId=p", data=bars + b"10% again\nna\xc3\xafve \xff\n")
    page = _get(client, "/api/jobs/j/logs?q=10%25&limit=1")
    assert [line["message"] for line in page["lines"]] == ["10% again"]
    assert page["next"] is None
    assert len(_get(client, "/api/jobs/j/logs?q=99%25")["lines"]) == 20
    assert [line["line"] for line in _get(client, "/api/jobs/j/logs?q=NA%C3%8FVE %EF%BF%BD")["lines"]] == [22]
    assert _get(client, "/api/jobs/j/logs?q=%00")["lines"] == []


# --- logs as text and as bytes -------------------------------------------------------------


def test_the_text_is_what_a_person_reads(client: FlaskClient) -> None:
    body = b"\x1b[1;32mgreen\x1b[0m\tand plain\n 10%\r\x1b[K100%\nlink \x1b]8;;https://x\x07here\x1b]8;;\x07\r\n\x07\x08bell"
    client.post("/api/jobs/j/logs?projectId=p", data=body)
    answer = client.get("/api/jobs/j/logs", headers=TEXT)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == "green\tand plain\n100%\nlink here\nbell\n"


def test_the_text_is_all_of_it_unless_a_part_is_asked_for(log: FlaskClient) -> None:
    def text(query: str) -> list[str]:
        return log.get(f"/api/jobs/j/logs?{query}", headers=TEXT).text.splitlines()

    assert text("") == [f"line {number}" for number in range(1, 201)]
    assert text("tail=2") == ["line 199", "line 200"]
    assert text("after=3&limit=2") == ["line 4", "line 5"]


@pytest.mark.parametrize(
    "bodies",
    [
        [b"\x1b[31mred\x1b[0m\n"],
        [b" 10%\r 20%\r100%\nend"],
        [b"no newline", b"\nat the end", b""],
        [b"no newline", b"\n"],
        [b"a\r\nb\n\r\n\n\r\r\n", b"\r", b"\nx"],
        [bytes(range(256)) * 20],
        [b"\xff\xfe\x00\xc3", b"\xa9\n"],
        [b"\n\n\n", b"\r\r\r"],
        [b"x" * 60_000 + b"\n" + b"y" * 60_000],
    ],
)
def test_the_raw_log_is_the_exact_bytes_that_came(client: FlaskClient, bodies: list[bytes]) -> None:
    for body in bodies:
        assert client.post("/api/jobs/j/logs?projectId=p", data=body).status_code == 200
    answer = client.get("/api/jobs/j/logs?raw=1")
    assert answer.data == b"".join(bodies)
    assert answer.content_type == "application/octet-stream"
    assert int(client.head("/api/jobs/j/logs").headers["Upload-Offset"]) == len(b"".join(bodies))


# --- the server ----------------------------------------------------------------------------


def test_the_health_of_a_server_that_works(client: FlaskClient) -> None:
    health = _get(client, "/health")
    assert health["status"] == "ok"
    assert health["websocket"] == {"enabled": True, "connected_clients": 0}
    assert health["store"] == "ok"
    assert health["version"]


def test_the_health_says_where_websocket_is_off(make_app: Callable[..., Flask]) -> None:
    health = _get(make_app(websocket_enabled=False).test_client(), "/health")
    assert health["websocket"]["enabled"] is False


def test_the_metrics_count_what_was_stored(client: FlaskClient) -> None:
    _send(client, _progress("j", id="1"), {"type": "log", "jobId": "j", "message": "a\nb"})
    _send(client, _progress("j", id="1"))
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert values['chef_updates_total{result="accepted"}'] == "2.0"
    assert values['chef_updates_total{result="duplicate"}'] == "1.0"
    assert values["chef_log_lines_total"] == "2.0"


def test_nobody_keeps_a_copy_of_an_answer(client: FlaskClient) -> None:
    _send(client, _progress("j"))
    for path in (
        "/api/jobs",
        "/api/jobs/j",
        "/api/jobs/j/logs",
        "/api/jobs/j/logs?raw=1",
        "/api/projects",
        "/health",
    ):
        assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.slow
def test_without_its_database_the_server_says_so_and_keeps_nothing(
    start_server: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Postgres() as postgres:
        server = start_server(DATABASE_URL=postgres.new_database())
        server.update(_progress("j"))
        postgres.stop()
        health = server.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "degraded")
        for answer in (
            server.post("/api/updates", json=[_progress("j", message="lost"), _progress("k")]),
            server.post("/api/jobs/j/logs", data=b"lost\n"),
            server.post("/api/jobs/j/completed"),
            server.get("/api/jobs"),
            server.get("/api/jobs/j/logs", headers=TEXT),
            server.get("/api/jobs/j/logs?raw=1"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Content-Type"] == "application/problem+json"
        postgres.start()
        assert server.get("/health").status_code == 200
        job = server.get("/api/jobs/j").json()
        assert (job["seq"], job["message"], job["lines"]) == (1, None, 0)
        assert server.get("/api/jobs/k").status_code == 404
        server.update(_progress("k"))


# --- filters, runs, neighbours -------------------------------------------------------------


def test_jobs_are_filtered_by_what_they_say_of_themselves(client: FlaskClient) -> None:
    _send(
        client,
        _progress("a", meta={"branch": "main", "author": "Amina", "kind": "CI / lint", "run": 7}),
        _progress("b", meta={"branch": "main", "author": "Chen", "title": "Retry the upload"}),
        _progress("c", "q", meta={"branch": "topic/a&b", "author": "Amina"}, message="Uploading"),
    )

    def found(query: str) -> str:
        return "".join(_ids(_get(client, f"/api/jobs?{query}")["jobs"]))

    assert found("branch=main") == "ba"
    assert found("branch=main&author=Amina") == "a"
    assert found("branch=topic%2Fa%26b") == "c"
    assert found("kind=CI+%2F+lint&run=7&status=running&projectId=p") == "a"
    assert found("q=upload") == "cb"
    assert found("q=UPLOAD+retry") == "b"
    assert found("q=upload&author=Amina&projectId=p") == ""
    assert found("branch=nowhere") == ""


@pytest.mark.parametrize("path", ["/api/jobs", "/api/projects/p/runs"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=finished", "status"),
        ("branch=", "branch"),
        ("author=a&author=b", "author"),
        ("kind=" + "x" * 1001, "kind"),
        ("run=a%00b", "run"),
        ("q=", "q"),
        ("q=%20%09", "q"),
        ("q=" + "+".join(map(str, range(21))), "q"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_filter_that_is_none_is_refused_by_its_name(
    client: FlaskClient, path: str, query: str, field: str
) -> None:
    assert _refusal(client, f"{path}?{query}") == (422, field)


def test_the_jobs_of_a_run_are_shown_together(make_app: Callable[..., Flask]) -> None:
    now = 1_772_443_800_000
    client = make_app(clock=lambda: now).test_client()

    def send(update: dict[str, Any]) -> None:
        nonlocal now
        _send(client, update)
        now += 1500

    meta = {"run": "4821", "branch": "main", "commit": "4f1c2d9", "author": "Amina"}
    more = {
        "title": "Add retry",
        "number": 48,
        "pullRequest": 7,
        "repository": "https://git.example/acme/web",
    }
    send(_progress("j-1", phase="building", meta={**meta, "kind": "lint"}))
    send(_progress("j-2", phase="building", meta=meta | more))
    send({"type": "error", "jobId": "j-2", "message": "tests failed"})
    send(_progress("alone", phase="queued"))
    alone, run = _get(client, "/api/projects/p/runs")["runs"]
    assert (alone["run"], [job["jobId"] for job in alone["jobs"]]) == (None, ["alone"])
    facts = {
        "run": "4821",
        "projectId": "p",
        "status": "failed",
        "title": "Add retry",
        "branch": "main",
        "commit": "4f1c2d9",
        "author": "Amina",
        "number": 48,
        "pullRequest": 7,
        "repository": "https://git.example/acme/web",
        "startedAt": "2026-03-02T09:30:00.000Z",
        "finishedAt": None,
        "durationMs": None,
        "counts": {"total": 2, "running": 1, "completed": 0, "failed": 1, "cancelled": 0, "abandoned": 0},
    }
    first, second = run.pop("jobs")
    worst = run.pop("worst")
    assert (worst["jobId"], worst["error"]["message"]) == ("j-2", "tests failed")
    assert run == facts
    assert first == {
        "jobId": "j-1",
        "status": "building",
        "progress": 50,
        "kind": "lint",
        "createdAt": "2026-03-02T09:30:00.000Z",
        "startedAt": "2026-03-02T09:30:00.000Z",
        "finishedAt": None,
        "durationMs": None,
    }
    assert (second["jobId"], second["durationMs"]) == ("j-2", 1500)
    send({"type": "completed", "jobId": "j-1"})
    whole = _get(client, "/api/projects/p/runs/4821")
    assert (whole["finishedAt"], whole["durationMs"], whole["next"]) == (
        "2026-03-02T09:30:06.000Z",
        6000,
        None,
    )
    assert [job["meta"].get("kind") for job in whole["jobs"]] == ["lint", None]


def test_a_run_may_be_called_anything(client: FlaskClient) -> None:
    names = ["a/b", "/", "//a//", "50% done?", "#1", "ü 日本", "a\tb", "a\nb", "x" * 700, "..a", "4821"]
    _send(client, *(_progress(f"j{n}", meta={"run": name}) for n, name in enumerate(names)))
    for number, name in enumerate(names):
        found = _get(client, f"/api/projects/p/runs/{quote(name, safe='')}")
        assert (found["run"], _ids(found["jobs"])) == (name, [f"j{number}"])
        (listed,) = _get(client, f"/api/projects/p/runs?run={quote(name, safe='')}")["runs"]
        assert listed["run"] == name


def test_runs_are_paged_and_so_are_the_jobs_of_one(client: FlaskClient) -> None:
    _send(client, *(_progress(f"j{number}", meta={"run": number // 3}) for number in range(12)))

    def pages(path: str, name: str) -> list[Any]:
        found, cursor = [], ""
        while cursor != "None":
            page = _get(client, f"{path}?limit=2{cursor and f'&cursor={cursor}'}")
            found.append(page[name])
            cursor = str(page["next"])
        return found

    listed = pages("/api/projects/p/runs", "runs")
    assert [[run["run"] for run in page] for page in listed] == [["3", "2"], ["1", "0"]]
    assert list(map(_ids, pages("/api/projects/p/runs/2", "jobs"))) == [["j6", "j7"], ["j8"]]


def test_active_runs_are_those_in_which_a_job_runs(client: FlaskClient) -> None:
    runs = {"red": ("error", None), "green": ("completed", "completed"), "fresh": (None, None)}
    for run, ends in runs.items():
        for number, end in enumerate(ends):
            _send(client, _progress(f"{run}-{number}", phase="building", meta={"run": run}))
            if end:
                _send(client, {"type": end, "jobId": f"{run}-{number}", "message": "over"})

    def listed(query: str) -> list[str]:
        whole, of_project = (_get(client, f"/api/{path}runs{query}")["runs"] for path in ("", "projects/p/"))
        assert [one["run"] for one in whole] == [one["run"] for one in of_project]
        return [one["run"] for one in whole]

    assert listed("?active=1") == ["fresh", "red"]
    assert listed("?active=1&status=failed") == ["red"]
    assert listed("?active=1&status=running") == ["fresh"]
    assert listed("?active=1&status=completed") == []
    assert listed("?active=0") == ["fresh", "green", "red"]
    assert _refusal(client, "/api/runs?active=yes") == (422, "active")


def test_what_has_no_runs_is_not_found(client: FlaskClient) -> None:
    _send(client, _progress("j", meta={"run": "one"}))
    for path in ("q/runs", "q/runs/one", "p/runs/two", "p/runs/a%00b"):
        assert _refusal(client, f"/api/projects/{path}") == (404, "not_found")
    assert _get(client, "/api/projects/p/runs?branch=nowhere") == {"runs": [], "next": None}


def test_a_job_knows_its_neighbours_of_the_same_kind(client: FlaskClient) -> None:
    for name, kind, end in (
        ("a", "lint", True),
        ("b", "test", True),
        ("c", "lint", False),
        ("d", "lint", False),
    ):
        _send(client, _progress(name, phase="building", meta={"kind": kind}))
        _send(client, {"type": "completed" if end else "error", "jobId": name, "message": "over"})
    near = _get(client, "/api/jobs/c/neighbours")
    assert {place: job and job["jobId"] for place, job in near.items()} == {
        "previous": "a",
        "next": "d",
        "lastGreen": "a",
    }
    assert _get(client, "/api/jobs/b/neighbours") == {"previous": None, "next": None, "lastGreen": None}
    assert _refusal(client, "/api/jobs/x/neighbours") == (404, "not_found")


def test_runs_and_neighbours_are_for_those_who_may_see_the_project(make_app: Callable[..., Flask]) -> None:
    app = make_app(jwt_secret="s" * 32, api_tokens=("writer",), clock=lambda: 1_772_443_800_000)
    client = app.test_client()
    job = _progress("j", meta={"run": "one"})
    assert (
        client.post("/api/updates", json=job, headers={"Authorization": "Bearer writer"}).status_code == 200
    )
    claims = {"exp": 1_772_443_900, "scope": "read", "projects": ["q"]}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, 's' * 32)}"}
    for path in ("projects/p/runs", "projects/p/runs/one", "projects/p/runs/two", "jobs/j/neighbours"):
        assert client.get(f"/api/{path}").status_code == 401
        assert client.get(f"/api/{path}", headers=headers).status_code == 403
