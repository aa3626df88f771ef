"""Secrets that a build names: what follows shows `***` for them in all their forms, and nobody is told."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.domain import masking
from chef.domain.lines import Line, PlainLines
from chef.domain.masking import Masks, masked_lines, masked_text, with_mask
from chef.domain.model import LogPiece
from chef.domain.rules import LOGS_AFTER_END_MS
from chef.domain.segments import Segmenter
from chef.errors import Conflict, Invalid
from chef.store import Store
from tests.tools.making import AT, batch, log, open_store, piece, update

SECRET = "s3cr/t \"$1'é%"
PLAIN = {"Content-Type": "text/plain"}


def mask(value: str = SECRET, **fields: Any) -> Any:
    return update("mask", value=value, **fields)


def shown(text: str, *masks: str) -> str:
    return masked_text(text, masks)


def lines_of(text: bytes, masks: Masks = ()) -> tuple[list[bytes], Masks]:
    lines, after = masked_lines(PlainLines(text), masks)
    return [line.text for line in lines], after


# Forms


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        "s3cr/t \"$1'\\''é%",
        "s3cr/t \\\"\\$1'é%",
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    assert shown(f"before {written} behind, {written}", SECRET) == "before *** behind, ***"


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_base64_of_a_text_with_a_secret_has_nothing_of_it_that_can_be_read(before: bytes) -> None:
    text = base64.b64encode(before + b"=secret-value=" + b"behind").decode()
    head, tail = shown(text, "secret-value").split("***")
    # A character of base64 has six bits: the one at each border may have some of the secret's.
    assert len(head) <= -(-(len(before) + 1) * 8 // 6)
    assert len(tail.rstrip("=")) <= -(-len("=behind") * 8 // 6)


def test_secrets_that_overlap_leave_nothing_of_each_other() -> None:
    assert shown("say abcdefghij now", "abcdefg", "defghij") == "say *** now"
    assert shown("aaaaaaaaaa", "aaaaaa") == "***"


def test_each_line_of_a_secret_of_several_lines_is_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nshort\n-----END KEY-----\n"
    text, _ = lines_of(b"MIIEpAIBAAKCAQEA\r\nshort\n", (key,))
    assert text == [b"***\r", b"short"]


def test_a_text_without_secrets_is_the_same_object() -> None:
    lines = PlainLines(b"one\ntwo\n")
    assert masked_lines(lines, ())[0] is lines
    assert masked_lines(lines, ("secret-1",))[0] is lines
    masked = masked_lines(PlainLines(b"one\nsecret-1\n"), ("secret-1",))[0]
    assert isinstance(masked, PlainLines)
    assert masked.data == b"one\n***\n"


def test_lines_that_are_not_plain_keep_their_ends_and_places() -> None:
    lines = [Line(b"secret-1 10%", b"\r", False, b""), Line(b"secret-1 20%", b"\n", True, b"\n")]
    assert masked_lines(lines, ("secret-1",))[0] == [
        Line(b"*** 10%", b"\r", False, b""),
        Line(b"*** 20%", b"\n", True, b"\n"),
    ]


def test_a_job_has_no_more_masks_than_can_be_kept_with_it() -> None:
    masks: Masks = ()
    for n in range(masking.MAX_MASKS):
        masks = with_mask(masks, f"secret-{n}") or ()
    assert with_mask(masks, "one more") is None
    assert with_mask(masks, "secret-0") is masks
    assert with_mask(("x" * 4096,) * 63, "é" * 4096) is None


# Commands in the log


@pytest.mark.parametrize(
    ("line", "hidden", "named"),
    [
        ("::add-mask::secret-1", "::add-mask::***", {"secret-1"}),
        ("  ::add-mask:: secret-1 ", "  ::add-mask::***", {"secret-1"}),
        ("+ echo ::add-mask::secret-1", "+ echo ::add-mask::***", {"secret-1"}),
        ("::add-mask::100%25secret", "::add-mask::***", {"100%25secret", "100%secret"}),
        ("##vso[task.setsecret]secret-1", "##vso[task.setsecret]***", {"secret-1"}),
        ("##vso[task.setsecret ]a%3Bb%AZP25c%5D", "##vso[task.setsecret ]***", {"a%3Bb%AZP25c%5D", "a;b%c]"}),
        (
            "##vso[task.setvariable variable=x;issecret=true]secret-1",
            "##vso[task.setvariable variable=x;issecret=true]***",
            {"secret-1"},
        ),
        (
            "##vso[task.setvariable variable=x;isSecret=True;isoutput=true]secret-1",
            "##vso[task.setvariable variable=x;isSecret=True;isoutput=true]***",
            {"secret-1"},
        ),
        ("##vso[task.setvariable variable=x]public", "##vso[task.setvariable variable=x]public", set()),
        ("##vso[task.setvariable variable=x;issecret=false]public", None, set()),
        ("::add-mask::short", "::add-mask::***", set()),
        ("::add-mask::", "::add-mask::", set()),
    ],
)
def test_a_command_in_the_log_names_a_secret_and_does_not_show_it(
    line: str, hidden: str | None, named: set[str]
) -> None:
    text, masks = lines_of(f"before\n{line}\nbehind\n".encode())
    assert text == [b"before", (hidden or line).encode(), b"behind"]
    assert set(masks) == named


def test_what_came_before_a_command_stays_and_what_follows_is_masked() -> None:
    text, _ = lines_of(b"secret-1\n::add-mask::secret-1\nthe secret-1 again\n")
    assert text == [b"secret-1", b"::add-mask::***", b"the *** again"]


# In the store


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def texts(store: Store, job_id: str = "job") -> list[str]:
    return [line.text.decode() for _, _, line in store.lines(job_id, 1, 999)]


def test_lines_and_messages_from_any_sender_are_masked_and_nothing_tells_of_it(store: Store) -> None:
    store.append(batch(update(phase="building"), log(f"before {SECRET}")))
    receipt = store.append(batch(mask()))
    assert (receipt.accepted, receipt.seqs, receipt.stored) == (1, {"job": 2}, [])
    store.append(batch(log(f"a {SECRET}", stream="other"), piece(f"b {SECRET}\n".encode())))
    store.append(batch(update(message=f"c {SECRET}")))
    assert texts(store) == [f"before {SECRET}", "a ***", "b ***"]
    job = store.job("job")
    assert job is not None
    assert (job.seq, job.message) == (5, "c ***")
    store.append(batch(update("error", message=f"d {SECRET}")))
    job = store.job("job")
    assert job is not None
    assert (job.message, job.masks) == ("d ***", ())
    assert job.error is not None
    assert job.error.message == "d ***"


def test_a_mask_may_be_the_first_that_is_heard_of_a_job(store: Store) -> None:
    assert store.append(batch(mask(), log(f"a {SECRET}"))).seqs == {"job": 3}
    assert texts(store) == ["a ***"]
    with pytest.raises(Invalid):
        store.append(batch(mask(job_id="new", project_id=None)))


def test_a_mask_survives_a_restart_and_ends_with_its_job(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store.append(batch(update(), mask()))
    with open_store(any_database_url) as store:
        store.append(batch(log(f"a {SECRET}")))
        assert texts(store) == ["a ***"]
        store.append(batch(update("completed")))
        with pytest.raises(Conflict):
            store.append(batch(mask()))
        job = store.job("job")
        assert job is not None
        assert job.masks == ()


def test_lines_that_come_after_the_end_are_masked_as_well(store: Store) -> None:
    store.append(batch(update(), mask()))
    store.append(batch(update("completed")))
    store.append(batch(piece(f"late {SECRET}\n".encode()), at=AT + LOGS_AFTER_END_MS))
    assert texts(store) == ["late ***"]
    job = store.job("job")
    assert job is not None
    assert job.masks == ()


def test_masks_of_an_abandoned_job_are_forgotten_with_it(store: Store) -> None:
    from chef.domain.batches import Batch, Item
    from chef.domain.model import Abandonment

    store.append(batch(update(), mask()))
    store.append(Batch((Item(Abandonment("job", AT + 1)),), AT + 1))
    job = store.job("job")
    assert job is not None
    assert (job.status, job.masks) == ("abandoned", ())
    store.append(batch(mask("another-1"), log("a another-1")))
    assert texts(store) == ["a ***"]


def test_the_same_mask_twice_and_one_with_an_id_do_no_harm(store: Store) -> None:
    store.append(batch(update()))
    for _ in range(2):
        receipt = store.append(batch(mask(id="m"), mask("another-1", id="m")))
        assert (receipt.accepted, receipt.duplicates) == (2, 0)
    store.append(batch(log(f"{SECRET} another-1")))
    assert texts(store) == ["*** ***"]


def test_too_many_masks_are_refused_without_saying_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "MAX_MASKS", 1)
    store.append(batch(update(), mask()))
    with pytest.raises(Invalid) as refused:
        store.append(batch(mask("another-1")))
    assert refused.value.errors[0].field == "value"
    assert "another-1" not in refused.value.detail


# Over HTTP


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app().test_client()


def send(client: FlaskClient, **fields: Any) -> Any:
    return client.post("/api/updates", json={"jobId": "j", "projectId": "p", **fields})


@pytest.mark.parametrize("value", ["short", "x" * 4097, 7, None, "nul\u0000nul", ["secret-1"]])
def test_a_wrong_value_is_refused_by_its_fields_name_alone(client: FlaskClient, value: Any) -> None:
    answer = send(client, type="mask", value=value)
    assert answer.status_code in (400, 422)
    assert not (isinstance(value, str) and value[:5] in answer.text)
    if answer.status_code == 422:
        assert answer.get_json()["errors"][0]["field"] == "value"


def test_a_mask_needs_its_value(client: FlaskClient) -> None:
    assert send(client, type="mask").get_json()["errors"] == [
        {"message": "is needed", "field": "value", "index": 0}
    ]


def test_a_log_by_curl_is_masked_and_its_sums_are_those_of_what_was_sent(client: FlaskClient) -> None:
    send(client, type="progress", phase="building")
    send(client, type="mask", value="secret-1")
    body = b"one secret-1\n::add-mask::other-22\nother-22\nlast\n"
    answer = client.post("/api/jobs/j/logs", data=body, headers=PLAIN)
    assert answer.get_json()["offset"] == len(body)
    again = client.post("/api/jobs/j/logs?offset=5", data=body[5:] + b"secret-1\n", headers=PLAIN)
    assert again.get_json() == {"offset": len(body) + 9, "lines": 1, "seq": 6, "viewers": 0}
    assert client.get("/api/jobs/j/logs?raw=1").data == b"one ***\n::add-mask::***\n***\nlast\n***\n"
    claim = {
        "bytes": len(body) + 9,
        "lines": 5,
        "crc32": f"{zlib.crc32(body + b'secret-1' + bytes([10])):08x}",
    }
    send(client, type="completed", integrity={"stdout": claim})
    assert client.get("/api/jobs/j").get_json()["integrity"] == {"complete": True, "lines": 5}


def test_a_secret_that_two_pieces_share_is_masked(store: Store) -> None:
    store.append(batch(update(phase="building"), mask("secret-1")))
    segmenter = Segmenter(65536)
    for data in (b"one sec", b"ret-1\ntwo\n"):
        store.append(batch(LogPiece("job", segmenter.feed(data))))
    assert texts(store) == ["one ***", "two"]


def test_a_line_that_goes_on_after_it_was_shown_is_masked_as_a_whole(store: Store) -> None:
    store.append(batch(update(phase="building"), mask("secret-1")))
    for data in (b"one sec", b"ret-1 two\n", b"three\n"):
        store.append(batch(piece(data)))
    assert texts(store) == ["one *** two", "three"]
    entries = list(store.walk_entries("job", 99))
    assert b"".join(line.raw for entry in entries for line in entry.lines) == b"one sec***\nthree\n"


def test_what_a_terminal_shows_is_forgotten_at_the_end(store: Store) -> None:
    store.append(batch(update(phase="building"), mask("secret-1")))
    store.append(batch(piece(b"one\ntwo\n\x1b[2Asecret-1 is shown\n")))
    store.append(batch(piece(b"the secret-1 goes", stream="other")))
    assert store.stream("job", "stdout").terminal is not None
    assert texts(store) == ["*** is shown", "two", "the *** goes"]
    store.append(batch(update("completed")))
    for name in ("stdout", "other"):
        stream = store.stream("job", name)
        assert (stream.terminal, stream.open) == (None, None)
    store.append(batch(piece(b" on\n", stream="other"), piece(b"\x1b[1Asecret-1 again\n")))
    assert "secret" not in "".join(texts(store))
    assert store.stream("job", "stdout").terminal is None


def test_no_answer_event_page_or_line_of_the_servers_log_has_the_value(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    value = "very-secret-value"
    answers = [
        send(client, type="progress", phase="building"),
        send(client, type="mask", value=value, id="m"),
        send(client, type="mask", value=value, id="m", other=value[:4]),
        send(client, type="nothing", value=value),
        client.post(
            "/api/updates", data=f'{{"type":"mask","value":"{value}"', content_type="application/json"
        ),
        client.post("/api/updates", json=[{"type": "mask", "jobId": "j", "value": value}, {"type": "log"}]),
        send(client, type="log", message=value),
        *(client.get(path) for path in ("/api/jobs/j", "/api/jobs", "/api/projects", "/jobs/j", "/metrics")),
        client.get("/api/jobs/j/events?follow=0"),
        client.get("/api/jobs/j/logs?raw=1"),
    ]
    assert not [answer.text for answer in answers if value in answer.text]
    assert value not in caplog.text


def test_an_ended_job_has_no_row_with_the_value(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'chef.db'}") as store:
        store.append(batch(update(), mask("very-secret-value", id="m"), log("very-secret-value")))
        store.append(batch(update("completed")))

        def dump(connection: Any) -> str:
            return "\n".join(connection.connection.dbapi_connection.iterdump())

        found = store._read(dump)
    assert "very-secret-value" not in found
    assert b"very-secret-value".hex() not in found.lower()
