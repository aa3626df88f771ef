"""What the edges of one application work with: made in `create_app`, kept at `app.extensions["chef"]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from chef.auth import Gate
from chef.clock import Clock
from chef.config import Settings
from chef.hub import Hub
from chef.metrics import Metrics
from chef.store import Store
from chef.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Services:
    """One application's parts. `connected_clients` counts its viewers on Socket.IO."""

    settings: Settings
    store: Store
    hub: Hub
    tracker: Tracker
    gate: Gate
    metrics: Metrics
    clock: Clock
    connected_clients: Callable[[], int]

    def close(self) -> None:
        """Store what waits, then let go of everything."""
        self.store.close()
        self.hub.close()


def services() -> Services:
    """The services of the application that handles the present request."""
    found: Services = current_app.extensions["chef"]
    return found
