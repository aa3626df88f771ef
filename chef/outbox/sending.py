"""Requests to targets: to addresses that were checked, within limits of time and size, and no redirects.

urllib3 speaks HTTP and TLS, over gevent's sockets. It is loaded where there is a target.
"""

from __future__ import annotations

from collections.abc import Iterable

import gevent
import urllib3

from chef.outbox.guard import Guard, HttpPlace, place_of
from chef.outbox.values import Answer, Request

CONNECT_S = 5.0
ANSWER_S = 10.0
WHOLE_S = 20.0
"""A request has so long in all, with looking up its host."""

MOST_BYTES = 256 * 1024
"""So much of an answer is read."""


class TargetSilent(Exception):
    """Nobody answered; the text is for a log and holds no secret. `is_sent`: the request may have arrived."""

    def __init__(self, text: str, *, is_sent: bool = True) -> None:
        super().__init__(text)
        self.is_sent = is_sent


class GuardedSender:
    """Sends requests; hosts in `named` URLs may be internal."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._guard = Guard(named)

    def send(self, request: Request) -> Answer:
        """Send a request and wait for its answer. Raises NoAddress, TargetSilent."""
        place = place_of(request.url)
        with gevent.Timeout(WHOLE_S, TargetSilent("no answer in time")):
            fault = TargetSilent("no answer", is_sent=False)
            for address in self._guard.addresses(place):
                try:
                    return _ask(place, address, request)
                except (
                    urllib3.exceptions.ConnectTimeoutError,
                    urllib3.exceptions.NewConnectionError,
                ) as error:
                    fault = TargetSilent(_why(error), is_sent=False)
                except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                    raise TargetSilent(_why(error)) from None
            raise fault

    def close(self) -> None:
        """Let go of what it holds."""
        self._guard.close()


def _ask(place: HttpPlace, address: str, request: Request) -> Answer:
    timeout = urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S)
    with _pool(place, address, timeout) as pool:
        response = pool.request(
            request.method,
            _target(request.url),
            body=request.body or None,
            headers={"Host": _host(place), **request.headers},
            retries=False,
            redirect=False,
            preload_content=False,
            assert_same_host=False,
        )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, response.read(MOST_BYTES))
        finally:
            response.close()


def _pool(place: HttpPlace, address: str, timeout: urllib3.Timeout) -> urllib3.HTTPConnectionPool:
    """Connections to an address: a certificate must be for the host's name."""
    if place.scheme == "http":
        return urllib3.HTTPConnectionPool(address, place.port, timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        address, place.port, timeout=timeout, server_hostname=place.host, assert_hostname=place.host
    )


def _host(place: HttpPlace) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return host if place.port == {"http": 80, "https": 443}[place.scheme] else f"{host}:{place.port}"


def _target(url: str) -> str:
    """Path and query of a URL."""
    rest = url.partition("://")[2].partition("#")[0]
    start = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    return rest[start:] if rest[start : start + 1] == "/" else f"/{rest[start:]}"


def _why(error: Exception) -> str:
    """The kind of an error: its text may hold the URL."""
    return type(error).__name__
