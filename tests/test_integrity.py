"""Whether all that a build sent has arrived: what streams add up to, what senders claim, the verdict."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from chef.domain import rules
from chef.domain.crc import crc32_of_both
from chef.domain.integrity import verdict
from chef.domain.lines import StreamState
from chef.domain.model import LogPiece
from chef.domain.segments import Segmenter
from chef.domain.tally import Tally
from chef.domain.wiretypes import as_dict
from chef.errors import OffsetPastEnd
from chef.store import Store
from tests.test_log_streams import Upload, wait_for_lines
from tests.tools.making import AT, batch, log, open_store, piece, update
from tests.tools.serving import Served

BODY = b"one\r\n10%\r20%\r\xff\xfe\x00\n\xc3" + b"\xa9" * 70_000 + b"\nlast"


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def claimed(data: bytes) -> dict[str, Any]:
    """A sender's claim on a stream's whole bytes."""
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    return {"bytes": len(data), "lines": lines, "crc32": f"{zlib.crc32(data):08x}"}


def ended(store: Store, **streams: bytes) -> dict[str, Any]:
    """The verdict on a job whose sender claims these streams."""
    claim = {name: claimed(data) for name, data in streams.items()}
    store.append(batch(update("completed", integrity=claim)))
    return integrity_of(store)


def integrity_of(store: Store, job_id: str = "job") -> dict[str, Any]:
    job = store.job(job_id)
    assert job is not None
    assert job.integrity is not None
    return as_dict(job.integrity)


# The sum of a stream


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_the_crc_of_two_texts_follows_from_those_of_each(one: bytes, other: bytes) -> None:
    assert crc32_of_both(zlib.crc32(one), zlib.crc32(other), len(other)) == zlib.crc32(one + other)


def test_the_crc_of_a_long_text_is_found_as_well() -> None:
    one, other = b"x" * 3, bytes(5_000_001)
    assert crc32_of_both(zlib.crc32(one), zlib.crc32(other), len(other)) == zlib.crc32(one + other)


bodies = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bcdefgh", b"\xc3\xa9", b"\xff", b"\x00"]), max_size=12
).map(b"".join)


@settings(deadline=None)
@given(st.lists(st.tuples(bodies, st.integers(0, 20), st.integers(1, 9)), max_size=6), st.booleans())
def test_a_stream_adds_up_to_its_bytes_however_they_come(
    parts: list[tuple[bytes, int, int]], logs_between: bool
) -> None:
    """Each body begins up to so many bytes before the end and comes in pieces; the line limit is short."""
    whole, stream, job = b"", StreamState(), rules.start(update(), AT, 0, None)
    for part, back, size in parts:
        start = max(0, len(whole) - back)
        whole += part
        for position in (start, stream.offset):
            # Refused where what is known ends within a cut line: the second round goes on from there.
            with suppress(OffsetPastEnd):
                for sent in pieces_of(whole[position:], size, position):
                    job, _, stream = rules.apply_log(job, sent, stream, AT, 0, 6)
        if logs_between:
            job, _, stream = rules.apply_log(job, log("no part of\nthe bytes"), stream, AT, 0, 6)
    claim = claimed(whole)
    assert stream.offset == claim["bytes"]
    assert stream.tally is not None
    assert (stream.tally.lines, f"{stream.tally.crc:08x}") == (claim["lines"], claim["crc32"])


def pieces_of(body: bytes, size: int, offset: int) -> Iterator[LogPiece]:
    """A body as the route stores it when so many bytes arrive at a time."""
    segmenter = Segmenter(6)
    arriving = [segmenter.feed(body[start : start + size]) for start in range(0, len(body), size)]
    for segments in (*arriving, segmenter.finish()):
        yield LogPiece("job", segments, offset=offset)
        offset += sum(segment.size for segment in segments)


def test_an_upload_that_another_one_overtook_within_a_cut_line_is_told_where_to_go_on() -> None:
    """The rest of such a line is not at hand: nobody's bytes may be made up."""
    segmenter = Segmenter(10)
    long_line = LogPiece("job", tuple(segmenter.feed(b"x" * 50 + b"\nnext\n")), offset=0)
    stream, job = StreamState(20, 1, "open"), rules.start(update(), AT, 0, None)
    with pytest.raises(OffsetPastEnd) as refused:
        rules.apply_log(job, long_line, stream, AT, 0, 10)
    assert (refused.value.code, refused.value.extra) == ("offset_overtaken", {"offset": 20})


# The verdict


TALLY = Tally(3, 0xABC)
HERE = {"out": StreamState(100, 3, tally=TALLY), "old": StreamState(50, 3, tally=None)}


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({}, {"complete": True, "lines": 0}),
        (
            {"out": {"bytes": 100, "lines": 3, "crc32": "00000abc"}},
            {"complete": True, "lines": 3},
        ),
        ({"out": {"bytes": 100}}, {"complete": True, "lines": 3}),
        # The bytes are the same, so the lines are: the sender counts them in another way.
        ({"out": {"bytes": 100, "lines": 2, "crc32": "00000abc"}}, {"complete": True, "lines": 3}),
        (
            {"out": {"bytes": 130, "lines": 5, "crc32": "12345678"}},
            {
                "complete": False,
                "lines": 3,
                "missing": [{"stream": "out", "bytes": 30, "from": 100, "lines": 2}],
            },
        ),
        (
            {"out": {"bytes": 101, "lines": 3, "crc32": "12345678"}},
            {"complete": False, "lines": 3, "missing": [{"stream": "out", "bytes": 1, "from": 100}]},
        ),
        (
            {"err": {"bytes": 7}},
            {"complete": False, "lines": 0, "missing": [{"stream": "err", "bytes": 7, "from": 0}]},
        ),
        ({"err": {"bytes": 0, "lines": 0, "crc32": "00000000"}}, {"complete": True, "lines": 0}),
        (
            {"out": {"bytes": 90, "lines": 3, "crc32": "12345678"}},
            {"complete": False, "lines": 3, "surplus": [{"stream": "out", "bytes": 10, "from": 90}]},
        ),
        (
            {"out": {"bytes": 100, "lines": 3, "crc32": "12345678"}},
            {
                "complete": False,
                "lines": 3,
                "differs": [{"stream": "out", "crc32": "00000abc", "claimed": "12345678"}],
            },
        ),
        (
            {"out": {"bytes": 100, "lines": 4}},
            {"complete": False, "lines": 3, "differs": [{"stream": "out", "lines": 3, "claimed": 4}]},
        ),
        (
            {"old": {"bytes": 50, "lines": 3, "crc32": "00000abc"}, "out": {"bytes": 100}},
            {"complete": True, "lines": None, "unchecked": ["old"]},
        ),
        ({"old": {"bytes": 50}}, {"complete": True, "lines": None}),
        (
            {"old": {"bytes": 51, "lines": 9, "crc32": "00000abc"}},
            {"complete": False, "lines": None, "missing": [{"stream": "old", "bytes": 1, "from": 50}]},
        ),
    ],
)
def test_a_claim_is_compared_with_what_is_here(claim: dict[str, Any], expected: dict[str, Any]) -> None:
    assert as_dict(verdict(claim, HERE)) == expected


# In the store


def test_a_job_whose_streams_have_all_arrived_is_complete(store: Store) -> None:
    half = len(BODY) // 2
    store.append(batch(piece(BODY[:half], offset=0), log("beside it"), piece(b"oops\n", stream="stderr")))
    store.append(batch(piece(BODY[half - 1000 :], offset=half - 1000)))
    assert ended(store, stdout=BODY, stderr=b"oops\n") == {"complete": True, "lines": 5}


def test_what_arrives_late_completes_it(store: Store) -> None:
    store.append(batch(piece(b"one\n", offset=0)))
    missing = [{"stream": "stdout", "bytes": 8, "from": 4, "lines": 2}]
    assert ended(store, stdout=b"one\ntwo\nend\n") == {"complete": False, "lines": 1, "missing": missing}
    store.append(batch(piece(b"two\n", offset=4), at=AT + 1000))
    missing = [{"stream": "stdout", "bytes": 4, "from": 8, "lines": 1}]
    assert integrity_of(store) == {"complete": False, "lines": 2, "missing": missing}
    # A message is none of the stream's bytes.
    store.append(batch(log("end"), at=AT + 1500))
    assert not integrity_of(store)["complete"]
    store.append(batch(piece(b"end\n", offset=8), at=AT + 2000))
    assert integrity_of(store) == {"complete": True, "lines": 3}


def test_logs_and_the_end_in_one_batch_count_in_their_order(store: Store) -> None:
    claim = {"stdout": claimed(b"one\n")}
    store.append(batch(piece(b"one\n"), update("error", message="no", integrity=claim), piece(b"more\n")))
    assert integrity_of(store) == {
        "complete": False,
        "lines": 2,
        "surplus": [{"stream": "stdout", "bytes": 5, "from": 4}],
    }
    (_, (_, ending)) = store.entries("job", 1)[0].events  # type: ignore[union-attr]
    assert json.loads(ending)["integrity"] == {"complete": True, "lines": 1}


def test_other_bytes_of_the_same_number_are_told_apart(store: Store) -> None:
    store.append(batch(piece(b"one\n")))
    found = ended(store, stdout=b"0ne\n")
    assert (found["complete"], [one["stream"] for one in found["differs"]]) == (False, ["stdout"])


def test_a_job_without_a_claim_has_no_verdict(store: Store) -> None:
    store.append(batch(piece(b"one\n"), update("completed")))
    job = store.job("job")
    assert job is not None
    assert job.integrity is None


def test_a_log_that_was_cut_back_to_its_limit_had_arrived_whole(any_database_url: str) -> None:
    body = b"".join(b"line %d\n" % number for number in range(5000))
    with open_store(any_database_url, max_log_bytes=8192) as store:
        for start in range(0, len(body), 3000):
            store.append(batch(piece(body[start : start + 3000], offset=start)))
        assert ended(store, stdout=body) == {"complete": True, "lines": 5000}
        job = store.job("job")
        assert job is not None
        assert job.gap is not None


def test_an_end_that_is_sent_again_changes_no_verdict(store: Store) -> None:
    end = update("completed", id="end", integrity={"stdout": claimed(b"one\n")})
    store.append(batch(piece(b"one\n"), end))
    assert store.append(batch(end)).duplicates == 1
    assert integrity_of(store) == {"complete": True, "lines": 1}


def test_a_stream_that_began_before_checksums_were_kept_is_counted_only(
    store: Store, any_database_url: str
) -> None:
    store.append(batch(piece(b"one\n"), piece(b"x", stream="other")))
    with store._upkeep_connections.writing() as connection:
        connection.execute(text("UPDATE streams SET crc = NULL, lines = NULL WHERE stream = 'stdout'"))
    store.append(batch(piece(b"two\n", offset=4)))
    found = ended(store, stdout=b"one\nTWO\n", other=b"x")
    assert found == {"complete": True, "lines": None, "unchecked": ["stdout"]}


# Over HTTP


def send(client: FlaskClient, path: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/api/jobs/j/{path}", json={"projectId": "p"} | fields)
    return answer.status_code, json.loads(answer.data)


def job_of(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get("/api/jobs/j").data)
    return found


@pytest.fixture
def client(app: Any) -> FlaskClient:
    found: FlaskClient = app.test_client()
    return found


@pytest.mark.parametrize("path", ["completed", "error", "exit"])
def test_an_end_by_hand_takes_the_claim_as_json_in_a_form(client: FlaskClient, path: str) -> None:
    client.put("/api/jobs/j/logs?projectId=p", data=b"one\n")
    form = {"integrity": json.dumps({"stdout": claimed(b"one\n")}), "message": "m", "code": "0"}
    if path == "completed":
        form.pop("code")
    assert client.post(f"/api/jobs/j/{path}", data=form).status_code == 200
    assert job_of(client)["integrity"] == {"complete": True, "lines": 1}
    events = json.loads(client.get("/api/jobs/j/events", headers={"Accept": "application/json"}).data)
    assert events["events"][-1]["data"]["integrity"] == {"complete": True, "lines": 1}
    whole = json.loads(
        client.get("/api/projects/p/events?follow=0", headers={"Accept": "application/json"}).data
    )
    assert whole["events"][-1]["data"]["integrity"] == {"complete": True, "lines": 1}


def test_a_job_without_a_claim_shows_none(client: FlaskClient) -> None:
    send(client, "completed")
    assert "integrity" not in job_of(client)


@pytest.mark.parametrize(
    ("claim", "field", "message"),
    [
        (7, "integrity", "must be an object, not a number"),
        ([], "integrity", "must be an object, not an array"),
        ({"stdout": "abc"}, "integrity.stdout", "must be an object, not a string"),
        ({"stdout": {}}, "integrity.stdout.bytes", "is needed"),
        ({"stdout": {"bytes": -1}}, "integrity.stdout.bytes", "must be between 0 and 9223372036854775807"),
        ({"stdout": {"bytes": "5"}}, "integrity.stdout.bytes", "must be an integer, not a string"),
        ({"stdout": {"bytes": True}}, "integrity.stdout.bytes", "must be an integer, not true"),
        ({"stdout": {"bytes": 1, "lines": 1.5}}, "integrity.stdout.lines", "must be an integer"),
        (
            {"stdout": {"bytes": 1, "crc32": "ABCDEF01"}},
            "integrity.stdout.crc32",
            "must be 8 hex digits in lower case",
        ),
        (
            {"stdout": {"bytes": 1, "crc32": 5}},
            "integrity.stdout.crc32",
            "must be a string, not a number",
        ),
        ({"a b": {"bytes": 1}}, "integrity.a b", "is no stream's name: it must be 1 to 128 characters of"),
        ({f"s{n}": {"bytes": 1} for n in range(101)}, "integrity", "must be at most 100 streams"),
    ],
)
def test_each_field_of_a_claim_is_checked(client: FlaskClient, claim: Any, field: str, message: str) -> None:
    status, answer = send(client, "completed", integrity=claim)
    assert (status, answer["errors"][0]["field"]) == (422, field)
    assert answer["errors"][0]["message"].startswith(message)


def test_an_unknown_field_of_a_claim_is_warned_about(client: FlaskClient) -> None:
    _, answer = send(client, "completed", integrity={"stdout": {"bytes": 0, "crc": "0"}})
    assert answer["warnings"] == ["update 0: unknown field 'integrity.stdout.crc', did you mean 'crc32'?"]


def test_a_claim_belongs_to_an_end(client: FlaskClient) -> None:
    _, answer = send(client, "progress", integrity={})
    assert answer["warnings"] == ["update 0: field 'integrity' is not used by 'progress' updates"]


def test_a_line_that_was_cut_is_gone_on_with_as_if_the_rest_had_come_alone(make_app: Any) -> None:
    """The first body ends within a line beyond the limit; the whole is then sent again from its start."""
    client = make_app(max_log_line_bytes=1024).test_client()
    body = b"a" * 1500 + b"b" * 1600 + b"\nend\n"
    client.put("/api/jobs/j/logs?projectId=p&offset=0", data=body[:1500])
    client.put("/api/jobs/j/logs?offset=0", data=body)
    lines = json.loads(client.get("/api/jobs/j/logs").data)["lines"]
    assert [line["message"] for line in lines] == [
        "a" * 1024 + "… [cut: 2076 bytes]",
        "end",
    ]
    send(client, "completed", integrity={"stdout": claimed(body)})
    assert job_of(client)["integrity"] == {"complete": True, "lines": 2}


def test_the_bytes_of_one_stream_can_be_read_and_compared(client: FlaskClient) -> None:
    for body, stream in (
        (b"one\r\n", "stdout"),
        (b"oops\n", "stderr"),
        (b"10%\r\xff", "stdout"),
        (b"\r", "stdout"),
    ):
        client.put(f"/api/jobs/j/logs?projectId=p&stream={stream}", data=body)
    path = "/api/jobs/j/logs?raw=1&stream="
    assert client.get(path + "stdout").data == b"one\r\n10%\r\xff\r"
    assert client.get(path + "stderr").data == b"oops\n"
    assert client.get(path + "other").data == b""
    refused = [client.get(path + "a b"), client.get("/api/jobs/j/logs?stream=stdout")]
    assert [(one.status_code, json.loads(one.data)["errors"][0]["field"]) for one in refused] == [
        (422, "stream"),
        (422, "stream"),
    ]


@pytest.mark.slow
def test_a_log_that_goes_on_after_each_kill_9_is_complete(start_server: Any, any_database_url: str) -> None:
    """As a reporter does it: from where the server is, with the claim at the end."""
    body = b"".join(b"line %d\xff\r\n" % number for number in range(3000)) + b"y" * 100_000 + b"\nlast"
    settings = {"DATABASE_URL": any_database_url}
    server: Served = start_server(**settings)
    for kill_after in (9_000, 21_000, 40_000, None):
        offset = int(server.session.head(f"{server.url}/api/jobs/j/logs").headers["Upload-Offset"])
        upload = Upload(server, f"/api/jobs/j/logs?projectId=p&offset={offset}")
        for start in range(offset, kill_after or len(body), 1000):
            upload.send(body[start : start + 1000])
        if kill_after is None:
            assert upload.finish()[0] == 200
        else:
            wait_for_lines(server, "j", body[: kill_after - 1000].count(b"\n"))
            server.kill()
            upload.cut()
            server = start_server(**settings)
    server.update({"type": "completed", "jobId": "j", "integrity": {"stdout": claimed(body)}})
    assert server.get("/api/jobs/j").json()["integrity"] == {"complete": True, "lines": 3002}
    assert server.get("/api/jobs/j/logs?raw=1&stream=stdout").content.startswith(body[:30_000])


def test_broken_repeated_and_parallel_uploads_add_up_to_what_was_sent(server: Served) -> None:
    body = b"".join(b"line %d \xff\r\n" % number for number in range(4000)) + b"z" * 200_000 + b"\nlast"
    cut = Upload(server, "/api/jobs/j/logs?projectId=p&offset=0")
    cut.send(body[:700])
    wait_for_lines(server, "j", 40)
    cut.cut()

    def upload(size: int) -> None:
        sent = Upload(server, "/api/jobs/j/logs?offset=0")
        for start in range(0, len(body), size):
            sent.send(body[start : start + size])
        answers.append(sent.finish())

    answers: list[tuple[int, dict[str, Any]]] = []
    threads = [threading.Thread(target=upload, args=(size,)) for size in (5003, 9001)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [(status, answer["offset"]) for status, answer in answers] == [(200, len(body))] * 2
    server.update({"type": "log", "jobId": "j", "message": "beside"})
    server.update({"type": "completed", "jobId": "j", "integrity": {"stdout": claimed(body)}})
    assert server.get("/api/jobs/j").json()["integrity"] == {"complete": True, "lines": 4002}
