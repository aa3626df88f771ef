"""Share links as this process knows them: whether one holds, and whoever is to be told when it ends.

A link that was ended is refused a second later at the latest, on all processes: what was read of the store
counts for so long. Once a second the store is asked, in one query, for the links by which somebody follows
something; a message between processes could be lost, and would save nothing where no link is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from chef.access.shares import Share, share_id_of, share_token
from chef.domain.clock import Clock
from chef.errors import ShareEnded, WrongToken
from chef.live.background import BackgroundTask
from chef.store import Store

log = logging.getLogger(__name__)

KEEP_S = 1.0
"""So long what was read of a link counts."""

_MOST_KNOWN = 10_000

Ended = Callable[[], None]
"""Is called once when a link ends, in a greenlet or the loop; it must not wait."""


class _LookedUp(NamedTuple):
    """A share as it was read, `None` where there was none; `until` it counts (monotonic seconds)."""

    share: Share | None
    until: float


class ShareBook:
    """The share links of a store. `clock` gives milliseconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._key: bytes | None = None
        self._known: dict[str, _LookedUp] = {}
        self._watched: dict[str, dict[object, Ended]] = {}
        self._task = BackgroundTask(self._look, "whether share links have ended is not known")

    def close(self) -> None:
        """Look after nobody any more."""
        self._task.close()

    def find(self, token: str) -> Share:
        """The share of a token.

        Raises WrongToken where this store never signed it, ShareEnded where it has ended, StoreUnavailable.
        """
        share_id = share_id_of(token, self._signing_key())
        if share_id is None:
            raise WrongToken("the share link is not known here")
        share = self._look_up(share_id)
        if share is None or share.expires_at <= self._clock():
            raise ShareEnded
        return share

    def check(self, share: Share | None) -> None:
        """Raise ShareEnded for one that has ended since it was found; `None` is no link, and does not end."""
        if share is not None and (self._look_up(share.id) is None or share.expires_at <= self._clock()):
            raise ShareEnded

    def find_by_id(self, share_id: str) -> Share | None:
        """A share as the store has it now."""
        return next(iter(self._store.shares.found([share_id])), None)

    def token(self, share: Share) -> str:
        """The token of a share."""
        return share_token(share.id, self._signing_key())

    def add(self, share: Share) -> None:
        """Keep a new share."""
        self._store.shares.add(share)

    def end(self, share_id: str) -> None:
        """End a share: here at once, elsewhere within a second."""
        self._store.shares.end(share_id)
        self._remember(share_id, None)
        self._tell(share_id)

    def watch(self, share: Share, ended: Ended) -> Callable[[], None]:
        """Have `ended` called when a link ends. What is returned has it called no more."""
        key = object()
        self._watched.setdefault(share.id, {})[key] = ended
        self._task.start(KEEP_S)

        def leave() -> None:
            watching = self._watched.get(share.id, {})
            watching.pop(key, None)
            if not watching:
                self._watched.pop(share.id, None)

        return leave

    def _signing_key(self) -> bytes:
        if self._key is None:
            self._key = self._store.shares.key()
        return self._key

    def _look_up(self, share_id: str) -> Share | None:
        known = self._known.get(share_id)
        if known is not None and known.until > monotonic():
            return known.share
        return self._remember(share_id, self.find_by_id(share_id))

    def _remember(self, share_id: str, share: Share | None) -> Share | None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[share_id] = _LookedUp(share, monotonic() + KEEP_S)
        return share

    def _look(self) -> None:
        """Look whether the links that somebody follows by still hold."""
        ids = list(self._watched)
        if not ids:
            return
        now = self._clock()
        holding = {share.id for share in self._store.shares.found(ids) if share.expires_at > now}
        for share_id in ids:
            if share_id not in holding:
                self._tell(share_id)

    def _tell(self, share_id: str) -> None:
        for ended in self._watched.pop(share_id, {}).values():
            try:
                ended()
            except Exception:
                log.exception("a follower by a share link could not be sent away")
