"""Where a request may go: no internal address, unless the operator named it.

Names are looked up here and the connection goes to the address that was found, so that a name cannot mean
something else a moment later (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent import monkey
from gevent.threadpool import ThreadPool

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOKUP_S = 5.0
_PORTS = {"http": 80, "https": 443}
# Networks that carry an IPv4 address in their last bits, or begin with one behind 2002::.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_6TO4 = ipaddress.IPv6Network("2002::/16")
# Of these, Python's own list says so in its newer versions alone, or not at all.
_SPECIAL = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("2001::/23"),
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv6Network("fec0::/10"),
)


class NoAddress(Exception):
    """A host has no address, or none that may be asked; the text is for a log."""

    def __init__(self, text: str, *, is_forbidden: bool = False) -> None:
        super().__init__(text)
        self.is_forbidden = is_forbidden


class HttpPlace(NamedTuple):
    """Where a URL leads: scheme, host in lower case and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def place_of(url: str) -> HttpPlace:
    """Where an `http` or `https` URL leads. Raises NoAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NoAddress("its address is no URL", is_forbidden=True) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NoAddress("its address is neither http:// nor https://", is_forbidden=True)
    return HttpPlace(
        parts.scheme, parts.hostname.removesuffix("."), _PORTS[parts.scheme] if port is None else port
    )


def is_internal(address: Address) -> bool:
    """Whether an address is none of the public internet: this machine, private networks, metadata services.

    The last ones are link-local. IPv4 inside IPv6 is looked at as what it is.
    """
    inside = _inside(address)
    if inside is not None:
        return is_internal(inside)
    return not address.is_global or address.is_multicast or any(address in network for network in _SPECIAL)


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _6TO4:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    if any(address in network for network in _TRANSLATED) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class Guard:
    """Looks up hosts, in threads of its own: servers of names that do not answer hold nobody else up."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._named = {place_of(url)[1:] for url in named}
        self._pool: ThreadPool | None = None

    def addresses(self, place: HttpPlace) -> list[str]:
        """The addresses of a place that may be asked, in the order in which to try them. Raises NoAddress.

        A place that the operator named may be internal. Behind a name it may still not be link-local, where
        clouds have their metadata: for that the address itself must be named.
        """
        found = self._look_up(place)
        is_named = place[1:] in self._named
        allowed = [one for one in found if _may_be_asked(one, place.host, is_named=is_named)]
        if not allowed:
            raise NoAddress(
                "its host is an internal address that is not named in the setting", is_forbidden=True
            )
        return [str(one) for one in allowed]

    def close(self) -> None:
        """End the threads, once they have no answers to wait for."""
        if self._pool is not None:
            self._pool.kill()

    def _look_up(self, place: HttpPlace) -> list[Address]:
        try:
            return [ipaddress.ip_address(place.host)]
        except ValueError:
            pass
        if self._pool is None:
            self._pool = ThreadPool(4)
        with gevent.Timeout(LOOKUP_S, NoAddress("its host was not found in time")):
            found = self._pool.spawn(_resolve, place.host, place.port).get()
        if not found:
            raise NoAddress("its host was not found")
        return found


def _may_be_asked(address: Address, host: str, *, is_named: bool) -> bool:
    if not is_named:
        return not is_internal(address)
    inner = _inside(address) or address
    return not inner.is_link_local or host == str(address)


def _resolve(host: str, port: int) -> list[Address]:
    """In a thread: the addresses of a name, none where it has none."""
    # The one that blocks: gevent's would look in threads that others use, too.
    getaddrinfo = monkey.get_original("socket", "getaddrinfo")
    try:
        found = getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(ipaddress.ip_address(one[4][0].partition("%")[0]) for one in found))
