"""Where a cursor's events go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from chef.live.events import Form


class Sink(Protocol):
    """Where a cursor's frames go: one viewer's connection."""

    @property
    def form(self) -> Form:
        """How its viewer takes events."""
        ...

    def ready(self) -> bool:
        """Whether it takes more now. Once it does again it wakes its cursors."""
        ...

    def send(self, frames: Sequence[Any]) -> None:
        """Take these frames; never waits."""
        ...
