"""Messages of one client that wait to be handled: in order, one at a time, by a greenlet that is lent."""

from __future__ import annotations

from itertools import count as count_from
from typing import Any, Protocol

import gevent

from chef.greenlets import Workers

# Messages of one client that are handled before others have their turn.
_SLICE = 8
# Messages and bytes that wait unhandled: beyond this the client is not read.
_MOST_WAITING = 64
_MOST_WAITING_BYTES = 64 * 1024


class Receiver(Protocol):
    """The session that messages are for."""

    @property
    def ready(self) -> bool:
        """Whether its client takes answers now; one that does not has its messages wait."""
        ...

    def receive(self, message: Any) -> None:
        """Handle the next message; it may wait."""
        ...

    def caught_up(self) -> None:
        """All messages have been handled: more may be read."""
        ...


class Inbox:
    """The messages that wait for one receiver, and the worker that handles them while some do."""

    __slots__ = ("_bytes", "_messages", "_receiver", "_workers", "_works")

    def __init__(self, receiver: Receiver, workers: Workers) -> None:
        self._receiver = receiver
        self._workers = workers
        self._messages: list[Any] = []
        self._bytes = 0
        self._works = False

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more should be read."""
        return len(self._messages) >= _MOST_WAITING or self._bytes >= _MOST_WAITING_BYTES

    def put(self, message: Any) -> None:
        """Have this handled after what waits; never waits itself."""
        self._messages.append(message)
        self._bytes += _size(message)
        self.work_soon()

    def work_soon(self) -> None:
        """Go on with what waits, if anything does."""
        if self._messages and not self._works:
            self._works = True
            self._workers.run(self._work)

    def clear(self) -> None:
        """Forget what waits."""
        self._messages.clear()
        self._bytes = 0

    def _work(self) -> None:
        """Handle what waits; answers that the client does not take hold it up."""
        receiver = self._receiver
        try:
            for count in count_from(1):
                if count % _SLICE == 0:
                    gevent.sleep(0)
                if not self._messages or not receiver.ready:
                    break
                message = self._messages.pop(0)
                self._bytes -= _size(message)
                receiver.receive(message)
        finally:
            self._works = False
        if not self._messages:
            receiver.caught_up()


def _size(message: Any) -> int:
    return len(message) if isinstance(message, str | bytes) else 0
