"""The address at which a request found this server, from a WSGI environ.

For the client's own address see `chef.http.addresses.client_address`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chef.http.environ import CLIENT_HEADER, TRUSTED_PROXIES
from chef.http.names import environ_key
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
    """Whether the client came over https, to this server or to the proxy before it."""
    forwarded = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
    return environ.get("wsgi.url_scheme") == "https" or forwarded == "https"


def origin(environ: Mapping[str, Any]) -> str:
    """This server as the client calls it: `https://chef.example`. A name that can be none is left out."""
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    scheme = "https" if is_https(environ) else "http"
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"
