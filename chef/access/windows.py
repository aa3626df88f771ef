"""Counts within windows of time, one for each of many keys: bounded memory, and constant time for each.

A key's window begins with the first unit that it takes, and ends after the quota's seconds. All windows are
equally long, so the oldest is always the first in the table: each new one pushes out two that are over, and
where the table is full, the oldest, over or not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic

from msgspec import Struct

from chef.settings.quotas import Quota

MOST_WINDOWS = 100_000


class ServiceLimit(Struct, frozen=True):
    """The rest of a quota (draft-ietf-httpapi-ratelimit-headers-11, section 2).

    `remaining` units, -1 where the one that was asked for is not left, within `seconds`.
    """

    remaining: int
    seconds: float


class Windows:
    """The windows of a quota by key. `clock` gives seconds that never go back."""

    def __init__(
        self, quota: Quota, most: int = MOST_WINDOWS, clock: Callable[[], float] = monotonic
    ) -> None:
        self.quota = quota
        self._most = most
        self._clock = clock
        # When each ends and what was taken in it. The garbage collector does not look into such tuples.
        self._windows: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def take(self, key: Hashable) -> ServiceLimit:
        """Take one unit, if there is one left."""
        now = self._clock()
        units = self.quota.units
        window = self._windows.get(key)
        if window is None or window[0] <= now:
            self._begin(key, now)
            return ServiceLimit(units - 1, self.quota.window_s)
        ends, taken = window
        if taken >= units:
            return ServiceLimit(-1, ends - now)
        self._windows[key] = (ends, taken + 1)
        return ServiceLimit(units - taken - 1, ends - now)

    def look(self, key: Hashable) -> ServiceLimit:
        """The answer that `take` would give, without taking anything."""
        now = self._clock()
        ends, taken = self._windows.get(key, (now, 0))
        left = self.quota.units - taken if ends > now else self.quota.units
        return ServiceLimit(left - 1, max(0.0, ends - now))

    def _begin(self, key: Hashable, now: float) -> None:
        windows = self._windows
        windows.pop(key, None)
        for _ in range(2):
            oldest = next(iter(windows), None)
            if oldest is None or (windows[oldest][0] > now and len(windows) < self._most):
                break
            del windows[oldest]
        windows[key] = (now + self.quota.window_s, 1)
