"""`/login`: a token becomes a cookie that reads (contract section 6). Only where reading is protected."""

from __future__ import annotations

import re

from flask import Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from chef.access.credentials import Credentials
from chef.access.principals import Principal
from chef.errors import ChefError, Forbidden, MissingToken, Unauthorized
from chef.pages.cookies import forget_token, keep_token
from chef.pages.errors import make_blueprint
from chef.pages.language import gettext as _
from chef.pages.language import render
from chef.pages.refusals import in_words
from chef.pages.words import number
from chef.services import services

blueprint = make_blueprint("login")

# A token without an end (CHEF_API_TOKEN) is asked for again after this long.
_WITHOUT_END_S = 30 * 24 * 3600
# Browsers drop a cookie of more than 4096 bytes, its name and attributes included.
_MAX_COOKIE = 3800
# Printable ASCII from the root of this server. Browsers read `\` as `/` and skip tabs, so that
# neither may get them to `//elsewhere`.
_SAFE_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def safe_next(target: str) -> str:
    """Where to go after the login: a place on this server, else the overview."""
    return target if _SAFE_NEXT.fullmatch(target) else "/"


@blueprint.get("/login")
def ask() -> AnyResponse:
    """The form."""
    target = safe_next(request.args.get("next", "/"))
    if services().gate.reading_is_public:
        return redirect(target, 303)
    return _form(target)


@blueprint.post("/login")
def log_in() -> AnyResponse:
    """Take a token that lets read, and go where one wanted to."""
    credentials = Credentials.from_environ(request.environ)
    if credentials.foreign_origin:
        raise _told(Forbidden("this form was sent from another site"))
    target = safe_next(request.form.get("next", "/"))
    token = request.form.get("token", "").strip().removeprefix("Bearer ").strip()
    try:
        if not token:
            raise MissingToken("a token is needed")
        typed = Credentials(authorization=f"Bearer {token}", address=credentials.address)
        principal = services().gate.reader(typed)
        _check_fits(token)
    except ChefError as refusal:
        return _refused(target, _told(refusal))
    response = redirect(target, 303)
    keep_token(response, token, _lifetime(principal))
    return response


@blueprint.post("/logout")
def log_out() -> AnyResponse:
    """Forget the token."""
    if Credentials.from_environ(request.environ).foreign_origin:
        raise Forbidden("this form was sent from another site")
    response = redirect("/login", 303)
    forget_token(response)
    return response


def _told(refusal: ChefError) -> ChefError:
    services().denials.tell("login", "a login", refusal, request.environ)
    return refusal


def _refused(target: str, refusal: ChefError) -> Response:
    """The form again, with the reason."""
    response = _form(target, in_words(refusal), refusal.status)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _form(target: str, error: str | None = None, status: int = 200) -> Response:
    return make_response(render("login.html", next=target, error=error), status)


def _check_fits(token: str) -> None:
    if len(token) > _MAX_COOKIE:
        raise Unauthorized(
            _("the token is too long for a cookie, which holds %(count)s bytes", count=number(_MAX_COOKIE))
        )


def _lifetime(principal: Principal) -> int:
    if principal.expires_at is None:
        return _WITHOUT_END_S
    return max(1, (principal.expires_at - services().clock()) // 1000)
