"""Updates, batches and stores for tests of Chef's core, in few words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chef.domain.batches import Batch, Item
from chef.domain.model import LogPiece, Update, UpdateType
from chef.domain.segments import Segmenter
from chef.settings.config import Settings
from chef.store import Store
from chef.wire.digest import content_digest

AT = 1_700_000_000_000
"""When things happen in tests, ms: 2023-11-14T22:13:20Z."""


def update(
    type: UpdateType = "progress", job_id: str = "job", project_id: str | None = "web", **fields: Any
) -> Update:
    """An update, of one job of one project unless said otherwise."""
    return Update(type, job_id, project_id, **fields)


def log(message: str, **fields: Any) -> Update:
    """A log update."""
    return update("log", message=message, **fields)


def piece(data: bytes, job_id: str = "job", **fields: Any) -> LogPiece:
    """A whole log body."""
    segmenter = Segmenter(65536)
    segments, rest = segmenter.feed(data), segmenter.finish()
    segments = [*segments, *rest] if rest else segments
    return LogPiece(job_id, segments, **({"project_id": "web"} | fields))


def batch(*updates: Update | LogPiece, at: int = AT, allowed: frozenset[str] | None = None) -> Batch:
    """A request body."""
    items = tuple(
        Item(one, content_digest(one) if isinstance(one, Update) and one.id is not None else b"")
        for one in updates
    )
    return Batch(items, at, allowed)


@contextmanager
def open_store(url: str, **settings: Any) -> Iterator[Store]:
    """A store on a database; several on one database are as good as several processes."""
    store = Store(Settings(database_url=url, **settings))
    try:
        yield store
    finally:
        store.close()
