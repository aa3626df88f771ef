"""One job's or one project's log as this process knows it: the newest entries, and the store behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import gevent

from chef.errors import StoreUnavailable
from chef.live.deliveries import Deliveries
from chef.live.events import Published
from chef.live.ring import Ring
from chef.store import Store

RETRY_S = 1.0
"""Until a store that did not answer is asked again."""


class Loader(Protocol):
    """Reads a log from the store; waits, and raises StoreUnavailable."""

    def load(self, after: int) -> list[Published]:
        """The next page after a position."""
        ...

    def restart(self) -> None:
        """Another log has the name from now on."""
        ...


class JobLoader:
    """A job's log, in the order of its seq."""

    def __init__(self, store: Store, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self._project_id: str | None = None

    def load(self, after: int) -> list[Published]:
        """The next page after a seq."""
        entries = self._store.entries(self._job_id, after)
        if entries and self._project_id is None:
            job = self._store.job(self._job_id)
            self._project_id = job.project_id if job else None
        return [Published(entry, self._job_id, self._project_id or "", "job") for entry in entries]

    def restart(self) -> None:
        """The next job of that id may be another project's."""
        self._project_id = None


class ProjectLoader:
    """The progress and endings of a project's jobs, in the order of its project seq."""

    def __init__(self, store: Store, project_id: str) -> None:
        self._store = store
        self._project_id = project_id

    def load(self, after: int) -> list[Published]:
        """The next page after a project seq."""
        entries = self._store.project_entries(self._project_id, after)
        return [Published(entry, "", self._project_id, "project") for entry in entries]

    def restart(self) -> None:
        """Nothing is remembered of a project."""


class Feed(ABC):
    """A log to be followed. `life` counts the logs that have had its name.

    What was read of an earlier one, or before a part was erased, is not for its followers. `ended` tells
    that it has none any more.
    """

    def __init__(self, loader: Loader, max_bytes: int, deliveries: Deliveries) -> None:
        self.ring: Ring[Published] = Ring(max_bytes)
        self.deliveries = deliveries
        self.life = 0
        self.ended = False
        self._loader = loader
        self._erasures = 0
        self._filling = False

    @property
    def head(self) -> int:
        """The highest position known to be stored."""
        return self.ring.head

    @abstractmethod
    def flush_soon(self) -> None:
        """Wake the followers, in the next pass."""

    def append(self, published: Published) -> None:
        """Take a new entry."""
        self.ring.append(published)
        self.flush_soon()

    def raise_head(self, head: int) -> None:
        """Somebody saw the store at `head`: wake the followers that are behind it."""
        if self.ring.raise_head(head):
            self.flush_soon()

    def restart(self, head: int) -> None:
        """The log was removed, and one that goes up to `head` has its name."""
        self.life += 1
        self.ring.restart(head)
        self._loader.restart()
        self.flush_soon()

    def forget_entries(self) -> None:
        """A part of the log was erased: what is left of it is read anew."""
        self._erasures += 1
        self.ring.forget()
        self.flush_soon()

    def page(self, after: int) -> Sequence[Published] | None:
        """The next entries after a position: out of the ring, else out of the store, for which it waits.

        Empty at the end. `None` where it is another log meanwhile, or less of it. Raises StoreUnavailable.
        """
        page = self.ring.after(after)
        if page:
            return page
        before = self.life, self._erasures
        page = self._loader.load(after)
        self.deliveries.pages.inc()
        return page if before == (self.life, self._erasures) else None

    def fill(self) -> None:
        """Read what another process wrote into the ring, once for all followers."""
        if not self._filling:
            self._filling = True
            gevent.spawn(self._load_into_ring)

    def _load_into_ring(self) -> None:
        try:
            while not self.ended and self.ring.end is not None and self.ring.end < self.head:
                page = self.page(self.ring.end)
                if page is None:
                    continue
                if not page:
                    break
                for published in page:
                    self.ring.append(published)
                self.flush_soon()
        except StoreUnavailable:
            gevent.sleep(RETRY_S)
            self.flush_soon()
        finally:
            self._filling = False
