"""The things that all connections of a server share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time
from typing import Any

from chef.http.connections import Connections, Limits
from chef.http.refusals import Document
from chef.http.requestids import RequestIds

Environ = dict[str, Any]
Application = Callable[..., Iterable[bytes]]
"""A WSGI application (PEP 3333)."""
MayUpgrade = Callable[[Environ], bool]


class DateField:
    """The Date field of an answer, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = ""

    def __call__(self) -> str:
        now = int(time())
        if self._second != now:
            self._second = now
            self._line = f"Date: {formatdate(now, usegmt=True)}"
        return self._line


@dataclass(slots=True)
class Site:
    """The application that a server serves, and the rules for it.

    `may_upgrade` says of an environ whether the request may become a WebSocket, `document` makes the body
    of what the server itself refuses, `environ` is what all requests have in common.
    """

    application: Application
    may_upgrade: MayUpgrade
    document: Document
    limits: Limits
    connections: Connections
    environ: Environ = field(default_factory=dict)
    busy: set[object] = field(default_factory=set)
    """The handlers that have a request to answer."""
    closing: bool = False
    """Whether the server stops, so that no connection outlives its request."""
    date: DateField = field(default_factory=DateField)
    request_ids: RequestIds = field(default_factory=RequestIds)
