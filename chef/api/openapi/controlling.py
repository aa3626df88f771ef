"""The requests that control a build that runs, as OpenAPI operations (contract section 8)."""

from __future__ import annotations

from chef.api.openapi import examples
from chef.api.openapi.parts import JSON, Part, Rights, json_answer, operation, query
from chef.api.questions import MAX_WAIT_S
from chef.wire.control import (
    MAX_NAME,
    MAX_OPTION,
    MAX_OPTIONS,
    MAX_QUESTION,
    MAX_SECONDS,
    MIN_OPTIONS,
    SECONDS,
)
from chef.wire.jsonschema import ref

_REFUSALS = "400 401 403 404 408 409 411 413 415 422 429 503"
_ON = "403 `control_off` unless the server has CHEF_CONTROL=true."
_BY: Part = {
    "type": "string",
    "maxLength": MAX_NAME,
    "description": "what the caller calls itself; the name in a signed token counts before it",
}


def controlling(rights: Rights) -> dict[str, Part]:
    """The operations by path and method."""
    question = "/api/jobs/{jobId}/questions/{questionId}"
    return {
        "/api/jobs/{jobId}/stop": {"post": _stop(rights.write)},
        "/api/jobs/{jobId}/questions": {"post": _ask(rights.write), "get": _questions(rights.read)},
        question: {"get": _question(rights.read)},
        f"{question}/answer": {"post": _answer(rights.write)},
    }


def _body(properties: Part, needed: list[str], example: Part) -> Part:
    schema = {"type": "object", "properties": properties, "required": needed}
    return {"required": bool(needed), "content": {JSON: {"schema": schema, "example": example}}}


def _stop(security: list[Part]) -> Part:
    return operation(
        "updates",
        "postStop",
        "Ask a job to stop; its reporter learns of it from the next answer that it gets",
        {"200": json_answer("the request is kept, and whose it was first", "StopAsked", examples.STOP_ASKED)},
        _REFUSALS,
        description=f"{_ON} That it has stopped is told by the job's end alone.",
        requestBody=_body({"by": _BY}, [], {"by": "Ann"}),
        security=security,
    )


_OPTION: Part = {"type": "string", "minLength": 1, "maxLength": MAX_OPTION}
_ID: Part = {"name": "questionId", "in": "path", "required": True, "schema": ref("Id")}


def _ask(security: list[Part]) -> Part:
    options = {"type": "array", "items": _OPTION, "minItems": MIN_OPTIONS, "maxItems": MAX_OPTIONS}
    timeout = {"type": "integer", "minimum": 1, "maximum": MAX_SECONDS, "default": SECONDS}
    properties: Part = {
        "id": ref("Id") | {"description": "makes it safe to send again"},
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_QUESTION},
        "options": options | {"uniqueItems": True},
        "default": _OPTION | {"description": "one of the options: it counts where nobody answers"},
        "timeout": timeout | {"description": "seconds"},
    }
    return operation(
        "updates",
        "postQuestion",
        "Ask people something on the job's page",
        {"200": _state_answer("asked")},
        _REFUSALS,
        description=_ON,
        requestBody=_body(properties, ["text", "options"], examples.ASKED_QUESTION),
        security=security,
    )


def _questions(security: list[Part]) -> Part:
    return operation(
        "reading",
        "getQuestions",
        "The questions of a job, with their answers",
        {"200": json_answer("oldest first", "QuestionList", examples.QUESTION_LIST)},
        "401 403 404 422 503",
        security=security,
    )


def _question(security: list[Part]) -> Part:
    wait = {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0}
    return operation(
        "reading",
        "getQuestion",
        "A question, and what came of it so far",
        {"200": _state_answer("as it stands")},
        "401 403 404 422 503",
        parameters=[_ID, query("wait", wait, "answer once it is no more open, or after so many seconds")],
        security=security,
    )


def _answer(security: list[Part]) -> Part:
    return operation(
        "updates",
        "postAnswer",
        "Answer a question with one of its options; the first answer counts",
        {"200": _state_answer("answered")},
        _REFUSALS,
        description=_ON,
        parameters=[_ID],
        requestBody=_body({"answer": _OPTION, "by": _BY}, ["answer"], {"answer": "yes", "by": "Ann"}),
        security=security,
    )


def _state_answer(description: str) -> Part:
    return json_answer(description, "QuestionState", examples.QUESTION_STATE)
