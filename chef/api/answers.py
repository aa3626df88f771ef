"""What the routes share: answers, ids in paths, list parameters, cursors."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from chef.access.auth import Principal
from chef.access.credentials import http_credentials
from chef.domain.model import ID, ID_RULE, Job
from chef.domain.payloads import Wire
from chef.errors import FieldError, Forbidden, Invalid, NotFound
from chef.services import services
from chef.wire.paging import read_cursor
from chef.wire.strict import dumps

MAX_LIMIT = 1000
DEFAULT_LIMIT = 50


def answer(body: Wire | dict[str, Any], status: int = 200) -> Response:
    """A JSON answer that nobody keeps a copy of."""
    return Response(
        dumps(body) + b"\n", status, mimetype="application/json", headers={"Cache-Control": "no-store"}
    )


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


def number_in_query(name: str, default: int | None, low: int, high: int) -> int | None:
    """A whole number of the query within bounds, or Invalid."""
    text = text_in_query(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not low <= int(text) <= high:
        raise wrong(name, f"must be a whole number from {low} to {high}")
    return int(text)


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


def reader() -> Principal:
    """Who reads with this request; raises Unauthorized or Forbidden."""
    return services().gate.reader(http_credentials(request.environ))


def readable_job(job_id: str) -> Job:
    """A job that the caller may see. Forbidden does not tell whether it exists."""
    principal = reader()
    job = services().store.job(check_id(job_id, "jobId"))
    if not principal.may_see(job.project_id if job else None):
        raise Forbidden("this token is not for this job's project")
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def check_project(principal: Principal, project_id: str) -> None:
    """Refuse a project that the caller's token is not for."""
    if not principal.may_read(check_id(project_id, "projectId")):
        raise Forbidden("this token is not for this project")
