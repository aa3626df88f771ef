"""Plain HTTP for what is not measured by the driver: keep-alive, timed."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any


class Web:
    """A keep-alive connection to a server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._answer()

    def post(self, path: str, body: bytes | Iterable[bytes], kind: str = "application/json") -> bytes:
        """POST bytes, or blocks of them chunked as they come."""
        self._connection.request(
            "POST", path, body, {"Content-Type": kind}, encode_chunked=not isinstance(body, bytes)
        )
        return self._answer()

    def _answer(self) -> bytes:
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {body[:500]!r}")
        return body

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def times(self, paths: Sequence[str]) -> list[float]:
        """How long each takes until the whole answer is there, in ms."""
        times = []
        for path in paths:
            begun = time.perf_counter()
            self.get(path)
            times.append((time.perf_counter() - begun) * 1000)
        return times
