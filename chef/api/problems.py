"""Errors on the wire: RFC 9457 `application/problem+json`."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from msgspec import UNSET
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from chef.access.denials import Denials
from chef.api.shapes import FieldFault, OffsetProblem, Problem
from chef.domain.model import ID_RULE
from chef.errors import ChefError, FieldError, NotFound, StoreUnavailable, TooManyRequests
from chef.http.requestids import present_id
from chef.wire.strict import dumps

log = logging.getLogger(__name__)

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_CODES = {404: NotFound.code, 405: "method_not_allowed", 411: "length_required", 429: TooManyRequests.code}


def problem(error: ChefError) -> Response:
    """The response that a refusal is."""
    shape = OffsetProblem if error.extra else Problem
    body = shape(
        type=f"urn:chef:problem:{error.code}",
        title=error.title,
        status=error.status,
        code=error.code,
        detail=error.detail,
        errors=[_fault(one) for one in error.errors],
        # A 403 is the same to the byte whether the job exists or not: its id is in the header alone.
        request_id=UNSET if error.status == 403 else present_id() or UNSET,
        **error.extra,
    )
    response = _response(body)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 413:
        # The rest of the body is not wanted: nobody should have to send it.
        response.headers["Connection"] = "close"
    return response


def _fault(error: FieldError) -> FieldFault:
    field = UNSET if error.field is None else error.field
    return FieldFault(error.message, field, UNSET if error.index is None else error.index)


def _response(body: Problem) -> Response:
    return Response(dumps(body) + b"\n", body.status, mimetype="application/problem+json")


def _of_http(error: HTTPException) -> Response:
    """Flask's own refusals: no such route, wrong method, and the like."""
    status = error.code or 500
    code = _CODES.get(status, error.name.lower().replace(" ", "_"))
    detail = (_why_there_is_none(request.path) if status == 404 else None) or error.description or error.name
    response = _response(_blank(status, error.name, code, detail))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _why_there_is_none(path: str) -> str | None:
    """Why there is nothing at an address that an id with a slash in it, or an empty one, was put into."""
    kind, _, rest = path.removeprefix("/api/").partition("/")
    if not path.startswith("/api/") or kind not in ("jobs", "projects") or "/" not in rest:
        return None
    return f"there is no address {path[:200]!r} here: an id {ID_RULE}, without a slash"


def _blank(status: int, title: str, code: str, detail: str) -> Problem:
    """A problem that is no more than its status says (RFC 9457, section 4.2.1)."""
    return Problem("about:blank", title, status, code, detail, [], present_id() or UNSET)


class Problems:
    """The errors of one application as answers, and what an operator is told of them."""

    _SILENCE_S = 10

    def __init__(self, denials: Denials) -> None:
        self._denials = denials
        self._told = -math.inf

    def refused(self, error: ChefError, environ: Mapping[str, Any]) -> Response:
        """The answer to a request that was refused."""
        if isinstance(error, StoreUnavailable):
            self._tell_outage(error, _asked(environ))
        elif environ["REQUEST_METHOD"] not in _SAFE_METHODS:
            self._denials.tell("write", _asked(environ), error, environ)
        return problem(error)

    def failed(self, error: Exception, asked: str) -> Response:
        """The answer where the server itself is at fault; the fault itself is for the log."""
        log.exception("%s failed", asked, exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        detail = "an internal error of the server; its log has the details"
        return _response(_blank(status.value, status.phrase, "internal", detail))

    def _tell_outage(self, error: StoreUnavailable, asked: str) -> None:
        """Tell the operator why the store is not there: not once a request, builds repeat theirs often."""
        now = time.monotonic()
        cause = error.__cause__
        if cause is None or now - self._told < self._SILENCE_S:
            return
        self._told = now
        # The driver's own error: SQLAlchemy's would add the statement with what builds sent.
        reason = str(getattr(cause, "orig", None) or type(cause).__name__).strip()
        log.error("%s: the store fails: %s", asked, reason)


def install(app: Flask, denials: Denials) -> Problems:
    """Answer every error of this application as a problem; a page's own handler comes first."""
    problems = Problems(denials)

    @app.errorhandler(ChefError)
    def refused(error: ChefError) -> Response:
        return problems.refused(error, request.environ)

    @app.errorhandler(HTTPException)
    def refused_by_flask(error: HTTPException) -> Response:
        if 300 <= (error.code or 500) < 400:
            return Response(error.get_response().response, error.code, error.get_headers())
        return _of_http(error)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return problems.failed(error, _asked(request.environ))

    return problems


def _asked(environ: Mapping[str, Any]) -> str:
    """A request's method and path, for the log: its query may hold what nobody should read there."""
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
