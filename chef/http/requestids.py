"""Ids of requests: what an answer, a problem document and lines of the log have in common."""

from __future__ import annotations

import re
import secrets
import threading
from itertools import count

HEADER = "X-Request-Id"
# What can stand in a log, an address and a search as it is.
_HARMLESS = re.compile(r"[A-Za-z0-9._~:@+/=-]{1,128}")


class _Present(threading.local):
    """Of each greenlet its own, since gevent has patched what this is made of."""

    id: str | None = None


present = _Present()
"""`id` is that of the request which the running greenlet answers, `None` beside requests."""


class RequestIds:
    """Makes the ids of one server."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def of(self, sent: str | None) -> str:
        """The id that the client or a proxy has given a request, if it is harmless, else a new one."""
        if sent is not None and _HARMLESS.fullmatch(sent):
            return sent
        return f"{self._prefix}-{next(self._numbers):x}"
