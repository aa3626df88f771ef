"""Addresses of peers, and of the clients for which proxies ask.

`X-Forwarded-For` is a list to which each proxy appends the address that it was asked from. Only its last
entries are written by proxies of ours; everything to the left of them a client can make up. So entries are
counted from the right: one for each proxy that is believed (`chef.trusted_proxies`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from chef.http.environ import CLIENT_HEADER, TRUSTED_PROXIES

# RFC 6598: networks that providers and platforms use between themselves and their customers.
_SHARED = ip_network("100.64.0.0/10")
_MOST_CHARS = 64
# Some proxies add the client's port: `192.0.2.1:1234`, `[2001:db8::1]:1234`.
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


def client_address(environ: Mapping[str, Any]) -> str:
    """The address of the client that a request comes from, as far as it is known.

    That is the peer's, or, where proxies are believed, what these say. IPv4 and IPv6 in their normal form,
    without a port; a text that is no address as it is, at most 64 characters.
    """
    trusted: int = environ.get(TRUSTED_PROXIES, 0)
    said = _said_by_proxies(environ, trusted) if trusted else None
    return normal_address(said or environ.get("REMOTE_ADDR") or "")


def client_network(environ: Mapping[str, Any]) -> str:
    """The same for counting: of IPv6 the /64 network, which is one subscriber's."""
    return counted_address(client_address(environ))


def _said_by_proxies(environ: Mapping[str, Any], trusted: int) -> str | None:
    header = environ.get(CLIENT_HEADER)
    if header and (said := environ.get(header)):
        return str(said)
    return believed(environ.get("HTTP_X_FORWARDED_FOR"), trusted)


def believed(value: str | None, trusted: int) -> str | None:
    """The entry of a list that the outermost of `trusted` proxies wrote; `None` where it wrote none.

    A list that is shorter has not passed all of them: its first entry is the outermost one's.
    """
    entries = [entry for one in (value or "").split(",") if (entry := one.strip())]
    return entries[-trusted:][0] if entries and trusted else None


@lru_cache(4096)
def normal_address(text: str) -> str:
    """An address as it is written everywhere; a text that is none as it is, cut to 64 characters."""
    text = text[:_MOST_CHARS]
    found = _WITH_PORT.fullmatch(text)
    parsed = _parsed((found[1] or found[2]) if found else text)
    return text if parsed is None else str(parsed)


@lru_cache(4096)
def counted_address(text: str) -> str:
    """An address as it is counted: a whole IPv6 network of one subscriber is one."""
    found = _parsed(normal_address(text))
    if isinstance(found, IPv6Address):
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return normal_address(text)


@lru_cache(4096)
def is_near(host: str) -> bool:
    """Whether a peer is on this machine or in a private network, as proxies are."""
    found = _parsed(host)
    return found is not None and (found.is_private or found in _SHARED)


def is_address(host: str) -> bool:
    """Whether it is an IP address at all: a peer on a Unix socket has none."""
    return _parsed(host) is not None


@lru_cache(4096)
def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
