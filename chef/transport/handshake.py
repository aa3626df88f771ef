"""Requests of Engine.IO, checked as the protocol's text and the reference implementation do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

POLLING, WEBSOCKET = "polling", "websocket"

# Codes and messages of the reference implementation, which its clients show to developers.
_MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    4: "Forbidden",
    5: "Unsupported protocol version",
}
UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED_VERSION = _MESSAGES

_MOST_PARAMETERS = 100
_SHORT = 200

MISROUTED = (
    "this process has no such session: it has ended, or another process has it. Polling over several "
    "processes needs session affinity (sticky sessions) in the balancer; "
    'transports: ["websocket"] needs none'
)


class Refusal(Exception):
    """A request that is not served: `code` of the reference implementation, and what is wrong in words."""

    def __init__(self, code: int, detail: str, status: str = "400 Bad Request") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status

    def body(self) -> bytes:
        """The answer's body: `{"code", "message", "detail"}`."""
        return json.dumps(
            {"code": self.code, "message": _MESSAGES[self.code], "detail": self.detail}
        ).encode()


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request's wish: a transport, and the session that it is of (`None`: a new one)."""

    method: str
    transport: str
    sid: str | None


def read_request(environ: dict[str, Any]) -> EngineRequest:
    """The parameters of a request. Raises Refusal, which says what is wrong with them."""
    text = environ.get("QUERY_STRING", "")
    read = _read_again if len(text) <= _SHORT else _read
    return read(text, environ["REQUEST_METHOD"])


def _read(text: str, method: str) -> EngineRequest:
    try:
        query = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise Refusal(BAD_REQUEST, f"there are more than {_MOST_PARAMETERS} parameters") from None
    transport = _last(query, "transport")
    if transport not in (POLLING, WEBSOCKET):
        raise Refusal(UNKNOWN_TRANSPORT, "the parameter transport must be polling or websocket")
    if _last(query, "EIO") != "4":
        raise Refusal(UNSUPPORTED_VERSION, "the parameter EIO must be 4: Socket.IO clients from version 3 on")
    sid = _last(query, "sid")
    if sid is None and method != "GET":
        raise Refusal(BAD_METHOD, "a session begins with GET; later requests have the parameter sid")
    if method not in ("GET", "POST"):
        raise Refusal(BAD_METHOD, "the method must be GET or POST")
    if any(query.get("j", ())):
        # Any page could read it with a script tag, whatever origins are allowed.
        raise Refusal(BAD_REQUEST, "JSONP is not served")
    return EngineRequest(method, transport, sid)


# Nearly all viewers begin with the same words, which are looked at twice: before the upgrade and after it.
_read_again = lru_cache(maxsize=64)(_read)


def _last(query: dict[str, list[str]], name: str) -> str | None:
    """A parameter's value; of several the last, as in the reference implementation.

    A client may add `EIO` or `transport` to an address that has them already.
    """
    values = query.get(name)
    return (values[-1] or None) if values else None
