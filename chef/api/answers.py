"""Shared by the routes: answers, ids in paths, list parameters, cursors, the rights of a reader."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from chef.access.credentials import http_credentials
from chef.access.levels import Level, at_level
from chef.access.principals import Principal
from chef.domain.model import ID, ID_RULE, Job
from chef.domain.wiretypes import JsonObject, as_dict
from chef.errors import FieldError, Invalid, NotFound
from chef.services import services
from chef.wire.paging import read_cursor
from chef.wire.strict import dumps

MAX_LIMIT = 1000
DEFAULT_LIMIT = 50


HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
"""The headers of JSON answers: nobody keeps a copy of one."""


def json_body(body: JsonObject | dict[str, Any]) -> bytes:
    """An answer's body, with the newline that terminals like."""
    return dumps(body) + b"\n"


def answer(body: JsonObject | dict[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json_body(body), status, headers=HEADERS)


def wrong(field: str, message: str) -> Invalid:
    """A refusal that names a parameter and what is allowed."""
    return Invalid(f"{field} {message}", errors=(FieldError(message, field),))


def check_id(value: str, field: str) -> str:
    """An id of a path or query as it was given, or Invalid."""
    if not ID.fullmatch(value):
        raise wrong(field, ID_RULE)
    return value


def text_in_query(name: str) -> str | None:
    """A parameter of the query as it was given; Invalid where two are: nobody knows which one is meant."""
    given = request.args.getlist(name)
    if len(given) > 1:
        raise wrong(name, "is given more than once")
    return given[0] if given else None


def number_in_query(
    name: str, default: int | None, low: int, high: int, rule: str | None = None
) -> int | None:
    """A whole number of the query within bounds, or Invalid, which tells the `rule`."""
    text = text_in_query(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not low <= int(text) <= high:
        raise wrong(name, rule or f"must be a whole number from {low} to {high}")
    return int(text)


def switch_in_query(name: str, *, default: bool) -> bool:
    """A parameter that is `0` or `1`, or Invalid."""
    text = text_in_query(name)
    if text not in (None, "0", "1"):
        raise wrong(name, "must be 0 or 1")
    return default if text is None else text == "1"


def limit_in_query() -> int:
    """`limit`: 1 to 1000, 50 unless given."""
    return number_in_query("limit", DEFAULT_LIMIT, 1, MAX_LIMIT) or DEFAULT_LIMIT


def cursor_in_query() -> int | None:
    """The place that `cursor` stands for, or Invalid where no list of ours gave it."""
    text = text_in_query("cursor")
    if text is None:
        return None
    place = read_cursor(text)
    if place is None:
        raise wrong("cursor", "must be the `next` of an earlier answer")
    return place


def answer_at(principal: Principal, body: JsonObject, status: int = 200) -> Response:
    """A JSON answer as far as the caller's level shows it."""
    if principal.level == "log":
        return answer(body, status)
    return answer(at_level(principal.level, as_dict(body)), status)


def reader(least: Level | None = None) -> Principal:
    """The caller, who reads with this request; raises Unauthorized or Forbidden.

    By a share link from the level `least` on, and by none where that is `None`.
    """
    return services().gate.reader(http_credentials(request.environ), least)


def readable_job(job_id: str, least: Level | None = None) -> Job:
    """A job that the caller may see. Forbidden does not tell whether it exists."""
    return visible_job(reader(least), check_id(job_id, "jobId"))


def visible_job(principal: Principal, job_id: str) -> Job:
    """A job that somebody may see. Raises Forbidden, or NotFound."""
    job = services().store.job(job_id)
    principal.check_may_see(job.project_id if job else None, job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def check_project(principal: Principal, project_id: str) -> None:
    """Refuse a project that the caller's token is not for."""
    principal.check_may_read(check_id(project_id, "projectId"))
