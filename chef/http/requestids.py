"""Ids of requests: what an answer, a problem document and lines of the log have in common."""

from __future__ import annotations

import re
import secrets
from itertools import count
from typing import Any

from greenlet import getcurrent

HEADER = "X-Request-Id"
# What can stand in a log, an address and a search as it is.
_HARMLESS = re.compile(r"[A-Za-z0-9._~:@+/=-]{1,128}")
_ATTRIBUTE = "chef_answering"


class Answering:
    """The request that a greenlet answers at the moment, by its id; `None`: none."""

    __slots__ = ("request_id",)

    def __init__(self) -> None:
        self.request_id: str | None = None


def answering() -> Answering:
    """What the running greenlet answers.

    It is kept at the greenlet itself: a `threading.local` takes four times as long, and context variables are
    inherited by whatever a request starts.
    """
    this: Any = getcurrent()
    found: Answering | None = getattr(this, _ATTRIBUTE, None)
    if found is None:
        found = Answering()
        setattr(this, _ATTRIBUTE, found)
    return found


def present_id() -> str | None:
    """The id of the request that the running greenlet answers."""
    found: Answering | None = getattr(getcurrent(), _ATTRIBUTE, None)
    return None if found is None else found.request_id


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
