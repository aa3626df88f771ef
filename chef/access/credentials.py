"""Where a request says who it is: for REST, pages and the Socket.IO handshake alike.

Which of several credentials counts is for `chef.access.auth` to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.http import parse_cookie

from chef.access.addresses import is_https, is_own_origin
from chef.access.jwts import TOKEN_MAX_BYTES
from chef.access.shares import PREFIX
from chef.errors import WrongToken
from chef.http.addresses import client_network

PLAIN_COOKIE, HOST_COOKIE = "chef_token", "__Host-chef_token"
COOKIES = (HOST_COOKIE, PLAIN_COOKIE)
"""The cookie that `/login` sets. It lets read, never write.

Behind TLS it has the prefix with which browsers take it from this host alone, over https, for all of its
paths (RFC 6265bis, section 4.1.3.2): a neighbour below the same domain cannot put its own in its place.
"""
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The part of a request that tells the caller.

    `authorization` is the header, `token` the Socket.IO handshake's `auth.token` as the client sent
    it (any JSON), `cookie` what `/login` set. `remote_addr` is the socket's peer, `address` the client's
    as it is counted, `proxied` whether a proxy left its mark, `origin` the Origin header, `foreign_origin`
    whether that is another place than this server. The defaults are a request that may do nothing.
    """

    authorization: str | None = field(default=None, repr=False)
    token: object = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)
    remote_addr: str = ""
    address: str = ""
    proxied: bool = False
    foreign_origin: bool = False
    origin: str | None = None

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, Any], *, token: object = None, cookie: str | None = None
    ) -> Credentials:
        """The credentials of a WSGI request. The edge knows the names by which token and cookie are found."""
        origin = environ.get("HTTP_ORIGIN")
        return cls(
            authorization=environ.get("HTTP_AUTHORIZATION"),
            token=token,
            cookie=cookie,
            remote_addr=environ.get("REMOTE_ADDR") or "",
            address=client_network(environ),
            proxied=is_proxied(environ),
            foreign_origin=origin is not None and not is_own_origin(environ),
            origin=origin,
        )


def is_proxied(environ: Mapping[str, Any]) -> bool:
    """Whether a WSGI request came through a proxy that says so, even with an empty header."""
    if "HTTP_FORWARDED" in environ or "HTTP_VIA" in environ:
        return True
    # One search in all names is ten times as fast as a look at each.
    return "\nHTTP_X_FORWARDED_" in "\n".join(("", *environ))


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


def token_of(credentials: Credentials) -> str | None:
    """The token that was sent on purpose, else the cookie's, which never counts from a foreign origin.

    Raises WrongToken for what cannot be one, as do the others here.
    """
    token = presented_token(credentials)
    if token is None and credentials.cookie and not credentials.foreign_origin:
        return _sound(credentials.cookie)
    return token


def presented_token(credentials: Credentials) -> str | None:
    """The token that was sent on purpose; an empty handshake token is none, as clients send `''` for that."""
    if credentials.token not in (None, ""):
        return _sound(credentials.token)
    if credentials.authorization is None:
        return None
    if len(credentials.authorization) > TOKEN_MAX_BYTES + len("Bearer "):
        raise WrongToken("the Authorization header is too long: a token has at most 8 KiB")
    scheme, _, token = credentials.authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise WrongToken("the Authorization header must be: Bearer TOKEN")
    return _sound(token.strip())


def presented_share(credentials: Credentials) -> str | None:
    """The token that was sent on purpose, if it has the form of a share link's."""
    token = credentials.token
    if token in (None, ""):
        token = (credentials.authorization or "").strip()
        if token[:7].lower() != "bearer ":
            return None
        token = token[7:].strip()
    return _sound(token) if isinstance(token, str) and token.startswith(PREFIX) else None


def _sound(token: object) -> str:
    if not isinstance(token, str) or len(token) > TOKEN_MAX_BYTES or not _TOKEN.fullmatch(token):
        raise WrongToken("a token is printable ASCII without spaces, at most 8 KiB")
    return token
