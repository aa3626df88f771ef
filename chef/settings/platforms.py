"""Defaults that follow from the platform that a server runs on.

Each platform has a router of its own before the server, and says in the environment that it is there.
Sources: the platforms' documentation of their variables and request headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Heroku's router ends a request of whose answer nothing has come within 30 seconds.
_HEROKU_WAIT_S = 25


class Platform(NamedTuple):
    """A platform: the variable that tells it, and the header in which its router names the client.

    Without one it is the last entry of `X-Forwarded-For`. Others write more behind the client there, Fly the
    application's own address, Render and Railway the edge that was asked; their own header is always theirs.
    """

    variable: str
    client_header: str | None = None


PLATFORMS = (
    Platform("DYNO"),  # Heroku, Dokku
    Platform("RENDER", "CF-Connecting-IP"),
    Platform("FLY_APP_NAME", "Fly-Client-IP"),
    Platform("RAILWAY_PROJECT_ID", "X-Real-IP"),
    Platform("K_SERVICE"),  # Google Cloud Run
    Platform("WEBSITE_SITE_NAME"),  # Azure App Service
)


def platform_defaults(environ: Mapping[str, str]) -> dict[str, Any]:
    """Values of settings, by their field, that the platform asks for where an operator says nothing."""
    defaults: dict[str, Any] = {"max_wait": _HEROKU_WAIT_S} if "DYNO" in environ else {}
    for platform in PLATFORMS:
        if environ.get(platform.variable):
            return defaults | {"trusted_proxies": 1, "client_header": platform.client_header}
    return defaults
