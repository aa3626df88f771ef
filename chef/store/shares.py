"""The share links of a store: made, found by their ids, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from chef.access.shares import Share
from chef.store.sharequeries import (
    AT_ONCE,
    add_share,
    end_share,
    find_share_key,
    found_shares,
    shares_of,
)
from chef.store.upkeep import Transact

Commit = Callable[[Callable[[Connection], None]], object]
"""Has something written in the next commit; returns when that is on disk."""


class ShareRows:
    """The shares of a store. What writes is on disk when it returns; all raise StoreUnavailable."""

    def __init__(self, read: Transact, commit: Commit) -> None:
        self._read = read
        self._commit = commit

    def key(self) -> bytes:
        """The key that signs links."""
        return self._read(find_share_key)

    def found(self, ids: Sequence[str]) -> list[Share]:
        """Those of some shares that there still are, whether or not their time is over."""
        parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
        return [share for part in parts for share in self._found(part)]

    def _found(self, ids: Sequence[str]) -> list[Share]:
        return self._read(lambda connection: found_shares(connection, ids))

    def of(self, project_id: str, job_id: str | None, now: int) -> list[Share]:
        """The newest shares of a job, or of a project as a whole, that hold at a time (ms)."""
        return self._read(lambda connection: shares_of(connection, project_id, job_id, now))

    def add(self, share: Share) -> None:
        """Keep a new share; those whose time was over when it began are forgotten."""
        self._commit(lambda connection: add_share(connection, share))

    def end(self, share_id: str) -> None:
        """End a share, if it has not ended."""
        self._commit(lambda connection: end_share(connection, share_id))
