"""A PostgreSQL server that does not answer: nobody goes on asking it, and it is looked for until it does.

A circuit breaker (https://martinfowler.com/bliki/CircuitBreaker.html) whose trial is no request of anybody.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import gevent

from chef.store.engine import ConnectionPool

if TYPE_CHECKING:
    from chef.store.postgres import PostgresServer

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
# The loop itself stood still for so long: then nothing is known of the server.
_STALL_S = 1.0
# A server that is silent for less says nothing about others than this one transaction.
_AWAY_AFTER_S = 2.0
# What is asked just before a server is back gets no answer any more, so the next one asks soon.
_TRY_S = 0.5
# Beside these short ones, for servers that need longer for a connection.
_PATIENT_TRY_S = 10.0


class SilenceWatch:
    """Ends waits that take too long and, where the server is silent, tells the pool until it is not."""

    def __init__(self, connections: ConnectionPool, server: PostgresServer) -> None:
        self._connections = connections
        self._leases = connections.leases
        self._server = server
        self._greenlet = gevent.spawn(self._look_for_ever)

    def close(self) -> None:
        """Look no more."""
        self._greenlet.kill()

    def _look_for_ever(self) -> None:
        while True:
            begun = time.monotonic()
            gevent.sleep(_LOOK_EVERY_S)
            if time.monotonic() - begun < _STALL_S:
                self._look()

    def _look(self) -> None:
        late = self._leases.late()
        for lease in late:
            lease.interrupt()
        now = time.monotonic()
        if any(now - lease.begun >= _AWAY_AFTER_S for lease in late):
            self._wait_for_server()

    def _wait_for_server(self) -> None:
        log.warning("the database does not answer; what needs it is refused until it does")
        self._leases.away = True
        self._connections.close_idle()
        patient = gevent.spawn(self._answers, _PATIENT_TRY_S)
        try:
            self._leases.interrupt_all()
            while not self._answers(_TRY_S) and not (patient.ready() and patient.value):
                self._leases.interrupt_all()
                if patient.ready():
                    patient = gevent.spawn(self._answers, _PATIENT_TRY_S)
        finally:
            patient.kill()
        self._leases.away = False
        log.warning("the database answers again")

    def _answers(self, seconds: float) -> bool:
        """Whether it answers within some seconds: also with a refusal, which is known at once."""
        try:
            with gevent.Timeout(seconds):
                self._server.ask()
        except gevent.Timeout:
            return False
        return True
