"""Which web pages may speak to the endpoint: none of elsewhere, and none through a name that lies.

A page of any site can have its name resolve to this machine and then post here as if to itself (DNS
rebinding). Source: MCP 2026-07-28, "Security & Endpoint".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chef.access.credentials import Credentials, is_proxied
from chef.access.origins import AllowedOrigins
from chef.errors import Forbidden
from chef.settings.checks import is_loopback_address, is_loopback_origin
from chef.settings.config import Settings


def check_origin(environ: Mapping[str, Any], settings: Settings) -> None:
    """Raise Forbidden for a request of a page of elsewhere. Agents that are no pages send no Origin."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return
    allowed = AllowedOrigins(settings.websocket_cors_origin)
    if allowed.names(origin):
        return
    is_foreign = Credentials.from_environ(environ).foreign_origin
    is_local = is_loopback_address(environ.get("REMOTE_ADDR") or "") and not is_proxied(environ)
    if is_foreign or (is_local and not is_loopback_origin(origin)):
        raise Forbidden(allowed.refusal(origin))
