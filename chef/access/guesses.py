"""Guessing a token costs: wrong ones are counted by the address that they come from.

An address that has sent as many as it may is blocked for the rest of its window: further wrong tokens are
answered 429, and are not told apart from right ones that could be guessed. What is right and too long to be
guessed is taken all the same. Many builds share an address (CI fleets, offices, proxies that nobody has told
Chef of), and one of them with a wrong token, or a stranger, must not shut out the others; a limit of some
tries a minute adds nothing to 128 random bits.

A short token (`SHORT_TOKEN_CHARS`, warned about at start) is what the limit protects. From a blocked address
it is taken only where it was taken from the same address before.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable

from chef.access.windows import Windows
from chef.errors import TooManyRequests
from chef.settings.config import SHORT_TOKEN_CHARS
from chef.settings.quotas import Quota

log = logging.getLogger(__name__)

LIMIT = "rate_failures"
"""The name of this limit among the metrics."""
_MOST_KNOWN = 10_000


class GuessLimit:
    """The wrong tokens of each address. `refused` is told the limit's name whenever it is met."""

    def __init__(self, quota: Quota, refused: Callable[[str], None]) -> None:
        self._windows = Windows(quota)
        self._refused = refused
        # Short tokens that were right, by the address they came from; as hashes, the newest last.
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()

    def wrong(self, address: str) -> None:
        """Count a wrong token. Raises TooManyRequests where that was one too many."""
        if not self._is_on:
            return
        left = self._windows.take(address)
        if left.remaining == 0:
            quota = self._windows.quota
            log.warning(
                "%s sent %d wrong tokens (%s): blocked for %d s",
                address,
                quota.units,
                quota,
                math.ceil(left.seconds),
            )
        if left.remaining < 0:
            self._refuse(left.seconds)

    def right(self, token: str, address: str) -> None:
        """A token is right. Raises TooManyRequests for one that may have been guessed."""
        if not self._is_on or len(token) >= SHORT_TOKEN_CHARS:
            return
        key = (hash(token), address)  # Python's hash is another one in each process.
        left = self._windows.look(address)
        if left.remaining < 0 and key not in self._known:
            self._refuse(left.seconds)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    @property
    def _is_on(self) -> bool:
        return self._windows.quota.units > 0

    def _refuse(self, seconds: float) -> None:
        self._refused(LIMIT)
        after = max(1, math.ceil(seconds))
        raise TooManyRequests(
            f"too many wrong tokens came from this address: wait {after} seconds", retry_after=after
        )
