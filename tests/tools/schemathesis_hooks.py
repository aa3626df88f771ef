"""What schemathesis has to know of Chef beyond the OpenAPI document. Loaded by `st run`, see test_openapi."""

from __future__ import annotations

from typing import Any

import schemathesis
from requests.structures import CaseInsensitiveDict
from schemathesis import Case

# Rules between fields, or of what is stored: no schema can say them, so what fits the schema may be
# refused for them. The answer has to name the rule.
_BEYOND_A_SCHEMA = (
    "cannot be combined with",
    "must be the `next` of an earlier answer",
    "must be JSON",
    "must not be 'completed'",
    "bytes as JSON",
    "goes with raw=1",
    "the sum of passed, failed, skipped and flaky",
    "ones of `cases`",
    "must be an integer",  # JSON Schema takes 1.0 for one
)
_BY_HAND: dict[str, dict[str, Any]] = {"exit": {"code": 0}, "error": {"message": "tests failed"}}


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """NDJSON is described as text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.serializer("application/xml")
def as_text(context: Any, value: Any) -> bytes:
    """JUnit XML is described as text, too."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_call(context: Any, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Make good data good in what a schema cannot say, so that it gets further than the first check."""
    if case.operation.path.endswith("/events"):
        # A stream would stay open: ask for the events that there are, as JSON.
        case.headers = case.headers or CaseInsensitiveDict()
        case.headers["Accept"] = "application/json"
    if case.query and str(case.query.get("wait", "")).isdigit():
        case.query["wait"] = str(min(int(case.query["wait"]), 1))  # Nobody ends the job.
    if case.meta and case.meta.generation.mode.is_positive and case.method in ("POST", "PUT"):
        _complete(case)


def _complete(case: Case[Any]) -> None:
    """Give a job's first update its project, and each field of a by-hand form once."""
    kind = case.operation.path.rpartition("/")[2]
    if kind in ("logs", "tests"):
        case.query = {"projectId": "0", **(case.query or {})}
    elif kind == "updates":
        for update in case.body if isinstance(case.body, list) else [case.body]:
            if isinstance(update, dict):
                update.setdefault("projectId", "0")
    else:
        fields = case.body if isinstance(case.body, dict) else {}
        query = {name: value for name, value in (case.query or {}).items() if name not in fields}
        needed = {"projectId": "0"} | _BY_HAND.get(kind, {})
        case.query = {name: value for name, value in needed.items() if name not in fields} | query


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Case[Any], response: Any) -> bool:
    """Accept the refusal of a body that fits the schema, where its reason is one of the above."""
    if response.status_code in (414, 416):
        return False  # How long a URL may be and how far a stream is stored: nothing that a schema says.
    if type(failure).__name__ == "AcceptedNegativeData":
        # What a query has besides the parameters of a request is left alone, as everywhere on the web.
        return not ("in query" in failure.message and "`additionalProperties`" in failure.message)
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if response.status_code in (410, 417):
        return False  # With `fail=1` these are answers: how the job ended.
    if case.media_type in ("application/x-ndjson", "application/xml"):
        return False  # To a schema it is a text.
    if response.status_code != 422:
        return True
    errors = response.json()["errors"]
    return not errors or not all(_is_beyond_a_schema(error["message"]) for error in errors)


def _is_beyond_a_schema(message: str) -> bool:
    return any(rule in message for rule in _BEYOND_A_SCHEMA)
