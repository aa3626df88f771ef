"""Counts of what the followers of this process are sent."""

from __future__ import annotations

from chef.metrics import Count


class Deliveries:
    """Counted where it happens, on the event loop.

    `events` were handed to followers, each to each of them. `replays` are followers that began behind the
    end of a log; `pages` were read from the store for those that were behind.
    """

    __slots__ = ("events", "pages", "replays")

    def __init__(self) -> None:
        self.events = Count()
        self.replays = Count()
        self.pages = Count()
