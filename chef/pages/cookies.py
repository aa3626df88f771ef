"""The cookie of `/login` in a page's answer: kept, or forgotten."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from chef.access.addresses import is_https
from chef.access.credentials import COOKIES, HOST_COOKIE, cookie_name


def keep_token(response: Response, token: str, seconds: int) -> None:
    """Have the browser send the token for so long, to this server alone, and no script see it."""
    response.set_cookie(
        cookie_name(request.environ),
        token,
        max_age=seconds,
        secure=is_https(request.environ),
        httponly=True,
        samesite="Strict",
    )


def forget_token(response: Response) -> None:
    """Have the browser forget it, whichever name it has."""
    for name in COOKIES:
        secure = name == HOST_COOKIE or is_https(request.environ)
        response.delete_cookie(name, secure=secure, httponly=True, samesite="Strict")
