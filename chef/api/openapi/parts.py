"""The parts that operations of the OpenAPI document are made of."""

from __future__ import annotations

from typing import Any

from chef.api.answers import DEFAULT_LIMIT, MAX_LIMIT
from chef.api.openapi import examples
from chef.settings.config import Settings
from chef.wire.jsonschema import Schema, ref

Part = dict[str, Any]

JSON, NDJSON, TEXT, SSE = "application/json", "application/x-ndjson", "text/plain", "text/event-stream"
BYTES, MARKDOWN, XML = "application/octet-stream", "text/markdown", "application/xml"
PROBLEM = "application/problem+json"


class Rights:
    """The credentials that a request needs, as OpenAPI's `security` has them."""

    def __init__(self, settings: Settings) -> None:
        # Without a token of its own a server takes writes from its machine alone.
        open_to_some = not settings.has_write_tokens
        self.write: list[Part] = [{"token": []}, {}] if open_to_some else [{"token": []}]
        self.read: list[Part] = [] if settings.public_read else [{"token": []}, {"cookie": []}]


def operation(tag: str, name: str, summary: str, answers: Part, refusals: str, **more: Any) -> Part:
    """An operation; `refusals` are the statuses of its refusals, separated by spaces."""
    codes = set(refusals.split())
    if "401" in codes:
        codes.add("429")  # Where a token may be wrong, there may have been too many.
    refused = {code: {"$ref": f"#/components/responses/{code}"} for code in codes}
    responses = dict(sorted((answers | refused).items()))
    return {"tags": [tag], "operationId": name, "summary": summary, "responses": responses} | more


def json_answer(description: str, schema: str, example: Any) -> Part:
    """An answer of a component schema."""
    return {"description": description, "content": {JSON: {"schema": ref(schema), "example": example}}}


def header(description: str, schema: Schema) -> Part:
    """A header of an answer."""
    return {"description": description, "schema": schema}


def query(name: str, schema: Schema, description: str = "") -> Part:
    """A parameter of the query."""
    part = {"name": name, "in": "query", "schema": schema}
    return part | ({"description": description} if description else {})


def parameter_ref(name: str) -> Part:
    """A reference to one of the `shared_parameters`."""
    return {"$ref": f"#/components/parameters/{name}"}


def shared_parameters() -> Part:
    """The parameters that several operations have, by name."""
    path = {"in": "path", "required": True, "schema": ref("Id")}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    # Which texts are cursors is the server's secret; this pattern has none of them (yet).
    cursor = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
    return {
        "jobId": {"name": "jobId", **path},
        "projectId": {"name": "projectId", **path},
        "limit": query("limit", limit),
        "cursor": query("cursor", cursor, "the `next` of an earlier answer"),
    }


_REFUSALS = {
    "400": ("not JSON, not UTF-8, or cut off", "not_json"),
    "401": ("no token, or no valid one", "unauthorized"),
    "403": ("the token is not for this", "forbidden"),
    "404": ("there is no such job or project", "not_found"),
    "406": ("none of the types that were asked for", "not_acceptable"),
    "408": ("the body did not come in time", "request_timeout"),
    "409": ("`job_finished`, `job_erased`, `project_mismatch` or `id_reused`", "job_finished"),
    "411": ("the length of the body is missing", "length_required"),
    "413": ("the body is too large", "too_large"),
    "415": ("another type of body, or a compressed one", "unsupported_media_type"),
    "422": ("a field is wrong", "invalid"),
    "429": ("too many requests", "rate_limited"),
    "503": ("the store cannot be reached; nothing was kept", "store_unavailable"),
}


def refusals() -> Part:
    """The refusals that operations refer to, by status."""
    return {status: _refusal(int(status), *texts) for status, texts in _REFUSALS.items()}


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
            "WWW-Authenticate": header("`Bearer`", {"type": "string"}) | {"required": True}
        }
    return response
