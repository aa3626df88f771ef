"""Whose pages may speak to this server: one rule for Socket.IO, CORS and agents (contract section 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from chef.access.addresses import is_own_origin
from chef.settings.originpatterns import is_one_origin, matching

_SETTING = "WEBSOCKET_CORS_ORIGIN"
_MOST_CHARS = 200


class AllowedOrigins:
    """The origins of `WEBSOCKET_CORS_ORIGIN`, given in its normal form; `None`: the server's own alone.

    An origin is compared as browsers send it: in lower case, without a default port.
    """

    def __init__(self, setting: Literal["*"] | tuple[str, ...] | None) -> None:
        self.is_any = setting == "*"
        self._named = () if setting is None or setting == "*" else setting
        self.patterns: list[re.Pattern[str]] = [matching(one) for one in self._named]
        """An expression for each entry of a list."""

    def names(self, origin: str) -> bool:
        """Whether the setting names an origin, by itself or with others."""
        return self.is_any or any(one.match(origin) for one in self.patterns)

    def allow(self, environ: Mapping[str, Any]) -> bool:
        """Whether the page that a request comes from may connect; what is no page says no origin."""
        origin = environ.get("HTTP_ORIGIN")
        return not origin or self.names(origin) or is_own_origin(environ)

    def refusal(self, origin: str) -> str:
        """For the page's developer: a sentence with the setting and the value that would let the page in."""
        value = _admitting(origin)
        beside = ", beside what it has now" if self._named and value != "*" else ""
        return f"{_refused(origin)}: {_SETTING}={value} lets them in{beside}"

    def advice(self, origin: str) -> str:
        """For the operator: the same with the whole value of the setting."""
        value = _admitting(origin)
        whole = value if value == "*" else ",".join((*self._named, value))
        return f"{_refused(origin)}: {_SETTING}={whole} lets them in"


def _refused(origin: str) -> str:
    return f"pages of {origin[:_MOST_CHARS]!a} may not connect"


def _admitting(origin: str) -> str:
    """The value for an origin; any that is none, as `null` of a sandboxed page, is let in by `*` alone."""
    return origin if is_one_origin(origin) else "*"
