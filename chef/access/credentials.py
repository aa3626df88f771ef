"""Credentials from a WSGI environ, for REST, pages and the Socket.IO handshake alike."""

from __future__ import annotations

from typing import Any

from werkzeug.http import parse_cookie

from chef.access.auth import Credentials

COOKIE = "chef_token"
"""The cookie that `/login` sets. It lets read, never write."""


def http_credentials(environ: dict[str, Any]) -> Credentials:
    """The credentials of a REST request or a page."""
    return Credentials.from_environ(environ, cookie=_cookie(environ))


def socket_credentials(environ: dict[str, Any], token: object) -> Credentials:
    """The credentials of a Socket.IO connection; `token` is the handshake's `auth.token`, if any."""
    return Credentials.from_environ(environ, token=token, cookie=_cookie(environ))


def _cookie(environ: dict[str, Any]) -> str | None:
    sent = environ.get("HTTP_COOKIE")
    return parse_cookie(sent).get(COOKIE) if sent else None
