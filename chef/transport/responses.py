"""Answers over HTTP to Engine.IO's requests."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

from chef.transport.enginepackets import Packets, encode_body

# Longer answers to polls are compressed for clients that take that, at the level that costs least.
_COMPRESSED_BYTES, _LEVEL = 1024, 1
_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PollResponse:
    """An answer to a request of Engine.IO; `headers` are those besides its type and length."""

    body: bytes
    content_type: str = "text/plain; charset=UTF-8"
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, start_response: Any, cors: Headers) -> list[bytes]:
        """Answer by the rules of WSGI, with the CORS headers that the request's origin is given."""
        own = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        start_response(self.status, [*own, *_ALWAYS, *self.headers, *cors])
        return [self.body]


OK = PollResponse(b"ok")


def packets_response(environ: dict[str, Any], packets: Packets) -> PollResponse:
    """An answer that carries packets, compressed where that is of use."""
    body = encode_body(packets)
    if len(body) < _COMPRESSED_BYTES or not _takes_gzip(environ):
        return PollResponse(body)
    headers = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return PollResponse(gzip.compress(body, _LEVEL), headers=headers)


def _takes_gzip(environ: dict[str, Any]) -> bool:
    return any(
        coding.strip().lower() in ("gzip", "gzip;q=1", "gzip;q=1.0")
        for coding in environ.get("HTTP_ACCEPT_ENCODING", "").split(",")
    )
