"""Transactions that run on PostgreSQL at the moment, each in a native thread that waits for the server.

A server whose packets are lost, or whose processes are stopped, keeps no time limit of its own: then the
event loop ends the wait.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from gevent import get_hub
from greenlet import getcurrent
from sqlalchemy import Connection

from chef.store.waits import STORE_WAIT_S
from chef.store.working import ThreadLook, thread_id

# The server gives up first where it is there, and says why.
_GRACE_S = 0.25


class SilentServer(Exception):
    """The server did not answer in time."""


@dataclass(slots=True, eq=False)
class Lease:
    """What one thread has of the server, until a time (`time.monotonic`) at which it is taken from it."""

    begun: float
    until: float
    # psycopg waits in the thread's own event loop: only there its wait can be ended.
    hub: Any
    greenlet: Any
    thread: int
    look: ThreadLook = field(default_factory=ThreadLook)
    looks: int = 0
    driver: Any = None
    interrupted: bool = False
    over: bool = False

    def is_idle(self) -> bool:
        """From the event loop: whether its thread has waited since the last look; not at the first one."""
        has_worked, self.looks = self.look.has_worked(self.thread), self.looks + 1
        return self.looks > 1 and not has_worked

    def holds(self, connection: Connection) -> None:
        """The thread has its connection."""
        self.driver = connection.connection.dbapi_connection

    def interrupt(self) -> None:
        """From the event loop: end what the thread waits for."""
        self.hub.loop.run_callback_threadsafe(self._end)

    def _end(self) -> None:
        """In the thread, while it waits."""
        if self.over:
            return
        self.interrupted = True
        if self.driver is None:
            self.greenlet.throw(SilentServer())
        elif not self.driver.closed:
            # The wait ends as it does when the server closes the connection.
            with socket.socket(fileno=os.dup(self.driver.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)


class Leases:
    """All of a pool. While the server is `away`, nobody gets one."""

    def __init__(self) -> None:
        self.away = False
        # Threads add and remove; each is one step of the interpreter.
        self._running: set[Lease] = set()

    def take(self, until: float | None) -> Lease:
        """Begin in this thread. Raises SilentServer while the server is away."""
        if self.away:
            raise SilentServer
        now = time.monotonic()
        lease = Lease(now, until or now + STORE_WAIT_S, get_hub(), getcurrent(), thread_id())
        self._running.add(lease)
        return lease

    def end(self, lease: Lease) -> None:
        """It is over, in its thread."""
        lease.over = True
        self._running.discard(lease)

    def late(self) -> list[Lease]:
        """Those whose time is over and whose threads wait: one that works on what the server sent goes on.

        To be asked now and then: that a thread works is seen from one look to the next.
        """
        now = time.monotonic() - _GRACE_S
        return [lease for lease in list(self._running) if now >= lease.until and lease.is_idle()]

    def interrupt_all(self) -> None:
        """Take the server from all that have it."""
        for lease in list(self._running):
            lease.interrupt()
