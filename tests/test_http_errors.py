"""Refusals over HTTP (contract section 2): problem+json, nothing kept, never a 500."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import gevent
import gevent.socket
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from chef.http.handler import Handler
from chef.http.server import Server
from tests.tools.serving import Served

UPDATE = b'{"type":"progress","jobId":"j","projectId":"p"}'
NDJSON = "application/x-ndjson"
BY_HAND = tuple(f"/api/jobs/j/{kind}" for kind in ("progress", "completed", "error", "exit"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _problem(answer: TestResponse) -> dict[str, Any]:
    """The problem that an answer is, checked for what every problem has."""
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.data)
    assert problem["status"] == answer.status_code
    assert problem.keys() >= {"type", "title", "status", "code", "detail", "errors"}
    assert problem["title"]
    assert problem["detail"]
    for error in problem["errors"]:
        assert error["message"]
        assert error.keys() <= {"message", "field", "index"}
    return problem


def _refused(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, _problem(answer)["code"]


def _nothing_kept(client: FlaskClient) -> bool:
    return not json.loads(client.get("/api/jobs").data)["jobs"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/jobs?limit=1&limit=2",
        "/api/jobs?projectId=p&projectId=p",
        "/api/jobs?status=failed&status=completed",
        "/api/jobs/j/logs?after=1&after=2",
        "/api/jobs/j/logs?q=a&q=b",
        "/api/jobs/j/logs?raw=1&raw=1",
        "/api/jobs/j/events?after=1&after=2",
        "/api/jobs/j/events?follow=0&follow=1",
    ],
)
def test_a_parameter_that_is_given_twice_is_refused(client: FlaskClient, path: str) -> None:
    client.post("/api/updates", json=json.loads(UPDATE))
    answer = client.get(path)
    assert _refused(answer) == (422, "invalid")
    assert "is given more than once" in _problem(answer)["detail"]


def test_a_log_body_with_two_offsets_is_refused(client: FlaskClient) -> None:
    answer = client.put("/api/jobs/j/logs?projectId=p&offset=0&offset=1", data=b"x\n")
    assert _refused(answer) == (422, "invalid")
    assert _nothing_kept(client)


# --- what is no JSON -----------------------------------------------------------------------

NOT_JSON = [
    b"{",
    b'{"type": "progress", "jobId": "j", "projectId": "p"',
    b"{'type': 'progress'}",
    b"type=progress",
    UPDATE + UPDATE,
    UPDATE.replace(b"}", b',"progress":NaN}'),
    UPDATE.replace(b"}", b',"progress":Infinity}'),
    UPDATE.replace(b"}", b',"progress":-Infinity}'),
    UPDATE.replace(b"}", b',"progress":1e999}'),
    UPDATE.replace(b"}", b',"meta":{"a":-1e999}}'),
    UPDATE.replace(b"}", b',"message":"\\ud800"}'),
    UPDATE.replace(b"}", b',"message":"\\udc00\\ud800"}'),
    UPDATE.replace(b"}", b',"message":"\\u0000"}'),
    UPDATE.replace(b"}", b',"message":"\x00"}'),
    UPDATE.replace(b"}", b',"message":"\xff"}'),
    UPDATE.replace(b"}", b',"message":"\xed\xa0\x80"}'),
    UPDATE.replace(b"}", b',"meta":{"a\\ud800":1}}'),
    UPDATE.replace(b"}", b',"meta":{"a":18446744073709551616}}'),
    UPDATE.replace(b"}", b',"meta":{"a":' + b"9" * 5000 + b"}}"),
    UPDATE.replace(b"}", b',"meta":' + b'{"a":' * 32 + b"1" + b"}" * 33),
    UPDATE.replace(b"}", b',"jobId":"k"}'),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b"\xef\xbb\xbf" + UPDATE,
    UPDATE.decode().encode("utf-16"),
    b"\x00",
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[-30:]))
def test_trap_2_what_would_break_a_viewer_is_refused_as_no_json(client: FlaskClient, body: bytes) -> None:
    for content_type in ("application/json", NDJSON):
        answer = client.post("/api/updates", data=body, content_type=content_type)
        if body == UPDATE + UPDATE and content_type == NDJSON:
            assert _problem(answer)["errors"][0]["index"] == 0
        assert _refused(answer) == (400, "not_json")
    for path in BY_HAND:
        assert _refused(client.post(path, data=body, content_type="application/json")) == (400, "not_json")
    assert _nothing_kept(client)


def test_trap_2_a_number_that_no_browser_reads_reaches_no_answer(client: FlaskClient) -> None:
    for text in ("nan", "NaN", "inf", "1e999", "-1", "100.1", "١"):
        answer = client.post("/api/jobs/j/progress", data={"projectId": "p", "progress": text})
        assert (answer.status_code, _problem(answer)["errors"][0]["field"]) == (422, "progress")
    assert _nothing_kept(client)


@pytest.mark.parametrize(
    "form", [b"projectId=p&message=%00", b"projectId=p&message=%ff", b"projectId=p&message=\xff", b"%ff=1"]
)
def test_a_form_that_is_no_clean_text_is_refused(client: FlaskClient, form: bytes) -> None:
    answer = client.post("/api/jobs/j/progress", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (400, 422)
    _problem(answer)
    assert _nothing_kept(client)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"no part at all"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\ncut o',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n\xff\r\n--x--\r\n',
        ),
    ],
)
def test_a_broken_multipart_form_is_refused(client: FlaskClient, content_type: str, body: bytes) -> None:
    answer = client.post("/api/jobs/j/progress?projectId=p", data=body, content_type=content_type)
    assert _refused(answer) == (400, "bad_request")
    assert _nothing_kept(client)


def test_a_file_in_a_form_is_refused(client: FlaskClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="message"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\ntext\r\n--x--\r\n"
    )
    answer = client.post(
        "/api/jobs/j/progress?projectId=p", data=body, content_type="multipart/form-data; boundary=x"
    )
    assert (answer.status_code, _problem(answer)["errors"][0]["field"]) == (422, "message")


# --- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"type": "begin"}, "type", "must be one of progress, log, completed, error"),
        ({"jobId": "a/b"}, "jobId", "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + -"),
        ({"jobId": ""}, "jobId", "must be 1 to 128 characters"),
        ({"jobId": "j" * 129}, "jobId", "must be 1 to 128 characters"),
        ({"jobId": "j\n"}, "jobId", "must be 1 to 128 characters"),
        ({"jobId": 5}, "jobId", "must be a string, not a number"),
        ({"projectId": "prö"}, "projectId", "must be 1 to 128 characters"),
        ({"progress": 101}, "progress", "must be between 0 and 100"),
        ({"progress": -0.5}, "progress", "must be between 0 and 100"),
        ({"progress": "50"}, "progress", "must be a number, not a string"),
        ({"progress": True}, "progress", "must be a number, not true"),
        ({"progress": None}, "progress", "must be a number, not null"),
        ({"phase": "Building"}, "phase", "must be 1 to 32 characters of a-z 0-9 _ -"),
        ({"status": "done"}, "status", "must be one of queued, preparing, installing, building"),
        ({"message": "ü" * 2049}, "message", "must be at most 4096 bytes"),
        ({"meta": []}, "meta", "must be an object, not an array"),
        ({"meta": {"a": "x" * 16384}}, "meta", "must be at most 16384 bytes"),
        ({"id": "x" * 129}, "id", "must be 1 to 128 characters"),
        ({"type": "log", "message": 1}, "message", "must be a string"),
        ({"type": "error", "message": ""}, "message", "must not be empty"),
        ({"type": "completed", "artifacts": [{"name": "n"}]}, "artifacts[0].url", "is needed"),
    ],
)
def test_a_wrong_field_is_named_with_its_update_and_what_is_allowed(
    client: FlaskClient, fields: dict[str, Any], field: str, message: str
) -> None:
    good = {"type": "progress", "jobId": "good", "projectId": "p"}
    wrong = {"type": "progress", "jobId": "j", "projectId": "p"} | fields
    answer = client.post("/api/updates", json=[good, wrong, good])
    assert _refused(answer) == (422, "invalid")
    [error] = _problem(answer)["errors"]
    assert (error["index"], error["field"]) == (1, field)
    assert message in error["message"]
    assert _nothing_kept(client)


@pytest.mark.parametrize("body", [b"", b" \n", b"[]"])
def test_an_empty_body_is_invalid(client: FlaskClient, body: bytes) -> None:
    for content_type in ("application/json", NDJSON, None):
        if body != b"[]" or content_type != NDJSON:
            answer = client.post("/api/updates", data=body, content_type=content_type)
            assert _refused(answer) == (422, "invalid")


@pytest.mark.parametrize("body", [b"1", b'"text"', b"null", b"[1]", b"[[]]"])
def test_what_is_json_and_no_update_is_invalid(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/updates", data=body, content_type="application/json")
    assert _refused(answer) == (422, "invalid")


# --- ids in paths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job", ["a%2Fb", "a/b", "a%20b", "a%00", "%C3%BC", "%FF", "j" * 129, "a%0A", "a%25b", "a,b"]
)
def test_an_id_that_is_none_is_not_found_or_invalid(client: FlaskClient, job: str) -> None:
    answers = [
        client.get(f"/api/jobs/{job}"),
        client.get(f"/api/jobs/{job}/logs"),
        client.get(f"/api/projects/{job}"),
    ]
    answers += [client.post(f"/api/jobs/{job}/{kind}?projectId=p", data=b"") for kind in ("progress", "logs")]
    for answer in answers:
        assert _refused(answer) in ((404, "not_found"), (422, "invalid"))
    assert client.head(f"/api/jobs/{job}/logs").status_code in (404, 422)
    assert _nothing_kept(client)


@pytest.mark.parametrize("job", [".", "..", "...", "~", "a:b@c+d-e_f.g", "-", "j" * 128, "logs", "events"])
def test_every_id_of_the_allowed_characters_is_one(client: FlaskClient, job: str) -> None:
    answer = client.post("/api/updates", json={"type": "log", "jobId": job, "projectId": job, "message": "x"})
    assert json.loads(answer.data)["jobs"] == {job: {"seq": 1, "viewers": 0}}
    assert client.post(f"/api/jobs/{job}/progress?phase=building").status_code == 200
    assert client.post(f"/api/jobs/{job}/logs", data=b"y\n").status_code == 200
    assert json.loads(client.get(f"/api/jobs/{job}").data)["jobId"] == job
    assert json.loads(client.get(f"/api/jobs/{job}/logs").data)["total"] == 2
    assert json.loads(client.get(f"/api/projects/{job}").data)["projectId"] == job


# --- types, sizes, methods -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/updates", "text/plain"),
        ("/api/updates", "application/x-www-form-urlencoded"),
        ("/api/updates", "multipart/form-data; boundary=x"),
        ("/api/updates", "application/json; charset=latin-1"),
        ("/api/updates", "application/xml"),
        ("/api/updates", "no type at all"),
        ("/api/jobs/j/progress", "text/plain"),
        ("/api/jobs/j/progress", "application/xml"),
        ("/api/jobs/j/progress", "application/x-www-form-urlencoded; charset=utf-16"),
        ("/api/jobs/j/logs", "application/json"),
        ("/api/jobs/j/logs", NDJSON),
        ("/api/jobs/j/logs", "multipart/form-data; boundary=x"),
        ("/api/jobs/j/logs", "text/plain; charset=utf-16"),
    ],
)
def test_another_type_of_body_is_refused(client: FlaskClient, path: str, content_type: str) -> None:
    answer = client.post(f"{path}?projectId=p", data=UPDATE, content_type=content_type)
    assert _refused(answer) == (415, "unsupported_media_type")
    assert _nothing_kept(client)


@pytest.mark.parametrize("path", ["/api/updates", "/api/jobs/j/logs", *BY_HAND])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "gzip, identity", "x-unknown"])
def test_a_compressed_body_is_refused(client: FlaskClient, path: str, encoding: str) -> None:
    kind = "text/plain" if path.endswith("logs") else "application/json"
    headers = {"Content-Encoding": encoding}
    answer = client.post(
        f"{path}?projectId=p", data=gzip.compress(UPDATE), content_type=kind, headers=headers
    )
    assert _refused(answer) == (415, "unsupported_media_type")
    assert "Content-Encoding" in _problem(answer)["detail"]
    assert _nothing_kept(client)


def test_a_body_that_says_it_is_not_encoded_is_taken(client: FlaskClient) -> None:
    answer = client.post(
        "/api/updates", data=UPDATE, content_type="application/json", headers={"Content-Encoding": "identity"}
    )
    assert answer.status_code == 200


def test_a_body_that_is_too_large_is_refused_and_a_log_is_not(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_body_bytes=4096).test_client()
    exact = UPDATE.ljust(4096)
    assert client.post("/api/updates", data=exact, content_type="application/json").status_code == 200
    for path in ("/api/updates", *(path.replace("/j/", "/k/") for path in BY_HAND)):
        answer = client.post(path, data=exact + b" ", content_type="application/json")
        assert _refused(answer) == (413, "too_large")
        assert "4096" in _problem(answer)["detail"]
    assert client.get("/api/jobs/k").status_code == 404
    assert client.post("/api/jobs/j/logs", data=b"log line\n" * 1000).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/updates", {"POST", "OPTIONS"}),
        ("DELETE", "/api/updates", {"POST", "OPTIONS"}),
        ("PUT", "/api/jobs/j/progress", {"POST", "OPTIONS"}),
        ("POST", "/api/jobs", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/api/jobs/j", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("DELETE", "/api/jobs/j/digest", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/api/jobs/j/logs", {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}),
        ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/api/jobs", {"GET", "HEAD", "OPTIONS"}),
        ("MADEUP", "/api/jobs", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)
    assert _refused(answer) == (405, "method_not_allowed")
    assert {word.strip() for word in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/jobs/", "/api/update", "/api/jobs/j/log", "/api/jobs/j/x/y"]
)
def test_what_is_not_there_is_a_problem_too(client: FlaskClient, path: str) -> None:
    assert _refused(client.get(path)) == (404, "not_found")
    assert _refused(client.post(path, data=UPDATE)) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/jobs/acme/shop/7/progress",
        "/api/jobs/acme%2Fshop/progress",
        "/api/jobs/acme/shop",
        "/api/jobs//progress",
        "/api/projects/acme/shop",
    ],
)
def test_an_id_with_a_slash_is_told_that_ids_have_none(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data={"projectId": "p"})
    assert _refused(answer) == (404, "not_found")
    assert (
        "an id must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + -, without a slash"
        in answer.get_json()["detail"]
    )
    assert "slash" not in client.get("/api/nothing").get_json()["detail"]


# --- never a 500 ---------------------------------------------------------------------------

WRITE_PATHS = ("/api/updates", "/api/jobs/j/logs", *BY_HAND)
READ_PATHS = (
    "/api/jobs",
    "/api/jobs/j",
    "/api/jobs/j/logs",
    "/api/projects",
    "/api/projects/p",
    "/health",
    "/metrics",
    "/api/openapi.json",
)
CONTENT_TYPES = (
    "application/json",
    NDJSON,
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    None,
)
_EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_texts = st.text(st.characters(exclude_categories=[]), max_size=20)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts
_json_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_fields = ("type", "jobId", "projectId", "id", "phase", "progress", "status", "message", "meta", "stream")
_words = st.sampled_from(
    ["progress", "log", "completed", "error", "j", "p", "building", "failed", "stdout", 0, 50, 100, {}, []]
)
_updates = st.dictionaries(
    st.sampled_from((*_fields, "level", "code", "artifacts")) | _texts, _words | _json_values, max_size=8
)


def _answers(client: FlaskClient, path: str, data: bytes, content_type: str | None, query: str = "") -> None:
    answer = client.post(path, data=data, content_type=content_type, query_string=query)
    assert answer.status_code < 500, (path, content_type, data, query, answer.data)
    if answer.status_code != 200:
        _problem(answer)


@_EXAMPLES
@given(body=st.binary(max_size=200), path=st.sampled_from(WRITE_PATHS), kind=st.sampled_from(CONTENT_TYPES))
def test_no_bytes_make_a_500(client: FlaskClient, body: bytes, path: str, kind: str | None) -> None:
    _answers(client, path, body, kind)


@_EXAMPLES
@given(
    body=st.lists(_updates, max_size=3) | _updates | _json_values,
    path=st.sampled_from(WRITE_PATHS),
    kind=st.sampled_from(CONTENT_TYPES),
)
def test_no_json_makes_a_500(client: FlaskClient, body: Any, path: str, kind: str | None) -> None:
    _answers(client, path, json.dumps(body).encode(), kind, "projectId=p")


_names = st.sampled_from(
    [
        "limit",
        "cursor",
        "after",
        "before",
        "tail",
        "q",
        "raw",
        "follow",
        "status",
        "projectId",
        "stream",
        "offset",
    ]
)
_values = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "1.5",
        "50",
        "1000",
        "9" * 19,
        "9" * 30,
        "%00",
        "%ff",
        "a/b",
        "%F0%9F",
        "+",
        "x",
        "MXo",
        "enp6",
    ]
) | st.integers().map(str)


@_EXAMPLES
@given(
    pairs=st.lists(st.tuples(_names, _values), max_size=4),
    path=st.sampled_from((*READ_PATHS, "/api/jobs/j/events", "/api/projects/p/events")),
    accept=st.sampled_from(
        ["application/json", "text/plain", "text/html", "*/*", "", "a/b;q=x", "application/json;q=0"]
    ),
)
def test_no_query_makes_a_500(
    client: FlaskClient, pairs: list[tuple[str, str]], path: str, accept: str
) -> None:
    client.post("/api/jobs/j/logs?projectId=p", data=b"one\ntwo\n")
    if path.endswith("/events"):
        pairs, accept = [*pairs, ("follow", "0")], "application/json"
    query = "&".join(f"{name}={value}" for name, value in pairs)
    answer = client.get(path, query_string=query, headers={"Accept": accept})
    assert answer.status_code < 500, (path, query)
    if answer.status_code >= 400:
        _problem(answer)


@_EXAMPLES
@given(pairs=st.lists(st.tuples(_names, _values), max_size=3), path=st.sampled_from(WRITE_PATHS))
def test_no_query_of_a_write_makes_a_500(
    client: FlaskClient, pairs: list[tuple[str, str]], path: str
) -> None:
    _answers(client, path, b"text\n", "text/plain", "&".join(f"{name}={value}" for name, value in pairs))


# --- on the wire ---------------------------------------------------------------------------


def _request(method: str, path: str, headers: dict[str, Any], body: bytes = b"") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def _read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer with a Content-Length."""
    reader = connection.makefile("rb")
    status = int(reader.readline().split()[1])
    length = 0
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, reader.read(length)


def _is_unknown(server: Served, job: str = "j") -> bool:
    """Whether a job is unknown, also when what was sent has had its time."""
    time.sleep(0.3)
    return server.get(f"/api/jobs/{job}").status_code == 404


LINES = (UPDATE + b"\n") * 3


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", UPDATE), (NDJSON, LINES), ("application/json", b"[" + UPDATE)],
)
def test_a_body_that_breaks_off_is_not_kept(server: Served, content_type: str, body: bytes) -> None:
    head = {"Content-Type": content_type, "Content-Length": len(body) + 10}
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/updates", head, body))
        connection.shutdown(socket.SHUT_WR)
        status, answer = _read_answer(connection)
    assert (status, json.loads(answer)["code"]) == (400, "bad_request")
    assert _is_unknown(server)


def test_a_chunked_body_without_its_last_chunk_is_not_kept(server: Served) -> None:
    head = {"Content-Type": NDJSON, "Transfer-Encoding": "chunked"}
    chunk = b"%x\r\n%s\r\n" % (len(LINES), LINES)
    for ending in (b"", b"5\r\n{", b"zz\r\n"):
        with closing(_connect(server)) as connection:
            connection.sendall(_request("POST", "/api/updates", head, chunk + ending))
            connection.shutdown(socket.SHUT_WR)
            assert _read_answer(connection)[0] == 400
    assert _is_unknown(server)
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/updates", head, chunk + b"0\r\n\r\n"))
        assert _read_answer(connection)[0] == 200


def test_a_form_that_breaks_off_is_not_kept(server: Served) -> None:
    head = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": 100}
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/jobs/j/completed", head, b"projectId=p"))
        connection.shutdown(socket.SHUT_WR)
        assert _read_answer(connection)[0] == 400
    assert _is_unknown(server)


def test_a_log_body_that_breaks_off_keeps_its_whole_lines(server: Served) -> None:
    head = {"Content-Type": "text/plain", "Content-Length": 100}
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/jobs/j/logs?projectId=p", head, b"one\ntwo\nthr"))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and server.get("/api/jobs/j").status_code != 200:
        time.sleep(0.05)
    assert server.session.head(f"{server.url}/api/jobs/j/logs").headers["Upload-Offset"] == "8"
    assert server.get("/api/jobs/j/logs?raw=1").content == b"one\ntwo\n"
    answer = server.post("/api/jobs/j/logs?offset=8", data=b"three\n")
    assert answer.json()["offset"] == 14


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Served) -> None:
    head = {"Content-Type": "application/json", "Content-Length": 2**40}
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/updates", head))
        status, answer = _read_answer(connection)
    assert (status, json.loads(answer)["code"]) == (413, "too_large")


def test_a_body_that_grows_too_large_is_refused_in_the_middle(start_server: Callable[..., Served]) -> None:
    server = start_server(CHEF_MAX_BODY_BYTES="4096")
    head = {"Content-Type": NDJSON, "Transfer-Encoding": "chunked"}
    with closing(_connect(server)) as connection:
        connection.sendall(_request("POST", "/api/updates", head))
        for _ in range(50):
            connection.sendall(b"%x\r\n%s\r\n" % (len(LINES), LINES))
        connection.sendall(b"0\r\n\r\n")
        status, answer = _read_answer(connection)
    assert (status, json.loads(answer)["code"]) == (413, "too_large")
    assert _is_unknown(server)


def test_two_lengths_are_one_too_many(server: Served) -> None:
    for head in (
        {"Content-Length": len(UPDATE), "Transfer-Encoding": "chunked"},
        {"Content-Length": "5, 5"},
        {"Content-Length": "-5"},
        {"Content-Length": "five"},
        {"Transfer-Encoding": "gzip, chunked"},
    ):
        with closing(_connect(server)) as connection:
            connection.sendall(
                _request("POST", "/api/updates", {"Content-Type": "application/json"} | head, UPDATE)
            )
            connection.shutdown(socket.SHUT_WR)
            assert 400 <= _read_answer(connection)[0] < 500, head
    assert _is_unknown(server)


def test_a_connection_goes_on_after_every_kind_of_refusal(server: Served) -> None:
    good = _request(
        "POST", "/api/updates", {"Content-Type": "application/json", "Content-Length": len(UPDATE)}, UPDATE
    )
    length = {"Content-Length": len(UPDATE)}
    refusals = (
        (_request("POST", "/api/updates", length | {"Content-Type": "text/plain"}, UPDATE), 415),
        (_request("POST", "/api/nothing", length, UPDATE), 404),
        (_request("PUT", "/api/updates", length, UPDATE), 405),
        (_request("POST", "/api/jobs/j/logs", length | {"Content-Type": "application/json"}, UPDATE), 415),
        (_request("POST", "/api/jobs/j/logs?offset=9", length, UPDATE), 416),
        (_request("GET", "/api/jobs/j%20/logs", {}), 422),
    )
    with closing(_connect(server)) as connection:
        for request, status in refusals:
            connection.sendall(good)
            assert _read_answer(connection)[0] == 200
            connection.sendall(request)
            assert _read_answer(connection)[0] == status


def test_asking_for_the_head_of_a_stream_does_not_wait_for_its_end(server: Served) -> None:
    server.update({"type": "progress", "jobId": "j", "projectId": "p"})
    for path in ("/api/jobs/j/events", "/api/projects/p/events"):
        answer = server.session.head(server.url + path, headers={"Accept": "text/event-stream"}, timeout=30)
        assert (answer.status_code, answer.content) == (200, b"")


# --- trap 1 --------------------------------------------------------------------------------

# The place of tcpi_data_segs_in in Linux's struct tcp_info: segments with data that have come in.
_DATA_SEGMENTS_IN = 152


def _segments(connection: Any) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    found: int = struct.unpack_from("I", info, _DATA_SEGMENTS_IN)[0]
    return found


def _hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture(params=["chef", "stock"])
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[str, StreamServer]]:
    """Our HTTP server and gevent's own, both with the same application."""
    server: StreamServer
    if request.param == "chef":
        server = Server(("127.0.0.1", 0), _hello, lambda environ: False)
    else:
        server = WSGIServer(("127.0.0.1", 0), _hello, log=None)
    server.start()
    yield request.param, server
    server.stop(timeout=1)


def test_trap_1_head_and_body_of_an_answer_are_one_packet(listener: tuple[str, StreamServer]) -> None:
    kind, server = listener
    request = _request("POST", "/", {"Content-Length": 2}, b"{}")
    with closing(gevent.socket.create_connection(("127.0.0.1", server.server_port), timeout=9)) as connection:
        packets = []
        for _ in range(5):
            before, answer = _segments(connection), b""
            connection.sendall(request)
            while not answer.endswith(b"hello"):
                answer += connection.recv(65536)
            packets.append(_segments(connection) - before)
    # With two packets the second waits for the client's delayed acknowledgement: 40 ms.
    assert packets == [1 if kind == "chef" else 2] * 5


def test_traps_1_and_4_every_connection_sends_without_delay_and_finds_out_who_is_gone() -> None:
    """The kernel hands on what is set on the listener (on Linux; Python's names are of there)."""
    seen: list[int] = []

    def probe(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        [handler] = server.busy
        assert isinstance(handler, Handler)
        for level, name in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        ):
            seen.append(handler.connection._socket.getsockopt(level, name))
        return _hello(environ, start_response)

    server = Server(("127.0.0.1", 0), probe, lambda environ: False)
    server.start()
    with closing(gevent.socket.create_connection(("127.0.0.1", server.server_port), timeout=9)) as connection:
        connection.sendall(_request("GET", "/", {}))
        assert b"hello" in connection.recv(65536)
    server.stop(timeout=1)
    assert seen == [1, 30_000, 1, 30]


def test_trap_1_an_update_is_answered_in_one_packet(server: Served) -> None:
    request = _request(
        "POST", "/api/updates", {"Content-Type": "application/json", "Content-Length": len(UPDATE)}, UPDATE
    )
    with closing(_connect(server)) as connection:
        for _ in range(5):
            before = _segments(connection)
            connection.sendall(request)
            assert _read_answer(connection)[0] == 200
            assert _segments(connection) - before == 1


def test_what_clients_do_wrong_is_no_traceback_and_keeps_the_logs_format(
    start_server: Callable[..., Served],
) -> None:
    server = start_server(CHEF_LOG_FORMAT="json")
    reset_at_close = struct.pack("ii", 1, 0)
    for request in (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"GET /" + b"a" * 300_000,
        b"\x16\x03\x01\r\n\r\n",
        b"GET /api/jobs/j/events HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close)
                with suppress(ConnectionError):
                    one.sendall(request)
    server.update({"type": "progress", "jobId": "j", "projectId": "p", "phase": "building"})
    server.stop()
    for line in server.output.read_text().splitlines():
        assert "exception" not in json.loads(line)
