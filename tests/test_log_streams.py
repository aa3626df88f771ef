"""Log bodies as `curl -T -` sends them: live, broken off, resumed, two at once (contract section 2)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.tools.serving import Served


class Upload:
    """A log body being sent by hand, chunked, so that the test decides what arrives when."""

    def __init__(self, server: Served, path: str, method: str = "PUT") -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.socket.sendall(head.encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self) -> tuple[int, dict[str, Any]]:
        """End the body; returns the status and the answer."""
        self.socket.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self) -> tuple[int, dict[str, Any]]:
        with self.socket, self.socket.makefile("rb") as reader:
            status = int(reader.readline().split()[1])
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            return status, json.loads(reader.read(length))

    def cut(self) -> None:
        """Break the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()


@contextmanager
def following(server: Served, job_id: str) -> Iterator[Iterator[tuple[float, dict[str, Any]]]]:
    """A job's events as they arrive, each with the time of its arrival."""
    url = f"{server.url}/api/jobs/{job_id}/events"
    with server.session.get(
        url, headers={"Accept": "application/x-ndjson"}, stream=True, timeout=10
    ) as stream:
        lines = (line for line in stream.iter_lines(chunk_size=1) if line)
        yield ((time.monotonic(), json.loads(line)["data"]) for line in lines)


def messages(server: Served, job_id: str) -> list[str]:
    found = server.get(f"/api/jobs/{job_id}/logs", params={"limit": 1000}).json()["lines"]
    return [line["message"] for line in found]


def wait_for_lines(server: Served, job_id: str, count: int) -> None:
    deadline = time.monotonic() + 5
    while server.get(f"/api/jobs/{job_id}").json().get("lines", 0) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_lines_reach_viewers_while_the_body_is_still_being_sent(server: Served) -> None:
    upload = Upload(server, "/api/jobs/live/logs?projectId=p")
    with following(server, "live") as events:
        for number in range(5):
            time.sleep(0.1)
            sent = time.monotonic()
            upload.send(f"line {number}\nhalf".encode())
            arrived, event = next(events)
            assert event["message"] == ("half" if number else "") + f"line {number}"
            assert arrived - sent < 0.2
    status, answer = upload.finish()
    assert (status, answer["lines"], answer["seq"]) == (200, 6, 6)
    assert messages(server, "live")[-1] == "half"


def test_a_progress_bar_is_live_and_one_line(server: Served) -> None:
    upload = Upload(server, "/api/jobs/bar/logs?projectId=p")
    with following(server, "bar") as events:
        seen = []
        for text in (b"10%\r", b"20%\r", b"100%\n"):
            upload.send(text)
            _, event = next(events)
            seen.append((event["line"], event["message"], event.get("replace", False)))
    assert seen == [(1, "10%", False), (1, "20%", True), (1, "100%", True)]
    assert upload.finish()[1].items() >= {"offset": 13, "lines": 1, "seq": 3}.items()


def test_a_broken_upload_keeps_its_whole_lines_and_can_be_repeated_from_any_earlier_offset(
    server: Served,
) -> None:
    text = b"".join(b"line %d\n" % number for number in range(100))
    upload = Upload(server, "/api/jobs/cut/logs?projectId=p&offset=0")
    upload.send(text[:404])
    wait_for_lines(server, "cut", 51)
    upload.cut()
    head = server.session.head(f"{server.url}/api/jobs/cut/logs", timeout=10)
    offset = int(head.headers["Upload-Offset"])
    assert text[:offset].endswith(b"\n")
    assert offset <= 404
    for start in (0, 17, offset, 350):
        again = server.session.put(
            f"{server.url}/api/jobs/cut/logs?offset={start}", data=text[start:], timeout=10
        ).json()
        assert again["offset"] == len(text)
    assert messages(server, "cut") == text.decode().splitlines()
    assert server.get("/api/jobs/cut/logs?raw=1").content == text


def test_an_offset_past_the_end_is_refused_with_the_place_to_go_on_from(server: Served) -> None:
    server.session.put(f"{server.url}/api/jobs/gap/logs?projectId=p", data=b"abc\n", timeout=10)
    refused = server.session.put(f"{server.url}/api/jobs/gap/logs?offset=10", data=b"x\n", timeout=10)
    assert (refused.status_code, refused.json()["offset"]) == (416, 4)
    assert messages(server, "gap") == ["abc"]


def test_a_refusal_comes_before_the_body_has_been_sent(server: Served) -> None:
    server.update({"type": "progress", "jobId": "p1", "projectId": "p", "progress": 1})
    upload = Upload(server, "/api/jobs/p1/logs?projectId=other")
    assert upload.answer()[0] == 409


def test_two_uploads_of_one_stream_at_once_store_each_byte_once(server: Served) -> None:
    text = b"".join(b"line %d\n" % number for number in range(3000))

    def send(piece: int) -> None:
        upload = Upload(server, "/api/jobs/both/logs?projectId=p&offset=0")
        for start in range(0, len(text), piece):
            upload.send(text[start : start + piece])
        answers.append(upload.finish())

    answers: list[tuple[int, dict[str, Any]]] = []
    threads = [threading.Thread(target=send, args=(piece,)) for piece in (701, 1303)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(status, answer["offset"]) for status, answer in answers] == [(200, len(text))] * 2
    assert server.get("/api/jobs/both/logs?raw=1").content == text


def test_streams_of_one_job_are_counted_apart_and_numbered_together(server: Served) -> None:
    out = Upload(server, "/api/jobs/two/logs?projectId=p&stream=stdout")
    err = Upload(server, "/api/jobs/two/logs?projectId=p&stream=stderr")
    for number, (upload, text) in enumerate([(out, b"10%\r"), (err, b"oops\n"), (out, b"20%\n")], 1):
        upload.send(text)
        deadline = time.monotonic() + 5
        while server.get("/api/jobs/two").json().get("seq", 0) < number:
            assert time.monotonic() < deadline
    assert out.finish()[1]["offset"] == 8
    assert err.finish()[1]["offset"] == 5
    assert messages(server, "two") == ["20%", "oops"]


def test_bytes_that_are_no_text_are_shown_as_replacement_characters_and_kept_exactly(server: Served) -> None:
    data = b"a\x00b\x1b[31m\xff\xfe\n" + "é".encode()[:1]
    upload = Upload(server, "/api/jobs/bin/logs?projectId=p")
    upload.send(data)
    upload.send("é".encode()[1:] + b"!\n")
    assert upload.finish()[0] == 200
    assert messages(server, "bin") == ["a\x00b\x1b[31m\ufffd\ufffd", "é!"]
    assert server.get("/api/jobs/bin/logs?raw=1").content == data + "é".encode()[1:] + b"!\n"


def test_a_line_beyond_the_limit_is_cut_and_the_offset_still_counts_all_of_it(server: Served) -> None:
    upload = Upload(server, "/api/jobs/long/logs?projectId=p")
    for _ in range(200):
        upload.send(b"x" * 50_000)
    upload.send(b"\nnext\n")
    status, answer = upload.finish()
    assert (status, answer["offset"], answer["lines"]) == (200, 10_000_006, 2)
    long, following_line = messages(server, "long")
    assert long == "x" * 65_536 + f"… [cut: {10_000_000 - 65_536} bytes]"
    assert following_line == "next"


def test_a_body_without_a_final_newline_leaves_its_line_open(server: Served) -> None:
    for body in (b"one", b"\ntwo", b"three\n", b"\nfour"):
        server.session.put(f"{server.url}/api/jobs/ends/logs?projectId=p", data=body, timeout=10)
    assert messages(server, "ends") == ["one", "twothree", "", "four"]


def test_an_unfinished_line_is_seen_and_continued_under_its_number(server: Served) -> None:
    upload = Upload(server, "/api/jobs/open/logs?projectId=p")
    with following(server, "open") as events:
        upload.send(b"checking for X... ")
        sent = time.monotonic()
        seen, line = next(events)
        assert (line["line"], line["message"], "replace" in line) == (1, "checking for X... ", False)
        assert seen - sent < 2
        upload.send(b"yes\nnext\n")
        continued, following_line = next(events)[1], next(events)[1]
    assert (continued["line"], continued["message"], continued["replace"]) == (
        1,
        "checking for X... yes",
        True,
    )
    assert (following_line["line"], following_line["message"]) == (2, "next")
    _, answer = upload.finish()
    assert answer["lines"] == server.get("/api/jobs/open").json()["lines"] == 2
    found = server.get("/api/jobs/open/logs", params={"q": "X... yes"}).json()["lines"]
    assert [one["line"] for one in found] == [1]


def test_a_file_in_pieces_has_the_lines_of_the_whole(server: Served) -> None:
    body = b"".join(b"line %d is of some length\n" % number for number in range(40))
    for start in range(0, len(body), 100):
        server.session.put(
            f"{server.url}/api/jobs/pieces/logs?projectId=p&offset={start}",
            data=body[start : start + 100],
            timeout=10,
        )
    assert "".join(f"{message}\n" for message in messages(server, "pieces")).encode() == body
    assert server.get("/api/jobs/pieces/logs", params={"raw": 1}).content == body


def test_rows_that_a_terminal_draws_again_are_sent_under_their_numbers(server: Served) -> None:
    frames = [
        b"one 10%\r\ntwo 10%\r\n",
        b"\x1b[2A\x1b[2Kone done\r\n\x1b[2Ktwo 20%\r\n",
        b"\x1b[1A\x1b[2Ktwo done\r\n",
    ]
    upload = Upload(server, "/api/jobs/frames/logs?projectId=p")
    with following(server, "frames") as events:
        upload.send(b"before\n")
        assert next(events)[1]["message"] == "before"
        shown = []
        for frame, count in zip(frames, (2, 2, 1), strict=True):
            upload.send(frame)
            shown += [next(events)[1] for _ in range(count)]
    assert [(line["line"], line["message"], line.get("replace", False)) for line in shown] == [
        (2, "one 10%", False),
        (3, "two 10%", False),
        (2, "one done", True),
        (3, "two 20%", True),
        (3, "two done", True),
    ]
    upload.finish()
    assert messages(server, "frames") == ["before", "one done", "two done"]
    assert server.get("/api/jobs/frames/logs", params={"raw": 1}).content == b"before\n" + b"".join(frames)


def test_a_server_that_stops_says_where_a_running_upload_can_go_on(server: Served) -> None:
    upload = Upload(server, "/api/jobs/stop/logs?projectId=p")
    upload.send(b"first\nhalf")
    wait_for_lines(server, "stop", 1)
    assert server.stop() == 0
    status, answer = upload.answer()
    assert (status, answer["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize("offset", ["", "&offset=0"])
def test_a_carriage_return_before_a_jobs_first_line_waits_for_that(server: Served, offset: str) -> None:
    path = f"/api/jobs/waits/logs?projectId=p{offset}"
    alone = server.post(path, data=b"\r").json()
    # Without a line there is no job, and nothing of what the answer counts gets lost.
    assert (alone["offset"], alone["lines"], alone["seq"]) == (0, 0, 0)
    assert server.get("/api/jobs/waits").status_code == 404
    upload = Upload(server, path)
    for part in (b"\r", b"\r", b"10%\r", b"20%\n"):
        upload.send(part)
        time.sleep(0.1)
    assert upload.finish() == (200, {"offset": 10, "lines": 1, "seq": 2, "viewers": 0})
    assert messages(server, "waits") == ["20%"]
    assert server.get("/api/jobs/waits/logs?raw=1").content == b"\r\r10%\r20%\n"


def test_a_log_of_carriage_returns_alone_is_refused_before_it_fills_the_memory(server: Served) -> None:
    answer = server.post("/api/jobs/bare/logs?projectId=p", data=b"\r" * 10_000)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_misspelt_parameter_of_a_log_is_told_and_refuses_nothing(server: Served) -> None:
    path = "/api/jobs/misspelt/logs?projectId=p&strem=stderr&ofset=0"
    answer = server.post(path, data=b"one\n")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == [
        "update 0: unknown field 'strem', did you mean 'stream'?",
        "update 0: unknown field 'ofset', did you mean 'offset'?",
    ]
    assert "warnings" not in server.post("/api/jobs/misspelt/logs?stream=stderr&offset=0", data=b"x\n").json()


def test_a_job_that_ends_during_an_upload_takes_the_rest_of_it(server: Served) -> None:
    upload = Upload(server, "/api/jobs/end/logs?projectId=p")
    upload.send(b"before\n")
    wait_for_lines(server, "end", 1)
    server.update({"type": "completed", "jobId": "end"})
    upload.send(b"after\n")
    assert upload.finish()[0] == 200
    assert messages(server, "end") == ["before", "after"]


def test_a_refused_body_is_not_read_to_its_end(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = f"POST /api/updates HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2**40}\r\n\r\n"
        connection.sendall(head.encode())
        # The server closes and what still comes is answered with RST.
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(b"x" * 100_000_000)


def test_who_expects_a_continue_and_is_refused_is_not_waited_for(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = "POST /api/updates HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
        connection.sendall((head + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n").encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
        assert answer.startswith(b"HTTP/1.1 415")
