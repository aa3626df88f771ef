"""All connections of a server: how many there may be, of which addresses, and which have taken too long.

Two limits. In all there are `Limits.connections`, for which a descriptor is left in any case; a peer that
comes then is told so at once, without a greenlet. And an address has `Limits.per_address` of them, except
for those that show a valid token.

Whose a connection is: where proxies are believed (`chef.trusted_proxies`), the client's that they name.
Else its peer's, if that has a public address. Peers nearby (this machine, private networks) are proxies,
gateways of containers and load balancers that stand for many, or people at home: they do not count, but while
they ask for somebody, the last address of `X-Forwarded-For` does. That is not believed, it is held against
them: without it they would not count at all. A peer with a public address could get away from its own by it.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as count_from
from math import inf
from time import monotonic
from typing import Any

import gevent

from chef.http.accepting import TurnedAway, accept
from chef.http.addresses import believed, client_network, counted_address, is_address, is_near
from chef.http.connection import Connection
from chef.http.environ import TRUSTED_PROXIES
from chef.http.states import CLOSED, HEAD, IDLE

_LOOK_S = 0.5
_ENDED_AT_ONCE = 20
_PAUSE_S = 0.005
# Of the descriptors that a process may have, this part is for connections.
_SHARE = 0.8
# An address whose places are taken may have this many more connections that have not shown a token yet.
_MORE_TO_ASK = 64
# So many are turned away before others have their turn.
_MOST_TURNED_AWAY = 50
# Descriptors that connections do not get, whatever their limit says: for the store, and for accepting.
_KEPT_SHARE = 0.1
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that an operator sets: counts (0: from the descriptor limit, and any number) and seconds."""

    connections: int = 0
    per_address: int = 1000
    header_s: int = 10
    body_s: int = 15
    keepalive_s: int = 75


class Connections:
    """The open connections. `refused` is told each limit that is met, `is_known` says whether an environ
    has a valid token, `full` and `too_many` are what connections that may not stay are answered.
    """

    def __init__(
        self,
        limits: Limits,
        refused: Callable[[str], None],
        is_known: Callable[[dict[str, Any]], bool],
        full: bytes,
        too_many: bytes,
    ) -> None:
        self.most = limits.connections or _share_of_descriptors()
        self._per_address = limits.per_address
        self._refused = refused
        self._is_known = is_known
        self._full = full
        self._too_many = too_many
        self._open: set[Connection] = set()
        self._numbers = count_from(1)
        self._detached = 0
        # By address: connections that count, and those that have not sent a request yet.
        self._places: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()
        self._turned_away = TurnedAway()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def detached(self) -> int:
        """How many have been given away: WebSockets."""
        return self._detached

    @property
    def heads(self) -> int:
        """How many are waited for in the middle of a request's head, or before one."""
        before = (IDLE, HEAD)
        return sum(one.due != inf and one.state in before for one in self._open)

    # Coming and going

    def accept(self, listener: Any) -> tuple[int, Any] | None:
        """The next connection that may stay, if there is one: its descriptor and its address.

        Raises `AcceptFailed`.
        """
        for _ in range(_MOST_TURNED_AWAY):
            accepted = accept(listener)
            if accepted is None:
                return None
            descriptor, address = accepted
            if descriptor >= _last_descriptor():
                self._refused("descriptors")
                self._turned_away.refuse(descriptor, self._full, lingers=False)
                continue
            refusal = self._refusal(_host(address))
            if refusal is None:
                return accepted
            self._turned_away.refuse(descriptor, refusal, lingers=True)
        return None

    def open(self, sock: Any, address: Any) -> Connection:
        """Count a connection that `accept` let in."""
        connection = Connection(sock, _host(address), next(self._numbers))
        connection.address = _counted(connection.peer)
        if connection.address is not None:
            self._asking[connection.address] += 1
        self._open.add(connection)
        return connection

    def close(self, connection: Connection) -> None:
        """It is over, and its descriptor free."""
        if connection in self._open:
            self._open.discard(connection)
            self.uncount(connection)

    def detach(self, connection: Connection) -> Callable[[], None]:
        """Somebody else looks after it now; what is returned is called when it is over."""
        self._detached += 1
        connection.due = inf

        def release() -> None:
            if connection in self._open:
                self._detached -= 1
                connection.enter(CLOSED)
                self.close(connection)

        return release

    def admit(self, connection: Connection, environ: dict[str, Any], client: str | None) -> bool:
        """Whether a request may be answered, by the address that it is for. Costs nothing on this machine.

        `client` is that of `client_of_proxy`.
        """
        if client is not None:
            connection.is_proxys = True
            self._move(connection, client)
        if connection.address is None:
            return True
        token = environ.get("HTTP_AUTHORIZATION") or environ.get("HTTP_COOKIE")
        if token is not None and (token == connection.known_by or self._is_known(environ)):
            connection.known_by = token
            self.uncount(connection)
            return True
        return self._has_place(connection)

    def uncount(self, connection: Connection) -> None:
        """It does not count for its address any more: it has shown a valid token."""
        if connection.address is not None:
            _take(self._places if connection.admitted else self._asking, connection.address)
        connection.address = None
        connection.admitted = False

    def idle(self, connection: Connection) -> None:
        """A request has been answered: a proxy's connection is nobody's until the next."""
        if connection.is_proxys:
            self.uncount(connection)

    def _has_place(self, connection: Connection) -> bool:
        address = connection.address
        if connection.admitted or address is None:
            return True
        if self._per_address and self._places[address] >= self._per_address:
            self._refused("connections_per_address")
            return False
        _take(self._asking, address)
        self._places[address] += 1
        connection.admitted = True
        return True

    def _move(self, connection: Connection, address: str) -> None:
        if connection.address != address:
            self.uncount(connection)
            connection.address = address
            self._asking[address] += 1

    def _refusal(self, host: str) -> bytes | None:
        """The answer to a new connection that may not stay; `None` for one that may."""
        if len(self._open) >= self.most:
            self._refused("connections")
            return self._full
        address = _counted(host)
        if address is not None and self._per_address:
            waiting = self._places[address] + self._asking[address]
            if waiting >= self._per_address + _MORE_TO_ASK:
                self._refused("connections_per_address")
                return self._too_many
        return None

    # Time

    def watch_for_ever(self) -> None:
        """End what is overdue: the greenlet of a server."""
        while True:
            gevent.sleep(_LOOK_S)
            self.end_overdue()

    def end_overdue(self) -> None:
        """End the connections whose time is over, and let go of those that were turned away.

        Some at a time: each of them is answered, and all else that waits for the event loop is not to
        wait for hundreds of these.
        """
        now = monotonic()
        self._turned_away.let_go()
        overdue = [one for one in self._open if one.due <= now]
        for count, connection in enumerate(overdue, 1):
            if connection.due <= now:
                self._end(connection)
            if count % _ENDED_AT_ONCE == 0:
                gevent.sleep(_PAUSE_S)

    def _end(self, connection: Connection) -> None:
        limit = connection.limit
        if limit is not None:
            self._refused(limit)
        connection.expire()

    def end_idle(self) -> None:
        """End the connections that wait for a request of which nothing has come."""
        for connection in [one for one in self._open if one.due != inf]:
            if connection.state is IDLE and connection.is_quiet:
                connection.expire()


def _descriptors() -> int:
    """The limit of now."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _share_of_descriptors() -> int:
    return max(1, int(_descriptors() * _SHARE))


def _last_descriptor() -> int:
    """From this number on descriptors are kept: the kernel gives the lowest free one."""
    limit = _descriptors()
    return limit - max(_KEPT, int(limit * _KEPT_SHARE))


def _host(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""


def _take(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if counts[address] <= 0:
        del counts[address]


def client_of_proxy(environ: dict[str, Any], peer: str) -> str | None:
    """The address for which a proxy asks, as it is counted; `None` where the connection is its peer's own."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if environ.get(TRUSTED_PROXIES):
        address = client_network(environ)
        return address if forwarded is not None or address != counted_address(peer) else None
    if forwarded is None or not is_near(peer):
        return None
    return counted_address(believed(forwarded, 1) or "")


def _counted(host: str) -> str | None:
    """The address that a peer counts for; `None` for one nearby, which may stand for many."""
    return counted_address(host) if is_address(host) and not is_near(host) else None
