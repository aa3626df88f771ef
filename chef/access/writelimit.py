"""The rate of writes: so many requests of one token from one address within a window.

Told in the fields of draft-ietf-httpapi-ratelimit-headers-11 with each answer to a write.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chef.access.principals import Principal
from chef.access.windows import ServiceLimit, Windows
from chef.errors import TooManyRequests
from chef.http.addresses import is_near
from chef.settings.quotas import Quota

LIMIT = "rate_writes"
"""The name of this limit among the metrics."""
POLICY = "writes"
DEFAULT = Quota(600, 1)

Fields = list[tuple[str, str]]


class WriteLimit:
    """Limits writes. `quota` `None` is the default, which addresses nearby are told of and not held to.

    Those on this machine and in private networks stand for many: proxies, gateways of containers, balancers.
    `refused` is told the limit's name whenever it is met.
    """

    def __init__(self, quota: Quota | None, refused: Callable[[str], None]) -> None:
        self._spares_near = quota is None
        self._windows = Windows(DEFAULT if quota is None else quota)
        self._refused = refused
        units, window_s = self._windows.quota
        self._policy = ("RateLimit-Policy", f'"{POLICY}";q={units};w={window_s}')

    def __len__(self) -> int:
        """How many tokens and addresses it remembers."""
        return len(self._windows)

    def take(self, writer: Principal, address: str) -> ServiceLimit | None:
        """Count a write; what is left is for `fields` and `check`. `None` where nothing is limited."""
        if not self._windows.quota.units:
            return None
        return self._windows.take((writer.key, address))

    def check(self, left: ServiceLimit | None, address: str) -> None:
        """Raise TooManyRequests where no unit was left."""
        if left is None or left.remaining >= 0:
            return
        if self._spares_near and is_near(address.partition("/")[0]):
            return
        self._refused(LIMIT)
        raise TooManyRequests(
            f"more than {self._windows.quota} writes of one token from one address", retry_after=_whole(left)
        )

    def fields(self, left: ServiceLimit | None) -> Fields:
        """The fields that tell a client how much is left."""
        if left is None:
            return []
        return [self._policy, ("RateLimit", f'"{POLICY}";r={max(0, left.remaining)};t={_whole(left)}')]


def _whole(left: ServiceLimit) -> int:
    return math.ceil(left.seconds) or 1
