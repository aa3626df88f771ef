"""Event streams (contract section 5): with curl, with requests, and what a browser's EventSource needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import gevent
import pytest
import requests
from flask import Flask

from chef.access.jwts import issue_token
from chef.api import streams
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.serving import Served, Serving, measured
from tests.tools.watching import eventually
from tests.tools.wire import check_event

SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("streams"), measured()) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture
def job_id() -> str:
    return f"job-{next(_numbers)}"


@pytest.fixture
def project(job_id: str) -> str:
    return f"project-{job_id}"


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": f"project-{job_id}"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": f"project-{job_id}", "message": message}


def completed(job_id: str) -> dict[str, Any]:
    return {"type": "completed", "jobId": job_id}


def build(job_id: str) -> list[dict[str, Any]]:
    return [progress(job_id, phase="building"), log(job_id, "one\ntwo\nthree"), completed(job_id)]


Parsed = tuple[str, str | None, Any]
"""An event's name, its id and its data."""


def parse_sse(text: str) -> list[Parsed]:
    """As the HTML standard says, comments left out."""
    events: list[Parsed] = []
    for block in text.split("\n\n"):
        fields = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if fields:
            found = {name: value for name, _, value in fields}
            assert len(found) == len(fields)
            events.append((found["event"], found.get("id"), json.loads(found["data"])))
    return events


def parse_ndjson(text: str) -> list[Parsed]:
    # Text before the first event or in between is blank, and each line is one event.
    events = [json.loads(line) for line in text.splitlines() if not line.isspace()]
    assert all(set(event) == {"event", "data"} for event in events)
    return [(event["event"], None, event["data"]) for event in events]


def parse_json(text: str) -> list[Parsed]:
    return [(event["event"], None, event["data"]) for event in json.loads(text)["events"]]


PARSERS: dict[str, Callable[[str], list[Parsed]]] = {SSE: parse_sse, NDJSON: parse_ndjson, JSON: parse_json}


def read(server: Served, path: str, accept: str, **headers: str) -> list[Parsed]:
    """A whole stream, to its end."""
    answer = server.get(path, headers={"Accept": accept} | headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].partition(";")[0] == accept
    return PARSERS[accept](answer.content.decode())


def names(events: list[Parsed]) -> list[str]:
    return [name for name, _, _ in events]


WHOLE = ["job:progress", "job:log", "job:log", "job:log", "job:progress", "job:completed"]


@pytest.mark.parametrize("accept", [SSE, NDJSON, JSON])
def test_an_ended_job_is_told_from_its_first_event_on(server: Served, job_id: str, accept: str) -> None:
    server.update(*build(job_id))
    events = read(server, f"/api/jobs/{job_id}/events", accept)
    assert names(events) == WHOLE + ([] if accept == JSON else ["end"])
    for name, _, data in events[:6]:
        check_event(name, data)
    if accept == SSE:
        assert [identity for _, identity, _ in events] == ["1", "2", "3", "4", "5", "5", None]


@pytest.mark.parametrize("accept", [SSE, NDJSON, JSON])
@pytest.mark.parametrize("header", [False, True])
def test_a_stream_goes_on_after_a_position(server: Served, job_id: str, accept: str, header: bool) -> None:
    server.update(*build(job_id))
    path = f"/api/jobs/{job_id}/events"
    if header:
        # The event that the client last saw is newer than the one that the address once named.
        events = read(server, f"{path}?after=1", accept, **{"Last-Event-ID": "3"})
    else:
        events = read(server, f"{path}?after=3", accept)
    assert [data["seq"] for _, _, data in events[:3]] == [4, 5, 5]
    assert names(events)[:3] == WHOLE[3:]


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_a_position_at_the_end_of_an_ended_job_ends_at_once(server: Served, job_id: str, accept: str) -> None:
    server.update(*build(job_id))
    assert names(read(server, f"/api/jobs/{job_id}/events?after=5", accept)) == ["end"]


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_who_goes_on_behind_an_ending_finds_it_in_the_end(server: Served, job_id: str, accept: str) -> None:
    """A client may have been cut off between its two events, which share an id."""
    server.update(*build(job_id))
    path = f"/api/jobs/{job_id}/events"
    whole = read(server, path, accept)
    assert whole[-1][2] == {}
    for position, late in ((5, []), (5, ["job:log"])):
        if late:
            server.update(log(job_id, "late"))
        events = read(server, path, accept, **{"Last-Event-ID": str(position)})
        assert names(events) == [*late, "end"]
        assert events[-1][2] == {"event": "job:completed", "data": whole[5][2]}


@pytest.mark.parametrize(
    ("query", "first", "complete"),
    [
        ("", 1, True),
        ("after=3", 4, True),
        ("after=3&epoch={}", 4, True),
        ("after=3&epoch=other", 1, False),
        ("epoch=other", 1, True),
        ("after=4", 5, True),
        ("after=6", 1, False),
    ],
)
def test_a_position_of_another_history_is_told_from_the_beginning(
    app: Flask, query: str, first: int, complete: bool
) -> None:
    post(app, *build("job"))
    path = "/api/jobs/job/events?" + query.format(app.extensions["chef"].store.epoch)
    for accept in (SSE, JSON):
        answer = app.test_client().get(path, headers={"Accept": accept})
        assert PARSERS[accept](answer.text)[0][2]["seq"] == first
        told = (
            json.loads(answer.text)
            if accept == JSON
            else {
                "epoch": answer.headers["Chef-Epoch"],
                "complete": json.loads(answer.headers["Chef-Complete"]),
            }
        )
        assert (told["epoch"], told["complete"]) == (app.extensions["chef"].store.epoch, complete)


def test_a_project_stream_that_breaks_within_an_ending_goes_on_with_its_second_event(
    server: Served, job_id: str, project: str
) -> None:
    server.update(*build(job_id), completed(f"{job_id}-2") | {"projectId": project})
    path = f"/api/projects/{project}/events?follow=0"
    whole = read(server, path, SSE)
    assert [identity for _, identity, _ in whole] == ["1", "02", "2", "03", "3"]
    for seen, (_, identity, _) in enumerate(whole, 1):
        assert identity is not None
        assert read(server, path, SSE, **{"Last-Event-ID": identity}) == whole[seen:]


def test_a_stream_is_live_from_before_the_job_exists_to_its_end(server: Served, job_id: str) -> None:
    url = f"{server.url}/api/jobs/{job_id}/events"
    with requests.get(url, headers={"Accept": SSE}, stream=True, timeout=30) as stream:
        lines = (line for line in stream.iter_lines(chunk_size=1) if line)
        # Each is received before the next is sent: nothing is held back.
        for part in range(5):
            server.update(log(job_id, f"line {part}"))
            received = next(line for line in lines if line.startswith(b"data: "))
            assert json.loads(received[6:])["message"] == f"line {part}"
        server.update(completed(job_id))
        rest = [line.decode() for line in lines]
    assert [line for line in rest if line.startswith("event: ")] == [
        "event: job:progress",
        "event: job:completed",
        "event: end",
    ]


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_without_following_a_stream_ends_with_what_there_is(server: Served, job_id: str, accept: str) -> None:
    server.update(*build(job_id)[:2])
    events = read(server, f"/api/jobs/{job_id}/events?follow=0", accept)
    assert names(events) == WHOLE[:4]


def test_json_waits_for_nothing(server: Served, job_id: str) -> None:
    server.update(*build(job_id)[:2])
    assert names(read(server, f"/api/jobs/{job_id}/events", JSON)) == WHOLE[:4]


def test_json_in_pages_is_the_whole(server: Served, job_id: str) -> None:
    for part in range(5):
        server.update(*[log(job_id, f"{part} {number} " + "x" * 300) for number in range(500)])
    seqs: list[int] = []
    after: int | None = 0
    pages = 0
    while after is not None:
        page = server.get(f"/api/jobs/{job_id}/events?after={after}", headers={"Accept": JSON}).json()
        seqs += [event["data"]["seq"] for event in page["events"]]
        after = page["next"]
        pages += 1
    assert seqs == [*range(1, 2501)]
    assert 1 < pages < 20


def test_curl_without_an_accept_gets_a_stream(server: Served, job_id: str) -> None:
    curl = shutil.which("curl")
    assert curl
    server.update(*build(job_id)[:2])
    begin = subprocess.Popen(
        [curl, "-sN", f"{server.url}/api/jobs/{job_id}/events"], stdout=subprocess.PIPE, text=True
    )
    with begin:
        assert begin.stdout
        seen = [begin.stdout.readline() for _ in range(4)]
        server.update(completed(job_id))
        rest = begin.stdout.read()
        assert begin.wait(10) == 0
    assert names(parse_sse("".join(seen) + rest)) == [*WHOLE, "end"]


def test_a_browser_and_a_proxy_get_the_headers_that_they_need(server: Served, job_id: str) -> None:
    server.update(*build(job_id))
    for accept in (SSE, NDJSON):
        headers = server.get(f"/api/jobs/{job_id}/events", headers={"Accept": accept}).headers
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "no-store, no-transform"
        assert "Content-Length" not in headers
        assert headers["Content-Type"] == f"{accept}; charset=utf-8"


def test_a_project_tells_progress_and_endings_live_and_from_a_position(
    server: Served, job_id: str, project: str
) -> None:
    path = f"/api/projects/{project}/events"
    with requests.get(server.url + path, headers={"Accept": NDJSON}, stream=True, timeout=30) as stream:
        lines = (json.loads(line) for line in stream.iter_lines(chunk_size=1) if line)
        server.update(*build(job_id))
        server.update({"jobId": f"{job_id}-2", "projectId": project, "type": "error", "message": "no"})
        live = [next(lines) for _ in range(5)]
    assert [event["event"] for event in live] == [
        "project:progress",
        "project:progress",
        "project:completed",
        "project:progress",
        "project:error",
    ]
    for event in live:
        check_event(event["event"], event["data"])
    again = read(server, f"{path}?after=0&follow=0", NDJSON)
    assert [(name, data) for name, _, data in again] == [(event["event"], event["data"]) for event in live]


def test_a_stream_whose_client_went_away_is_forgotten(server: Served, job_id: str) -> None:
    url = f"{server.url}/api/jobs/{job_id}/events"
    with requests.get(url, headers={"Accept": SSE}, stream=True, timeout=30) as stream:
        content = stream.iter_content(1)  # Kept: urllib3 closes the connection with it.
        next(content)
        assert server.update(progress(job_id))["jobs"][job_id]["viewers"] == 1
    # It is noticed within a second, or when something is written.
    eventually(lambda: server.update(log(job_id, "still there?"))["jobs"][job_id]["viewers"] == 0)


def test_many_streams_of_one_job_get_the_same(server: Served, job_id: str) -> None:
    texts: list[str] = []

    def follow() -> None:
        url = f"{server.url}/api/jobs/{job_id}/events?after=0"
        texts.append(requests.get(url, headers={"Accept": NDJSON}, timeout=60).text.strip())

    threads = [threading.Thread(target=follow) for _ in range(20)]
    for thread in threads:
        thread.start()
    for part in range(20):
        server.update(*[log(job_id, f"{part} {number}") for number in range(20)])
    server.update(completed(job_id))
    for thread in threads:
        thread.join(60)
    assert len(texts) == 20
    assert len(set(texts)) == 1
    assert len(parse_ndjson(texts[0])) == 400 + 3


def post(app: Flask, *updates: dict[str, Any]) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    assert app.test_client().post("/api/updates", json=updates, environ_overrides=environ).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/api/jobs/nowhere/events", JSON, 404),
        ("/api/jobs/nowhere/events?follow=0", SSE, 404),
        ("/api/jobs/a%20b/events", SSE, 422),
        ("/api/jobs/job/events?after=-1", SSE, 422),
        ("/api/jobs/job/events?after=x", NDJSON, 422),
        ("/api/jobs/job/events?follow=yes", SSE, 422),
        ("/api/jobs/job/events", "image/png", 406),
        ("/api/projects/nowhere/events", JSON, 404),
    ],
)
def test_what_cannot_be_streamed_is_refused_as_a_problem(
    app: Flask, path: str, accept: str, status: int
) -> None:
    post(app, *build("job"))
    answer = app.test_client().get(path, headers={"Accept": accept})
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"


def test_a_last_event_id_that_is_none_is_refused(app: Flask) -> None:
    answer = app.test_client().get("/api/jobs/job/events", headers={"Accept": SSE, "Last-Event-ID": "x"})
    assert answer.status_code == 422


def test_each_line_of_a_stream_of_json_lines_is_an_event(server: Served, job_id: str) -> None:
    path, headers = f"/api/jobs/{job_id}/events", {"Accept": NDJSON}
    with requests.get(server.url + path, headers=headers, stream=True, timeout=30) as answer:
        # The head is here though there is no event yet.
        assert answer.headers["Content-Type"].startswith(NDJSON)
        server.update(*build(job_id))
        lines = answer.content.decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line)["event"] for line in lines] == [*WHOLE, "end"]
    some = server.get(f"{path}?follow=0&after=4", headers=headers).content
    assert [json.loads(line)["event"] for line in some.splitlines()] == [*WHOLE[-2:], "end"]


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_an_event_is_one_line_for_who_takes_other_line_ends_for_one(app: Flask, accept: str) -> None:
    message = "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg é \U0001f600 \\u2028"
    # Messages have none of these; a line of a log is as it was printed.
    post(app, log("job", message), completed("job"))
    text = app.test_client().get("/api/jobs/job/events", headers={"Accept": accept}).text
    # str.splitlines, and with it many a client, knows ten of them.
    assert text.splitlines() == text.removesuffix("\n").split("\n")
    logged = [data for name, _, data in PARSERS[accept](text) if name == "job:log"]
    assert [line["message"] for line in logged] == [message]


@pytest.mark.parametrize("accept", [SSE, NDJSON])
def test_a_quiet_stream_says_now_and_then_that_it_is_alive(
    app: Flask, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    assert streams.HEARTBEAT_S == 15
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.02)
    answer = app.test_client().get("/api/jobs/job/events", headers={"Accept": accept})
    parts = iter(answer.response)
    beats = [next(parts) for _ in range(3)]
    assert all(beat for beat in beats)
    # To a reader they are nothing: a comment, a blank before the next line.
    assert PARSERS[accept](b"".join(bytes(beat) for beat in beats).decode()) == []  # type: ignore[arg-type]
    gevent.spawn(post, app, *build("job"))
    rest = b"".join(bytes(part) for part in parts)  # type: ignore[arg-type]
    assert names(PARSERS[accept](rest.decode())) == [*WHOLE, "end"]
    answer.close()
    assert app.extensions["chef"].hub.rooms == 0


def test_each_line_of_an_ndjson_stream_is_an_event(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.02)
    early = app.test_client().get("/api/jobs/job/events", headers={"Accept": NDJSON})
    parts = iter(early.response)
    beats = [next(parts) for _ in range(3)]
    post(app, *build("job"))
    text = b"".join(bytes(part) for part in (*beats, *parts)).decode()  # type: ignore[arg-type]
    for whole in (
        text,
        app.test_client().get("/api/jobs/job/events?follow=0", headers={"Accept": NDJSON}).text,
    ):
        assert [json.loads(line)["event"] for line in whole.splitlines()] == [*WHOLE, "end"]


def test_the_first_lines_come_with_the_head_and_by_themselves(app: Flask) -> None:
    """A page waits for the first of them; the rest of a log takes a while to be written."""
    early: list[None] = []
    environ: dict[str, Any] = {"chef.send_head": lambda: early.append(None)}
    post(app, log("job", "\n".join(map(str, range(500)))), completed("job"))
    answer = app.test_client().get(
        "/api/jobs/job/events", headers={"Accept": NDJSON}, environ_overrides=environ
    )
    parts = [bytes(part) for part in answer.response]  # type: ignore[arg-type]
    assert early == []
    first, whole = (parse_ndjson(text.decode()) for text in (parts[0], b"".join(parts)))
    assert len(first) < 100
    assert [data["message"] for name, _, data in whole if name == "job:log"] == list(map(str, range(500)))


def test_a_stream_of_which_nothing_is_shown_is_open_at_once(server: Served, job_id: str) -> None:
    """By a link that shows progress alone there is no line: not even a heartbeat comes for 15 seconds."""
    server.update(log(job_id, "one\ntwo"))
    link = server.session.post(f"{server.url}/api/jobs/{job_id}/shares", json={"level": "progress"}).json()
    url = f"{link['url']}/api/jobs/{job_id}/events"
    with requests.get(url, headers={"Accept": NDJSON}, stream=True, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith(NDJSON)


def test_a_head_request_leaves_nothing_open(app: Flask) -> None:
    answer = app.test_client().head("/api/jobs/job/events", headers={"Accept": SSE})
    assert answer.status_code == 200
    answer.close()
    assert app.extensions["chef"].hub.rooms == 0


def test_a_stream_ends_with_the_token_that_opened_it(make_app: Callable[..., Flask]) -> None:
    settings = Settings(jwt_secret="s" * 32)
    app = make_app(jwt_secret="s" * 32)
    token = issue_token(settings, ["read"], [], 4, now_ms())
    with app.test_client() as client:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/x-ndjson"}
        started = time.monotonic()
        with client.get("/api/jobs/none-yet/events", headers=headers) as response:
            assert response.status_code == 200
            assert response.get_data().strip() == b""
    assert 1 < time.monotonic() - started < 30
