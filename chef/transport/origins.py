"""Origins whose pages may connect, and the CORS headers that follow from that (stack-traps 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Environ = dict[str, Any]
AllowedOrigins = str | Callable[[str | None, Environ], bool] | None
"""`"*"` for all, a function that decides, or `None`: this server's own origin alone."""


class Origins:
    """The origins that are allowed. None is sent credentials, and `*` never becomes the caller's own."""

    def __init__(self, allowed: AllowedOrigins) -> None:
        self._allowed = allowed

    def allow(self, environ: Environ) -> bool:
        """Whether the page that a request comes from may connect; what is no page says no origin."""
        origin = environ.get("HTTP_ORIGIN")
        if not origin or self._allowed == "*":
            return True
        if callable(self._allowed):
            return self._allowed(origin, environ)
        return origin == self._allowed if self._allowed else origin in _own(environ)

    def headers(self, environ: Environ) -> list[tuple[str, str]]:
        """The CORS headers of an answer."""
        origin = environ.get("HTTP_ORIGIN")
        headers = []
        if origin and self.allow(environ):
            headers.append(("Access-Control-Allow-Origin", "*" if self._allowed == "*" else origin))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "OPTIONS, GET, POST"))
        if "HTTP_ACCESS_CONTROL_REQUEST_HEADERS" in environ:
            asked_for = environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"]
            headers.append(("Access-Control-Allow-Headers", asked_for))
        if origin is not None and self._allowed != "*":
            headers.append(("Vary", "Origin"))
        return headers


def _own(environ: dict[str, Any]) -> list[str]:
    """This server's origin as it sees it, and as a proxy in front says that its clients do."""
    if "HTTP_HOST" not in environ:
        return []
    scheme: str = environ["wsgi.url_scheme"]
    host: str = environ["HTTP_HOST"]
    proxys_scheme = environ.get("HTTP_X_FORWARDED_PROTO", scheme).split(",")[0].strip()
    proxys_host = environ.get("HTTP_X_FORWARDED_HOST", host).split(",")[0].strip()
    return [f"{scheme}://{host}", f"{proxys_scheme}://{proxys_host}"]
