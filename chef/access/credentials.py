"""Credentials from a WSGI environ, for REST, pages and the Socket.IO handshake alike."""

from __future__ import annotations

from typing import Any

from werkzeug.http import parse_cookie

from chef.access.addresses import is_https, is_own_origin
from chef.access.auth import Credentials

PLAIN_COOKIE, HOST_COOKIE = "chef_token", "__Host-chef_token"
COOKIES = (HOST_COOKIE, PLAIN_COOKIE)
"""The cookie that `/login` sets. It lets read, never write.

Behind TLS it has the prefix with which browsers take it from this host alone, over https, for all of its
paths (RFC 6265bis, section 4.1.3.2): a neighbour below the same domain cannot put its own in its place.
"""


def cookie_name(environ: dict[str, Any]) -> str:
    """The name of the cookie for a browser that came as this request did."""
    return HOST_COOKIE if is_https(environ) else PLAIN_COOKIE


def http_credentials(environ: dict[str, Any]) -> Credentials:
    """The credentials of a REST request or a page."""
    return Credentials.from_environ(environ, cookie=sent_cookie(environ))


def button_credentials(environ: dict[str, Any]) -> Credentials:
    """The credentials of a request that a button of a page of ours may make.

    The cookie counts as a token does where the request names this server as its origin: browsers say so with
    each request that changes anything, and no other page can have them say it.
    """
    cookie, origin = sent_cookie(environ), environ.get("HTTP_ORIGIN")
    asks = environ["REQUEST_METHOD"] in ("GET", "HEAD")
    is_ours = is_own_origin(environ) if origin is not None else asks
    if cookie is not None and "HTTP_AUTHORIZATION" not in environ and is_ours:
        environ = environ | {"HTTP_AUTHORIZATION": f"Bearer {cookie}"}
    return http_credentials(environ)


def socket_credentials(environ: dict[str, Any], token: object) -> Credentials:
    """The credentials of a Socket.IO connection; `token` is the handshake's `auth.token`, if any."""
    return Credentials.from_environ(environ, token=token, cookie=sent_cookie(environ))


def sent_cookie(environ: dict[str, Any]) -> str | None:
    """The token in the cookie that came along; behind TLS the one that only this host can have set."""
    sent = environ.get("HTTP_COOKIE")
    if not sent:
        return None
    cookies = parse_cookie(sent)
    # A proxy that does not say https is in front of some servers: there the other one is taken, too.
    return cookies.get(HOST_COOKIE) or (None if is_https(environ) else cookies.get(PLAIN_COOKIE))
