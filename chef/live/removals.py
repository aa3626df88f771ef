"""What was erased, here or by another process: forgotten by this process, and told to followers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chef.domain.removals import Removal, removal_event
from chef.live.events import Event
from chef.live.hub import Hub
from chef.store import Store

Forget = Callable[[Removal], None]


class Removals:
    """Takes removals, each once; `forget` are told first, and must not wait."""

    def __init__(self, hub: Hub, store: Store, *forget: Forget) -> None:
        self._hub = hub
        self._store = store
        self._forget = forget
        self._last = store.last_removal()
        # Behind the last that was looked for: those of this process, which need no looking for.
        self._taken: set[int] = set()
        hub.look_for_removals = self.look

    def take(self, removals: Iterable[Removal]) -> None:
        """Forget and tell what this process has erased. Never waits."""
        for removal in removals:
            self._taken.add(removal.number)
            self._tell(removal)

    def look(self) -> None:
        """Find what other processes have erased; waits, and raises StoreUnavailable."""
        while found := self._store.removals_after(self._last):
            for removal in found:
                if removal.number not in self._taken:
                    self._tell(removal)
            self._last = found[-1].number
            self._taken = {number for number in self._taken if number > self._last}

    def _tell(self, removal: Removal) -> None:
        for forget in self._forget:
            forget(removal)
        name, data = removal_event(removal)
        self._hub.remove(removal, Event(name, 0, data, ""))
