"""The requests about share links, as OpenAPI operations (contract section 8)."""

from __future__ import annotations

from chef.access.levels import LEVELS
from chef.access.shares import MOST_DAYS
from chef.api.openapi import examples
from chef.api.openapi.parts import JSON, Part, Rights, json_answer, operation
from chef.api.sharing import DEFAULT_DAYS

_REFUSALS = "400 401 403 404 408 413 415 422 503"


def sharing(rights: Rights) -> dict[str, Part]:
    """The operations by path and method."""
    write = [*rights.write, {"cookie": []}]
    return {
        "/api/jobs/{jobId}/shares": {
            "post": _make("shareJob", "Make a link that shows a job", write),
            "get": _list("listSharesOfJob", "The links to a job", write),
        },
        "/api/projects/{projectId}/shares": {
            "post": _make("shareProject", "Make a link that shows a project", write),
            "get": _list("listSharesOfProject", "The links to a project", write),
        },
        "/api/shares/{shareId}": {"delete": _end(write)},
    }


def _make(name: str, summary: str, security: list[Part]) -> Part:
    days = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}
    fields = {
        "type": "object",
        "properties": {"level": {"enum": list(LEVELS)}, "days": days},
        "required": ["level"],
        "additionalProperties": False,
    }
    example = {"level": "progress", "days": 7}
    return operation(
        "sharing",
        name,
        summary,
        {"201": json_answer("the link", "NewShare", examples.SHARE)},
        _REFUSALS,
        requestBody={"required": True, "content": {JSON: {"schema": fields, "example": example}}},
        security=security,
    )


def _list(name: str, summary: str, security: list[Part]) -> Part:
    answers = {"200": json_answer("those that hold", "Shares", examples.SHARES)}
    return operation("sharing", name, summary, answers, "401 403 404 422 503", security=security)


def _end(security: list[Part]) -> Part:
    share_id = {"name": "shareId", "in": "path", "required": True, "schema": {"type": "string"}}
    return operation(
        "sharing",
        "endShare",
        "End a link at once",
        {"200": json_answer("it shows nothing any more", "EndedShare", examples.ENDED_SHARE)},
        "401 403 404 503",
        parameters=[share_id],
        security=security,
    )
