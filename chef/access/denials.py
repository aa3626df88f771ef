"""A line in the log and a count for each that was refused for want of rights: a write, a login, a viewer.

Lines name the client's address, never a token. An address that is refused again and again gets so many lines
a minute, the rest is counted alone: a flood of requests must not fill the disk.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from chef.access.windows import Windows
from chef.errors import ChefError
from chef.http.addresses import client_address
from chef.settings.quotas import Quota

log = logging.getLogger(__name__)

Attempt = Literal["write", "login", "viewer"]
LINES = Quota(100, 60)
_STATUSES = (401, 403, 429)
_MOST_CHARS = 200


class Denials:
    """Tells the operator. `count` is told each attempt and its refusal's code: `write_unauthorized`."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._lines = Windows(LINES)

    def tell(self, attempt: Attempt, what: str, error: ChefError, environ: Mapping[str, Any]) -> None:
        """Note a refusal, if it is one for want of rights; `what` is told of the request."""
        if error.status not in _STATUSES:
            return
        self._count(f"{attempt}_{error.code}")
        address = client_address(environ)
        lines = self._lines.take(address)
        if lines.remaining >= 0:
            log.warning("refused %s of %s: %s", what[:_MOST_CHARS], address, error.detail[:_MOST_CHARS])
        if lines.remaining == 0:
            log.warning(
                "more refusals of %s are counted and not told for %d s", address, math.ceil(lines.seconds)
            )
