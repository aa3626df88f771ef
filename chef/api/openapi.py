"""The API's description of itself: `GET /api/openapi.json`, OpenAPI 3.1 (contract sections 2, 4 and 5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from chef.api import examples
from chef.api.answers import DEFAULT_LIMIT, MAX_LIMIT, answer
from chef.api.schemas import schemas
from chef.domain.model import STATUSES
from chef.services import services
from chef.settings.config import Settings
from chef.version import VERSION
from chef.wire.fields import CONTRADICTION, Field, FormType, fields_of
from chef.wire.jsonschema import NO_NUL, Schema, open_object, ref

blueprint = Blueprint("openapi", __name__)

Part = dict[str, Any]

_JSON, _NDJSON, _TEXT, _SSE = "application/json", "application/x-ndjson", "text/plain", "text/event-stream"
_BYTES, _FORM, _MULTIPART = (
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
_MAX_LINE = 2**53
_MAX_OFFSET = 2**63 - 1


@blueprint.get("/api/openapi.json")
def get_openapi() -> Response:
    """The description of this API; it tells nothing of what is stored, so anyone may read it."""
    return answer(document(services().settings))


def document(settings: Settings) -> Part:
    """The OpenAPI document of a server with these settings, which decide where a token is needed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chef",
            "version": VERSION,
            "summary": "Build progress, live",
            "description": "Build scripts send updates; anyone with the right reads jobs, logs and events.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "description": text}
            for name, text in (
                ("updates", "What build scripts send"),
                ("reading", "Jobs, logs and projects"),
                ("events", "Events as a stream"),
                ("server", "The server itself"),
            )
        ],
        "paths": _paths(_Rights(settings)),
        "components": {
            "schemas": schemas(),
            "responses": _refusals(),
            "parameters": _parameters(),
            "headers": {"RetryAfter": _header("seconds to wait", {"type": "integer", "minimum": 0})},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "CHEF_API_TOKEN, or a JWT"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "chef_token",
                    "description": "reads only",
                },
            },
        },
    }


class _Rights:
    """What a request needs, as OpenAPI's `security` says it."""

    def __init__(self, settings: Settings) -> None:
        # Without a token of its own a server takes writes from its machine alone.
        open_to_some = not settings.api_tokens
        self.write: list[Part] = [{"token": []}, {}] if open_to_some else [{"token": []}]
        self.read: list[Part] = [] if settings.public_read else [{"token": []}, {"cookie": []}]


def _paths(rights: _Rights) -> Part:
    job = {"parameters": [_parameter_ref("jobId")]}
    project = {"parameters": [_parameter_ref("projectId")]}
    by_hand = {
        f"/api/jobs/{{jobId}}/{kind}": job | {"post": _by_hand(kind, rights.write)} for kind in _BY_HAND
    }
    return {
        "/api/updates": {"post": _post_updates(rights.write)},
        **by_hand,
        "/api/jobs": {"get": _list_jobs(rights.read)},
        "/api/jobs/{jobId}": job | {"get": _get_job(rights.read)},
        "/api/jobs/{jobId}/logs": job | _logs(rights),
        "/api/jobs/{jobId}/events": job | {"get": _events("job", rights.read)},
        "/api/projects": {"get": _list_projects(rights.read)},
        "/api/projects/{projectId}": project | {"get": _get_project(rights.read)},
        "/api/projects/{projectId}/events": project | {"get": _events("project", rights.read)},
        "/api/openapi.json": {"get": _get_openapi()},
        "/health": {"get": _get_health()},
        "/metrics": {"get": _get_metrics(rights.read)},
    }


def _operation(tag: str, name: str, summary: str, answers: Part, refusals: str, **more: Any) -> Part:
    refused = {code: {"$ref": f"#/components/responses/{code}"} for code in refusals.split()}
    responses = dict(sorted((answers | refused).items()))
    return {"tags": [tag], "operationId": name, "summary": summary, "responses": responses} | more


# --- updates -------------------------------------------------------------------------------

_WRITE_REFUSALS = "400 401 403 408 409 411 413 415 422 429 503"


def _post_updates(security: list[Part]) -> Part:
    body = {
        "required": True,
        "content": {
            _JSON: {
                "schema": {"anyOf": [ref("Update"), ref("Updates")]},
                "examples": {
                    "one": {"value": examples.UPDATE},
                    "several": {"value": [examples.UPDATE, examples.LOG_UPDATE]},
                },
            },
            _NDJSON: {
                "schema": {"type": "string", "minLength": 2, "description": "an update a line"},
                "example": examples.NDJSON,
            },
        },
    }
    return _operation(
        "updates",
        "postUpdates",
        "Send one update, an array of them, or NDJSON: taken whole or not at all",
        {"200": _json("stored", "Accepted", examples.ACCEPTED)},
        _WRITE_REFUSALS,
        requestBody=body,
        security=security,
    )


_BY_HAND: dict[FormType, str] = {
    "progress": "Say how far a job is",
    "completed": "End a job well",
    "error": "End a job as failed",
    "exit": "End a job by an exit status: 0 completed, else failed",
    "heartbeat": "Say that a job's reporter is there, whether or not there is anything to say",
}


def _by_hand(kind: FormType, security: list[Part]) -> Part:
    return _operation(
        "updates",
        f"post{kind.capitalize()}",
        _BY_HAND[kind],
        {
            "200": _json("stored", "Accepted", examples.ACCEPTED),
            "414": {"description": "the query is too long: send the fields in the body"},
        },
        _WRITE_REFUSALS,
        description="Fields are sent as JSON, as a form, or in the query; each one once.",
        parameters=[_query(name, schema) for name, schema in _form_fields(kind).items()],
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
        _JSON: {"schema": json_fields, "example": example},
        _FORM: {"schema": form, "example": example},
        _MULTIPART: {"schema": form, "example": example},
    }


def _body_fields(kind: FormType) -> list[Field]:
    """The fields that the path does not say already."""
    return [field for field in fields_of(kind) if field.name not in ("type", "jobId")]


def _form_fields(kind: FormType) -> dict[str, Schema]:
    """A form has texts alone: objects and arrays are JSON texts, and `meta.KEY` sets one entry of `meta`."""
    return {field.name: field.value.text_schema or field.value.schema for field in _body_fields(kind)}


def _logs(rights: _Rights) -> Part:
    return {
        "get": _get_logs(rights.read),
        "head": _operation(
            "updates",
            "headLogs",
            "Ask how many bytes of a stream's bodies the server has",
            {"200": {"description": "the position", "headers": {"Upload-Offset": _upload_offset()}}},
            "401 403 422 503",
            parameters=[_stream_parameter()],
            security=rights.write,
        ),
        "post": _send_logs("postLogs", rights.write),
        "put": _send_logs("putLogs", rights.write),
    }


def _upload_offset() -> Part:
    return _header("bytes", {"type": "integer", "minimum": 0}) | {"required": True}


def _stream_parameter() -> Part:
    return _query("stream", ref("Id"), "the stream's name, `stdout` unless given")


def _send_logs(name: str, security: list[Part]) -> Part:
    text = {"schema": {"type": "string"}, "example": "npm ci\nadded 412 packages in 9s\n"}
    offset = {"type": "integer", "minimum": 0, "maximum": _MAX_OFFSET}
    past_the_end = {
        "description": "the offset is past the end of what is stored, or another upload overtook this one",
        "content": {"application/problem+json": {"schema": ref("OffsetProblem")}},
    }
    return _operation(
        "updates",
        name,
        "Send a log, chunked or not; lines are stored and shown while the body is being sent",
        {"200": _json("stored", "LogAccepted", examples.LOG_ACCEPTED), "416": past_the_end},
        _WRITE_REFUSALS,
        parameters=[
            _query("projectId", ref("Id"), "needed in a job's first update"),
            _stream_parameter(),
            _query("offset", offset, "the byte position in the stream at which this body begins"),
        ],
        requestBody={"required": False, "content": {_TEXT: text, _BYTES: {"schema": {"type": "string"}}}},
        security=security,
    )


# --- reading -------------------------------------------------------------------------------


def _list_jobs(security: list[Part]) -> Part:
    status = {"type": "string", "enum": [*STATUSES, "running"]}
    return _operation(
        "reading",
        "listJobs",
        "Jobs, newest first",
        {"200": _json("a page of jobs", "Jobs", {"jobs": [examples.JOB], "next": "MXo"})},
        "401 403 422 503",
        parameters=[
            _query("projectId", ref("Id")),
            _query("status", status, "`running` is any that has not ended"),
            *_paging(),
        ],
        security=security,
    )


def _get_job(security: list[Part]) -> Part:
    return _operation(
        "reading",
        "getJob",
        "One job as it stands",
        {"200": _json("the job", "Job", examples.JOB)},
        "401 403 404 422 503",
        security=security,
    )


def _get_logs(security: list[Part]) -> Part:
    line = {"type": "integer", "minimum": 0, "maximum": _MAX_LINE}
    log = {
        "description": "lines as JSON, the clean text, or the exact bytes",
        "content": {
            _JSON: {"schema": ref("LogLines"), "example": examples.LOG_LINES},
            _TEXT: {"schema": {"type": "string"}, "example": "npm ci\nadded 412 packages in 9s\n"},
            _BYTES: {"schema": {"type": "string"}},
        },
    }
    limits = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    return _operation(
        "reading",
        "getLogs",
        "A range of the log, its end, all of it as text, or what a search finds",
        {"200": log},
        "401 403 404 422 503",
        parameters=[
            _query("after", line, "lines with a higher number"),
            _query("before", line, "lines with a lower number; alone: the last ones of these"),
            _query("limit", limits, f"{DEFAULT_LIMIT} unless given; a text has no limit by itself"),
            _query("tail", limits, "the last N lines (not with after, before, limit)"),
            _query("q", {"type": "string", "minLength": 1, "maxLength": 1000}, "lines that hold this text"),
            _query("raw", {"enum": ["0", "1"]}, "1: the exact bytes that came (with stream alone)"),
            _query("stream", ref("Id"), "with raw=1: of this stream, else of all as they came"),
        ],
        security=security,
    )


def _list_projects(security: list[Part]) -> Part:
    return _operation(
        "reading",
        "listProjects",
        "Projects, the one with the newest job first",
        {"200": _json("a page of projects", "Projects", {"projects": [examples.PROJECT], "next": None})},
        "401 403 422 503",
        parameters=_paging(),
        security=security,
    )


def _get_project(security: list[Part]) -> Part:
    return _operation(
        "reading",
        "getProject",
        "One project with its counts and its newest job",
        {"200": _json("the project", "Project", examples.PROJECT)},
        "401 403 404 422 503",
        security=security,
    )


def _paging() -> list[Part]:
    return [_parameter_ref("limit"), _parameter_ref("cursor")]


# --- events --------------------------------------------------------------------------------


def _events(whose: str, security: list[Part]) -> Part:
    position = {"type": "integer", "minimum": 0, "maximum": 2**53}
    streams = {
        _SSE: {"schema": {"type": "string"}, "example": examples.SSE},
        _NDJSON: {"schema": {"type": "string"}, "example": examples.EVENTS_NDJSON},
        _JSON: {"schema": ref("Events"), "example": examples.EVENTS},
    }
    return _operation(
        "events",
        f"get{whose.capitalize()}Events",
        f"The events of a {whose}: a stream that stays open, or JSON without waiting",
        {"200": {"description": "the events", "content": streams, "headers": _resuming()}},
        "401 403 404 406 422 503",
        parameters=[
            _query("after", position, "events after this position"),
            _query("epoch", {"type": "string"}, "of which history `after` is, as an earlier answer told it"),
            _query("follow", {"enum": ["0", "1"]}, "0: close after the newest event"),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "schema": {"type": "string", "pattern": "^[0-9]{0,17}$"},
                "description": "what a browser's EventSource sends when it reconnects",
            },
        ],
        security=security,
    )


def _resuming() -> Part:
    return {
        "Chef-Epoch": _header("of a stream: which store's history this is", {"type": "string"}),
        "Chef-Complete": _header(
            "of a stream: `false` where it cannot go on as asked, or a part was removed",
            {"enum": ["true", "false"]},
        ),
    }


# --- the server ----------------------------------------------------------------------------


def _get_openapi() -> Part:
    document_schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    return _operation(
        "server",
        "getOpenapi",
        "This document",
        {"200": {"description": "OpenAPI 3.1", "content": {_JSON: {"schema": document_schema}}}},
        "",
        security=[],
    )


def _get_health() -> Part:
    return _operation(
        "server",
        "getHealth",
        "Whether the server can do its work",
        {
            "200": _json("it can", "Health", examples.HEALTH),
            "503": _json("the store does not answer", "Health", examples.DEGRADED),
        },
        "",
        security=[],
    )


def _get_metrics(security: list[Part]) -> Part:
    return _operation(
        "server",
        "getMetrics",
        "Metrics for Prometheus",
        {"200": {"description": "Prometheus text", "content": {_TEXT: {"schema": {"type": "string"}}}}},
        "401 403",
        security=security,
    )


# --- parts ---------------------------------------------------------------------------------


def _json(description: str, schema: str, example: Any) -> Part:
    return {"description": description, "content": {_JSON: {"schema": ref(schema), "example": example}}}


def _header(description: str, schema: Schema) -> Part:
    return {"description": description, "schema": schema}


def _query(name: str, schema: Schema, description: str = "") -> Part:
    part = {"name": name, "in": "query", "schema": schema}
    return part | ({"description": description} if description else {})


def _parameter_ref(name: str) -> Part:
    return {"$ref": f"#/components/parameters/{name}"}


def _parameters() -> Part:
    path = {"in": "path", "required": True, "schema": ref("Id")}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    # Which texts are cursors is the server's secret; this pattern has none of them (yet).
    cursor = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
    return {
        "jobId": {"name": "jobId", **path},
        "projectId": {"name": "projectId", **path},
        "limit": _query("limit", limit),
        "cursor": _query("cursor", cursor, "the `next` of an earlier answer"),
    }


_REFUSALS = {
    "400": ("not JSON, not UTF-8, or cut off", "not_json"),
    "401": ("no token, or no valid one", "unauthorized"),
    "403": ("the token is not for this", "forbidden"),
    "404": ("there is no such job or project", "not_found"),
    "406": ("none of the types that were asked for", "not_acceptable"),
    "408": ("the body did not come in time", "request_timeout"),
    "409": ("`job_finished`, `project_mismatch` or `id_reused`", "job_finished"),
    "411": ("the length of the body is missing", "length_required"),
    "413": ("the body is too large", "too_large"),
    "415": ("another type of body, or a compressed one", "unsupported_media_type"),
    "422": ("a field is wrong", "invalid"),
    "429": ("too many requests", "rate_limited"),
    "503": ("the store cannot be reached; nothing was kept", "store_unavailable"),
}


def _refusals() -> Part:
    return {status: _refusal(int(status), *said) for status, said in _REFUSALS.items()}


def _refusal(status: int, description: str, code: str) -> Part:
    example = examples.problem(status, code)
    response: Part = {
        "description": description,
        "content": {"application/problem+json": {"schema": ref("Problem"), "example": example}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    if status == 401:
        response["headers"] = {
            "WWW-Authenticate": _header("`Bearer`", {"type": "string"}) | {"required": True}
        }
    return response
