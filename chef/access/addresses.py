"""The address at which a request found this server, from a WSGI environ.

For the client's own address see `chef.http.addresses.client_address`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chef.http.addresses import believed
from chef.http.environ import CLIENT_HEADER, TRUSTED_PROXIES
from chef.http.names import environ_key
from chef.settings.checks import same_place
from chef.settings.config import Settings

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")


def of_proxies(settings: Settings) -> dict[str, Any]:
    """The part of every environ that says which proxies are believed."""
    header = settings.client_header
    return {
        TRUSTED_PROXIES: settings.trusted_proxies,
        CLIENT_HEADER: environ_key(header) if header is not None else None,
    }


def is_https(environ: Mapping[str, Any]) -> bool:
    """Whether the client came over https, to this server or to the proxy before it.

    A client that says so falsely misleads itself alone, so it need not be a proxy that is believed. A proxy
    that says nothing is found out where a page of ours names its origin, as it does in every form.
    """
    said = _said(environ, "HTTP_X_FORWARDED_PROTO")
    scheme = environ.get("wsgi.url_scheme") if said is None else said.lower()
    return scheme == "https" or (
        str(environ.get("HTTP_ORIGIN", "")).startswith("https:") and is_own_origin(environ)
    )


def origin(environ: Mapping[str, Any]) -> str:
    """This server as the client calls it: `https://chef.example`. A name that can be none is left out."""
    named = _said(environ, "HTTP_X_FORWARDED_HOST") if environ.get(TRUSTED_PROXIES) else None
    host = named or environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    scheme = "https" if is_https(environ) else "http"
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


def is_own_origin(environ: Mapping[str, Any]) -> bool:
    """Whether a request comes from a page of this server: of the host and port that it was asked for.

    The scheme may be either one, since a proxy that ends TLS need not say so. `X-Forwarded-Host` is taken
    from anybody: a page elsewhere cannot have a browser send it, neither with a WebSocket nor past CORS.
    """
    page = environ.get("HTTP_ORIGIN", "")
    named = environ.get("HTTP_X_FORWARDED_HOST", "").split(",")
    return any(same_place(page, host) for host in (environ.get("HTTP_HOST", ""), *named))


def _said(environ: Mapping[str, Any], key: str) -> str | None:
    """The word of the outermost proxy: of those that are believed, or, where none is, of the first."""
    value = environ.get(key)
    trusted = environ.get(TRUSTED_PROXIES)
    return believed(value, trusted) if trusted else (value or "").split(",")[0].strip() or None
