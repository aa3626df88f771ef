"""The transport of a doorbell: short messages from any process of one store to all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Broadcast(Protocol):
    """Messages may be lost, repeated and late. A fault is raised, as the service's library has it."""

    service: str
    """Its name, for the log."""

    def publish(self, messages: Sequence[bytes]) -> None:
        """Send messages of ASCII to all that listen, this process among them. May wait for some seconds."""
        ...

    def listen(self, begun: Callable[[], None], hear: Callable[[bytes], None]) -> str:
        """Call `begun` once messages come, and `hear` with each; neither waits, but `hear` now and then lets
        others have their turn. Ends by an exception.

        Returns where messages can never come, and says why.
        """
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...
