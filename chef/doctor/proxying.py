"""A running server by its public address: what proxies before it make of a request."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from chef.doctor.diagnosis import Diagnosis, milliseconds, ok, warning, wrong
from chef.doctor.running import first_line
from chef.settings.checks import is_loopback_address
from chef.settings.config import Settings

_TIMEOUT_S = 1.0
_CLOCK_OFF_S = 5
_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "Y2hlZiBkb2N0b3IgaGVyZQ==",
}
_HEADERS_ADVICE = "let the proxy pass on Host and X-Forwarded-Proto (docs/deploy.md, Behind a proxy)"


@dataclass(frozen=True, slots=True)
class _HeardAnswer:
    status: int
    body: bytes
    date: str | None
    seconds: float

    def json(self) -> dict[str, Any]:
        """Its body as an object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """A server's address as its users have it. `token` may write, if there is one."""

    url: SplitResult
    token: str | None = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a browser says them."""
        host = self.url.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        usual = {"http": 80, "https": 443}[self.url.scheme]
        port = "" if self.url.port in (None, usual) else f":{self.url.port}"
        return f"{self.url.scheme}://{shown}{port}"

    def ask(self, path: str, **headers: str) -> _HeardAnswer:
        """Ask for something; raises OSError and http.client.HTTPException."""
        begun = time.monotonic()
        host, port = self.url.hostname or "", self.url.port
        if self.url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=_TIMEOUT_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", self.url.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            body = b"" if answer.status == 101 else answer.read(65536)
            return _HeardAnswer(answer.status, body, answer.headers["Date"], time.monotonic() - begun)
        finally:
            connection.close()

    @property
    def keeps_secrets(self) -> bool:
        """Whether a token may be sent there: it is https, or this machine."""
        host = self.url.hostname or ""
        return self.url.scheme == "https" or host == "localhost" or is_loopback_address(host)


def public_address(text: str, settings: Settings | None) -> PublicAddress:
    """An address as given. Raises ValueError where it is none."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
        raise ValueError("must be http://HOST[:PORT] or https://HOST[:PORT]")
    _ = url.port  # Raises where it is no number.
    tokens = settings.api_tokens if settings is not None else ()
    return PublicAddress(url, tokens[0] if tokens else None)


def look_at_proxies(address: PublicAddress) -> list[Diagnosis]:
    """What a request through the public address looks like to the server."""
    try:
        health = address.ask("/health")
        said = [_health(address, health), *_clock(health)]
        if health.status in (200, 503):
            said += [*_seen(address), *_pages(address, health)]
        return said
    except (OSError, http.client.HTTPException) as error:
        advice = "does the name resolve, is the proxy up, does its certificate hold?"
        return [wrong("server", f"{address.origin} does not answer: {first_line(error)}", advice)]


def _health(address: PublicAddress, answer: _HeardAnswer) -> Diagnosis:
    said = answer.json()
    says = f"{address.origin}/health answers {answer.status} in {milliseconds(answer.seconds)}"
    if answer.status == 200 and "version" in said:
        return ok("server", f"{says}, version {said['version']}")
    if answer.status == 503 and "version" in said:
        return wrong("server", f"{says}: {said.get('detail', 'degraded')}", "see what is said of the store")
    return wrong("server", f"{says}, which is not Chef's answer", "does the proxy lead to Chef's port?")


def _clock(answer: _HeardAnswer) -> list[Diagnosis]:
    try:
        theirs = parsedate_to_datetime(answer.date or "").timestamp()
    except ValueError:
        return []
    off = theirs - time.time()
    if abs(off) < _CLOCK_OFF_S:
        return []
    return [warning("clock", f"the server's differs from this machine's by {off:+.0f} s", "set both by NTP")]


def _seen(address: PublicAddress) -> list[Diagnosis]:
    if address.token is None or not address.keeps_secrets:
        why = "without CHEF_API_TOKEN" if address.token is None else "over http, where a token would be seen"
        return [ok("proxy headers", f"the server is not asked what it sees ({why})")]
    answer = address.ask("/health/seen", Authorization=f"Bearer {address.token}")
    if answer.status != 200:
        says = f"{address.origin}/health/seen answers {answer.status}"
        return [warning("proxy headers", says, "is CHEF_API_TOKEN here one of the server's?")]
    return [_judge_origin(address, answer.json()), _judge_client(answer.json())]


def _judge_origin(address: PublicAddress, seen: dict[str, Any]) -> Diagnosis:
    as_seen = f"{seen.get('scheme')}://{seen.get('host')}"
    if as_seen == address.origin:
        return ok("proxy headers", f"the server sees {as_seen}, as it was asked")
    return wrong(
        "proxy headers", f"the server sees {as_seen}, and was asked as {address.origin}", _HEADERS_ADVICE
    )


def _judge_client(seen: dict[str, Any]) -> Diagnosis:
    forwarded, trusted = seen.get("forwarded") or {}, seen.get("trustedProxies", 0)
    chain = [one for one in str(forwarded.get("X-Forwarded-For", "")).split(",") if one.strip()]
    says = f"this machine's address is seen as {seen.get('address')}, {trusted} proxies are believed"
    if forwarded:
        says += f" ({', '.join(f'{name}: {value}' for name, value in forwarded.items())})"
    if forwarded and not trusted:
        advice = f"set CHEF_TRUSTED_PROXIES={max(1, len(chain))}: all clients are one address else"
        return warning("proxy headers", says, advice)
    if trusted and len(chain) < trusted and "address" in seen and not forwarded:
        return warning("proxy headers", says, "no proxy says for whom it asks: lower CHEF_TRUSTED_PROXIES")
    return ok("proxy headers", says)


def _pages(address: PublicAddress, health: _HeardAnswer) -> list[Diagnosis]:
    """Whether a page of the server's own gets its WebSocket."""
    websocket = health.json().get("websocket")
    if not isinstance(websocket, dict) or not websocket.get("enabled"):
        return []
    answer = address.ask("/ws/?EIO=4&transport=websocket", Origin=address.origin, **_HANDSHAKE)
    if answer.status == 101:
        return [ok("websocket", "a page of its own gets through")]
    says = f"a page of its own is answered {answer.status} instead of 101"
    return [warning("websocket", says, f"let the proxy pass on Upgrade and Connection; {_HEADERS_ADVICE}")]
