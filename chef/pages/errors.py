"""Refusals and faults as pages, for people in a browser. The API keeps its problem+json."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from flask import Blueprint, Flask, make_response, redirect, request
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from chef.access.credentials import sent_cookie
from chef.errors import ChefError, ShareEnded, Unauthorized
from chef.http.body import BrokenBody
from chef.http.connection import TooSlow
from chef.pages.cookies import forget_token
from chef.pages.language import gettext as _
from chef.pages.language import render
from chef.pages.refusals import in_words
from chef.pages.viewer import base, is_shared

log = logging.getLogger(__name__)

_FOR_PROGRAMS = ("/api", "/health", "/mcp", "/metrics", "/client", "/ws", "/static", "/lib")


def make_blueprint(name: str) -> Blueprint:
    """A blueprint whose refusals and faults are pages."""
    blueprint = Blueprint(name, __name__)
    blueprint.register_error_handler(Unauthorized, _ask_for_login)
    blueprint.register_error_handler(ChefError, _refused)
    blueprint.register_error_handler(HTTPException, _refused_by_flask)
    for cut_off in (BrokenBody, TooSlow):
        blueprint.register_error_handler(cut_off, _cut_off)
    blueprint.register_error_handler(Exception, _failed)
    return blueprint


def install(app: Flask) -> None:
    """Answer with a page also where no route is."""
    app.before_request(_no_such_page)


def _no_such_page() -> Response | None:
    """An address or method that no route has; blueprints do not see those."""
    fault = request.routing_exception
    if fault is None or isinstance(fault, RequestRedirect) or _is_for_programs(request.path):
        return None
    return _refused_by_flask(fault)


def _is_for_programs(path: str) -> bool:
    return any(path == start or path.startswith(start + "/") for start in _FOR_PROGRAMS)


def _ask_for_login(error: Unauthorized) -> Response:
    if is_shared():
        return _no_link(error)
    if _is_in_frame():
        return _refused(error)  # The login is shown in no frame.
    here = request.full_path.removesuffix("?")
    if request.method != "GET":
        return redirect("/login", 303)
    cookie = sent_cookie(request.environ)
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and cookie is None:
        # A browser that follows a link in a chat comes without the SameSite=Strict cookie. A page of our own
        # that goes on to the same address brings it.
        return make_response(render("again.html", here=here), 200)
    response = redirect("/login?" + urlencode({"next": here}), 303)
    if cookie is not None:
        # A token that is none any more would count as a guess with each page.
        forget_token(response)
    return response


def _no_link(error: Exception) -> Response:
    """The page of a share link that shows nothing."""
    if isinstance(error, ShareEnded):
        return _page(410, _("whoever sent it can make another one"))
    return _page(404, _("there is no such link"))


def _refused(error: ChefError) -> Response:
    response = _page(error.status, in_words(error))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _cut_off(_error: Exception) -> Response:
    return _refused_by_flask(BadRequest())


def _refused_by_flask(error: HTTPException) -> Response:
    status = error.code or 500
    response = _page(status, _of_status().get(status) or _("the server cannot answer this request"))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _of_status() -> dict[int, str]:
    """The sentences for Flask's own refusals."""
    return {
        400: _("the request is not valid for this page"),
        404: _("there is no such page"),
        405: _("this address does not accept that method"),
        413: _("the request is too large"),
    }


def _failed(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return _page(500, _("an internal error of the server; its log has the details"))


def _page(status: int, detail: str) -> Response:
    here = base() + request.full_path.removesuffix("?")
    again = here if status >= 500 and request.method == "GET" else None
    page = render("problem.html", status=status, detail=detail, again=again, embedded=_is_in_frame())
    return make_response(page, status)


def _is_in_frame() -> bool:
    """Whether an address is asked for that pages of others may show in a frame."""
    return request.path.startswith("/embed/")
