"""The requests of build scripts, as OpenAPI operations (contract section 2)."""

from __future__ import annotations

from chef.api.openapi import examples
from chef.api.openapi.parts import (
    BYTES,
    JSON,
    NDJSON,
    TEXT,
    XML,
    Part,
    Rights,
    header,
    json_answer,
    operation,
    query,
)
from chef.hooks import PLATFORMS
from chef.wire.fields import CONTRADICTION, Field, FormType, fields_of
from chef.wire.jsonschema import NO_NUL, Schema, open_object, ref

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_MAX_OFFSET = 2**63 - 1


_WRITE_REFUSALS = "400 401 403 408 409 411 413 415 422 429 503"


def sending(rights: Rights) -> dict[str, Part]:
    """The operations by path and method."""
    by_hand = {f"/api/jobs/{{jobId}}/{kind}": {"post": _by_hand(kind, rights.write)} for kind in _BY_HAND}
    return {
        "/api/updates": {"post": _post_updates(rights.write)},
        **by_hand,
        "/api/jobs/{jobId}/logs": {
            "head": _head_logs(rights.write),
            "post": _send_logs("postLogs", rights.write),
            "put": _send_logs("putLogs", rights.write),
        },
        "/api/jobs/{jobId}/tests": {
            "post": _send_tests("postTests", rights.write),
            "put": _send_tests("putTests", rights.write),
        },
        "/api/hooks/{platform}/{projectId}": {"post": _post_hook()},
    }


def _post_updates(security: list[Part]) -> Part:
    body = {
        "required": True,
        "content": {
            JSON: {
                "schema": {"anyOf": [ref("Update"), ref("Updates")]},
                "examples": {
                    "one": {"value": examples.UPDATE},
                    "tool": {"value": examples.TOOL_UPDATE},
                    "several": {"value": [examples.UPDATE, examples.LOG_UPDATE]},
                },
            },
            NDJSON: {
                "schema": {"type": "string", "minLength": 2, "description": "an update a line"},
                "example": examples.NDJSON,
            },
        },
    }
    return operation(
        "updates",
        "postUpdates",
        "Send one update, an array of them, or NDJSON: taken whole or not at all",
        {"200": json_answer("stored", "Accepted", examples.ACCEPTED)},
        _WRITE_REFUSALS,
        requestBody=body,
        security=security,
    )


_BY_HAND: dict[FormType, str] = {
    "progress": "Say how far a job is",
    "completed": "End a job well",
    "error": "End a job as failed",
    "cancelled": "End a job as cancelled",
    "exit": "End a job by an exit status: 0 completed, 130 and 143 cancelled, else failed",
    "heartbeat": "Say that a job's reporter is there, whether or not there is anything to say",
}

_ANSWERS: dict[FormType, tuple[str, Part]] = {"heartbeat": ("HeartbeatAccepted", examples.HEARTBEAT_ACCEPTED)}


def _by_hand(kind: FormType, security: list[Part]) -> Part:
    return operation(
        "updates",
        f"post{kind.capitalize()}",
        _BY_HAND[kind],
        {
            "200": json_answer("stored", *_ANSWERS.get(kind, ("Accepted", examples.ACCEPTED))),
            "414": {"description": "the query is too long: send the fields in the body"},
        },
        _WRITE_REFUSALS,
        description="Fields are sent as JSON, as a form, or in the query; each one once.",
        parameters=[query(name, schema) for name, schema in _form_fields(kind).items()],
        requestBody={"required": False, "content": _by_hand_content(kind)},
        security=security,
    )


def _by_hand_content(kind: FormType) -> Part:
    form = {
        "type": "object",
        "properties": _form_fields(kind),
        # An unknown field is warned about, but no text may hold a NUL.
        "additionalProperties": {"type": "string", "pattern": NO_NUL},
        "propertyNames": {"pattern": "^[^\\u0000]+$"},
    }
    json_fields = open_object({field.name: field.value.schema for field in _body_fields(kind)}) | (
        {"not": CONTRADICTION} if kind == "progress" else {}
    )
    example = examples.BY_HAND[kind]
    return {
        JSON: {"schema": json_fields, "example": example},
        FORM: {"schema": form, "example": example},
        MULTIPART: {"schema": form, "example": example},
    }


def _body_fields(kind: FormType) -> list[Field]:
    """The fields that the path does not say already."""
    return [field for field in fields_of(kind) if field.name not in ("type", "jobId")]


def _form_fields(kind: FormType) -> dict[str, Schema]:
    """A form has texts alone: objects and arrays are JSON texts, and `meta.KEY` sets one entry of `meta`."""
    return {field.name: field.value.text_schema or field.value.schema for field in _body_fields(kind)}


def _head_logs(security: list[Part]) -> Part:
    return operation(
        "updates",
        "headLogs",
        "Ask how many bytes of a stream's bodies the server has",
        {"200": {"description": "the position", "headers": {"Upload-Offset": _upload_offset()}}},
        "401 403 422 503",
        parameters=[_stream_parameter()],
        security=security,
    )


def _upload_offset() -> Part:
    return header("bytes", {"type": "integer", "minimum": 0}) | {"required": True}


def _stream_parameter() -> Part:
    return query("stream", ref("Id"), "the stream's name, `stdout` unless given")


def _send_logs(name: str, security: list[Part]) -> Part:
    text = {"schema": {"type": "string"}, "example": "npm ci\nadded 412 packages in 9s\n"}
    offset = {"type": "integer", "minimum": 0, "maximum": _MAX_OFFSET}
    past_the_end = {
        "description": "the offset is past the end of what is stored, or another upload overtook this one",
        "content": {"application/problem+json": {"schema": ref("OffsetProblem")}},
    }
    return operation(
        "updates",
        name,
        "Send a log, chunked or not; lines are stored and shown while the body is being sent",
        {"200": json_answer("stored", "LogAccepted", examples.LOG_ACCEPTED), "416": past_the_end},
        _WRITE_REFUSALS,
        parameters=[
            query("projectId", ref("Id"), "needed in a job's first update"),
            _stream_parameter(),
            query("offset", offset, "the byte position in the stream at which this body begins"),
        ],
        requestBody={"required": False, "content": {TEXT: text, BYTES: {"schema": {"type": "string"}}}},
        security=security,
    )


_STRING: Schema = {"type": "string"}
_STRINGS: Schema = {"type": "array", "items": _STRING}
_TEXT: Schema = {"type": ["string", "null"]}
_TEXTS: Schema = {"type": ["array", "null"], "items": _STRING}
_CTRF_TEST: Schema = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "status": {"type": "string", "enum": ["passed", "failed", "skipped", "pending", "other"]},
        "duration": {"type": ["number", "null"], "description": "milliseconds"},
        "flaky": {"type": ["boolean", "null"]},
        "suite": {"anyOf": [_TEXT, _STRINGS]},
        **dict.fromkeys(("filePath", "message", "trace"), _TEXT),
        **dict.fromkeys(("stdout", "stderr"), _TEXTS),
    },
    "required": ["name", "status"],
}
_CTRF: Schema = {
    "description": "CTRF, ctrf.io",
    "type": "object",
    "properties": {
        "results": {
            "type": "object",
            "properties": {"tests": {"type": "array", "items": _CTRF_TEST}},
            "required": ["tests"],
        }
    },
    "required": ["results"],
}


def _send_tests(name: str, security: list[Part]) -> Part:
    return operation(
        "updates",
        name,
        "Send a test report; several add up, and the same one twice is one",
        {"200": json_answer("stored", "ReportAccepted", examples.REPORT_ACCEPTED)},
        _WRITE_REFUSALS,
        description="JUnit XML or CTRF JSON, told apart by its first bytes, whatever the Content-Type is.",
        parameters=[query("projectId", ref("Id"), "needed in a job's first update")],
        requestBody={
            "required": True,
            "content": {
                XML: {"schema": {"type": "string", "description": "JUnit XML"}, "example": examples.JUNIT},
                JSON: {"schema": _CTRF, "example": examples.CTRF},
            },
        },
        security=security,
    )


def _post_hook() -> Part:
    return operation(
        "updates",
        "postHook",
        "A platform's webhook, as updates of the project's jobs",
        {
            "200": json_answer(
                "taken, whether or not it told of a job", "HookAccepted", examples.HOOK_ACCEPTED
            )
        },
        "400 401 403 404 408 411 413 422 429 503",
        description="Signed as the platform signs, with a secret of CHEF_HOOK_SECRET; a platform that signs "
        "nothing has a key in its address, which `python -m chef hook PLATFORM PROJECT` prints.",
        parameters=[
            {"name": "platform", "in": "path", "required": True, "schema": {"enum": list(PLATFORMS)}},
            query("key", {"type": "string"}, "for railway, coolify and dokploy"),
        ],
        requestBody={
            "required": True,
            "content": {JSON: {"schema": {"type": "object"}, "example": examples.HOOK}},
        },
        security=[],
    )
