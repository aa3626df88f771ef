"""Bodies, by-hand fields and forms into updates: chef.wire.parse with chef.wire.fields."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from chef.domain.model import STATUSES, Heartbeat, Update
from chef.errors import FieldError, Invalid, NotJson
from chef.wire.digest import content_digest
from chef.wire.fields import FIELDS, UPDATES, fields_of
from chef.wire.forms import coerce_form
from chef.wire.parse import (
    ContentType,
    Parsed,
    parse_exit,
    parse_fields,
    parse_object,
    parse_updates,
)

ID_RULE = "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + -"
ARTIFACT = {"name": "chef.whl", "url": "https://example.org/chef.whl"}


def parse(*updates: Any) -> Parsed:
    return parse_updates(json.dumps(updates).encode(), "json")


def errors_of(*updates: Any) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(Invalid) as refusal:
        parse(*updates)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid")
    return [(error.index, error.field, error.message) for error in refusal.value.errors]


def of_type(kind: str, **fields: Any) -> dict[str, Any]:
    needed = {"message": "it broke"} if kind in ("log", "error") else {}
    return {"type": kind, "jobId": "job-id-123", **needed, **fields}


# --- bodies ------------------------------------------------------------------------------------


def test_one_object_is_one_update() -> None:
    body = b"""{"type": "progress", "jobId": "job-id-123", "projectId": "project-id-456",
        "status": "building", "progress": 50, "message": "Running build...", "phase": "building"}"""
    assert parse_updates(body, "json") == Parsed(
        (
            Update(
                "progress",
                "job-id-123",
                project_id="project-id-456",
                status="building",
                progress=50,
                message="Running build...",
                phase="building",
            ),
        ),
        (),
    )


def test_an_array_gives_its_updates_in_their_order() -> None:
    parsed = parse(*[of_type("progress", progress=number) for number in range(101)])
    assert [update.progress for update in parsed.updates] == list(range(101))


def test_ndjson_is_an_update_a_line_blank_lines_and_carriage_returns_do_not_matter() -> None:
    lines = [json.dumps(of_type("log", message=text)) for text in ("one", "two", "drei\u2028é")]
    body = f"\n{lines[0]}\r\n \t\r\n\n{lines[1]}\n{lines[2]}".encode()
    assert [update.message for update in parse_updates(body, "ndjson").updates] == [
        "one",
        "two",
        "drei\u2028é",
    ]


@pytest.mark.parametrize("body", [b"", b" \n\t", b"[]", b" [ ] "])
def test_a_json_body_without_an_update_is_invalid(body: bytes) -> None:
    with pytest.raises(Invalid, match="there is no update in the body"):
        parse_updates(body, "json")


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n \n\t\n"])
def test_an_ndjson_body_without_an_update_is_invalid(body: bytes) -> None:
    with pytest.raises(Invalid, match="there is no update in the body"):
        parse_updates(body, "ndjson")


def test_a_line_that_is_no_json_is_named_by_its_update_and_its_line() -> None:
    body = b'\n{"type": "completed", "jobId": "a"}\r\n\n{"type": nul}\n{"a": 1, "a": 2}\n'
    with pytest.raises(NotJson) as refusal:
        parse_updates(body, "ndjson")
    assert refusal.value.detail == "update 1: Expecting value at line 4, column 10"
    assert refusal.value.errors == (FieldError("Expecting value at line 4, column 10", index=1),)


def test_a_document_over_several_lines_is_no_ndjson() -> None:
    with pytest.raises(NotJson, match="update 0: Expecting property name"):
        parse_updates(b'{\n"type": "completed", "jobId": "a"}', "ndjson")


def test_what_is_no_object_is_named_by_its_place() -> None:
    assert errors_of(of_type("completed"), 5, None, "a", [of_type("completed")], True) == [
        (1, None, "must be an object, not a number"),
        (2, None, "must be an object, not null"),
        (3, None, "must be an object, not a string"),
        (4, None, "must be an object, not an array"),
        (5, None, "must be an object, not true"),
    ]


def test_all_wrong_fields_of_all_updates_are_told_together() -> None:
    with pytest.raises(Invalid) as refusal:
        parse(
            of_type("progress", progress=101, phase="Building"),
            of_type("progress", progress=100),
            {"type": "error", "jobId": "a/b", "code": []},
        )
    assert refusal.value.detail == "update 0: progress must be between 0 and 100, and 4 more"
    assert refusal.value.errors == (
        FieldError("must be between 0 and 100", "progress", 0),
        FieldError("must be 1 to 32 characters of a-z 0-9 _ -", "phase", 0),
        FieldError(ID_RULE, "jobId", 2),
        FieldError("must be an integer or a string, not an array", "code", 2),
        FieldError("is needed", "message", 2),
    )


def test_one_error_is_told_alone() -> None:
    with pytest.raises(Invalid) as refusal:
        parse(of_type("progress", progress=-1))
    assert refusal.value.detail == "update 0: progress must be between 0 and 100"


def test_a_hundred_errors_are_told_and_the_rest_counted() -> None:
    errors = errors_of(*[of_type("progress", progress=101)] * 150)
    assert [index for index, _, _ in errors[:100]] == list(range(100))
    assert errors[100:] == [(None, None, "… and 50 more errors")]
    assert len(errors_of(*[of_type("progress", progress=101)] * 100)) == 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("update", "taken"),
    [
        (of_type("progress", progress=50), True),
        (of_type("progress", progress=101), False),
        (of_type("progress", progres=50), True),
        ({}, False),
    ],
)
@pytest.mark.parametrize("content_type", ["json", "ndjson"])
def test_a_hundred_thousand_updates_or_errors_are_read_within_seconds(
    update: Any, taken: bool, content_type: ContentType
) -> None:
    lines = [json.dumps(update)] * 100_000
    body = "\n".join(lines) if content_type == "ndjson" else f"[{','.join(lines)}]"
    started = time.process_time()
    try:
        told = len(parse_updates(body.encode(), content_type).warnings)
        assert taken
    except Invalid as refusal:
        told = len(refusal.errors)
        assert not taken
    assert time.process_time() - started < 60  # Each looked at once; hours, if not.
    assert told <= 101


# --- the fields of each type -------------------------------------------------------------------

FULL: dict[str, tuple[dict[str, Any], Update]] = {
    "progress": (
        {
            "phase": "lint-2",
            "progress": 12.5,
            "status": "failed",
            "message": "",
            "meta": {"branch": "main", "n": [1]},
        },
        Update(
            "progress",
            "j",
            phase="lint-2",
            progress=12.5,
            status="failed",
            message="",
            meta={"branch": "main", "n": [1]},
        ),
    ),
    "log": (
        {"message": "a\nb", "stream": "stderr", "level": "warning"},
        Update("log", "j", message="a\nb", stream="stderr", level="warning"),
    ),
    "completed": (
        {"message": "done", "artifacts": [{**ARTIFACT, "size": 0}, ARTIFACT], "meta": {}},
        Update("completed", "j", message="done", artifacts=({**ARTIFACT, "size": 0}, ARTIFACT), meta={}),
    ),
    "error": (
        {"message": "tests failed", "code": 2, "meta": {"url": "x"}},
        Update("error", "j", message="tests failed", code=2, meta={"url": "x"}),
    ),
}


def test_every_field_of_an_update_has_its_row_and_the_other_way_round() -> None:
    rows = {field.attribute for kind in UPDATES for field in fields_of(kind)}
    assert rows == set(Update.__struct_fields__)
    assert {field.attribute for field in fields_of("heartbeat")} - {"id"} == set(Heartbeat.__struct_fields__)


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_a_name_is_read_alike_from_every_form(name: str) -> None:
    """A form's text becomes a value before the type of its update is known."""
    assert len({field.value.read_text for field in FIELDS if field.name == name}) == 1


@pytest.mark.parametrize("kind", FULL)
def test_every_field_of_a_type_is_taken(kind: str) -> None:
    fields, update = FULL[kind]
    common = {"type": kind, "jobId": "j", "projectId": "p", "id": "once é"}
    assert parse({**common, **fields}) == Parsed((replace(update, project_id="p", id="once é"),), ())


GOOD: list[tuple[str, str, Any]] = [
    ("progress", "jobId", "aZ09._~:@+-"),
    ("progress", "jobId", "x" * 128),
    ("progress", "id", "é" * 128),
    ("progress", "progress", 0),
    ("progress", "progress", 100.0),
    ("progress", "progress", 1e-300),
    ("progress", "phase", "a-z_09" * 5),
    ("progress", "message", "é" * 2048),
    ("progress", "meta", {"x": None, "y": {"branch": 1}}),
    ("progress", "meta", {"x": "é" * ((16384 - 8) // 2)}),
    ("log", "message", ""),
    ("log", "message", "x\n" * 100_000),
    ("log", "stream", "test.unit-1"),
    ("log", "level", "é" * 32),
    ("completed", "message", ""),
    ("completed", "message", "x" * 65536),
    ("progress", "artifacts", [ARTIFACT]),
    ("completed", "artifacts", []),
    ("completed", "artifacts", [ARTIFACT] * 1000),
    ("completed", "artifacts", [{"name": "n" * 256, "url": "u" * 4096, "size": 2**63 - 1}]),
    ("error", "message", "x" * 65536),
    ("error", "code", -(2**63)),
    ("error", "code", 2**63 - 1),
    ("error", "code", "E" * 128),
    *(("progress", "status", status) for status in STATUSES),
]


@pytest.mark.parametrize(("kind", "field", "value"), GOOD)
def test_a_good_value_is_kept_as_it_is(kind: str, field: str, value: Any) -> None:
    update = asdict(parse(of_type(kind, **{field: value})).updates[0])
    kept = update[{"jobId": "job_id"}.get(field, field)]
    assert kept == (tuple(value) if field == "artifacts" else value)
    assert field == "artifacts" or type(kept) is type(value)


BAD: list[tuple[str, str, Any, str, str]] = [
    # type of update, field, value, the field named in the error, the message's part
    ("progress", "type", None, "type", "must be one of progress, log, completed, error"),
    ("progress", "type", "Progress", "type", "must be one of progress, log, completed, error"),
    ("progress", "type", [], "type", "must be one of"),
    ("progress", "jobId", None, "jobId", "must be a string, not null"),
    ("progress", "jobId", 5, "jobId", "must be a string, not a number"),
    ("progress", "jobId", "", "jobId", ID_RULE),
    ("progress", "jobId", "x" * 129, "jobId", ID_RULE),
    ("progress", "jobId", "a/b", "jobId", ID_RULE),
    ("progress", "jobId", "a b", "jobId", ID_RULE),
    ("progress", "jobId", "a\n", "jobId", ID_RULE),
    ("progress", "jobId", "jöb", "jobId", ID_RULE),
    ("progress", "jobId", "١", "jobId", ID_RULE),
    ("log", "projectId", None, "projectId", "must be a string, not null"),
    ("log", "projectId", "%2F", "projectId", ID_RULE),
    ("log", "projectId", {}, "projectId", "must be a string, not an object"),
    ("error", "id", "", "id", "must be 1 to 128 characters"),
    ("error", "id", "é" * 129, "id", "must be 1 to 128 characters"),
    ("error", "id", 7, "id", "must be a string, not a number"),
    ("error", "id", None, "id", "must be a string, not null"),
    ("progress", "progress", "50", "progress", "must be a number, not a string"),
    ("progress", "progress", True, "progress", "must be a number, not true"),
    ("progress", "progress", False, "progress", "must be a number, not false"),
    ("progress", "progress", None, "progress", "must be a number, not null"),
    ("progress", "progress", [50], "progress", "must be a number, not an array"),
    ("progress", "progress", -1, "progress", "must be between 0 and 100"),
    ("progress", "progress", -1e-300, "progress", "must be between 0 and 100"),
    ("progress", "progress", 100.00000000000001, "progress", "must be between 0 and 100"),
    ("progress", "progress", 2**63 - 1, "progress", "must be between 0 and 100"),
    ("progress", "phase", "", "phase", "must be 1 to 32 characters of a-z 0-9 _ -"),
    ("progress", "phase", "Building", "phase", "must be 1 to 32 characters of a-z 0-9 _ -"),
    ("progress", "phase", "x" * 33, "phase", "must be 1 to 32 characters of a-z 0-9 _ -"),
    ("progress", "phase", "lint\n", "phase", "must be 1 to 32 characters of a-z 0-9 _ -"),
    ("progress", "phase", None, "phase", "must be a string, not null"),
    ("progress", "status", "done", "status", "must be one of queued, preparing, installing, building, comp"),
    ("progress", "status", None, "status", "must be a string, not null"),
    ("progress", "status", {}, "status", "must be a string, not an object"),
    ("progress", "message", None, "message", "must be a string, not null"),
    ("progress", "message", "x" * 4097, "message", "must be at most 4096 bytes"),
    ("progress", "message", "é" * 2049, "message", "must be at most 4096 bytes"),
    ("completed", "message", "x" * 65537, "message", "must be at most 65536 bytes"),
    ("completed", "message", 1, "message", "must be a string, not a number"),
    ("error", "message", "", "message", "must not be empty"),
    ("error", "message", None, "message", "must be a string, not null"),
    ("error", "message", "€" * 21846, "message", "must be at most 65536 bytes"),
    ("log", "message", None, "message", "must be a string, not null"),
    ("log", "message", ["a", "b"], "message", "must be a string, not an array"),
    ("log", "stream", "", "stream", ID_RULE),
    ("log", "stream", "a/b", "stream", ID_RULE),
    ("log", "stream", None, "stream", "must be a string, not null"),
    ("log", "level", "", "level", "must be 1 to 32 characters"),
    ("log", "level", "x" * 33, "level", "must be 1 to 32 characters"),
    ("log", "level", 30, "level", "must be a string, not a number"),
    ("error", "code", None, "code", "must be an integer or a string, not null"),
    ("error", "code", True, "code", "must be an integer or a string, not true"),
    ("error", "code", 1.5, "code", "must be an integer or a string"),
    ("error", "code", 1.0, "code", "must be an integer or a string"),
    ("error", "code", "", "code", "must be 1 to 128 characters"),
    ("error", "code", "x" * 129, "code", "must be 1 to 128 characters"),
    ("progress", "meta", None, "meta", "must be an object, not null"),
    ("completed", "meta", [], "meta", "must be an object, not an array"),
    ("error", "meta", "{}", "meta", "must be an object, not a string"),
    ("error", "meta", {"branch": 5}, "meta.branch", "must be a string, not a number"),
    ("error", "meta", {"commit": None}, "meta.commit", "must be a string, not null"),
    ("error", "meta", {"url": []}, "meta.url", "must be a string, not an array"),
    ("error", "meta", {"author": {}}, "meta.author", "must be a string, not an object"),
    ("error", "meta", {"title": True}, "meta.title", "must be a string, not true"),
    ("progress", "meta", {"x": "x" * (16384 - 7)}, "meta", "must be at most 16384 bytes as JSON"),
    ("progress", "artifacts", {}, "artifacts", "must be an array, not an object"),
    ("completed", "artifacts", None, "artifacts", "must be an array, not null"),
    ("completed", "artifacts", ARTIFACT, "artifacts", "must be an array, not an object"),
    ("completed", "artifacts", [ARTIFACT] * 1001, "artifacts", "must be at most 1000 artifacts"),
    ("completed", "artifacts", [ARTIFACT, "x"], "artifacts[1]", "must be an object, not a string"),
    ("completed", "artifacts", [{"url": "u"}], "artifacts[0].name", "is needed"),
    ("completed", "artifacts", [{"name": "n"}], "artifacts[0].url", "is needed"),
    (
        "completed",
        "artifacts",
        [{**ARTIFACT, "name": ""}],
        "artifacts[0].name",
        "must be 1 to 256 characters",
    ),
    (
        "completed",
        "artifacts",
        [{**ARTIFACT, "name": None}],
        "artifacts[0].name",
        "must be a string, not null",
    ),
    (
        "completed",
        "artifacts",
        [{**ARTIFACT, "url": "u" * 4097}],
        "artifacts[0].url",
        "must be 1 to 4096 char",
    ),
    (
        "completed",
        "artifacts",
        [{**ARTIFACT, "size": None}],
        "artifacts[0].size",
        "must be an integer, not null",
    ),
    ("completed", "artifacts", [{**ARTIFACT, "size": "5"}], "artifacts[0].size", "an integer, not a string"),
    ("completed", "artifacts", [{**ARTIFACT, "size": True}], "artifacts[0].size", "an integer, not true"),
    ("completed", "artifacts", [{**ARTIFACT, "size": 5.0}], "artifacts[0].size", "must be an integer"),
    ("completed", "artifacts", [{**ARTIFACT, "size": -1}], "artifacts[0].size", "must be between 0 and 922"),
]


@pytest.mark.parametrize(("kind", "field", "value", "named", "message"), BAD)
def test_a_wrong_value_is_refused_with_index_field_and_what_is_allowed(
    kind: str, field: str, value: Any, named: str, message: str
) -> None:
    [error] = errors_of(of_type("completed"), of_type(kind, **{field: value}))
    assert error[:2] == (1, named)
    assert message in error[2]


@pytest.mark.parametrize(
    ("kind", "field"),
    [("progress", "type"), ("progress", "jobId"), ("log", "message"), ("error", "message")],
)
def test_a_needed_field_is_named(kind: str, field: str) -> None:
    update = of_type(kind)
    del update[field]
    [(index, name, message)] = errors_of(update)
    assert (index, name) == (0, field)
    assert message.startswith("is needed")


def test_a_needed_field_that_was_misspelt_is_found() -> None:
    assert errors_of({"type": "completed", "job_id": "a"}) == [
        (0, "jobId", "is needed, did you mean it by 'job_id'?")
    ]
    assert errors_of({"type": "log", "jobId": "a", "mesage": "a"}) == [
        (0, "message", "is needed, did you mean it by 'mesage'?")
    ]


def test_the_other_fields_are_checked_though_the_type_is_wrong() -> None:
    assert [
        field for _, field, _ in errors_of({"type": "step", "progress": "50", "id": 5, "message": ""})
    ] == [
        "type",
        "progress",
        "id",
        "jobId",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"progress": 99}, "must not be 'completed' with a progress other than 100"),
        ({"progress": 0}, "must not be 'completed' with a progress other than 100"),
        ({"phase": "building"}, "must not be 'completed' in a phase other than 'completed'"),
        ({"phase": "building", "progress": 100}, "must not be 'completed' in a phase other than 'completed'"),
    ],
)
def test_status_completed_contradicts_an_unfinished_progress_or_phase(
    fields: dict[str, Any], message: str
) -> None:
    assert errors_of(of_type("progress", status="completed", **fields)) == [(0, "status", message)]


def test_status_completed_agrees_with_the_end() -> None:
    for fields in ({}, {"progress": 100}, {"progress": 100.0, "phase": "completed"}, {"phase": "completed"}):
        assert parse(of_type("progress", status="completed", **fields)).updates[0].status == "completed"


def test_a_negative_zero_is_zero() -> None:
    assert str(parse(of_type("progress", progress=-0.0)).updates[0].progress) == "0"


# --- warnings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "warning"),
    [
        (of_type("progress", progres=1), "unknown field 'progres', did you mean 'progress'?"),
        (of_type("progress", PROGRESS=1), "unknown field 'PROGRESS', did you mean 'progress'?"),
        (of_type("log", msg="x"), "unknown field 'msg', did you mean 'message'?"),
        (of_type("completed", project_id="x"), "unknown field 'project_id', did you mean 'projectId'?"),
        (of_type("completed", progres=1), "unknown field 'progres'"),
        (of_type("completed", zzz=None), "unknown field 'zzz'"),
        (of_type("progress", **{"a\nb": 1}), "unknown field 'a\\nb'"),
        (of_type("progress", **{"progress" * 99: 1}), "unknown field '" + ("progress" * 8)[:63] + "…'"),
        (of_type("progress", integrity=5), "field 'integrity' is not used by 'progress' updates"),
        (of_type("log", meta=None), "field 'meta' is not used by 'log' updates"),
        (of_type("error", status="failed"), "field 'status' is not used by 'error' updates"),
        (
            of_type("completed", artifacts=[ARTIFACT, {**ARTIFACT, "syze": 1}]),
            "unknown field 'artifacts[1].syze', did you mean 'size'?",
        ),
    ],
)
def test_a_field_without_use_is_warned_about_and_the_update_taken(update: Any, warning: str) -> None:
    parsed = parse(of_type("completed"), update)
    assert parsed.warnings == (f"update 1: {warning}",)
    assert len(parsed.updates) == 2


def test_an_unknown_key_of_an_artifact_is_not_kept() -> None:
    assert parse(of_type("completed", artifacts=[{**ARTIFACT, "syze": 1}])).updates[0].artifacts == (
        ARTIFACT,
    )


def test_twenty_warnings_are_told_and_the_rest_counted() -> None:
    warnings = parse(*[of_type("progress", progres=1, integrity={})] * 50).warnings
    assert len(warnings) == 21
    assert warnings[18:20] == (
        "update 9: unknown field 'progres', did you mean 'progress'?",
        "update 9: field 'integrity' is not used by 'progress' updates",
    )
    assert warnings[20] == "… and 80 more"
    assert len(parse(*[of_type("progress", progres=1)] * 20).warnings) == 20


# --- by hand -----------------------------------------------------------------------------------


def test_the_path_says_type_and_job() -> None:
    parsed = parse_fields({"projectId": "web", "phase": "installing"}, type="progress", job_id="j")
    assert parsed == Parsed((Update("progress", "j", project_id="web", phase="installing"),), ())


def test_the_body_may_say_the_same_as_the_path_but_nothing_else() -> None:
    assert parse_fields({"type": "completed", "jobId": "j"}, type="completed", job_id="j").updates
    with pytest.raises(Invalid) as refusal:
        parse_fields({"type": "error", "jobId": ["j"]}, type="completed", job_id="j", index=3)
    assert refusal.value.errors == (
        FieldError("must be 'completed' here, or left out", "type", 3),
        FieldError("must be 'j' here, or left out", "jobId", 3),
    )


def test_a_job_id_of_the_path_has_the_rule_of_every_id() -> None:
    with pytest.raises(Invalid) as refusal:
        parse_fields({}, type="completed", job_id="a b")
    assert refusal.value.errors == (FieldError(ID_RULE, "jobId", 0),)


def test_by_hand_the_rules_and_warnings_are_the_same() -> None:
    assert parse_fields({"progres": "1"}, type="progress", job_id="j").warnings == (
        "update 0: unknown field 'progres', did you mean 'progress'?",
    )
    with pytest.raises(Invalid, match="update 0: message is needed"):
        parse_fields({}, type="error", job_id="j")


def test_a_json_body_by_hand_is_an_object_or_empty() -> None:
    assert parse_object(b'{"phase": "building"}') == {"phase": "building"}
    assert parse_object(b" \n") == {}
    for body in (b"[]", b"5", b"null"):
        with pytest.raises(Invalid, match="the body must be an object, not"):
            parse_object(body)
    with pytest.raises(NotJson):
        parse_object(b"phase=building")


def test_exit_status_zero_completes() -> None:
    fields = {
        "code": 0,
        "projectId": "web",
        "id": "x",
        "message": "ok",
        "meta": {"n": 1},
        "artifacts": [ARTIFACT],
    }
    expected = Update("completed", "j", "web", "x", message="ok", meta={"n": 1}, artifacts=(ARTIFACT,))
    assert parse_exit(fields, "j") == Parsed((expected,), ())


@pytest.mark.parametrize("code", [1, 137, -9, 2**63 - 1])
def test_any_other_exit_status_is_an_error_with_a_message(code: int) -> None:
    expected = Update("error", "j", message=f"exited with status {code}", code=code)
    assert parse_exit({"code": code}, "j").updates == (expected,)
    assert parse_exit({"code": code, "message": ""}, "j").updates == (expected,)
    assert parse_exit({"code": code, "message": "no"}, "j").updates == (replace(expected, message="no"),)


@pytest.mark.parametrize("code", [130, 143])
def test_an_exit_status_of_sigint_or_sigterm_cancels(code: int) -> None:
    assert parse_exit({"code": code}, "j").updates == (Update("cancelled", "j", code=code),)
    said = parse_exit({"code": code, "message": "no longer needed", "meta": {"n": 1}}, "j").updates
    assert said == (Update("cancelled", "j", code=code, message="no longer needed", meta={"n": 1}),)


def test_artifacts_of_a_failed_exit_are_warned_about() -> None:
    assert parse_exit({"code": 1, "artifacts": [ARTIFACT]}, "j").warnings == (
        "update 0: field 'artifacts' is not used by 'error' updates",
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "is needed: the exit status, an integer"),
        ({"code": "one"}, "must be an integer, not a string"),
        ({"code": None}, "must be an integer, not null"),
        ({"code": True}, "must be an integer, not true"),
        ({"code": 1.5}, "must be an integer"),
        ({"code": 2**63}, "must be an integer"),
    ],
)
def test_an_exit_without_an_integer_code_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_exit({**fields, "meta": 5}, "j")
    assert refusal.value.errors == (
        FieldError(message, "code", 0),
        FieldError("must be an object, not a number", "meta", 0),
    )


def test_a_null_message_of_an_exit_is_refused_like_any_null() -> None:
    with pytest.raises(Invalid, match="message must be a string, not null"):
        parse_exit({"code": 1, "message": None}, "j")


# --- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("progress", "50", 50),
        ("progress", " 50\n", 50),
        ("progress", "12.50", 12.5),
        ("progress", "007", 7),
        ("progress", "-1", -1),
        ("code", "0", 0),
        ("code", "-9", -9),
        ("code", " 137 ", 137),
        ("code", "9223372036854775807", 2**63 - 1),
        ("code", "9223372036854775808", "9223372036854775808"),
        ("code", "1.5", "1.5"),
        ("code", "E_TESTS", "E_TESTS"),
        ("code", "", ""),
        ("code", "٣", "٣"),
        ("message", " 50 ", " 50 "),
        ("projectId", "42", "42"),
        ("nobody-knows", "1", "1"),
        ("meta", '{"n": [1, 2.5, null]}', {"n": [1, 2.5, None]}),
        ("artifacts", "[]", []),
    ],
)
def test_a_form_field_is_read_as_its_type(name: str, text: str, value: Any) -> None:
    [(read, typed)] = coerce_form([(name, text)]).items()
    assert (read, typed) == (name, value)
    assert type(typed) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "half",
        "NaN",
        "inf",
        "1e2",
        "1e999",
        "0x10",
        "1_0",
        "50%",
        "5 0",
        "5.",
        ".5",
        "+5",
        "١",
        "9" * 5000,
    ],
)
def test_a_form_progress_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        coerce_form([("progress", text)])
    assert refusal.value.errors == (FieldError("must be a number such as 50 or 12.5", "progress", 0),)


@pytest.mark.parametrize(
    ("pairs", "field", "message"),
    [
        ([("phase", "a"), ("phase", "a")], "phase", "is given more than once"),
        ([("x" * 99, ""), ("x" * 99, "")], "x" * 63 + "…", "is given more than once"),
        ([("meta.branch", "a"), ("meta.branch", "b")], "meta.branch", "is given more than once"),
        (
            [("meta.branch", "a"), ("meta", '{"branch": "a"}')],
            "meta.branch",
            "is given more than once: in meta too",
        ),
        ([("meta.", "a")], "meta.", "needs a name, such as meta.branch"),
        ([("", "a")], "", "needs a name"),
        ([("meta", "branch=main")], "meta", "must be JSON: Expecting value at line 1, column 1"),
        ([("meta", '{"a": 1, "a": 2}')], "meta", "must be JSON: the key 'a' is repeated in an object"),
        ([("artifacts", "[NaN]")], "artifacts", "must be JSON: NaN is not a JSON number"),
        ([("message", "a\0b")], "message", "must not contain a NUL character"),
        ([("message", "\udcff")], "message", "must not contain a lone surrogate"),
        ([("meta.x", "\ud800")], "meta.x", "must not contain a lone surrogate"),
        ([("a\0", "")], "a\\x00", "must not contain a NUL character"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    pairs: list[tuple[str, str]], field: str, message: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        coerce_form(pairs)
    assert refusal.value.errors == (FieldError(message, field, 0),)


def test_all_faults_of_a_form_are_told_together() -> None:
    with pytest.raises(Invalid) as refusal:
        coerce_form([("progress", "half"), ("meta", "{"), ("meta.a", "1"), ("id", "1"), ("id", "2")])
    assert [error.field for error in refusal.value.errors] == ["progress", "meta", "id"]


def test_meta_entries_of_a_form_are_strings_and_join_the_rest_of_meta() -> None:
    pairs = [("meta.branch", "main"), ("meta", '{"n": 1}'), ("meta.a.b", "0"), ("phase", "building")]
    assert coerce_form(pairs) == {"meta": {"n": 1, "branch": "main", "a.b": "0"}, "phase": "building"}
    assert coerce_form(pairs[:1]) == {"meta": {"branch": "main"}}


def test_a_meta_that_is_no_object_is_told_by_its_own_rule() -> None:
    fields = coerce_form([("meta", "[]"), ("meta.branch", "main")])
    with pytest.raises(Invalid, match="meta must be an object, not an array"):
        parse_fields(fields, type="progress", job_id="j")


def test_a_form_of_a_hundred_thousand_fields_stays_bounded() -> None:
    with pytest.raises(Invalid) as refusal:
        coerce_form([("a", "")] * 100_000)
    assert len(refusal.value.errors) == 101
    fields = coerce_form((f"progress{number}", "") for number in range(100_000))
    assert len(parse_fields(fields, type="progress", job_id="j").warnings) == 21


# --- the same content --------------------------------------------------------------------------


def digest_of(**fields: Any) -> bytes:
    return content_digest(parse(of_type(**fields)).updates[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "progress", "progress": 50}, {"kind": "progress", "progress": 50.0}),
        ({"kind": "progress", "progress": 0}, {"kind": "progress", "progress": -0.0}),
        (
            {"kind": "progress", "meta": {"a": 1, "b": {"c": 2, "d": [3]}}},
            {"kind": "progress", "meta": {"b": {"d": [3.0], "c": 2}, "a": 1e0}},
        ),
        ({"kind": "log"}, {"kind": "log", "stream": "stdout"}),
        ({"kind": "completed", "id": "1"}, {"kind": "completed", "id": "2"}),
        ({"kind": "completed"}, {"kind": "completed", "projectId": "p"}),
        ({"kind": "completed"}, {"kind": "completed", "zzz": 1}),
        (
            {"kind": "completed", "artifacts": [{"name": "n", "url": "u"}]},
            {"kind": "completed", "artifacts": [{"url": "u", "name": "n"}]},
        ),
    ],
)
def test_the_same_content_has_the_same_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest_of(**one) == digest_of(**other)


def test_another_content_has_another_digest() -> None:
    variants: list[dict[str, Any]] = [
        {"kind": "progress"},
        {"kind": "progress", "jobId": "other"},
        {"kind": "progress", "progress": 0},
        {"kind": "progress", "progress": 50},
        {"kind": "progress", "progress": 50.5},
        {"kind": "progress", "phase": "building"},
        {"kind": "progress", "status": "building"},
        {"kind": "progress", "message": ""},
        {"kind": "progress", "message": "building"},
        {"kind": "progress", "meta": {}},
        {"kind": "progress", "meta": {"a": 1}},
        {"kind": "progress", "meta": {"a": True}},
        {"kind": "progress", "meta": {"a": "1"}},
        {"kind": "progress", "meta": {"a": None}},
        {"kind": "progress", "meta": {"a": [1, 2]}},
        {"kind": "progress", "meta": {"a": [2, 1]}},
        {"kind": "progress", "meta": {"a": 2**53 + 1}},
        {"kind": "progress", "meta": {"a": 2.0**53}},
        {"kind": "log"},
        {"kind": "log", "stream": "stderr"},
        {"kind": "log", "level": "stderr"},
        {"kind": "completed"},
        {"kind": "completed", "artifacts": []},
        {"kind": "completed", "artifacts": [ARTIFACT]},
        {"kind": "completed", "artifacts": [{**ARTIFACT, "size": 1}]},
        {"kind": "completed", "integrity": {}},
        {"kind": "completed", "integrity": {"stdout": {"bytes": 1}}},
        {"kind": "completed", "integrity": {"stdout": {"bytes": 1, "lines": 1}}},
        {"kind": "completed", "integrity": {"stdout": {"bytes": 1, "crc32": "00000000"}}},
        {"kind": "completed", "integrity": {"stderr": {"bytes": 1}}},
        {"kind": "error"},
        {"kind": "error", "code": 1},
        {"kind": "error", "code": "1"},
    ]
    assert len({digest_of(**variant) for variant in variants}) == len(variants)


def test_the_stored_form_of_a_digest_never_changes() -> None:
    fields = {"progress": 50.0, "phase": "building", "message": "é", "meta": {"n": [1.5, None], "b": "x"}}
    text = (
        b'{"jobId":"job-id-123","message":"\\u00e9","meta":{"b":"x","n":[1.5,null]},'
        b'"phase":"building","progress":50,"type":"progress"}'
    )
    assert digest_of(kind="progress", **fields) == hashlib.sha256(text).digest()
    assert (
        digest_of(kind="log")
        == hashlib.sha256(
            b'{"jobId":"job-id-123","message":"it broke","stream":"stdout","type":"log"}'
        ).digest()
    )


# --- any input ---------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IDS = st.from_regex(r"[A-Za-z0-9._~:@+-]{1,128}", fullmatch=True)
NAMES = [
    "type",
    "jobId",
    "projectId",
    "id",
    "phase",
    "progress",
    "status",
    "message",
    "meta",
    "stream",
    "level",
]
NAMES += ["code", "artifacts", "progres"]
LIKELY = st.sampled_from(["progress", "log", "completed", "error", "building", "job-1", 50, 100, {}, []])
NEARLY_UPDATE = st.dictionaries(st.sampled_from(NAMES), LIKELY | VALUE) | st.fixed_dictionaries(
    {"type": st.sampled_from(["progress", "log", "completed", "error"]), "jobId": IDS},
    optional=dict.fromkeys(NAMES[2:], LIKELY | VALUE),
)
META = st.dictionaries(TEXT, VALUE, max_size=2) | st.fixed_dictionaries(
    {}, optional={"branch": TEXT, "url": TEXT}
)
COMMON = {"projectId": IDS, "id": TEXT.filter(bool)}
ARTIFACTS = st.lists(
    st.fixed_dictionaries(
        {"name": TEXT.filter(bool), "url": TEXT.filter(bool)}, optional={"size": st.integers(0, 2**63 - 1)}
    ),
    max_size=3,
)
OPTIONAL: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "progress": {
        "phase": st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True),
        "progress": st.integers(0, 100) | st.floats(0, 100),
        "status": st.sampled_from([status for status in STATUSES if status != "completed"]),
        "message": TEXT,
        "meta": META,
    },
    "log": {"stream": IDS, "level": TEXT.filter(bool)},
    "completed": {"message": TEXT, "artifacts": ARTIFACTS, "meta": META},
    "error": {"code": st.integers(-(2**63), 2**63 - 1) | TEXT.filter(bool), "meta": META},
}


def has_standard_meta(update: dict[str, Any]) -> bool:
    """Whether the keys of meta that must be strings are strings."""
    meta = update.get("meta", {})
    return all(isinstance(meta.get(key, ""), str) for key in ("branch", "commit", "url", "author", "title"))


NEEDED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "log": {"message": TEXT},
    "error": {"message": TEXT.filter(bool)},
}
VALID = st.one_of(
    *[
        st.fixed_dictionaries(
            {"type": st.just(kind), "jobId": IDS, **NEEDED.get(kind, {})}, optional={**COMMON, **fields}
        )
        for kind, fields in OPTIONAL.items()
    ]
).filter(has_standard_meta)


@settings(deadline=None)
@given(st.binary(), st.sampled_from(["json", "ndjson"]))
def test_any_body_is_taken_or_refused(body: bytes, content_type: ContentType) -> None:
    taken_or_refused(body, content_type)


@settings(deadline=None)
@given(VALUE | st.lists(NEARLY_UPDATE | VALUE, max_size=4), st.sampled_from(["json", "ndjson"]))
def test_any_json_is_taken_whole_or_refused(value: Any, content_type: ContentType) -> None:
    values = value if isinstance(value, list) else [value]
    text = json.dumps(value) if content_type == "json" else "\n".join(map(json.dumps, values))
    taken_or_refused(text.encode(), content_type, len(values))


@settings(deadline=None)
@given(st.lists(VALID, min_size=1, max_size=4), st.sampled_from(["json", "ndjson"]))
def test_valid_updates_come_out_as_they_went_in(
    updates: list[dict[str, Any]], content_type: ContentType
) -> None:
    text = json.dumps(updates) if content_type == "json" else "\r\n".join(map(json.dumps, updates))
    parsed = parse_updates(text.encode(), content_type)
    assert [sent_form(update) for update in parsed.updates] == [{"stream": "stdout"} | one for one in updates]
    assert parsed.warnings == ()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*NAMES, "meta.branch", "meta."]) | st.text(), st.text() | st.just("5"))
    )
)
def test_any_form_is_taken_or_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(Invalid):
        fields = coerce_form(pairs)
        with suppress(Invalid):
            assert len(parse_fields(fields, type="progress", job_id="j").updates) == 1
        assert len(parse_exit(fields, "j").updates) == 1


def taken_or_refused(body: bytes, content_type: ContentType, count: int | None = None) -> None:
    """Taken whole, or refused as no JSON or as invalid; any other exception fails the test."""
    with suppress(NotJson, Invalid):
        parsed = parse_updates(body, content_type)
        assert parsed.updates
        assert count in (None, len(parsed.updates))
        assert all(len(content_digest(update)) == 32 for update in parsed.updates)


def sent_form(update: Update) -> dict[str, Any]:
    """The update as its sender wrote it, its stream always told."""
    renamed = {"job_id": "jobId", "project_id": "projectId"}
    fields = {renamed.get(name, name): value for name, value in asdict(update).items() if value is not None}
    return fields | ({"artifacts": list(fields["artifacts"])} if "artifacts" in fields else {})
