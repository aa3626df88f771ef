"""The requests of build scripts over HTTP (contract section 2): all forms, all answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chef.domain.batches import Batch, Receipt

MakeApp = Callable[..., Flask]

MINUTE_MS = 60_000
STARTED_AT = 1_772_443_800_000


@dataclass
class Hands:
    """A clock that the test sets, in milliseconds."""

    now: int = STARTED_AT

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _progress(job: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": "p"} | fields


def _log(message: str, job: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "log", "jobId": job, "projectId": "p", "message": message} | fields


def _send(client: FlaskClient, *updates: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/updates", json=list(updates))
    assert answer.status_code == 200, answer.text
    return _body(answer)


def _body(answer: TestResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.data)
    return body


def _job(client: FlaskClient, job: str = "j") -> dict[str, Any]:
    return _body(client.get(f"/api/jobs/{job}"))


def _state(client: FlaskClient) -> tuple[Any, ...]:
    job = _job(client)
    return job["status"], job["phase"], job["progress"]


def _lines(client: FlaskClient, job: str = "j") -> list[str]:
    answer = client.get(f"/api/jobs/{job}/logs?limit=1000")
    return [line["message"] for line in _body(answer)["lines"]]


# --- POST /api/updates ---------------------------------------------------------------------

THE_EXAMPLE = {
    "type": "progress",
    "jobId": "job-id-123",
    "projectId": "project-id-456",
    "status": "building",
    "progress": 50,
    "message": "Running build...",
    "phase": "building",
}


def test_the_contracts_example_is_taken_and_read_back(client: FlaskClient) -> None:
    answer = client.post("/api/updates", json=THE_EXAMPLE)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert _body(answer) == {
        "accepted": 1,
        "duplicates": 0,
        "jobs": {"job-id-123": {"seq": 1, "viewers": 0}},
    }
    job = _job(client, "job-id-123")
    assert {name: job[name] for name in THE_EXAMPLE if name != "type"} == {
        name: value for name, value in THE_EXAMPLE.items() if name != "type"
    }


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(THE_EXAMPLE), "application/json"),
        (json.dumps(THE_EXAMPLE), "application/json; charset=utf-8"),
        (json.dumps(THE_EXAMPLE), None),
        (f"[{json.dumps(THE_EXAMPLE)}]", "application/json"),
        (json.dumps(THE_EXAMPLE), "application/x-ndjson"),
        (f"\n{json.dumps(THE_EXAMPLE)}\r\n\n", "application/x-ndjson"),
    ],
)
def test_an_update_is_an_object_an_array_or_a_line(
    client: FlaskClient, body: str, content_type: str | None
) -> None:
    answer = client.post("/api/updates", data=body.encode(), content_type=content_type)
    assert (answer.status_code, _body(answer)["accepted"]) == (200, 1)


def test_a_batch_may_be_of_many_jobs_and_answers_with_each_ones_seq(client: FlaskClient) -> None:
    lines = [_progress("a"), _log("1\n2\n3", "b"), _progress("a", phase="building")]
    body = "\n".join(map(json.dumps, lines))
    answer = client.post("/api/updates", data=body, content_type="application/x-ndjson")
    assert _body(answer) == {
        "accepted": 3,
        "duplicates": 0,
        "jobs": {"a": {"seq": 2, "viewers": 0}, "b": {"seq": 3, "viewers": 0}},
    }


def test_a_field_that_nobody_knows_is_named_and_the_update_taken(client: FlaskClient) -> None:
    answer = _send(client, _progress(progres=50))
    assert answer["warnings"] == ["update 0: unknown field 'progres', did you mean 'progress'?"]
    assert answer["accepted"] == 1


BEYOND = [_progress("j", progress=101), {"type": "log", "jobId": "other", "message": "without a project"}]


@pytest.mark.parametrize("wrong", BEYOND)
def test_a_batch_with_a_wrong_update_is_refused_whole(client: FlaskClient, wrong: dict[str, Any]) -> None:
    answer = client.post("/api/updates", json=[_progress("j"), _progress("k"), wrong])
    assert answer.status_code == 422
    assert [error["index"] for error in _body(answer)["errors"]] == [2]
    assert _body(client.get("/api/jobs")) == {"jobs": [], "next": None}
    assert _body(client.get("/api/projects"))["projects"] == []


def test_a_batch_that_goes_on_after_its_jobs_end_is_refused_whole(client: FlaskClient) -> None:
    updates = [_progress("k"), _progress("j", progress=100), _progress("j", message="too late")]
    answer = client.post("/api/updates", json=updates)
    assert (answer.status_code, _body(answer)["code"]) == (409, "job_finished")
    assert [error["index"] for error in _body(answer)["errors"]] == [2]
    assert _body(client.get("/api/jobs"))["jobs"] == []


def test_a_refused_batch_takes_no_seq_and_no_id(client: FlaskClient) -> None:
    _send(client, _progress())
    batch = [_progress(id="once", message="in vain"), _log("x"), _progress("j", projectId="other")]
    assert client.post("/api/updates", json=batch).status_code == 409
    assert _send(client, _progress(id="once", message="now"))["jobs"]["j"]["seq"] == 2


# --- phases, status, endings ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"phase": "queued"}, ("queued", "queued", 0)),
        ({"phase": "preparing"}, ("preparing", "preparing", 10)),
        ({"phase": "installing"}, ("installing", "installing", 30)),
        ({"phase": "building"}, ("building", "building", 50)),
        ({"phase": "building", "progress": 70}, ("building", "building", 70)),
        ({"phase": "completed"}, ("building", "completed", 90)),
        ({"phase": "completed", "progress": 100}, ("completed", "completed", 100)),
        ({"progress": 0}, ("queued", "queued", 0)),
        ({"progress": 10}, ("preparing", "preparing", 10)),
        ({"progress": 29.5}, ("preparing", "preparing", 29.5)),
        ({"progress": 30}, ("installing", "installing", 30)),
        ({"progress": 70}, ("building", "building", 70)),
        ({"progress": 90}, ("building", "completed", 90)),
        ({"progress": 100}, ("completed", "completed", 100)),
        ({"phase": "building", "progress": 100}, ("building", "building", 100)),
        ({"phase": "linting_2"}, ("building", "linting_2", 0)),
        ({"phase": "building", "status": "queued"}, ("queued", "building", 50)),
        ({"status": "completed"}, ("completed", "completed", 100)),
        ({"status": "failed", "phase": "building"}, ("failed", "building", 50)),
        ({"status": "cancelled"}, ("cancelled", "queued", 0)),
        ({"message": "hello"}, ("queued", "queued", 0)),
    ],
)
def test_a_progress_update_leads_to(client: FlaskClient, fields: dict[str, Any], state: Any) -> None:
    _send(client, _progress(**fields))
    assert _state(client) == state


def test_a_phase_does_not_lower_what_was_reached_within_it(client: FlaskClient) -> None:
    _send(client, _progress(phase="building", progress=70), _progress(phase="building"))
    assert _state(client) == ("building", "building", 70)
    _send(client, _progress(phase="my-own"))
    assert _state(client) == ("building", "my-own", 70)


ENDINGS: list[tuple[dict[str, Any], str]] = [
    ({"type": "completed"}, "completed"),
    ({"type": "error", "message": "no"}, "failed"),
    ({"type": "progress", "progress": 100}, "completed"),
    ({"type": "progress", "status": "failed"}, "failed"),
    ({"type": "progress", "status": "cancelled"}, "cancelled"),
    ({"type": "cancelled"}, "cancelled"),
]


@pytest.mark.parametrize(("ending", "status"), ENDINGS)
def test_after_its_end_a_job_takes_logs_for_five_minutes_and_nothing_else(
    make_app: Callable[..., Flask], ending: dict[str, Any], status: str
) -> None:
    clock = Hands()
    client = make_app(clock=clock).test_client()
    _send(client, ending | {"jobId": "j", "projectId": "p"})
    job = _job(client)
    assert job["status"] == status
    assert job["finishedAt"] == "2026-03-02T09:30:00.000Z"
    for late in ({"type": "progress"}, {"type": "completed"}, {"type": "error", "message": "x"}):
        answer = client.post("/api/updates", json=late | {"jobId": "j"})
        assert (answer.status_code, _body(answer)["code"]) == (409, "job_finished")
        assert _body(answer)["errors"][0]["field"] == "jobId"
    clock.now += 5 * MINUTE_MS
    _send(client, _log("just in time"))
    assert client.post("/api/jobs/j/logs", data=b"and this\n").status_code == 200
    clock.now += 1
    for answer in (
        client.post("/api/updates", json=_log("too late")),
        client.post("/api/jobs/j/logs", data=b"too late\n"),
        client.post("/api/jobs/j/logs", data=b""),
    ):
        assert (answer.status_code, _body(answer)["code"]) == (409, "job_finished")
    assert _lines(client) == ["just in time", "and this"]
    assert _job(client)["finishedAt"] == job["finishedAt"]


def test_a_job_keeps_the_project_of_its_first_update(client: FlaskClient) -> None:
    _send(client, _progress())
    answer = client.post("/api/updates", json=_progress(projectId="q"))
    assert (answer.status_code, _body(answer)["code"]) == (409, "project_mismatch")
    assert _body(answer)["errors"] == [
        {
            "message": "must be 'p': a job's project is fixed by its first update",
            "field": "projectId",
            "index": 0,
        }
    ]
    assert client.post("/api/updates", json={"type": "progress", "jobId": "j"}).status_code == 200
    assert _job(client)["projectId"] == "p"


def test_meta_of_several_updates_is_merged(client: FlaskClient) -> None:
    _send(
        client,
        _progress(meta={"branch": "main", "n": [1, 2.5, None, {"deep": True}]}),
        _progress(meta={"branch": "dev", "author": "Ada"}),
        {"type": "completed", "jobId": "j", "meta": {"size": 2**53 + 1}},
    )
    assert _job(client)["meta"] == {
        "branch": "dev",
        "n": [1, 2.5, None, {"deep": True}],
        "author": "Ada",
        "size": 2**53 + 1,
    }


# --- ids -----------------------------------------------------------------------------------


@pytest.mark.parametrize("update", [_progress(id="1", phase="building"), _log("a\nb", id="1")])
def test_an_update_sent_again_changes_nothing_and_is_answered_like_the_first(
    client: FlaskClient, update: dict[str, Any]
) -> None:
    first = _send(client, update)
    _send(client, _progress(message="meanwhile"))
    before = _job(client), _lines(client)
    again = _send(client, update)
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert again["jobs"] == first["jobs"]
    assert (_job(client), _lines(client)) == before


def test_an_id_with_another_content_is_a_conflict(client: FlaskClient) -> None:
    _send(client, _progress(id="1", progress=50))
    assert _send(client, _progress(id="1", progress=50.0))["duplicates"] == 1
    for other in (_progress(id="1", progress=51), _log("x", id="1"), _progress(id="1")):
        answer = client.post("/api/updates", json=other)
        assert (answer.status_code, _body(answer)["code"]) == (409, "id_reused")
        assert _body(answer)["errors"][0]["field"] == "id"
    assert _send(client, _progress("another", id="1", progress=51))["accepted"] == 1


def test_an_ending_sent_again_is_no_update_after_the_end(make_app: Callable[..., Flask]) -> None:
    clock = Hands()
    client = make_app(clock=clock).test_client()
    ending = {"type": "error", "jobId": "j", "projectId": "p", "message": "no", "code": 2, "id": "end"}
    first = _send(client, _log("x", id="log"), ending)
    clock.now += 60 * MINUTE_MS
    again = _send(client, _log("x", id="log"), ending)
    assert (again["duplicates"], again["jobs"]) == (2, first["jobs"])


def test_an_id_within_one_batch_counts_once(client: FlaskClient) -> None:
    answer = _send(client, _log("x", id="1"), _log("x", id="1"))
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert _lines(client) == ["x"]


def test_ids_are_known_after_a_restart(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    first = _send(app.test_client(), _log("x", id="1"))
    app.extensions["chef"].close()
    client = make_app().test_client()
    assert _send(client, _log("x", id="1")) == first | {"accepted": 0, "duplicates": 1}
    assert client.post("/api/updates", json=_log("y", id="1")).status_code == 409
    assert _lines(client) == ["x"]


def test_the_same_update_sent_twice_at_once_is_stored_once(app: Flask) -> None:
    requests = [
        gevent.spawn(app.test_client().post, "/api/updates", json=_log("x", id=str(number % 10)))
        for number in range(100)
    ]
    answers = [_body(answer) for answer in (request.get(timeout=20) for request in requests)]
    assert sum(answer["accepted"] for answer in answers) == 10
    assert sum(answer["duplicates"] for answer in answers) == 90
    for number in range(10):
        seqs = {answer["jobs"]["j"]["seq"] for answer in answers[number::10]}
        assert len(seqs) == 1
    assert _job(app.test_client())["seq"] == 10


def test_updates_sent_at_once_get_seqs_without_holes(app: Flask) -> None:
    requests = [
        gevent.spawn(app.test_client().post, "/api/updates", json=[_log("x"), _log("y")]) for _ in range(50)
    ]
    seqs = [_body(request.get(timeout=20))["jobs"]["j"]["seq"] for request in requests]
    assert sorted(seqs) == list(range(2, 101, 2))


# --- by hand -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"projectId": "p", "phase": "building", "progress": 62.5, "message": "a b & fünf"}},
        {"data": {"projectId": "p", "phase": "building", "progress": "62.5", "message": "a b & fünf"}},
        {
            "query_string": {
                "projectId": "p",
                "phase": "building",
                "progress": "62.5",
                "message": "a b & fünf",
            }
        },
        {
            "data": {"projectId": "p", "phase": "building", "progress": "62.5", "message": "a b & fünf"},
            "content_type": "multipart/form-data",
        },
        {
            "query_string": {"projectId": "p", "phase": "building"},
            "json": {"progress": 62.5, "message": "a b & fünf"},
        },
        # `curl -d` sends this: the letters as they are, and JSON under a form's name.
        {
            "data": "projectId=p&phase=building&progress=62.5&message=a+b+%26+fünf".encode(),
            "content_type": "application/x-www-form-urlencoded",
        },
        {
            "data": json.dumps(
                {"projectId": "p", "phase": "building", "progress": 62.5, "message": "a b & fünf"},
                ensure_ascii=False,
            ).encode(),
            "content_type": "application/x-www-form-urlencoded",
        },
    ],
)
def test_progress_by_hand_is_json_a_form_or_a_query(client: FlaskClient, options: dict[str, Any]) -> None:
    answer = client.post("/api/jobs/j/progress", **options)
    assert answer.status_code == 200, answer.text
    assert _body(answer) == {"accepted": 1, "duplicates": 0, "jobs": {"j": {"seq": 1, "viewers": 0}}}
    assert _state(client) == ("building", "building", 62.5)
    assert _job(client)["message"] == "a b & fünf"


def test_a_job_is_completed_by_hand_with_artifacts_and_meta(client: FlaskClient) -> None:
    artifacts = [{"name": "site", "url": "https://example.com/site.tar.gz", "size": 5}]
    form = {"projectId": "p", "message": "done", "artifacts": json.dumps(artifacts), "meta.branch": "main"}
    assert client.post("/api/jobs/j/completed", data=form).status_code == 200
    job = _job(client)
    assert (job["status"], job["progress"], job["artifacts"]) == ("completed", 100, artifacts)
    assert job["meta"] == {"branch": "main"}


def test_an_error_by_hand_needs_a_message(client: FlaskClient) -> None:
    answer = client.post("/api/jobs/j/error?projectId=p")
    assert answer.status_code == 422
    assert _body(answer)["errors"] == [{"message": "is needed", "field": "message", "index": 0}]
    answer = client.post("/api/jobs/j/error?projectId=p", data={"message": "tests failed", "code": "E42"})
    assert answer.status_code == 200
    assert _job(client)["error"] == {"message": "tests failed", "code": "E42"}


def test_a_job_is_cancelled_by_hand(client: FlaskClient) -> None:
    answer = client.post(
        "/api/jobs/j/cancelled?projectId=p", data={"message": "superseded", "meta.by": "Ada"}
    )
    assert _body(answer) == {"accepted": 1, "duplicates": 0, "jobs": {"j": {"seq": 1, "viewers": 0}}}
    job = _job(client)
    assert (job["status"], job["phase"], job["progress"]) == ("cancelled", "queued", 0)
    assert (job["message"], job["meta"]) == ("superseded", {"by": "Ada"})
    events = _body(client.get("/api/jobs/j/events?follow=0", headers={"Accept": "application/json"}))[
        "events"
    ]
    assert [(one["event"], one["data"]["status"], one["data"]["seq"]) for one in events] == [
        ("job:progress", "cancelled", 1),
        ("job:error", "cancelled", 1),
    ]
    assert client.post("/api/jobs/j/cancelled").status_code == 409


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("0", "completed", None),
        ("2", "failed", {"message": "exited with status 2", "code": 2}),
        ("137", "failed", {"message": "exited with status 137", "code": 137}),
        ("130", "cancelled", {"message": None, "code": 130}),
        ("143", "cancelled", {"message": None, "code": 143}),
    ],
)
def test_an_exit_status_ends_a_job(client: FlaskClient, code: str, status: str, error: Any) -> None:
    assert (
        client.post(
            "/api/jobs/j/exit?projectId=p", data=f"code={code}".encode(), content_type=FORM
        ).status_code
        == 200
    )
    job = _job(client)
    assert (job["status"], job.get("error")) == (status, error)


FORM = "application/x-www-form-urlencoded"


def test_an_exit_without_a_status_is_refused(client: FlaskClient) -> None:
    for data in (b"", b"code=", b"code=one", b"code=1.5"):
        answer = client.post("/api/jobs/j/exit?projectId=p", data=data, content_type=FORM)
        assert answer.status_code == 422, data
        assert _body(answer)["errors"][0]["field"] == "code"
    assert client.get("/api/jobs/j").status_code == 404


def test_a_field_given_in_the_body_and_in_the_query_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/jobs/j/progress?projectId=p", data={"projectId": "p"})
    assert answer.status_code == 422
    assert _body(answer)["errors"][0]["field"] == "projectId"


def test_an_id_by_hand_makes_it_safe_to_send_again(client: FlaskClient) -> None:
    answers = [_body(client.post("/api/jobs/j/exit?projectId=p&code=1&id=end")) for _ in range(2)]
    assert [answer["duplicates"] for answer in answers] == [0, 1]
    assert answers[0]["jobs"] == answers[1]["jobs"]


def test_an_empty_job_variable_of_a_script_is_no_success(client: FlaskClient) -> None:
    for path in ("/api/jobs//progress", "/api/jobs//logs", "//api/updates"):
        assert client.post(path, data={"projectId": "p"}).status_code == 404


# --- logs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["post", "put"])
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "text/plain; charset=utf-8", FORM, "application/octet-stream"]
)
def test_a_log_body_is_text_whatever_curl_calls_it(
    client: FlaskClient, method: str, content_type: str | None
) -> None:
    body = "eins\nzwei & drei=fünf\r\n\n{}".encode()
    send = getattr(client, method)
    answer = send("/api/jobs/j/logs?projectId=p", data=body, content_type=content_type)
    assert answer.status_code == 200
    assert _body(answer) == {"offset": len(body), "lines": 4, "seq": 4, "viewers": 0}
    assert _lines(client) == ["eins", "zwei & drei=fünf", "", "{}"]


@pytest.mark.parametrize("body", [b"one\ntwo\n", b"\r50%\rdone\r", b""])
def test_a_short_log_body_is_one_commit(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    _send(client, _progress())
    batches: list[Batch] = []
    store = app.extensions["chef"].store
    append: Callable[[Batch], Receipt] = store.append

    def count(batch: Batch) -> Receipt:
        batches.append(batch)
        return append(batch)

    monkeypatch.setattr(store, "append", count)
    answer = client.put("/api/jobs/j/logs?offset=0", data=body)
    assert (answer.status_code, _body(answer)["offset"]) == (200, len(body))
    assert len(batches) == 1


def test_what_a_long_line_has_in_the_store_already_does_not_count_in_its_length(make_app: MakeApp) -> None:
    """The line goes on there, however the body comes that has it all."""
    client = make_app(max_log_line_bytes=10).test_client()
    client.put("/api/jobs/j/logs?projectId=p&offset=0", data=b"x" * 8)
    again = client.put("/api/jobs/j/logs?offset=0", data=b"x" * 16 + b"\n")
    assert _body(again) == {"offset": 17, "lines": 0, "seq": 2, "viewers": 0}
    assert _lines(client) == ["x" * 10 + "… [cut: 6 bytes]"]


def test_bytes_that_are_not_utf8_become_replacement_characters(client: FlaskClient) -> None:
    client.post("/api/jobs/j/logs?projectId=p", data=b"caf\xe9 \xff\xfe\n")
    assert _lines(client) == ["caf\ufffd \ufffd\ufffd"]


def test_a_progress_bar_stays_one_line(client: FlaskClient) -> None:
    answer = client.post("/api/jobs/j/logs?projectId=p", data=b"start\n 10%\r 50%\r100%\ndone\n")
    assert _lines(client) == ["start", "100%", "done"]
    assert _body(answer)["lines"] == 3
    assert _job(client)["lines"] == 3


def test_a_newline_that_comes_late_makes_no_empty_line(client: FlaskClient) -> None:
    for body in (b"one", b"\ntwo\n", b"\n"):
        client.post("/api/jobs/j/logs?projectId=p", data=body)
    assert _lines(client) == ["one", "two", ""]


def test_streams_have_names_and_offsets_of_their_own(client: FlaskClient) -> None:
    client.post("/api/jobs/j/logs?projectId=p", data=b"out\n")
    answer = client.post("/api/jobs/j/logs?stream=stderr", data=b"error\n")
    assert _body(answer)["offset"] == 6
    lines = _body(client.get("/api/jobs/j/logs"))["lines"]
    assert [(line["line"], line["stream"]) for line in lines] == [(1, "stdout"), (2, "stderr")]
    assert _offset(client) == 4
    assert _offset(client, "stderr") == 6


def _offset(client: FlaskClient, stream: str = "stdout") -> int:
    answer = client.head(f"/api/jobs/j/logs?stream={stream}")
    assert answer.status_code == 200
    assert answer.data == b""
    return int(answer.headers["Upload-Offset"])


def test_a_body_repeated_from_an_earlier_offset_is_stored_once(client: FlaskClient) -> None:
    whole = "".join(f"Zeile {number} äöü\n" for number in range(50)).encode()
    assert _offset(client) == 0
    client.post("/api/jobs/j/logs?projectId=p&offset=0", data=whole[:333])
    assert _offset(client) == 333
    for start in (0, 7, 333):
        answer = client.post(f"/api/jobs/j/logs?offset={start}", data=whole[start : 333 + start])
        assert answer.status_code == 200
    rest = _offset(client)
    assert rest == 666
    answer = client.put(f"/api/jobs/j/logs?offset={rest - 100}", data=whole[rest - 100 :])
    assert _body(answer)["offset"] == len(whole)
    assert client.get("/api/jobs/j/logs?raw=1").data == whole


def test_an_offset_past_the_end_says_where_to_go_on(client: FlaskClient) -> None:
    client.post("/api/jobs/j/logs?projectId=p", data=b"1234\n")
    answer = client.post("/api/jobs/j/logs?offset=6", data=b"lost\n")
    assert answer.status_code == 416
    assert answer.content_type == "application/problem+json"
    assert _body(answer)["offset"] == 5
    assert _lines(client) == ["1234"]


def test_the_first_log_body_of_a_job_needs_its_project(client: FlaskClient) -> None:
    answer = client.post("/api/jobs/j/logs", data=b"x\n")
    assert (answer.status_code, _body(answer)["errors"][0]["field"]) == (422, "projectId")
    client.post("/api/jobs/j/logs?projectId=p", data=b"x\n")
    answer = client.post("/api/jobs/j/logs?projectId=q", data=b"x\n")
    assert (answer.status_code, _body(answer)["code"]) == (409, "project_mismatch")


def test_a_log_message_of_line_ends_alone_is_taken_too(client: FlaskClient) -> None:
    for number, message in enumerate(("", "\n", "\r", "\r\n", "\r\r\n"), 1):
        answer = _send(client, _log(message, f"j{number}"))
        assert (answer["accepted"], list(answer["jobs"])) == (1, [f"j{number}"])
        assert _lines(client, f"j{number}") == [""]


def test_a_line_beyond_the_limit_is_cut_at_a_character_border(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_log_line_bytes=1024).test_client()
    text = "ü" * 600
    client.post("/api/jobs/j/logs?projectId=p", data=f"x{text}\nnext\n".encode())
    _send(client, _log(f"x{text}"))
    kept = "x" + "ü" * 511
    assert _lines(client) == [f"{kept}… [cut: 178 bytes]", "next", f"{kept}… [cut: 178 bytes]"]


# --- large bodies --------------------------------------------------------------------------

MANY = 100_000


def test_a_log_update_of_a_hundred_thousand_lines_is_taken(client: FlaskClient) -> None:
    message = "\n".join(f"{number:05d}" for number in range(MANY))
    answer = _send(client, _log(message))
    assert answer["jobs"]["j"]["seq"] == MANY
    assert client.get("/api/jobs/j/logs", headers={"Accept": "text/plain"}).data == f"{message}\n".encode()


@pytest.mark.slow
def test_a_log_body_of_a_hundred_thousand_lines_is_taken(client: FlaskClient) -> None:
    body = b"".join(b"line %d of many, as builds write them\n" % number for number in range(MANY))
    answer = client.post("/api/jobs/j/logs?projectId=p", data=body)
    assert _body(answer) == {"offset": len(body), "lines": MANY, "seq": MANY, "viewers": 0}
    assert client.get("/api/jobs/j/logs?raw=1").data == body


@pytest.mark.parametrize("byte", [b"x", b"\r", b"\n", b"\xff", b"\x1b["])
def test_no_repeated_byte_makes_a_log_body_slow(client: FlaskClient, byte: bytes) -> None:
    body = byte * (2**18 // len(byte))
    began = time.process_time()
    assert client.post("/api/jobs/j/logs?projectId=p", data=b"begin\n" + body).status_code == 200
    assert client.get("/api/jobs/j/logs", headers={"Accept": "text/plain"}).status_code == 200
    assert time.process_time() - began < 60


@pytest.mark.slow
def test_a_hundred_thousand_lines_of_ndjson_are_taken_whole(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_body_bytes=16 * 2**20).test_client()
    line = b'{"type":"log","jobId":"j","projectId":"p","message":"%d"}\n'
    body = b"".join(line % number for number in range(MANY))
    for wrong_end, status in ((b'{"type":"log"}\n', 422), (b'{"type":', 400)):
        answer = client.post("/api/updates", data=body + wrong_end, content_type="application/x-ndjson")
        assert answer.status_code == status
        assert _body(answer)["errors"][0]["index"] == MANY
        assert client.get("/api/jobs/j").status_code == 404
    answer = client.post("/api/updates", data=body, content_type="application/x-ndjson")
    assert (answer.status_code, _body(answer)["accepted"]) == (200, MANY)
    newest = _body(client.get("/api/jobs/j/logs?tail=1"))["lines"][0]
    assert (newest["line"], newest["message"]) == (MANY, str(MANY - 1))
