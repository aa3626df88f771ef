"""Headers that keep the output of a build from doing anything in a viewer's browser."""

from __future__ import annotations

from flask import Flask, Response

from chef.pages.assets import Assets


def install(app: Flask, assets: Assets) -> None:
    """Send the security headers: the policy with every page, `nosniff` with everything."""

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = policy(assets)
            # Not `no-referrer`: with that a browser hides from us that our own form was sent from here.
            response.headers["Referrer-Policy"] = "same-origin"
            response.headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response


def policy(assets: Assets) -> str:
    """Everything comes from this server, nothing inline runs but the import map, nobody frames us."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {assets.import_map_source()}",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
