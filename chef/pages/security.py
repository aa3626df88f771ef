"""Headers that keep the output of a build from doing anything in a viewer's browser."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from chef.access.addresses import is_https
from chef.pages.assets import Assets
from chef.pages.sharedaddresses import SHARED
from chef.services import services
from chef.settings.checks import bare_host

_YEAR_S = 365 * 24 * 3600


def install(app: Flask, assets: Assets) -> None:
    """Send the security headers: the policy with every page, the rest with everything."""

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if is_https(request.environ) and not _is_of_this_machine(request.environ):
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        if SHARED in request.environ:
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = policy(assets, _ancestors(request.path))
            # Not `no-referrer`: with that a browser hides from us that our own form was sent from here.
            # The address of a share link is a secret, and its page has no form.
            referrer = "no-referrer" if SHARED in request.environ else "same-origin"
            response.headers["Referrer-Policy"] = referrer
            response.headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response


def _is_of_this_machine(environ: dict[str, Any]) -> bool:
    """Whether it was asked for as `localhost`, all servers of which a browser would then ask by https."""
    name = bare_host(environ.get("HTTP_HOST", ""))
    return name == "localhost" or name.endswith(".localhost")


def _ancestors(path: str) -> str:
    """Whose pages may show a page in a frame: those of the setting, and only what is made for frames."""
    allowed = services().settings.frame_ancestors if path.startswith("/embed/") else None
    return " ".join(allowed) if allowed else "'none'"


def policy(assets: Assets, ancestors: str) -> str:
    """Everything comes from this server, nothing inline runs but the import map, `ancestors` may frame it."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {assets.import_map_source()}",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            f"frame-ancestors {ancestors}",
        ]
    )
