"""What follows from a page's origin: the headers of CORS (stack-traps 13), and what is told of refusals."""

from __future__ import annotations

import logging
import math
from typing import Any

from chef.access.origins import AllowedOrigins
from chef.access.windows import Windows
from chef.settings.quotas import Quota

log = logging.getLogger(__name__)

Environ = dict[str, Any]
_LINES_OF_ONE, _LINES = Quota(5, 600), Quota(20, 60)
_MOST_ORIGINS, _MOST_CHARS = 1000, 200


class OriginCheck:
    """Requests of pages. None is sent credentials, and `*` never becomes the caller's own origin."""

    def __init__(self, allowed: AllowedOrigins) -> None:
        self._allowed = allowed
        self._told = Windows(_LINES_OF_ONE, _MOST_ORIGINS)
        self._lines = Windows(_LINES)

    def allow(self, environ: Environ) -> bool:
        """Whether the page that a request comes from may connect."""
        return self._allowed.allow(environ)

    def refusal(self, environ: Environ) -> str:
        """Tell the operator of a page that is refused; a sentence for whoever made the page is returned.

        Pages try again for ever, and requests can name any origin: each has five lines in ten minutes, all
        together have 20 in a minute.
        """
        origin = environ["HTTP_ORIGIN"]
        if self._told.take(origin[:_MOST_CHARS]).remaining >= 0:
            lines = self._lines.take(None)
            if lines.remaining >= 0:
                log.warning("%s", self._allowed.advice(origin))
            if lines.remaining == 0:
                log.warning("more refused origins are not told for %d s", math.ceil(lines.seconds))
        return self._allowed.refusal(origin)

    def headers(self, environ: Environ) -> list[tuple[str, str]]:
        """The CORS headers of an answer."""
        origin = environ.get("HTTP_ORIGIN")
        headers = []
        if origin and self.allow(environ):
            headers.append(("Access-Control-Allow-Origin", "*" if self._allowed.is_any else origin))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "OPTIONS, GET, POST"))
        if "HTTP_ACCESS_CONTROL_REQUEST_HEADERS" in environ:
            asked_for = environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"]
            headers.append(("Access-Control-Allow-Headers", asked_for))
        if origin is not None and not self._allowed.is_any:
            headers.append(("Vary", "Origin"))
        return headers
