"""Where a cursor's events go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chef.live.events import Form


class Wire(Protocol):
    """A connection whose socket may be written to without a detour, as long as nothing waits before it."""

    @property
    def direct_send(self) -> Callable[[bytes], int] | None:
        """The socket's own non-blocking `send`; `None` while something waits, and behind the end."""
        ...

    def keep(self, data: bytes, sent: int) -> None:
        """Send later what the socket did not take: all but the first `sent` bytes."""
        ...

    def failed(self, error: OSError) -> int:
        """Take note of an error of the socket's `send`; returns how many bytes it took all the same."""
        ...


class Sink(Protocol):
    """Where a cursor's frames go: one viewer's connection."""

    @property
    def form(self) -> Form:
        """How its viewer takes events."""
        ...

    @property
    def wire(self) -> Wire | None:
        """Its connection, where that takes the bytes of a frame as they are."""
        ...

    def ready(self) -> bool:
        """Whether it takes more now. Once it does again it wakes its cursors."""
        ...

    def send(self, frames: Sequence[Any]) -> None:
        """Take these frames; never waits."""
        ...
