"""Ids of requests: in answers, problem documents and lines of the log; taken over where they are harmless."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import pytest
from flask import Flask

from tests.tools.serving import Served
from tests.tools.watching import eventually

MADE = re.compile(r"[0-9a-f]{12}-[0-9a-f]+")
LONG = "a" * 128


@pytest.fixture(params=["text", "json"])
def served(request: pytest.FixtureRequest, start_server: Callable[..., Served]) -> Served:
    return start_server(CHEF_LOG_FORMAT=request.param)


@pytest.mark.parametrize("path", ["/api/jobs", "/", "/health", "/nowhere", "/ws/?EIO=4&transport=polling"])
def test_every_answer_has_the_id_that_its_request_came_with(
    make_app: Callable[..., Flask], path: str
) -> None:
    client = make_app().test_client()
    assert client.get(path, headers={"X-Request-Id": "build-7:f00"}).headers["X-Request-Id"] == "build-7:f00"
    made = [client.get(path).headers["X-Request-Id"] for _ in range(3)]
    assert all(map(MADE.fullmatch, made))
    assert len(set(made)) == 3


@pytest.mark.parametrize(
    ("sent", "is_taken"),
    [
        ("0HM4-abc_DEF.~:@+/=", True),
        (LONG, True),
        (LONG + "a", False),
        ("", False),
        ("two words", False),
        ("a,b", False),
        ("<script>", False),
        ("\x80", False),
        ('"quoted"', False),
    ],
)
def test_an_id_is_taken_over_where_it_is_harmless(
    make_app: Callable[..., Flask], sent: str, is_taken: bool
) -> None:
    answered = (
        make_app().test_client().get("/api/jobs", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
    )
    assert answered == sent if is_taken else MADE.fullmatch(answered)


def test_a_problem_its_answer_and_its_line_in_the_log_have_one_id(served: Served) -> None:
    def told(request_id: str) -> bool:
        lines = served.output.read_text().splitlines()
        found = [line for line in lines if request_id in line]
        if found and found[0].startswith("{"):
            assert json.loads(found[0])["requestId"] == request_id
        return len(found) == 1 and ("refused" in found[0] or "failed" in found[0])

    refused = served.post("/api/updates", data="{", headers={"Content-Type": "application/json"})
    assert refused.json()["requestId"] == refused.headers["X-Request-Id"]
    named = served.post("/api/jobs/j/progress", data={"progress": "x"}, headers={"X-Request-Id": "mine"})
    assert (named.json()["requestId"], named.headers["X-Request-Id"]) == ("mine", "mine")
    # What is refused before anybody knows what it is has an id, too, and a line.
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n")
        head, _, body = b"".join(iter(lambda: raw.recv(65536), b"")).partition(b"\r\n\r\n")
    request_id = json.loads(body)["requestId"]
    assert MADE.fullmatch(request_id)
    assert f"X-Request-Id: {request_id}".encode() in head
    eventually(lambda: told(request_id))


def test_requests_of_one_connection_have_ids_of_their_own(start_server: Callable[..., Served]) -> None:
    served = start_server()
    update = {"type": "progress", "jobId": "j", "projectId": "web"}
    answers = [served.post("/api/updates", json=update) for _ in range(2)]
    answers += [served.get("/api/jobs/none") for _ in range(3)]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 5
    assert all(answer.json()["requestId"] == answer.headers["X-Request-Id"] for answer in answers[2:])
