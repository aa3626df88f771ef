"""Origins whose pages may connect, and the CORS headers that follow from that (stack-traps 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chef.access.addresses import is_own_origin

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
        return origin == self._allowed if self._allowed else is_own_origin(environ)

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
