"""Answers of the server itself: to what is no request, and where no application is asked."""

from __future__ import annotations

from collections.abc import Callable

from chef.http.heads import Refused
from chef.http.requestids import HEADER, present_id

PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    417: "Expectation Failed",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
"""The reason phrases of what a server refuses (RFC 9110, 15; RFC 6585)."""

Document = Callable[[Refused], tuple[str, bytes]]
"""Makes the body of a refusal: its media type and its bytes."""

_RETRY_AFTER = ("Retry-After: 5",)
FULL = Refused(503, "the server has all the connections it may have", "connections", _RETRY_AFTER)
TOO_MANY = Refused(
    429, "this address has all the connections it may have", "connections_per_address", _RETRY_AFTER
)
FAILED = Refused(500, "an internal error of the server; its log has the details")


def plain_text(refused: Refused) -> tuple[str, bytes]:
    """A refusal in one line."""
    return "text/plain", refused.detail.encode() + b"\n"


def refusal(refused: Refused, document: Document) -> bytes:
    """The whole answer, which is also the end of its connection."""
    media_type, body = document(refused)
    lines = [
        f"HTTP/1.1 {refused.status} {PHRASES[refused.status]}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *refused.fields,
    ]
    request_id = present_id()
    if request_id is not None:
        lines.append(f"{HEADER}: {request_id}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
